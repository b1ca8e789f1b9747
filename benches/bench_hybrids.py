"""Learned hybrids beside their parts: `hybrid.stacked`, `hybrid.weighted`, and each part alone.

    PENCHANT_DATA=... python benches/bench_hybrids.py > benches/results/hybrids.md

Likings are ratings of at least 4 where there are ratings; 20 % of each user's are held out, at
random by three seeds or the latest. What the hybrids learn from is cut from train in the same way;
then their parts are fitted again on all of train. Parts alone, at their defaults, learn from all
of train. Test parts decide nothing but the sentences under the table, which name the best part.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import penchant
from bench_strategies import dataset
from penchant import Dataset, Registry
from penchant.evaluation import Split, evaluate_scorer, make_split, paired_bootstrap
from penchant.evaluation import validation_split as inner_of
from penchant.protocols import FitContext

PARTS = ("cf.ease", "mf.als", "mf.warp", "cf.item_knn", "cf.user_knn", "base.popular")
HYBRIDS = ("hybrid.weighted", "hybrid.stacked")
SEEDS = (101, 102, 103)
SETS = (
    "ml-100k/user-random",
    "ml-100k/user-time",
    "ml-latest-small/user-random",
    "ml-latest-small/user-time",
    "lastfm-hetrec/user-random",
    "msweb/user-random",
)


def measured(use: str, split: Split, registry: Registry, seed: int) -> tuple[Any, float]:
    """NDCG@10 of each user, and the seconds of the fit."""
    began = time.perf_counter()
    if use in HYBRIDS:
        inner = inner_of(split)
        scorer = registry.scorer({"use": use, "parts": PARTS})
        context = FitContext(seed=seed, validation=inner.held_out)
        fitted = scorer.fit(inner.train, context)
    else:
        fitted = registry.scorer({"use": use}).fit(split.train, FitContext(seed=seed))
    seconds = time.perf_counter() - began
    found = evaluate_scorer(fitted, split, metrics=("ndcg@10",))
    return np.asarray(found.per_user["ndcg@10"]), seconds


def section(name: str, data: Dataset, registry: Registry) -> str:
    """The table of one set: the mean over the seeds' users."""
    kind = name.split("/")[1]
    seeds = SEEDS if kind == "user-random" else SEEDS[:1]
    users: dict[str, list[Any]] = {use: [] for use in (*HYBRIDS, *PARTS)}
    spent: dict[str, list[float]] = {use: [] for use in users}
    for seed in seeds:
        split = make_split(data, kind, keep_negatives=False, seed=seed)
        for use in users:
            ndcg, seconds = measured(use, split, registry, seed)
            print(f"{name} {seed} {use}: {ndcg.mean():.4f}", file=sys.stderr, flush=True)
            users[use].append(ndcg)
            spent[use].append(seconds)
    means = {use: float(np.mean([one.mean() for one in found])) for use, found in users.items()}
    lines = [f"## {name}", "", "| strategy | NDCG@10 | fit s |", "| --- | ---: | ---: |"]
    lines += [
        f"| `{use}` | {means[use]:.4f} | {np.mean(spent[use]):.2f} |"
        for use in sorted(users, key=lambda use: -means[use])
    ]
    best = max(PARTS, key=means.__getitem__)
    for one, other in (("hybrid.stacked", "hybrid.weighted"), ("hybrid.stacked", best)):
        told = [
            str(paired_bootstrap(old, new))
            for old, new in zip(users[other], users[one], strict=True)
        ]
        lines += ["", f"`{one}` against `{other}`, a split each: {'; '.join(told)}."]
    return "\n".join(lines)


def main() -> None:
    """Print the tables."""
    registry, folder = Registry.discover(), Path(os.environ["PENCHANT_DATA"])
    print((__doc__ or "").strip())
    print(f"\npenchant {penchant.__version__}, one thread a fit.")
    for name in SETS:
        print(f"\n{section(name, dataset(name.split('/')[0], folder), registry)}", flush=True)


if __name__ == "__main__":
    main()
