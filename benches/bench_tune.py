"""What `penchant tune` gains: default settings beside tuned ones, on three data sets.

    PENCHANT_DATA=... python benches/bench_tune.py > benches/results/tune.md

Likings are ratings of at least 4 where there are ratings; 20 % of each user's are held out, the
latest or at random. Each search has 20 trials, the first of which is the defaults, on two
validation parts cut from the other 80 %. Only then are defaults and winner fitted on all of these,
and asked for what was held out; the intervals are of the difference, paired by user. The share of
the validation parts was settled on splits of another seed, after a first run on MovieLens 100K: its
rows are a second look, those of the other sets the first.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

import penchant
from bench_strategies import dataset
from penchant import Dataset, Recipe, Registry
from penchant.evaluation import compare
from penchant_tune import Tuned, tune

STRATEGIES = ("mf.als", "cf.item_knn")
SETS = (
    "ml-100k/user-time",
    "ml-100k/user-random",
    "lastfm-hetrec/user-random",
    "msweb/user-random",
)
TRIALS = 20
METRIC = "ndcg@10"


def row(name: str, where: str, data: Dataset, registry: Registry) -> tuple[str, str]:
    """A line of the table, and one of the settings that were found."""
    kind = where.partition("/")[2]
    recipe = Recipe.of({"scorers": [name], "evaluation": {"split": kind}})
    began = time.perf_counter()
    tuned = tune(recipe, dataset=data, trials=TRIALS, metric=METRIC, registry=registry)
    seconds = time.perf_counter() - began
    print(f"{where} {name}: {dict(tuned.best.values)}", file=sys.stderr, flush=True)
    report = compare(
        {"default": name, "tuned": tuned.recipe.scorers[0]},
        data,
        [kind],
        metrics=[METRIC],
        fit_seed=recipe.seed,
        registry=registry,
    )
    default, winner = report.sections[0].comparison.rows
    found = winner.differences[METRIC]
    line = (
        f"| {where} | `{name}` | {tuned.start:.4f} | {tuned.value:.4f} | "
        f"{default.metrics[METRIC]:.4f} | {winner.metrics[METRIC]:.4f} | "
        f"{found.difference:+.4f} ({found.low:+.4f} to {found.high:+.4f}) | {seconds:.0f} |"
    )
    return line, f"- {where}, `{name}`: {settings(tuned)}"


def settings(tuned: Tuned) -> str:
    was: dict[str, Any] = dict(tuned.trials[0].values)
    told = []
    for name, value in tuned.best.values.items():
        before = f" (was {was[name]})" if name in was and was[name] != value else ""
        told.append(f"{name.rpartition('.')[2]} {value}{before}")
    return ", ".join(told)


def main() -> None:
    registry = Registry.discover(only={"cf", "mf"})
    folder = Path(os.environ["PENCHANT_DATA"])
    rows = []
    for where in SETS:
        data = dataset(where.partition("/")[0], folder)
        rows += [row(name, where, data, registry) for name in STRATEGIES]
    print((__doc__ or "").strip())
    print(f"\npenchant {penchant.__version__}, one thread a fit.\n")
    print("| data | strategy | validation, default | tuned | test, default | tuned | gain | s |")
    print("| --- | --- | ---: | ---: | ---: | ---: | --- | ---: |")
    print("\n".join(line for line, _ in rows))
    print("\nWhat was found:\n")
    print("\n".join(told for _, told in rows))


if __name__ == "__main__":
    main()
