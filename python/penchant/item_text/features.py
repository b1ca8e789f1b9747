"""Arithmetic of item features: (n, d) float32, or a `Csr` where most are zero.

Rows have length 1, or none for an item of which nothing is said. Each row's numbers come about in
one order, whatever rows stand beside it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from penchant import kernels
from penchant.queries import Csr

if TYPE_CHECKING:
    import numpy.typing as npt

    from penchant.protocols import F32, I32, Bool

NOTHING = 1e-6
"""Below this a length is the rounding of float32 and has no direction."""


def lengths(rows: F32) -> npt.NDArray[np.float64]:
    """Give (n,) float64 lengths."""
    squares: npt.NDArray[np.float64] = np.square(rows.astype(np.float64)).sum(axis=1)
    return np.sqrt(squares)


def unit(rows: F32) -> F32:
    """Scale each row to length 1, (n, d) float32; a row of next to no length becomes zeros."""
    size = lengths(rows)[:, None]
    scaled = np.zeros(rows.shape, np.float64)
    np.divide(rows, size, out=scaled, where=size > NOTHING)
    return scaled.astype(np.float32)


def unit_rows(features: Csr) -> Csr:
    """Scale each sparse row to length 1; entries that weigh nothing stay out."""
    kept = features.where(values_of(features) != 0)
    values, owner = values_of(kept).astype(np.float64), kept.row_of_entry()
    length = np.sqrt(np.bincount(owner, np.square(values), kept.rows))
    scaled = (values / length[owner]).astype(np.float32)
    return Csr(kept.indptr, np.ascontiguousarray(kept.indices), scaled, kept.columns)


def described(features: F32 | Csr) -> Bool:
    """(n,) bool: the rows that say anything."""
    if isinstance(features, Csr):
        return np.asarray(features.counts() > 0, np.bool_)
    return np.asarray(features.any(axis=1), np.bool_)


def rows_of(features: F32 | Csr, rows: I32) -> F32 | Csr:
    """Some rows, in the order asked for."""
    return features.take(rows) if isinstance(features, Csr) else features[rows]


def likeness(these: F32 | Csr, those: F32 | Csr, *, threads: int = 1) -> F32:
    """(n, m) float32 cosines of the rows of two of one kind, each sum in ascending order.

    O(n·m·d), or for sparse rows the products of entries in common.
    """
    if isinstance(these, Csr) and isinstance(those, Csr):
        turned = transposed(those)
        return kernels.sparse_sparse(
            these.indptr,
            these.indices,
            values_of(these),
            (turned.indptr, turned.indices, values_of(turned)),
            those.rows,
            threads=threads,
        )
    if isinstance(these, Csr) or isinstance(those, Csr):
        raise TypeError("features must be all dense or all sparse, got one of each")
    return kernels.dot(these, those)


def stacked(upper: Csr, lower: Csr) -> Csr:
    """The rows of both, those of `upper` first."""
    return Csr(
        np.concatenate([upper.indptr, upper.indptr[-1] + lower.indptr[1:]]),
        np.concatenate([upper.indices, lower.indices]),
        np.concatenate([values_of(upper), values_of(lower)]),
        upper.columns,
    )


def transposed(matrix: Csr) -> Csr:
    """Columns as rows."""
    flipped = kernels.transpose(matrix.indptr, matrix.indices, values_of(matrix), matrix.columns)
    return Csr(*flipped, matrix.rows)


def values_of(matrix: Csr) -> F32:
    """Values of all entries; ones where presence is all there is to say."""
    return np.ones(matrix.nnz, np.float32) if matrix.values is None else matrix.values


def side_by_side(blocks: Sequence[F32 | Csr], shares: Sequence[float]) -> F32 | Csr:
    """Rows of length 1 whose cosines are the means of the blocks', by their shares (together 1).

    Sparse if any block is. A row that a block says nothing of has the others alone.
    """
    if not any(isinstance(block, Csr) for block in blocks):
        dense = [
            block * np.float32(math.sqrt(share))
            for block, share in zip(blocks, shares, strict=True)
            if not isinstance(block, Csr)
        ]
        return unit(np.concatenate(dense, axis=1))
    sparse = [block if isinstance(block, Csr) else as_sparse(block) for block in blocks]
    return unit_rows(beside(sparse, [math.sqrt(share) for share in shares]))


def beside(blocks: Sequence[Csr], scales: Sequence[float]) -> Csr:
    """Columns of all blocks in their order, each block's values times its scale."""
    counts = np.array([block.counts() for block in blocks])
    indptr = np.concatenate([[0], np.cumsum(counts.sum(axis=0))]).astype(np.int64)
    indices = np.empty(indptr[-1], np.int32)
    values = np.empty(indptr[-1], np.float32)
    start, first = indptr[:-1].copy(), 0
    for block, scale, count in zip(blocks, scales, counts, strict=True):
        places = np.repeat(start - block.indptr[:-1], count) + np.arange(block.nnz)
        indices[places] = block.indices + first
        values[places] = values_of(block) * np.float32(scale)
        start += count
        first += block.columns
    return Csr(indptr, indices, values, first)


def as_sparse(dense: F32) -> Csr:
    """The same numbers, zeros left out."""
    rows, columns = np.nonzero(dense)
    indptr = np.searchsorted(rows, np.arange(len(dense) + 1)).astype(np.int64)
    return Csr(indptr, columns.astype(np.int32), dense[rows, columns], dense.shape[1])
