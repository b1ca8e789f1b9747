"""Naive twins: the plainest code that can be right, to hold fast code against.

They are slow on purpose, work in plain Python where that is clearer, and share nothing with what
they judge. `fsum` sums are exact, so a float32 result is compared within a stated rounding bound.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from math import fsum, log2, sqrt
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def dot(a: Array, b: Array) -> npt.NDArray[np.float64]:
    """Give the (n, m) dot products of rows, exactly rounded to float64."""
    sums = [[fsum(float(x) * float(y) for x, y in zip(u, v, strict=True)) for v in b] for u in a]
    return np.array(sums, np.float64).reshape(len(a), len(b))


def top_k(
    scores: Sequence[float] | Array, k: int, eligible: Iterable[int] | None = None
) -> list[int]:
    """Rank the eligible rows of one query: greater score first, equal scores by lower row."""
    rows = range(len(scores)) if eligible is None else eligible
    known = [row for row in rows if not np.isnan(scores[row])]
    return sorted(known, key=lambda row: (-float(scores[row]), row))[:k]


def dense(
    indptr: Array, indices: Array, values: Array | None, columns: int
) -> npt.NDArray[np.float64]:
    """Spread a CSR matrix out."""
    matrix = np.zeros((len(indptr) - 1, columns), np.float64)
    for row in range(len(indptr) - 1):
        for place in range(int(indptr[row]), int(indptr[row + 1])):
            matrix[row, indices[place]] = 1.0 if values is None else values[place]
    return matrix


def csr(matrix: Array) -> tuple[Array, Array, Array]:
    """Give (indptr, indices, values) of the non-zero entries of a dense matrix."""
    found = [np.flatnonzero(row) for row in matrix]
    indptr = np.cumsum([0, *map(len, found)]).astype(np.int64)
    indices = np.concatenate([*found, np.empty(0, int)]).astype(np.int32)
    rows = np.repeat(np.arange(len(matrix)), np.diff(indptr))
    return indptr, indices, np.asarray(matrix[rows, indices], np.float32)


def cosine(matrix: Array) -> npt.NDArray[np.float64]:
    """Give the cosines of all pairs of rows; 0 where a row is zero."""
    wide = np.asarray(matrix, np.float64)
    lengths = np.sqrt((wide * wide).sum(axis=1))
    scale = np.outer(lengths, lengths)
    return np.divide(wide @ wide.T, scale, out=np.zeros_like(scale), where=scale > 0)


def neighbours(matrix: Array, k: int, shrinkage: float = 0.0) -> list[list[tuple[int, float]]]:
    """List for each row its k most similar other rows, with the cosines; zeros are left out.

    With shrinkage a cosine is damped by overlap / (overlap + shrinkage), where the overlap is the
    number of columns that both rows have.
    """
    present = (np.asarray(matrix) != 0).astype(np.float64)
    overlap = present @ present.T
    with np.errstate(invalid="ignore"):
        damped = cosine(matrix) * np.nan_to_num(overlap / (overlap + shrinkage))
    others = [
        [r for r in range(len(matrix)) if r != row and damped[row, r]] for row in range(len(matrix))
    ]
    return [
        [(r, float(damped[row, r])) for r in top_k(damped[row], k, others[row])]
        for row in range(len(matrix))
    ]


def precision(ranked: Sequence[int], relevant: Collection[int], k: int) -> float:
    """Give the share of the first k places that hold a relevant item."""
    return sum(row in relevant for row in ranked[:k]) / k


def recall(ranked: Sequence[int], relevant: Collection[int], k: int) -> float:
    """Give the share of the relevant items that are among the first k."""
    return sum(row in relevant for row in ranked[:k]) / len(relevant)


def ndcg(ranked: Sequence[int], relevant: Collection[int], k: int) -> float:
    """Give binary NDCG@k; the ideal list has min(k, relevant) hits (Järvelin, Kekäläinen 2002)."""
    gains = [1 / log2(place + 2) for place in range(k)]
    got = sum(gain for gain, row in zip(gains, ranked, strict=False) if row in relevant)
    return got / sum(gains[: len(relevant)])


def average_precision(ranked: Sequence[int], relevant: Collection[int], k: int) -> float:
    """Give the mean precision at the places of hits, over min(k, relevant)."""
    hits = [place for place, row in enumerate(ranked[:k], 1) if row in relevant]
    return sum(n / place for n, place in enumerate(hits, 1)) / min(k, len(relevant))


def reciprocal_rank(ranked: Sequence[int], relevant: Collection[int], k: int) -> float:
    """Give 1 / the place of the first hit, 0 without one."""
    return next((1 / place for place, row in enumerate(ranked[:k], 1) if row in relevant), 0.0)


def rmse(predicted: Sequence[float], actual: Sequence[float]) -> float:
    """Give the root of the mean squared error."""
    squares = [(p - a) ** 2 for p, a in zip(predicted, actual, strict=True)]
    return sqrt(fsum(squares) / len(squares))
