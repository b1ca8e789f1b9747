"""Scripts of Surprise by both libraries: error and time on the same five folds of MovieLens 100K.

    PENCHANT_DATA=FOLDER uv run --with scikit-surprise python benches/bench_surprise.py [NAME...]

Each NAME is a class of both, with the defaults of each; fit and test of each fold, one thread.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from statistics import fmean

import surprise as theirs
from common import print_machine
from penchant import surprise as ours
from penchant.surprise.model_selection import KFold

NAMES = ["BaselineOnly", "SlopeOne", "SVD", "KNNBaseline", "SVDpp"]
SETTINGS = {"KNNBaseline": {"sim_options": {"name": "pearson_baseline", "user_based": False}}}
SILENT = {"BaselineOnly", "KNNBaseline"}


def main(names: list[str]) -> None:
    """Print a table."""
    path = Path(os.environ["PENCHANT_DATA"]) / "ml-100k" / "u.data"
    reader = ours.Reader(line_format="user item rating timestamp", sep="\t")
    data = ours.Dataset.load_from_file(path, reader)
    folds = list(KFold(5, random_state=1).split(data))
    print_machine("scikit-surprise", "numpy")
    print("| algorithm | RMSE | seconds | Surprise's RMSE | seconds | times as fast |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name in names or NAMES:
        errors: dict[str, list[float]] = {"ours": [], "theirs": []}
        seconds = {"ours": 0.0, "theirs": 0.0}
        for trainset, testset in folds:
            rows = [(*rating, None) for rating in trainset.ratings]
            made = theirs.Dataset(theirs.Reader()).construct_trainset(rows)
            for whose, module, learnt in (("ours", ours, trainset), ("theirs", theirs, made)):
                settings = dict(SETTINGS.get(name, {}))
                if name in SILENT:
                    settings["verbose"] = False
                algo = getattr(module, name)(**settings)
                started = time.perf_counter()
                told = algo.fit(learnt).test(testset)
                seconds[whose] += time.perf_counter() - started
                errors[whose].append(module.accuracy.rmse(told, verbose=False))
        print(
            f"| `{name}` | {fmean(errors['ours']):.4f} | {seconds['ours']:.1f} "
            f"| {fmean(errors['theirs']):.4f} | {seconds['theirs']:.1f} "
            f"| {seconds['theirs'] / seconds['ours']:.0f} |",
            flush=True,
        )


if __name__ == "__main__":
    main(sys.argv[1:])
