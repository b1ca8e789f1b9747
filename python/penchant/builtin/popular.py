"""Popularity: the baseline that every claim is held against, and the answer for the unknown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from penchant import kernels
from penchant.protocols import Evidence, FitContext, State

if TYPE_CHECKING:
    from penchant.data import Dataset
    from penchant.protocols import F32, I32, Bool
    from penchant.queries import Queries


class FittedPopular:
    """An item's score is how many users liked it, the same for everybody."""

    def __init__(self, counts: F32) -> None:
        counts.setflags(write=False)
        self._counts = counts

    @property
    def item_vectors(self) -> F32:
        """(items, 1): the counts."""
        return self._counts.reshape(-1, 1)

    def query_vectors(self, queries: Queries, /) -> F32:
        """(n, 1): ones."""
        return np.ones((len(queries), 1), np.float32)

    def score(self, queries: Queries, items: I32 | None, /) -> F32:
        """Give everybody the counts. O(n·m)."""
        chosen = self.item_vectors if items is None else self.item_vectors[items]
        return kernels.dot(self.query_vectors(queries), chosen)

    def answers(self, queries: Queries, /) -> Bool:
        """Everybody can be told what is popular."""
        return np.ones(len(queries), bool)

    def explain(self, queries: Queries, item: int, /) -> Sequence[Evidence]:  # noqa: ARG002
        """The one reason there is; its weight is the score."""
        return (Evidence("popularity", float(self._counts[item]), source="base.popular"),)

    def with_items(self, data: Dataset, /) -> FittedPopular:
        """Count who likes the new items."""
        new = _counts(data)[len(self._counts) :]
        return FittedPopular(np.concatenate([self._counts, new]))

    def state(self) -> State:
        """The counts."""
        return State({"counts": self._counts})


class Popular:
    """Counts the users whose value for an item is a liking."""

    def fit(self, data: Dataset, context: FitContext, /) -> FittedPopular:  # noqa: ARG002
        """Count positives by item. O(events)."""
        return FittedPopular(_counts(data))

    def restore(self, state: State, /) -> FittedPopular:
        """Bring back the counts."""
        return FittedPopular(np.asarray(state.arrays["counts"]))


def _counts(data: Dataset) -> F32:
    liked = data.positive_csr()
    return np.bincount(liked.indices, minlength=len(data.items)).astype(np.float32)
