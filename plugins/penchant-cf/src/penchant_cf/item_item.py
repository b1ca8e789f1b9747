"""What the strategies share once fitted: scores are sums of item-item weights over the likings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from penchant import kernels
from penchant.protocols import Evidence
from penchant.queries import Csr, TopK

if TYPE_CHECKING:
    from penchant.protocols import F32, I32, Bool
    from penchant.queries import Candidates, Queries

    from penchant_cf.weights import Weights


class FittedItemItem:
    """score(query, i) = Σ weight(j, i) over the items j that the query liked.

    Everybody is answered from the likings in their history, so a stranger folds in by construction
    and a user's row at fit plays no part.
    """

    source = ""  # the full name of the component, for evidence

    def __init__(self, weights: Weights, min_value: float | None) -> None:
        self._weights = weights
        self._min_value = min_value

    def score(self, queries: Queries, items: I32 | None, /) -> F32:
        """Sum the weights. O(n·catalogue + weights of the likings), also for few items."""
        scores = self._weights.sums(self._likes(queries))
        return scores if items is None else np.ascontiguousarray(scores[:, items])

    def answers(self, queries: Queries, /) -> Bool:
        """Those who liked anything."""
        return self._likes(queries).counts() > 0

    def explain(self, queries: Queries, item: int, /) -> Sequence[Evidence]:
        """What each liked item adds to the score, positive or negative; they sum to the score."""
        liked = self._likes(queries).row(0)
        weights = self._weights.into(liked, item)
        order = np.argsort(-np.abs(weights), kind="stable")
        return tuple(
            Evidence("item", float(weights[at]), int(liked[at]), source=self.source)
            for at in order[weights[order] != 0].tolist()
        )

    def similar_items(self, items: I32, candidates: Candidates, k: int, /) -> TopK:
        """Rank by likeness; only items that are alike at all (greater than 0) come back."""
        likeness = self._likeness(items)
        alike = likeness > 0
        alike[np.arange(len(items)), items] = False
        if candidates.lists is not None:
            alike &= candidates.lists.binary().to_dense() > 0
        rows, columns = np.nonzero(alike)
        lists = Csr.from_pairs(
            rows.astype(np.int32), columns.astype(np.int32), None, likeness.shape
        )
        seen = candidates.seen
        return TopK(
            *kernels.select_top_k(
                likeness,
                k,
                seen=None if seen is None else (seen.indptr, seen.indices),
                allow=candidates.allow,
                deny=candidates.deny,
                lists=(lists.indptr, lists.indices),
            )
        )

    def _likeness(self, items: I32) -> F32:
        """(n, catalogue) float32: how alike each item is to each of `items`."""
        raise NotImplementedError

    def _likes(self, queries: Queries) -> Csr:
        return queries.history.at_least(self._min_value).binary()
