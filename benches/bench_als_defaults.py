"""What `mf.als` takes from the data, beside other constants, on validation parts.

    PENCHANT_DATA=... python benches/bench_als_defaults.py > benches/results/als_defaults.md

`unobserved_weight` is c a / (a + 5) and `regularization` d (1/√a + 1/√b), with the a likings of the
user and b of the item of an average liking. The train parts of `bench_strategies.py` are cut once
more in the same way; their test parts play no part. Of splits at random two parts are drawn where a
fit takes less than seconds; of a split by time, the latest 20 % and the latest 30 % are held out.
NDCG@10 is divided by the best of its column, and averaged over the parts of a set.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import penchant
from bench_strategies import SETS, inner_of, split_of
from common import print_machine
from penchant import Registry
from penchant.evaluation import Split, evaluate_recommender, validation_split

METRIC = "ndcg@10"
WEIGHTS, PULLS = (16.0, 20.0, 24.0, 32.0), (0.9, 1.0, 1.1, 1.15, 1.2)
SMALL = 50_000


def parts_of(split: Split) -> list[Split]:
    """Validation parts of a split's train."""
    first = inner_of(split)
    if split.kind == "user-time":
        return [first, validation_split(split, share=0.3)]
    if split.name == "own" or len(split.train.interactions) > SMALL:
        return [first]
    return [first, validation_split(split, seed=2)]


def found(part: Split, weight: float, pull: float, registry: Registry) -> float:
    """NDCG@10 with these constants."""
    likes = part.train.positive_csr()
    of_items = np.bincount(likes.indices, minlength=likes.columns)
    a, b = (float(np.average(rows, weights=rows)) for rows in (likes.counts(), of_items))
    use = penchant.use(
        "mf.als",
        unobserved_weight=weight * a / (a + 5),
        regularization=pull * (a**-0.5 + b**-0.5),
    )
    model = penchant.fit(part.train, scorers=[use], registry=registry)
    measured = evaluate_recommender(model.recommender, part, metrics=[METRIC])
    return float(measured.values[METRIC])


def main() -> None:
    """Print the table."""
    registry, folder = Registry.discover(only={"mf"}), Path(os.environ["PENCHANT_DATA"])
    cells = [(weight, pull) for weight in WEIGHTS for pull in PULLS]
    columns = []
    for name in SETS:
        shares = []
        for part in parts_of(split_of(name, folder)):
            measured = np.array([found(part, *cell, registry) for cell in cells])
            shares.append(measured / measured.max())
        columns.append(np.mean(shares, axis=0))
        print(f"{name}: {columns[-1].round(3).tolist()}", file=sys.stderr, flush=True)
    table = np.array(columns)
    table = np.vstack([table, table.mean(axis=0), table.min(axis=0)])
    print(f"{(__doc__ or '').strip()}\n")
    print_machine("penchant", "numpy")
    print(f"\n| c | d | {' | '.join([*SETS, 'mean', 'worst'])} |")
    print("| ---: | ---: |" + " ---: |" * len(table))
    for (weight, pull), shares in zip(cells, table.T, strict=True):
        told = " | ".join(f"{share:.3f}" for share in shares)
        print(f"| {weight:g} | {pull:g} | {told} |")


if __name__ == "__main__":
    main()
