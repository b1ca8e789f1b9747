"""Alternating least squares on the pairs of MovieLens 1M, beside implicit's.

Both minimize the same loss. With implicit's `alpha` and `regularization` a liking should come to
alpha / (alpha - 1) by the weight alpha - 1; for scores in proportion, an unknown pair weighs
1 / (alpha - 1) of a liking and a row is pulled by regularization / alpha, whoever it is. Both
do 15 iterations of 3 steps of conjugate gradients a row; ours solves the users exactly besides.
A fifth of each user's pairs is held out, and NDCG@10 on it is printed first. Fits then take turns.

    PENCHANT_DATA=... uv run --group bench python benches/bench_als.py [threads]
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as parquet
from common import compare, print_machine
from implicit.cpu.als import AlternatingLeastSquares
from penchant import kernels
from penchant.queries import Csr
from scipy.sparse import csr_matrix

ITERATIONS, ALPHA, REGULARIZATION = 15, 4.0, 80.0


def halves(path: Path) -> tuple[Csr, Csr]:
    """Users x items to train on and to judge by."""
    table = parquet.read_table(path)
    sides = [np.unique(column.to_numpy(), return_inverse=True) for column in table.columns[:2]]
    (users, user), (items, item) = sides
    shape = len(users), len(items)
    lot = np.random.default_rng(42).random(len(user))
    order = np.lexsort((lot, user))
    counts = np.bincount(user)
    place = np.arange(len(user)) - np.repeat(np.cumsum(counts) - counts, counts)
    held_out = order[place < np.repeat(np.ceil(counts * 0.2), counts)]
    train = np.setdiff1d(order, held_out)
    parts = [
        (user[part].astype(np.int32), item[part].astype(np.int32)) for part in (train, held_out)
    ]
    first, second = (Csr.from_pairs(*part, None, shape).binary() for part in parts)
    return first, second


def ndcg(users: np.ndarray, items: np.ndarray, train: Csr, test: Csr) -> float:
    """NDCG@10 of full rankings without what was trained on; binary gains."""
    seen = (train.indptr, train.indices)
    rows, _, _ = kernels.ItemIndex(np.ascontiguousarray(items)).top_k(users, 10, seen=seen)
    gains = 1 / np.log2(np.arange(10) + 2.0)
    found = [
        (np.isin(best, test.row(user)) * gains).sum() / gains[: len(test.row(user))].sum()
        for user, best in enumerate(rows)
        if len(test.row(user))
    ]
    return float(np.mean(found))


def main() -> None:
    """Check, then time, 64 and 128 factors."""
    print_machine("penchant", "implicit", "numpy")
    threads = int(sys.argv[1]) if len(sys.argv) > 1 else 2
    train, test = halves(Path(os.environ["PENCHANT_DATA"]) / "ml-1m" / "ratings.parquet")
    assert train.values is not None
    values = train.values
    matrix = csr_matrix((values, train.indices, train.indptr), (train.rows, train.columns))

    def ours(factors: int, seed: int) -> tuple[Any, Any]:
        return kernels.als(
            train.indptr,
            train.indices,
            values,
            train.columns,
            factors=factors,
            iterations=ITERATIONS,
            unobserved_weight=1 / (ALPHA - 1),
            regularization=REGULARIZATION / ALPHA,
            frequency_scaling=0.0,
            seed=seed,
            threads=threads,
        )

    def theirs(factors: int, seed: int) -> tuple[Any, Any]:
        model = AlternatingLeastSquares(
            factors=factors,
            iterations=ITERATIONS,
            alpha=ALPHA,
            regularization=REGULARIZATION,
            num_threads=threads,
            random_state=seed,
        )
        model.fit(matrix, show_progress=False)
        return np.asarray(model.user_factors), np.asarray(model.item_factors)

    contestants = {"penchant": ours, "implicit": theirs}
    for factors in (64, 128):
        for name, fit in contestants.items():
            print(f"{factors} factors: NDCG@10 {ndcg(*fit(factors, 0), train, test):.4f}, {name}")
        fits = {name: lambda call, fit=fit: fit(factors, call) for name, fit in contestants.items()}  # noqa: B023
        compare(f"{factors} factors, {threads} threads, whole fits", fits, "implicit", rounds=5)


if __name__ == "__main__":
    main()
