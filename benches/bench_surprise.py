"""Scripts of Surprise by both libraries: error and time on the same five folds of MovieLens 100K.

    PENCHANT_DATA=FOLDER uv run --with scikit-surprise python benches/bench_surprise.py [NAME...]

Each NAME is a class of both, with the defaults of each; trainset, fit and test of each fold, from
raw ratings to predictions, one thread. Garbage is collected before each turn, or one library would
pay for looking through the objects of the other.
"""

from __future__ import annotations

import gc
import os
import sys
import time
from functools import partial
from pathlib import Path
from statistics import fmean, median
from typing import Any

import numpy as np
import surprise as theirs
from common import print_machine
from penchant import surprise as ours
from penchant.surprise.model_selection import KFold

NAMES = ["BaselineOnly", "SlopeOne", "SVD", "KNNBaseline", "SVDpp"]
SETTINGS = {"KNNBaseline": {"sim_options": {"name": "pearson_baseline", "user_based": False}}}
SILENT = {"BaselineOnly", "KNNBaseline"}


def trainset_of_theirs(rows: list[tuple[Any, ...]]) -> Any:
    """A trainset of Surprise, of rows as it reads them."""
    return theirs.Dataset(theirs.Reader()).construct_trainset(rows)


def main(names: list[str]) -> None:
    """Print a table."""
    path = Path(os.environ["PENCHANT_DATA"]) / "ml-100k" / "u.data"
    reader = ours.Reader(line_format="user item rating timestamp", sep="\t")
    data = ours.Dataset.load_from_file(path, reader)
    print_machine("scikit-surprise", "numpy")
    print("| algorithm | RMSE | seconds | Surprise's RMSE | seconds | times as fast |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name in names or NAMES:
        errors: dict[str, list[float]] = {"ours": [], "theirs": []}
        seconds: dict[str, list[float]] = {"ours": [], "theirs": []}
        for trainset, testset in KFold(5, random_state=1).split(data):
            ratings = trainset.ratings
            made = {
                "ours": (ours, partial(ours.Trainset, ratings, reader.rating_scale)),
                "theirs": (theirs, partial(trainset_of_theirs, [(*one, None) for one in ratings])),
            }
            for whose, (module, learnt) in made.items():
                settings = dict(SETTINGS.get(name, {}))
                if name in SILENT:
                    settings["verbose"] = False
                algo = getattr(module, name)(**settings)
                gc.collect()
                started = time.perf_counter()
                told = algo.fit(learnt()).test(testset)
                seconds[whose].append(time.perf_counter() - started)
                errors[whose].append(module.accuracy.rmse(told, verbose=False))
        ratio = median(np.divide(seconds["theirs"], seconds["ours"]).tolist())
        print(
            f"| `{name}` | {fmean(errors['ours']):.4f} | {median(seconds['ours']):.3f} "
            f"| {fmean(errors['theirs']):.4f} | {median(seconds['theirs']):.3f} "
            f"| {ratio:.1f} |",
            flush=True,
        )


if __name__ == "__main__":
    main(sys.argv[1:])
