"""Who somebody is, in the space of the items: the mean of what they liked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from penchant.queries import Csr

if TYPE_CHECKING:
    from penchant.protocols import Bool
    from penchant.queries import Queries

_DAY = 86_400_000_000  # microseconds


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


def any_in_row(matrix: Csr, which: Bool) -> Bool:
    """Give (n,) bool: the rows with at least one column for which `which`, (columns,), is true."""
    found: Bool = matrix.where(which[matrix.indices]).counts() > 0
    return found
