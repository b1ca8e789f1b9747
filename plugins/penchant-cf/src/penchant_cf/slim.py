"""`cf.slim`: few other items foretell the liking of one, linearly.

Ning, Karypis, "SLIM: Sparse Linear Methods for Top-N Recommender Systems", 2011. With X the users x
items matrix of likings, W is the matrix of zero diagonal that has the least (eq. 3)

    |X - XW|² / 2 + l2·|W|² / 2 + l1·Σ|W|        and, unless told otherwise, no W below 0.

Columns of W are apart from each other; `kernels.slim` finds each by coordinate descent (Friedman,
Hastie, Tibshirani, "Regularization Paths for Generalized Linear Models via Coordinate Descent",
2010). To save time the paper looks for weights among an item's nearest neighbours alone (fsSLIM).
Here all items that share more than l1 likings with it are looked at, and no others can have one.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from penchant import kernels
from penchant.protocols import FitContext, State
from penchant.queries import Csr

from penchant_cf.item_item import FittedItemItem
from penchant_cf.item_knn import hear
from penchant_cf.weights import SparseWeights, Weights, csr_parts, weights_of

if TYPE_CHECKING:
    from penchant.data import Dataset
    from penchant.protocols import F32, I32

    from penchant_cf.settings import SlimSettings


class FittedSlim(FittedItemItem):
    """Weights are regression coefficients: row j says what a liking of j adds to other items."""

    source = "cf.slim"

    def with_items(self, data: Dataset, /) -> FittedSlim:
        """New items have no weights until the next fit."""
        return FittedSlim(self._weights.grown(len(data.items)), self._min_value)

    def state(self) -> State:
        """The weights that are not 0."""
        meta = {"items": self._weights.items, "min_value": self._min_value}
        return State(self._weights.arrays(), meta)

    def _likeness(self, items: I32) -> F32:
        """What foretells each item; the other way round a rare item would be like none."""
        return self._foretelling.rows(items)

    @cached_property
    def _foretelling(self) -> Weights:
        return _turned(self._weights)


class Slim:
    """Solves for each item's weights."""

    def __init__(self, settings: SlimSettings) -> None:
        self._settings = settings

    def fit(self, data: Dataset, context: FitContext, /) -> FittedSlim:
        """Solve item by item.

        O(likings + threads·(users + items) + weights) memory. An item takes some tens of passes
        over the likings of the items that it shares users with, most of them over those alone that
        have a weight.
        """
        likes = data.positive_csr().binary()
        after = hear(context, FittedSlim.source, "item weights")
        after(0, likes.columns)
        settings = self._settings
        weights = kernels.slim(
            *csr_parts(likes),
            likes.columns,
            l1=settings.l1,
            l2=settings.l2,
            non_negative=settings.non_negative,
            threads=context.threads,
            progress=after,
        )
        return FittedSlim(_turned(SparseWeights(Csr(*weights, likes.columns))), data.min_value)

    def restore(self, state: State, /) -> FittedSlim:
        """Bring the weights back."""
        least = state.meta["min_value"]
        return FittedSlim(
            weights_of(state.arrays, int(str(state.meta["items"]))),
            None if least is None else float(str(least)),
        )


def _turned(weights: Weights) -> SparseWeights:
    """Rows become columns."""
    arrays = weights.arrays()
    indptr, indices, values = (np.asarray(arrays[at]) for at in ("indptr", "indices", "values"))
    turned = kernels.transpose(indptr, indices, values, weights.items)
    return SparseWeights(Csr(*turned, weights.items))
