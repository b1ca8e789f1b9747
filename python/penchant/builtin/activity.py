"""`base.activity`: how much, how widely and how lately each user acts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from penchant.builtin.times import DAY
from penchant.protocols import Features, FitContext, State

if TYPE_CHECKING:
    from penchant.data import Dataset
    from penchant.protocols import I32


NAMES = ("events", "items", "mean_value", "active_days", "days_since_last")


class ActivityExtraction:
    """Activity measured against a moment fixed at fit: the time of the last event seen then."""

    side: Literal["users", "items"] = "users"

    def __init__(self, now: int) -> None:
        self._now = now

    def extract(self, data: Dataset, rows: I32, /) -> Features:
        """Give (n, 5) float32, columns `NAMES`; zeros for a user without events. O(events).

        active_days is the span from the first event to the last; days_since_last counts back from
        the last event of the data fitted on. Both are 0 where the data have no times.
        """
        log = data.interactions
        users = len(data.users)
        events = np.bincount(log.user, minlength=users)
        table = np.zeros((users, len(NAMES)), np.float64)
        table[:, 0] = events
        table[:, 1] = log.by_user().counts()
        table[:, 2] = np.bincount(log.user, log.value, users) / np.maximum(events, 1)
        if log.time is not None and len(log):
            first = np.full(users, np.iinfo(np.int64).max)
            last = np.full(users, np.iinfo(np.int64).min)
            np.minimum.at(first, log.user, log.time)
            np.maximum.at(last, log.user, log.time)
            acted = events > 0
            table[acted, 3] = (last[acted] - first[acted]) / DAY
            table[acted, 4] = (self._now - last[acted]) / DAY
        return Features(np.ascontiguousarray(table[rows], np.float32), NAMES)

    def state(self) -> State:
        """The moment."""
        return State(meta={"now": self._now})


class ActivityExtractor:
    """Learns only when "now" was."""

    def fit(self, data: Dataset, context: FitContext, /) -> ActivityExtraction:  # noqa: ARG002
        """Take the time of the last event."""
        time = data.interactions.time
        return ActivityExtraction(int(time.max()) if time is not None and len(time) else 0)

    def restore(self, state: State, /) -> ActivityExtraction:
        """Bring back the moment."""
        return ActivityExtraction(int(str(state.meta["now"])))
