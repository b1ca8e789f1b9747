"""Ranking by bytes on factors that were learned: is it what floats give, and how fast?

Random vectors have no favourites, learned ones do: a few items of great length, whole groups alike.
Factors of MovieLens 1M, ten of the best for every user by the index of bytes and by that of floats;
then both take turns on one user each call.

    PENCHANT_DATA=... uv run python benches/bench_factors.py
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from common import compare, print_machine
from penchant import Dataset, Registry, kernels, use
from penchant.protocols import Factored, FitContext
from penchant.queries import Queries

STRATEGIES = ("mf.als", "mf.bpr", "mf.warp")
FACTORS = (64, 128)
K = 10


def likings() -> Dataset:
    """All pairs of MovieLens 1M."""
    folder = Path(os.environ["PENCHANT_DATA"]) / "ml-1m"
    return Dataset.from_frame(folder / "ratings.parquet", user="userID", item="movieID")


def vectors(data: Dataset, strategy: str, factors: int) -> tuple[np.ndarray, np.ndarray]:
    """Of all users and all items."""
    scorer = Registry.discover().scorer(use(strategy, factors=factors))
    fitted = scorer.fit(data, FitContext(threads=2))
    assert isinstance(fitted, Factored)
    rows = np.arange(len(data.users), dtype=np.int32)
    asked = Queries.known(rows, data.interactions.by_user(), None)
    return fitted.query_vectors(asked), np.ascontiguousarray(fitted.item_vectors)


def main() -> None:
    """Check every user's answer, then time."""
    print_machine("numpy")
    data = likings()
    for strategy in STRATEGIES:
        for factors in FACTORS:
            users, items = vectors(data, strategy, factors)
            floats = kernels.ItemIndex(items, resident=True)
            codes = kernels.quantize_items(items)
            by_bytes = kernels.ItemIndex(items, codes=codes, resident=True)
            wanted, found = floats.top_k(users, K), by_bytes.top_k(users, K)
            same = np.mean(wanted[0] == found[0])
            bits = np.array_equal(wanted[1].view(np.uint32), found[1].view(np.uint32))
            one = [users[row : row + 1] for row in range(len(users))]
            compare(
                f"{strategy}, {len(items)} items x {items.shape[1]}, {len(users)} users: "
                f"recall {same:.4f}, the same bits: {bits}",
                {
                    "floats": lambda at, one=one, index=floats: index.top_k(one[at % len(one)], K),
                    "bytes": lambda at, one=one, index=by_bytes: index.top_k(one[at % len(one)], K),
                },
                "floats",
                calls=2000,
            )


if __name__ == "__main__":
    main()
