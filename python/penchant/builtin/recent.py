"""Recency: the items that came, or were met, last."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from penchant.builtin.same_for_all import SameForAll, Standing, restored
from penchant.builtin.times import DAY, times_for
from penchant.protocols import FitContext, State

if TYPE_CHECKING:
    from penchant.builtin.settings import RecentSettings
    from penchant.data import Dataset
    from penchant.protocols import F32


def _now(data: Dataset, first: int) -> F32:
    """Items that are added after the fit are of the moment, whatever the data say of them."""
    return np.ones(len(data.items) - first, np.float32)


_STANDING = Standing("base.recent", "recency", _now)


class Recent:
    """An item's score is 1 / (1 + age), its age in days from its event to the data's last one.

    The event is its first ("first": the newest items) or its last ("last": the items in use). An
    item without events has the score 0.
    """

    def __init__(self, settings: RecentSettings) -> None:
        self._event = settings.event

    def fit(self, data: Dataset, context: FitContext, /) -> SameForAll:  # noqa: ARG002
        """Find each item's event. O(events). Raises DataError for data without times."""
        items = data.interactions.item
        times = times_for("base.recent", data.interactions.time)
        age = (times.max() - times) / DAY
        scores = np.zeros(len(data.items), np.float64)
        if self._event == "last":
            np.maximum.at(scores, items, 1 / (1 + age))
        else:
            oldest = np.zeros(len(data.items), np.float64)
            np.maximum.at(oldest, items, age)
            scores[items] = 1 / (1 + oldest[items])
        return SameForAll(scores.astype(np.float32), _STANDING)

    def restore(self, state: State, /) -> SameForAll:
        """Bring back the scores."""
        return restored(state, _STANDING)
