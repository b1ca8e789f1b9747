"""Who somebody is, in the space of the items: the mean of what they liked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from penchant.queries import Csr

if TYPE_CHECKING:
    import numpy.typing as npt
    from penchant.protocols import F32, Bool
    from penchant.queries import Queries

_DAY = 86_400_000_000  # microseconds
# Below this a length is the rounding of float32 and has no direction.
NOTHING = 1e-6


def likings(queries: Queries, min_value: float | None, half_life: float | None) -> Csr:
    """Give (n, items) weights of what each query liked: its events of at least `min_value`.

    With `half_life`, in days, a liking counts half for each such span that it is older than the
    query's latest one; without times all count alike.

    The size of a value above the threshold carries no weight: on the validation parts of two
    MovieLens sets it moved NDCG@10 by at most 0.0074, in both directions.
    """
    history = queries.history
    if history.values is None or min_value is None:
        kept = np.ones(history.nnz, np.bool_)
    else:
        kept = history.values >= np.float32(min_value)
    liked = history.where(kept)
    weights = np.ones(liked.nnz, np.float32)
    if half_life is not None and queries.times is not None and liked.nnz:
        times = queries.times[kept]
        some = liked.counts() > 0
        latest = np.zeros(liked.rows, np.int64)
        latest[some] = np.maximum.reduceat(times, liked.indptr[:-1][some])
        age = latest[liked.row_of_entry()] - times
        weights = np.exp2(-age / (half_life * _DAY)).astype(np.float32)
    return Csr(liked.indptr, liked.indices, weights, liked.columns)


def lengths(rows: F32) -> npt.NDArray[np.float64]:
    """Give (n,) float64 lengths; each row in a fixed order, whatever stands beside it."""
    squares: npt.NDArray[np.float64] = np.square(rows.astype(np.float64)).sum(axis=1)
    return np.sqrt(squares)


def unit(rows: F32) -> F32:
    """Scale each row to length 1, (n, d) float32; a row of next to no length becomes zeros."""
    size = lengths(rows)[:, None]
    scaled = np.zeros(rows.shape, np.float64)
    np.divide(rows, size, out=scaled, where=size > NOTHING)
    return scaled.astype(np.float32)


def any_in_row(matrix: Csr, which: Bool) -> Bool:
    """Give (n,) bool: the rows with at least one column for which `which`, (columns,), is true."""
    found: Bool = matrix.where(which[matrix.indices]).counts() > 0
    return found


def values_of(matrix: Csr) -> F32:
    """Values of all entries; ones where presence is all there is to say."""
    return np.ones(matrix.nnz, np.float32) if matrix.values is None else matrix.values
