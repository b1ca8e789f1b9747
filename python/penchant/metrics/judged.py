"""Ranked lists held against what was relevant: the one thing every ranking metric is made from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from penchant.errors import RequestError, ShapeError

if TYPE_CHECKING:
    from penchant.protocols import I32, I64, Bool
    from penchant.queries import Csr


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """The lists of `n` queries that have something relevant, each place a hit or not.

    hits: (n, width) bool, best place first. A place without an item is no hit.
    relevant: (n,) int64, how many items are relevant to each query, at least 1.
    queries: (n,) int32, the positions of these queries among all that were ranked.
    """

    hits: Bool
    relevant: I64
    queries: I32

    @classmethod
    def of(cls, rows: I32, counts: I32, relevant: Csr) -> Judged:
        """Judge the `rows` and `counts` of a `TopK` by the `relevant` items of the same queries.

        rows is (m, width) int32, each item at most once a list; the first `counts` places of a list
        are filled. relevant has m rows. **Queries without a relevant item are left out**: no metric
        is defined for them, so n may be smaller than m. O(m·width·log(relevant.nnz)).

        Raises ShapeError for arrays that don't fit together, or a row past the items of `relevant`.
        """
        if rows.ndim != 2 or counts.shape != rows.shape[:1] or relevant.rows != len(rows):
            raise ShapeError(
                f"lists of shape {rows.shape} need as many counts and rows of relevant items, got "
                f"counts of shape {counts.shape} and {relevant.rows} rows"
            )
        if rows.size and int(rows.max()) >= relevant.columns:
            raise ShapeError(
                f"a list holds item {int(rows.max())} but the relevant items come from a catalogue "
                f"of {relevant.columns}"
            )
        queries = np.flatnonzero(relevant.counts() > 0).astype(np.int32)
        places = np.arange(rows.shape[1])
        shown = places < counts[queries][:, None]
        # One ascending key a pair, since the columns of a row ascend. An empty place has no key.
        keys = relevant.row_of_entry().astype(np.int64) * relevant.columns + relevant.indices
        asked = queries[:, None].astype(np.int64) * relevant.columns + rows[queries]
        if not len(keys):
            return cls(shown, np.empty(0, np.int64), queries)
        at = np.minimum(np.searchsorted(keys, asked), len(keys) - 1)
        return cls((keys[at] == asked) & shown, relevant.counts()[queries], queries)

    def __len__(self) -> int:
        return len(self.relevant)

    def first(self, k: int) -> Bool:
        """The hits of the first k places, (n, k) bool, as a view.

        Raises RequestError for k below 1 or past the width of the lists, whose hits nobody knows.
        """
        check_cut(k, self.hits.shape[1])
        return self.hits[:, :k]


def check_cut(k: int, width: int) -> None:
    """Refuse a cut that lists of `width` places can't be measured at."""
    if not 1 <= k <= width:
        raise RequestError(
            f"a metric is cut at 1 to {width} places, the length of the lists, got k = {k}; "
            f"rank at least k items"
        )
