"""The rivals of `bench_strategies.py`, each behind `fit(matrix)` and `score(users)`.

    python benches/strategies_rivals.py FOLDER CELLS.jsonl [--sets NAME ...] [--rivals NAME ...]

FOLDER holds the parts that `bench_strategies.py split` wrote. It runs in an environment that has
implicit, lenskit, rectools, rectools-lightfm and torch, and no penchant. Every rival is fitted with
its defaults, and with the best on the validation part of a grid of six settings. Set
OMP_NUM_THREADS, OPENBLAS_NUM_THREADS, MKL_NUM_THREADS and RAYON_NUM_THREADS to 1: one thread each.
RecTools' neighbours and ALS are those of implicit and are not run twice.
"""

from __future__ import annotations

import argparse
import itertools
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from top_n import Cells, Part, best_of, read_part

warnings.filterwarnings("ignore")
Score = Callable[[np.ndarray], np.ndarray]


def implicit_factors(kind: str) -> Callable[..., Score]:
    """implicit's ALS or BPR."""

    def fit(train: sp.csr_matrix, **settings: Any) -> Score:
        from implicit.cpu.als import AlternatingLeastSquares
        from implicit.cpu.bpr import BayesianPersonalizedRanking

        made = {"als": AlternatingLeastSquares, "bpr": BayesianPersonalizedRanking}[kind]
        model = made(random_state=0, num_threads=1, **settings)
        model.fit(train, show_progress=False)
        return lambda users: model.user_factors[users] @ model.item_factors.T

    return fit


def implicit_neighbours(train: sp.csr_matrix, similarity: str = "tfidf", **settings: Any) -> Score:
    """implicit's item-item neighbours; its documentation's first example weighs by TF-IDF."""
    from implicit import nearest_neighbours

    made = {"tfidf": "TFIDFRecommender", "bm25": "BM25Recommender"}[similarity]
    model = getattr(nearest_neighbours, made)(num_threads=1, **settings)
    model.fit(train, show_progress=False)
    weights = model.similarity.tocsr()
    return lambda users: (train[users] @ weights).toarray()


def lightfm_warp(train: sp.csr_matrix, epochs: int = 1, **settings: Any) -> Score:
    """LightFM's WARP; `fit` makes one epoch by default."""
    from lightfm import LightFM

    model = LightFM(loss="warp", random_state=0, **settings)
    model.fit(train.tocoo(), epochs=epochs, num_threads=1)
    _, users_vectors = model.get_user_representations()
    biases, vectors = model.get_item_representations()
    return lambda users: users_vectors[users] @ vectors.T + biases


def lenskit(place: str) -> Callable[..., Score]:
    """A scorer of LensKit's, asked user by user as its pipelines do."""

    def fit(train: sp.csr_matrix, **settings: Any) -> Score:
        import importlib

        import pandas as pd
        from lenskit.data import ItemList, RecQuery, from_interactions_df
        from lenskit.training import TrainingOptions

        module, name = place.split(":")
        pairs = train.tocoo()
        data = from_interactions_df(pd.DataFrame({"user_id": pairs.row, "item_id": pairs.col}))
        model = getattr(importlib.import_module(module), name)(**settings)
        model.train(data, TrainingOptions(rng=0))
        known = data.items.ids()
        everything = ItemList(item_ids=known)

        def score(users: np.ndarray) -> np.ndarray:
            scores = np.full((len(users), train.shape[1]), -np.inf, np.float32)
            for row, user in enumerate(users.tolist()):
                history = data.user_row(user)
                asked = RecQuery(user_id=user, user_items=history)
                scores[row, known] = model(query=asked, items=everything).scores()
            return scores

        return score

    return fit


def rectools_ease(train: sp.csr_matrix, **settings: Any) -> Score:
    """RecTools' EASE."""
    import pandas as pd
    from rectools.dataset import Dataset
    from rectools.models import EASEModel

    pairs = train.tocoo()
    table = pd.DataFrame({"user_id": pairs.row, "item_id": pairs.col})
    data = Dataset.construct(table.assign(weight=1.0, datetime="2020-01-01"))
    model = EASEModel(num_threads=1, recommend_n_threads=1, **settings)
    model.fit(data)
    columns = data.item_id_map.external_ids.astype(int)

    def score(users: np.ndarray) -> np.ndarray:
        scores = np.full((len(users), train.shape[1]), -np.inf, np.float32)
        scores[:, columns] = train[users][:, columns] @ model.weight
        return scores

    return score


