"""Foretelling ratings beside Surprise: error and time on five random folds of MovieLens 100K.

    PENCHANT_DATA=FOLDER uv run --with scikit-surprise python benches/bench_ratings.py [NAME...]

A contestant fits four folds and foretells the fifth, one after another in turn; NAME picks
strategies. Both have their default settings. `BENCH_THREADS` is how many threads ours use, 2 where
it isn't set; Surprise knows one. Ratings are clipped to 1 to 5.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from itertools import repeat
from pathlib import Path
from typing import Any, Self

import numpy as np
from common import print_machine
from mf_contestant import NeighbourRatings
from surprise import Dataset, Reader, SlopeOne

FOLDS = 5


class Rival:
    """An algorithm of Surprise on rows."""

    def __init__(self, kind: type, **settings: Any) -> None:
        self._kind, self._settings = kind, settings

    def fit(self, users: Any, items: Any, ratings: Any, *_: int) -> Self:
        """Fit, with what Surprise needs to prepare."""
        rows = zip(users.tolist(), items.tolist(), ratings.tolist(), repeat(None))
        train = Dataset(Reader(rating_scale=(1, 5))).construct_trainset(list(rows))
        self._fitted = self._kind(**self._settings).fit(train)
        return self

    def predict(self, users: Any, items: Any) -> np.ndarray:
        """One rating a pair."""
        pairs = zip(users.tolist(), items.tolist(), repeat(0.0))
        return np.array([told.est for told in self._fitted.test(list(pairs))])


PAIRS: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
    "cf.slope_one": (lambda: NeighbourRatings("cf.slope_one"), lambda: Rival(SlopeOne)),
}


def main() -> None:
    """Print a row of Markdown for each strategy."""
    print_machine("scikit-surprise", "numpy")
    log = np.loadtxt(Path(os.environ["PENCHANT_DATA"]) / "ml-100k" / "u.data", np.int64)
    users, items = log[:, 0] - 1, log[:, 1] - 1
    ratings = log[:, 2].astype(np.float32)
    shape = int(users.max()) + 1, int(items.max()) + 1
    fold = np.random.default_rng(0).permutation(len(ratings)) % FOLDS
    print("| strategy | RMSE / MAE | seconds | Surprise's | seconds | times as fast |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name in sys.argv[1:] or PAIRS:
        errors, absolute, seconds = np.zeros((3, 2, FOLDS))
        for at in range(FOLDS):
            train, test = fold != at, fold == at
            for which, make in enumerate(PAIRS[name]):
                started = time.perf_counter()
                fitted = make().fit(users[train], items[train], ratings[train], *shape)
                told = np.clip(fitted.predict(users[test], items[test]), 1, 5)
                seconds[which, at] = time.perf_counter() - started
                errors[which, at] = np.sqrt(np.mean((told - ratings[test]) ** 2))
                absolute[which, at] = np.mean(np.abs(told - ratings[test]))
        cells = [name]
        for which in (0, 1):
            cells += [
                f"{errors[which].mean():.4f} / {absolute[which].mean():.4f}",
                f"{np.median(seconds[which]):.3f}",
            ]
        cells.append(f"{np.median(seconds[1] / seconds[0]):.0f}")
        print("|", " | ".join(cells), "|", flush=True)


if __name__ == "__main__":
    main()
