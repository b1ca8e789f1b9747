"""Trends: popularity in which a liking counts the less, the longer ago it was."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from penchant.builtin.popular import likers
from penchant.builtin.same_for_all import SameForAll, Standing, restored
from penchant.builtin.times import DAY, times_for
from penchant.protocols import FitContext, State

if TYPE_CHECKING:
    from penchant.builtin.settings import TrendingSettings
    from penchant.data import Dataset

# A liking of an item added after the fit is as of now, so it counts in full.
_STANDING = Standing("base.trending", "trend", likers)


class Trending:
    """An item's score is Σ 2^(-age / half_life) over the users who liked it.

    The age, in days, is from a user's last liking of it to the last event of the data.
    """

    def __init__(self, settings: TrendingSettings) -> None:
        self._half_life = settings.half_life

    def fit(self, data: Dataset, context: FitContext, /) -> SameForAll:  # noqa: ARG002
        """Add up the likings. O(events). Raises DataError for data without times."""
        now = times_for("base.trending", data.interactions.time).max()
        likings = data.positives()
        age = (now - times_for("base.trending", likings.times_by_user())) / DAY
        worth = np.exp2(-age / self._half_life)
        scores = np.bincount(likings.by_user().indices, worth, len(data.items))
        return SameForAll(scores.astype(np.float32), _STANDING)

    def restore(self, state: State, /) -> SameForAll:
        """Bring back the scores."""
        return restored(state, _STANDING)
