"""Neighbours by likings and vectors: sparse rows and dense ones side by side.

Vectors have an entry in every column, so that walking the columns, as `kernels.neighbours` does
for likings, visits every pair of items for every one of them. Here the similarities of a block of
items to all others are dot products, of which the best are kept.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from penchant import kernels
from penchant.item_text import described, transposed, values_of
from penchant.queries import Csr

if TYPE_CHECKING:
    from penchant.protocols import F32, I32, I64

_AT_ONCE = 1 << 22  # similarities of a block, 16 MB


def side_by_side_rows(likes: Csr, vectors: F32, share: float) -> tuple[Csr, F32]:
    """Rows of length 1 in two halves, whose cosine is the mean of the halves' cosines.

    likes: rows of length 1, or empty. vectors: (rows, d) of length 1, or zeros. share: that of the
    vectors. A row with one half has that alone.
    """
    squares = np.column_stack([likes.counts() > 0, described(vectors)]) * [1 - share, share]
    squares /= np.maximum(squares.sum(axis=1, keepdims=True), np.finfo(np.float64).tiny)
    scales = np.sqrt(squares).astype(np.float32)
    values = values_of(likes) * scales[likes.row_of_entry(), 0]
    return Csr(likes.indptr, likes.indices, values, likes.columns), vectors * scales[:, 1:]


def blended_neighbours(
    likes: Csr,
    vectors: F32,
    k: int,
    shrinkage: float,
    threads: int,
    after: Callable[[int, int], None],
    at_once: int = _AT_ONCE,
) -> tuple[I64, I32, F32]:
    """For each row the `k` most similar others, as `kernels.neighbours` gives them.

    likes, vectors: from `side_by_side_rows`. A similarity counts n / (n + shrinkage) times, where
    n is the entries in common, and two vectors have all of theirs in common. The best come first,
    ties to the lower row, a similarity of 0 is none. `after` hears how many rows are done.

    O(rows²·d) time, O(at_once + rows·k) memory; no bit depends on `at_once` or `threads`.
    """
    rows, told = len(vectors), described(vectors)
    turned, ones = transposed(likes), np.ones(likes.nnz, np.float32)
    columns = turned.indptr, turned.indices, values_of(turned)
    indptr, indices, values = np.zeros(rows + 1, np.int64), [], []
    size = max(1, at_once // max(1, rows))
    for start in range(0, rows, size):
        block = np.arange(start, min(rows, start + size), dtype=np.int32)
        mine = likes.take(block)
        alike = kernels.sparse_sparse(
            mine.indptr, mine.indices, values_of(mine), columns, rows, threads=threads
        )
        alike += kernels.dot(vectors[block], vectors)
        if shrinkage:
            common = kernels.sparse_sparse(
                mine.indptr,
                mine.indices,
                ones[: mine.nnz],
                (*columns[:2], ones),
                rows,
                threads=threads,
            )
            common[np.ix_(told[block], told)] += np.float32(vectors.shape[1])
            alike *= common / (common + np.float32(shrinkage))
        alike[np.arange(len(block)), block] = 0
        alike[alike == 0] = -np.inf
        near, similarity, _ = kernels.select_top_k(alike, min(k, max(1, rows - 1)))
        kept = np.isfinite(similarity) & (near >= 0)
        indptr[block + 1] = kept.sum(axis=1)
        indices.append(near[kept])
        values.append(similarity[kept])
        after(int(block[-1]) + 1, rows)
    none = np.empty(0, np.int32), np.empty(0, np.float32)
    return (
        np.cumsum(indptr),
        np.concatenate([none[0], *indices]),
        np.concatenate([none[1], *values]),
    )
