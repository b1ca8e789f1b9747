"""What recommenders around another one have in common: they put its best `pool` in a new order.

The one inside says who may be answered, what is predicted and why (`inner`); the one around decides
the list, and the scores of the list are its own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import numpy as np
from penchant.protocols import FittedRecommender, State, Updatable
from penchant.queries import TopK

if TYPE_CHECKING:
    from penchant.data import Dataset
    from penchant.protocols import F32, I32
    from penchant.queries import Candidates, Queries

INNER = "recommender"
"""The name of the inner one's state among the parts."""


class Reranked:
    """Asks `inner` for `pool` items, or k where that is more, and shows k of them.

    A subclass says in `_order` which; what `inner` may not show never reaches it, so filters hold.
    """

    def __init__(self, inner: FittedRecommender, pool: int) -> None:
        self.inner = inner
        self._pool = pool
        if isinstance(inner, Updatable):
            # An ability of the instance, since not every recommender has it.
            self.with_items = self._with_items

    def recommend(self, queries: Queries, candidates: Candidates, k: int, /) -> TopK:
        """Rank exactly min(k, eligible) items a query; one query after the other."""
        pool = max(1, min(max(self._pool, k), candidates.items))
        found = self.inner.recommend(queries, candidates, pool)
        top = nothing(len(queries), k)
        for query, count in enumerate(found.counts.tolist()):
            shown = min(k, count)
            if shown:
                rows, scores = self._order(
                    queries, query, found.rows[query, :count], found.scores[query, :count], shown
                )
                top.rows[query, :shown], top.scores[query, :shown] = rows, scores
                top.counts[query] = shown
        return top

    def state(self) -> State:
        """The state of the one inside."""
        return State(parts={INNER: self.inner.state()})

    def _order(
        self, queries: Queries, query: int, rows: I32, scores: F32, k: int
    ) -> tuple[I32, F32]:
        """The k rows to show to the query at a place, best first, and their scores, which fall."""
        raise NotImplementedError

    def _with(self, inner: FittedRecommender, data: Dataset) -> Reranked:
        """The same around `inner`, which has taken up the new items of `data`."""
        raise NotImplementedError

    def _with_items(self, data: Dataset, /) -> Reranked:
        newer = cast("Updatable", self.inner).with_items(data)
        return self._with(cast("FittedRecommender", newer), data)


def filled(lists: Sequence[tuple[Sequence[int], Sequence[float]]], k: int) -> TopK:
    """The answer to queries of which each has a list: rows and scores, k of them at the most."""
    if len(lists) == 1 and len(lists[0][0]) == k:
        rows, scores = lists[0]
        return TopK(
            np.array((rows,), np.int32),
            np.array((scores,), np.float32),
            np.array((k,), np.int32),
        )
    top = nothing(len(lists), k)
    for query, (rows, scores) in enumerate(lists):
        shown = len(rows)
        top.rows[query, :shown], top.scores[query, :shown] = rows, scores
        top.counts[query] = shown
    return top


def nothing(queries: int, k: int) -> TopK:
    """Lists to be filled, with padding everywhere."""
    return TopK(
        np.full((queries, k), -1, np.int32),
        np.full((queries, k), -np.inf, np.float32),
        np.zeros(queries, np.int32),
    )


def scaled(scores: F32) -> F32:
    """Bring scores to 0 … 1 by the least and the greatest; ones where all are the same."""
    return scaled_between(scores, scores.min(), scores.max()) if len(scores) else scores


def scaled_between(scores: F32, least: np.float32, greatest: np.float32) -> F32:
    """The same where the least and the greatest are known, as they are of scores that fall."""
    low, high = float(least), float(greatest)
    finite = math.isfinite(low) and math.isfinite(high)
    if not finite:
        some = scores[np.isfinite(scores)]
        if not len(some):
            return np.ones_like(scores)
        low, high = float(some.min()), float(some.max())
    if not high > low:
        return np.isfinite(scores).astype(np.float32)
    # In double precision, in which the width of any range of floats is finite.
    wide = scores.astype(np.float64)
    if not finite:
        wide = np.clip(wide, low, high)
    wide -= low
    wide /= high - low
    return wide.astype(np.float32)


def falling(rows: I32, scores: F32) -> F32:
    """Lower scores, where need be, so that they fall along the list.

    Equal scores stand by ascending row; one that can't stay equal is the next smaller float.
    """
    lowered = scores.copy()
    for place in range(1, len(lowered)):
        above = lowered[place - 1]
        if lowered[place] >= above:
            tied = rows[place] > rows[place - 1]
            lowered[place] = above if tied else np.nextafter(above, np.float32(-np.inf))
    return lowered
