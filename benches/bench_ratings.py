"""Foretelling ratings beside Surprise: error and time on five random folds of MovieLens 100K.

    PENCHANT_DATA=FOLDER uv run --with scikit-surprise python benches/bench_ratings.py [WORD...]

Each line of `PAIRS` is a row of the table. A contestant fits four folds and foretells the fifth,
one after another in turn, each after a collection of garbage, so that nobody pays for another's
objects; a WORD picks the rows that have it in a name. `BENCH_THREADS` is how many
threads ours use, 2 where it isn't set; Surprise knows one. Ratings are clipped to 1 to 5.
"""

from __future__ import annotations

import gc
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass
from functools import partial
from io import StringIO
from itertools import repeat
from pathlib import Path
from typing import Any, Self

import numpy as np
from common import print_machine
from mf_contestant import NeighbourRatings, Ratings
from surprise import (
    NMF,
    SVD,
    Dataset,
    KNNBaseline,
    KNNBasic,
    KNNWithMeans,
    KNNWithZScore,
    Reader,
    SlopeOne,
    SVDpp,
)

FOLDS = 5


class Rival:
    """An algorithm of Surprise on rows."""

    def __init__(self, kind: type, **settings: Any) -> None:
        self._kind, self._settings = kind, settings

    def fit(self, users: Any, items: Any, ratings: Any, *_: int) -> Self:
        """Fit, with what Surprise needs to prepare."""
        rows = zip(users.tolist(), items.tolist(), ratings.tolist(), repeat(None))
        train = Dataset(Reader(rating_scale=(1, 5))).construct_trainset(list(rows))
        with redirect_stdout(StringIO()):
            self._fitted = self._kind(**self._settings).fit(train)
        return self

    def predict(self, users: Any, items: Any) -> np.ndarray:
        """One rating a pair."""
        pairs = zip(users.tolist(), items.tolist(), repeat(0.0))
        return np.array([told.est for told in self._fitted.test(list(pairs))])


@dataclass(frozen=True)
class Pair:
    """A row of the table: names say what differs from the defaults."""

    ours: str
    make_ours: Callable[[], Any]
    rival: str
    make_rival: Callable[[], Any]


def _knn(said: str, rival: type, sim: str, **settings: Any) -> Iterator[Pair]:
    """`cf.rating_knn` beside one of Surprise's, over items and over users."""
    for side in ("items", "users"):
        ours = {"side": side, **settings}
        theirs = {"name": sim, "user_based": side == "users"}
        yield Pair(
            f"`cf.rating_knn`, {side}, {said}",
            partial(NeighbourRatings, **ours),
            f"{rival.__name__}, {side}, {sim}",
            partial(Rival, rival, sim_options=theirs, verbose=False),
        )


_AS_SURPRISE = {"pool": 1000, "damping": 0}
_BY_MSD = {**_AS_SURPRISE, "compare": "ratings", "similarity": "euclidean", "shrinkage": 0}
_BY_REMAINS = {**_AS_SURPRISE, "similarity": "adjusted_cosine", "shrinkage": 100}

PAIRS = [
    Pair(
        "`cf.slope_one`",
        lambda: NeighbourRatings("cf.slope_one"),
        "SlopeOne",
        lambda: Rival(SlopeOne),
    ),
    Pair(
        "`mf.sgd`",
        Ratings,
        "SVD",
        lambda: Rival(SVD),
    ),
    Pair(
        "`mf.sgd`, settings of SVD",
        lambda: Ratings(
            factors=100,
            epochs=20,
            learning_rate=0.005,
            decay=1,
            regularization=0.02,
            bias_regularization=0.02,
        ),
        "SVD",
        lambda: Rival(SVD),
    ),
    Pair(
        "`mf.svdpp`",
        lambda: Ratings("mf.svdpp"),
        "SVDpp",
        lambda: Rival(SVDpp),
    ),
    Pair(
        "`mf.svdpp`, settings of SVDpp",
        lambda: Ratings(
            "mf.svdpp",
            factors=20,
            epochs=20,
            learning_rate=0.007,
            decay=1,
            regularization=0.02,
            bias_regularization=0.02,
        ),
        "SVDpp",
        lambda: Rival(SVDpp),
    ),
    Pair(
        "`mf.nmf`",
        lambda: Ratings("mf.nmf"),
        "NMF",
        lambda: Rival(NMF),
    ),
    Pair(
        "`mf.nmf`, settings of NMF",
        lambda: Ratings("mf.nmf", factors=15, iterations=50, regularization=0.06, shrinkage=0.0),
        "NMF",
        lambda: Rival(NMF),
    ),
    *_knn("global, euclidean", KNNBasic, "msd", baseline="global", **_BY_MSD),
    *_knn("means, euclidean", KNNWithMeans, "msd", baseline="means", **_BY_MSD),
    *_knn("zscores, euclidean", KNNWithZScore, "msd", baseline="zscores", **_BY_MSD),
    *_knn("biases, euclidean", KNNBaseline, "msd", **_BY_MSD),
    *_knn("biases, adjusted_cosine", KNNBaseline, "pearson_baseline", **_BY_REMAINS),
    *_knn("defaults", KNNBaseline, "pearson_baseline"),
]


@dataclass(frozen=True)
class Folds:
    """Ratings, and which fold each is in."""

    users: np.ndarray
    items: np.ndarray
    ratings: np.ndarray
    fold: np.ndarray

    def tell(self, make: Callable[[], Any], at: int) -> tuple[np.ndarray, float]:
        """How far the ratings of fold `at` are missed, and the seconds of fit and predictions."""
        train, test = self.fold != at, self.fold == at
        shape = int(self.users.max()) + 1, int(self.items.max()) + 1
        gc.collect()
        started = time.perf_counter()
        fitted = make().fit(self.users[train], self.items[train], self.ratings[train], *shape)
        told = fitted.predict(self.users[test], self.items[test])
        seconds = time.perf_counter() - started
        return np.clip(told, 1, 5) - self.ratings[test], seconds


def main() -> None:
    """Print the table as Markdown."""
    print_machine("scikit-surprise", "numpy")
    log = np.loadtxt(Path(os.environ["PENCHANT_DATA"]) / "ml-100k" / "u.data", np.int64)
    fold = np.random.default_rng(0).permutation(len(log)) % FOLDS
    folds = Folds(log[:, 0] - 1, log[:, 1] - 1, log[:, 2].astype(np.float32), fold)
    print("| ours | RMSE / MAE | seconds | Surprise | RMSE / MAE | seconds | times as fast |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    words = sys.argv[1:]
    for pair in PAIRS:
        if words and not any(word in f"{pair.ours} {pair.rival}" for word in words):
            continue
        missed: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
        seconds = np.zeros((2, FOLDS))
        for at in range(FOLDS):
            for which, make in enumerate((pair.make_ours, pair.make_rival)):
                far, seconds[which, at] = folds.tell(make, at)
                missed[which].append(far)
        cells = []
        for which, name in enumerate((pair.ours, pair.rival)):
            rmse = np.mean([np.sqrt(np.mean(far**2)) for far in missed[which]])
            mae = np.mean([np.mean(np.abs(far)) for far in missed[which]])
            cells += [name, f"{rmse:.4f} / {mae:.4f}", f"{np.median(seconds[which]):.3f}"]
        print("|", " | ".join(cells), f"| {np.median(seconds[1] / seconds[0]):.0f} |", flush=True)


if __name__ == "__main__":
    main()