def _grid(**values: list[Any]) -> list[dict[str, Any]]:
    return [dict(zip(values, one, strict=True)) for one in itertools.product(*values.values())]


RIVALS: dict[str, tuple[Callable[..., Score], list[dict[str, Any]]]] = {
    "implicit ALS": (
        implicit_factors("als"),
        _grid(factors=[64, 128], regularization=[5.0, 30.0, 60.0], alpha=[5.0], iterations=[16]),
    ),
    "implicit BPR": (
        implicit_factors("bpr"),
        _grid(factors=[64], learning_rate=[0.01, 0.05], iterations=[50, 100, 300]),
    ),
    "implicit item-kNN": (
        implicit_neighbours,
        [
            *_grid(similarity=["tfidf"], K=[20, 100, 400]),
            *_grid(similarity=["bm25"], K=[100], K1=[1.2, 100.0], B=[0.2]),
            *_grid(similarity=["bm25"], K=[400], K1=[1.2], B=[0.6]),
        ],
    ),
    "LightFM WARP": (
        lightfm_warp,
        _grid(no_components=[32, 64], epochs=[10, 20, 40], item_alpha=[1e-5]),
    ),
    "LensKit ALS": (
        lenskit("lenskit.als:ImplicitMFScorer"),
        _grid(features=[64], regularization=[0.1, 1.0, 10.0], weight=[5.0, 40.0]),
    ),
    "LensKit item-kNN": (
        lenskit("lenskit.knn.item:ItemKNNScorer"),
        _grid(feedback=["implicit"], max_nbrs=[20, 50, 100, 200], min_sim=[1e-6])
        + _grid(feedback=["implicit"], max_nbrs=[20, 100], min_sim=[0.05]),
    ),
    "LensKit EASE": (
        lenskit("lenskit.knn.ease:EASEScorer"),
        _grid(regularization=[20.0, 50.0, 100.0, 200.0, 400.0, 800.0]),
    ),
    "RecTools EASE": (
        rectools_ease,
        _grid(regularization=[20.0, 50.0, 100.0, 200.0, 400.0, 800.0]),
    ),
}


def run(file: Path, name: str, cells: Cells) -> None:
    """Measure one rival on one set, at its defaults and tuned."""
    fit, grid = RIVALS[name]
    validation, test = read_part(file, "validation"), read_part(file, "test")
    # A rival whose default expects ratings has to be told that there are none.
    default = {"feedback": "implicit"} if "item-kNN" in name and "LensKit" in name else {}

    def value(settings: dict[str, Any]) -> float:
        lists = validation.lists(fit(validation.train, **settings))
        return float(validation.judge(lists)["ndcg@10"])

    for mode in ("default", "tuned"):
        facts = {"set": file.stem, "name": name, "mode": mode, "side": "theirs"}
        if cells.has(**facts):
            continue
        settings, tried = (default, []) if mode == "default" else best_of(grid, value)
        cells.add(facts | _measured(test, fit, settings) | {"tried": tried})


def _measured(test: Part, fit: Callable[..., Score], settings: dict[str, Any]) -> dict[str, Any]:
    began = time.perf_counter()
    score = fit(test.train, **settings)
    seconds = time.perf_counter() - began
    return {"settings": settings, "fit_s": seconds, **test.judge(test.lists(score))}


def main() -> None:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("cells", type=Path)
    parser.add_argument("--sets", nargs="*")
    parser.add_argument("--rivals", nargs="*", choices=RIVALS, default=list(RIVALS))
    given = parser.parse_args()
    cells = Cells(given.cells)
    for file in sorted(given.folder.glob("*.npz"), key=lambda file: file.stat().st_size):
        if given.sets and file.stem not in given.sets:
            continue
        for name in given.rivals:
            run(file, name, cells)


if __name__ == "__main__":
    main()
