"""Popularity: the baseline that every claim is held against, and the answer for the unknown."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from penchant.builtin.same_for_all import SameForAll, Standing, restored
from penchant.protocols import FitContext, State

if TYPE_CHECKING:
    from penchant.data import Dataset
    from penchant.protocols import F32


class Popular:
    """An item's score is how many users liked it."""

    def fit(self, data: Dataset, context: FitContext, /) -> SameForAll:  # noqa: ARG002
        """Count positives by item. O(events)."""
        return SameForAll(likers(data), _STANDING)

    def restore(self, state: State, /) -> SameForAll:
        """Bring back the counts."""
        return restored(state, _STANDING)


def likers(data: Dataset, first: int = 0) -> F32:
    """How many users liked each item from row `first` on, (items - first,) float32."""
    liked = data.positive_csr()
    return np.bincount(liked.indices, minlength=len(data.items))[first:].astype(np.float32)


_STANDING = Standing("base.popular", "popularity", likers)
