"""What the strategies share once fitted: scores are sums of item-item weights over the likings.

With a text that an encoder reads, words of a question count as much as all likings together: their
scores, those of a liking of the item that they describe, are scaled to the length of the likings'.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from penchant.item_text import lengths
from penchant.protocols import Evidence

from penchant_cf.ranked import rank

if TYPE_CHECKING:
    from penchant.protocols import F32, I32, Bool
    from penchant.queries import Candidates, Csr, Queries, TopK

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
        said = self._said(queries)
        if said is not None:
            # Adding zeros changes no bit of the silent.
            scores += _as_long_as(scores, said)
        return scores if items is None else np.ascontiguousarray(scores[:, items])

    def answers(self, queries: Queries, /) -> Bool:
        """Those who liked anything, or say something that the encoder reads."""
        liked: Bool = self._likes(queries).counts() > 0
        said = self._said(queries)
        return liked if said is None else liked | np.asarray(said.any(axis=1), np.bool_)

    def explain(self, queries: Queries, item: int, /) -> Sequence[Evidence]:
        """What each liked item and the words add, positive or negative; they sum to the score."""
        liked = self._likes(queries).row(0)
        weights = self._weights.into(liked, item)
        reasons = [
            Evidence("item", weight, row, source=self.source)
            for row, weight in zip(liked.tolist(), weights.tolist(), strict=True)
            if weight
        ]
        said = self._said(queries)
        if said is not None:
            scores = self._weights.sums(self._likes(queries))
            weight = float(_as_long_as(scores, said)[0, item])
            reasons += [Evidence("text", weight, source=self.source)] if weight else []
        return tuple(sorted(reasons, key=lambda reason: -abs(reason.weight)))

    def similar_items(self, items: I32, candidates: Candidates, k: int, /) -> TopK:
        """Rank by likeness; only items that are alike at all (greater than 0) come back."""
        return rank(self._likeness(items), items, candidates, k)

    def _likeness(self, items: I32) -> F32:
        """(n, catalogue) float32: how alike each item is to each of `items`."""
        raise NotImplementedError

    def _said(self, queries: Queries) -> F32 | None:  # noqa: ARG002
        """(n, catalogue): the scores of a liking of what words describe, zeros for silence.

        None where all are silent, or nothing reads.
        """
        return None

    def _likes(self, queries: Queries) -> Csr:
        return queries.history.at_least(self._min_value).binary()


def _as_long_as(scores: F32, said: F32) -> F32:
    """Rows of `said` as long as those of `scores`, or as they are where those are zeros."""
    own, theirs = lengths(scores), lengths(said)
    scale = np.divide(own, theirs, out=np.ones_like(own), where=(own > 0) & (theirs > 0))
    return said * scale.astype(np.float32)[:, None]
