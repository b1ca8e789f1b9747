"""What `mf.als` takes from the data, beside multiples of it, on validation parts.

    PENCHANT_DATA=... python benches/bench_als_defaults.py > benches/results/als_defaults.md

The train parts of `bench_strategies.py` are cut once more in the same way; their test parts play no
part. Of splits at random two parts are drawn where a fit takes less than seconds; of a split by
time, the latest 20 % and the latest 30 % are held out. NDCG@10 is divided by the best of the twelve
cells, and averaged over the parts of a row.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import penchant
from bench_strategies import SETS, inner_of, split_of
from common import print_machine
from penchant import Registry
from penchant.evaluation import Split, evaluate_recommender, validation_split
from penchant_mf.als import Loss
from penchant_mf.settings import AlsSettings

METRIC = "ndcg@10"
WEIGHTS, PULLS = (0.7, 1.0, 1.5), (0.8, 0.9, 1.0, 1.15)
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
    """NDCG@10 with these multiples of what the data say."""
    likes = part.train.positive_csr()
    loss = Loss.of(likes, AlsSettings())
    told = loss.unobserved_weight * likes.rows * likes.columns / likes.nnz
    use = penchant.use(
        "mf.als",
        unobserved_weight=weight * told,
        regularization=pull * loss.regularization * (1 + told),
    )
    model = penchant.fit(part.train, scorers=[use], registry=registry)
    measured = evaluate_recommender(model.recommender, part, metrics=[METRIC])
    return float(measured.values[METRIC])


def main() -> None:
    """Print the table."""
    registry, folder = Registry.discover(only={"mf"}), Path(os.environ["PENCHANT_DATA"])
    cells = [(weight, pull) for weight in WEIGHTS for pull in PULLS]
    print(f"{(__doc__ or '').strip()}\n")
    print_machine("penchant", "numpy")
    heads = [f"{weight:g}, {pull:g}" for weight, pull in cells]
    print(f"\n| `unobserved_weight` x, `regularization` x | {' | '.join(heads)} |")
    print("| --- |" + " ---: |" * len(cells), flush=True)
    rows = []
    for name in sorted(SETS, key=lambda one: one.startswith(("msweb", "ml-1m", "book"))):
        shares = []
        for part in parts_of(split_of(name, folder)):
            measured = np.array([found(part, *cell, registry) for cell in cells])
            shares.append(measured / measured.max())
        rows.append(np.mean(shares, axis=0))
        print(_line(name, rows[-1]), flush=True)
    print(_line("mean", np.mean(rows, axis=0)))
    print(_line("worst", np.min(rows, axis=0)))


def _line(name: str, shares: np.ndarray) -> str:
    return f"| {name} | " + " | ".join(f"{share:.3f}" for share in shares) + " |"


if __name__ == "__main__":
    main()
