"""Nearest neighbours beside implicit and Surprise.

    uv run --group bench --with scikit-surprise python benches/bench_neighbours.py FOLDER [THREADS]

`FOLDER` holds `ml-1m/ratings.parquet` and `ml-100k/u.data`; THREADS is 2 unless said. Answers are
compared before anything is timed. Surprise knows one thread only; its similarities are the whole
square matrix, ours the 40 best of each row.
"""

from __future__ import annotations

import sys
import warnings
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from common import compare, print_machine
from mf_contestant import NeighbourRatings
from penchant import kernels
from penchant.queries import Csr


def matrix(rows: np.ndarray, columns: np.ndarray, values: np.ndarray) -> Csr:
    """A sparse matrix of ids in any order."""
    rows, columns = (np.unique(ids, return_inverse=True)[1] for ids in (rows, columns))
    shape = int(rows.max()) + 1, int(columns.max()) + 1
    return Csr.from_pairs(
        rows.astype(np.int32), columns.astype(np.int32), values.astype(np.float32), shape
    )


def search(of: Csr, k: int, threads: int, similarity: str = "cosine") -> Csr:
    """The k nearest rows of each row."""
    near = kernels.neighbours(
        of.indptr, of.indices, of.values, of.columns, k, similarity=similarity, threads=threads
    )
    return Csr(*near, of.rows)


def beside_implicit(folder: Path, threads: int) -> None:
    """Cosine, item by item, on MovieLens 1M."""
    from implicit.nearest_neighbours import CosineRecommender
    from pyarrow.parquet import read_table
    from scipy.sparse import csr_matrix

    table = read_table(folder / "ml-1m" / "ratings.parquet")
    users, items = (table.column(at).to_numpy().astype(np.int64) for at in (0, 1))
    by_item = matrix(items, users, np.ones(len(users)))
    parts = by_item.values, by_item.indices, by_item.indptr
    by_user = csr_matrix(parts, (by_item.rows, by_item.columns)).T.tocsr()
    for k in (20, 100, 1000):
        rival = CosineRecommender(k + 1, num_threads=threads)  # its k counts the item itself
        rival.fit(by_user, show_progress=False)
        ours = search(by_item, k, threads)
        for item in range(0, by_item.rows, 97):
            own = ours.row_values(item)
            best = np.sort(rival.similarity[item].data)[::-1][1 : len(own) + 1]
            np.testing.assert_allclose(own, best, atol=1e-5)
        compare(
            f"items of MovieLens 1M by cosine, k = {k}, {threads} threads",
            {
                "penchant": lambda _, k=k: search(by_item, k, threads),
                "implicit": lambda _, rival=rival: rival.fit(by_user, show_progress=False),
            },
            "implicit",
            rounds=3,
        )


def beside_surprise(folder: Path, threads: int) -> None:
    """Similarities, and ratings from the fit to the last prediction, on MovieLens 100K."""
    from surprise import Dataset, KNNBaseline, KNNBasic, KNNWithMeans, Reader
    from surprise.model_selection import train_test_split

    reader = Reader(line_format="user item rating timestamp", sep="\t")
    data = Dataset.load_from_file(str(folder / "ml-100k" / "u.data"), reader)
    everything = data.build_full_trainset()
    triples = np.array(list(everything.all_ratings()))
    for user_based, similarity, theirs in (
        (True, "pearson", "pearson"),
        (False, "pearson", "pearson"),
        (True, "euclidean", "msd"),
    ):
        side = 0 if user_based else 1
        rows = matrix(triples[:, side], triples[:, 1 - side], triples[:, 2])
        options: dict[str, Any] = {"name": theirs, "user_based": user_based}
        rival = KNNBasic(sim_options=options, verbose=False)
        expected = rival.fit(everything).sim
        near = search(rows, rows.rows, threads, similarity)
        dense = np.eye(rows.rows) * np.diag(expected)
        dense[near.row_of_entry(), near.indices] = near.values
        np.testing.assert_allclose(dense, expected, atol=1e-5)
        compare(
            f"{'users' if user_based else 'items'} of MovieLens 100K, {similarity}",
            {
                "penchant": lambda _, rows=rows, name=similarity: search(rows, 40, threads, name),
                "surprise": lambda _, rival=rival: rival.fit(everything),
            },
            "surprise",
            rounds=3,
        )
    train, test = train_test_split(data, test_size=0.2, random_state=0)
    users, items, ratings = np.array(list(train.all_ratings())).T
    asked = [(train.to_inner_uid(u), train.to_inner_iid(i)) for u, i, _ in known(train, test)]
    pairs = np.array(asked, np.int32).T

    def ours(_: int) -> np.ndarray:
        scorer = NeighbourRatings().fit(
            users.astype(np.int32), items.astype(np.int32), ratings, train.n_users, train.n_items
        )
        return np.clip(scorer.predict(*pairs), 1, 5)

    def rival_ratings(_: int, kind: type, **options: Any) -> np.ndarray:
        fitted = kind(sim_options=options, verbose=False).fit(train)
        return np.array([one.est for one in fitted.test(known(train, test))])

    contestants = {
        "penchant cf.rating_knn": ours,
        "surprise KNNWithMeans, users": partial(rival_ratings, kind=KNNWithMeans, name="msd"),
        "surprise KNNBaseline, items": partial(
            rival_ratings, kind=KNNBaseline, name="pearson_baseline", user_based=False
        ),
    }
    truth = np.array([rating for _, _, rating in known(train, test)])
    for name, contestant in contestants.items():
        print(f"  {name}: RMSE {np.sqrt(np.mean((contestant(0) - truth) ** 2)):.4f}")
    title = "80,000 ratings of MovieLens 100K fitted, and 20,000 foretold"
    compare(title, contestants, "surprise KNNBaseline, items", rounds=3)


def known(train: Any, test: list[tuple[str, str, float]]) -> list[tuple[str, str, float]]:
    """The part of a test set whose users and items are in the train set."""
    known_users, known_items = set(train._raw2inner_id_users), set(train._raw2inner_id_items)
    return [one for one in test if one[0] in known_users and one[1] in known_items]


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # implicit warns of each matrix that it converts
    print_machine("implicit", "scikit-surprise", "numpy")
    asked = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 2
    beside_implicit(*asked)
    beside_surprise(*asked)
