"""`hybrid.mmr`: lists of items that are liked and unlike one another.

Carbonell and Goldstein, "The Use of MMR, Diversity-Based Reranking for Reordering Documents and
Producing Summaries", 1998, section 2. Of the items not yet in the list, the next one is that with
the greatest

    w · relevance(i) - (1 - w) · max over j in the list of similarity(i, j)

with w the `relevance_weight`. Relevance is the score inside, brought to 0 … 1 over the pool, since
scores of strategies have no common unit. Similarity is a cosine, and 0 where that is below 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from penchant.errors import SettingsError
from penchant.protocols import Factored, FitContext, FittedRecommender, State, capability

from penchant_hybrid.likeness import DenseLikeness, Likeness, likeness_from, likeness_of, usable
from penchant_hybrid.reranked import INNER, Reranked, scaled

if TYPE_CHECKING:
    from penchant.data import Dataset, Items
    from penchant.protocols import F32, I32, Recommender
    from penchant.queries import Queries

    from penchant_hybrid.settings import MmrSettings

_KINDS = ("label", "category", "vector")


class FittedMmr(Reranked):
    """Chooses by maximal marginal relevance.

    column: that the likeness is of, or None where it is of the item vectors of the one inside.
    """

    def __init__(
        self,
        inner: FittedRecommender,
        likeness: Likeness,
        column: str | None,
        settings: MmrSettings,
    ) -> None:
        super().__init__(inner, settings.pool)
        self._likeness = likeness
        self._column = column
        self._settings = settings

    def _order(
        self,
        queries: Queries,  # noqa: ARG002
        query: int,  # noqa: ARG002
        rows: I32,
        scores: F32,
        k: int,
    ) -> tuple[I32, F32]:
        """Choose one by one; O(k) comparisons of one item with the pool.

        A value can but fall while the list grows, so values fall along the list and are its scores.
        """
        order = np.argsort(rows)  # of equal values the lower row comes first
        rows, relevance = rows[order], scaled(scores[order])
        weight = np.float32(self._settings.relevance_weight)
        to = self._likeness.among(rows)
        nearest = np.zeros(len(rows), np.float32)
        free = np.ones(len(rows), np.bool_)
        chosen, values = np.empty(k, np.intp), np.empty(k, np.float32)
        for place in range(k):
            value = weight * relevance - (np.float32(1) - weight) * nearest
            best = int(np.argmax(np.where(free, value, -np.inf)))
            chosen[place], values[place], free[best] = best, value[best], False
            if place + 1 < k:
                nearest = np.maximum(nearest, to(best))
        return rows[chosen], values

    def state(self) -> State:
        """The inner state, and what tells items apart where that is a column."""
        arrays = {} if self._column is None else self._likeness.arrays()
        return State(arrays, {"column": self._column}, super().state().parts)

    def _with(self, inner: FittedRecommender, data: Dataset) -> FittedMmr:
        return _around(inner, data.items, self._column, self._settings)


class Mmr:
    """Fits `recommender`, which the registry made."""

    def __init__(self, settings: MmrSettings, recommender: Recommender) -> None:
        self._settings = settings
        self._recommender = recommender

    def fit(self, data: Dataset, context: FitContext, /) -> FittedMmr:
        """Fit the one inside; a column that can't be compared by is refused before.

        Raises SettingsError for such a column, and for vectors where there are none.
        """
        column = None
        if not self._settings.vectors:
            column = usable(data.items, self._settings.column, _KINDS, "hybrid.mmr")
        inner = self._recommender.fit(data, context)
        return _around(inner, data.items, column, self._settings)

    def restore(self, state: State, /) -> FittedMmr:
        """Bring the one inside back; its item vectors are compared anew where they were."""
        inner = self._recommender.restore(state.parts[INNER])
        column = state.meta["column"]
        if column is None:
            return FittedMmr(inner, _by_vectors(inner), None, self._settings)
        return FittedMmr(inner, likeness_from(state.arrays), str(column), self._settings)


def _around(
    inner: FittedRecommender, items: Items, column: str | None, settings: MmrSettings
) -> FittedMmr:
    likeness = _by_vectors(inner) if column is None else likeness_of(items, column)
    return FittedMmr(inner, likeness, column, settings)


def _by_vectors(inner: FittedRecommender) -> DenseLikeness:
    factored = capability(inner, Factored)
    # Vectors of one number, such as a popularity, all point the same way.
    if factored is None or factored.item_vectors.shape[1] < 2:
        raise SettingsError(
            "hybrid.mmr can't compare items by vectors, since the strategy inside has none; leave "
            "out vectors and name a column, or take a strategy that has some, such as mf.als"
        )
    return DenseLikeness.of(factored.item_vectors)
