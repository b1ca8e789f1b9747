"""Likings: the pairs of user and item that a split parts, each once.

A log may hold several events of one pair. A recommender is asked for what is new to a user, so the
pair is what goes to one side or the other, dated by its first liking: a repetition is no discovery.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from penchant.errors import DataError

if TYPE_CHECKING:
    from penchant.data import Dataset
    from penchant.protocols import I32, I64, Bool


@dataclass(frozen=True, slots=True, eq=False)
class Likings:
    """The `n` likings of a dataset, in the order of the log.

    event: (n,) int64, position of each one's first liking among the events (first by time; equal or
    no times: by the log). user, item: (n,) int32 rows; `time`: (n,) int64, or None without times.
    item_rank: (n,) int32, the place of its item's id among all item ids in ascending order, so that
    ties don't depend on how items happen to be numbered.
    of_event: (events,) int64, the liking of each event's pair, -1 where the pair was never liked.
    liked: (events,) bool, whether the event itself is a liking.
    """

    event: I64
    user: I32
    item: I32
    time: I64 | None
    item_rank: I32
    of_event: I64
    liked: Bool

    @classmethod
    def of(cls, dataset: Dataset) -> Likings:
        """Find the likings (`dataset.min_value`). O(n log n). Raises DataError without any."""
        log = dataset.interactions
        least = dataset.min_value
        liked = np.ones(len(log), np.bool_) if least is None else log.value >= np.float32(least)
        events = np.flatnonzero(liked)
        if not len(events):
            what = "events" if least is None else f"likings (events of {least} or more)"
            raise DataError(
                f"the data have no {what} among their {len(log)} events, so there is nothing to "
                f"split{'' if least is None else '; lower min_value'}"
            )
        pair = log.user.astype(np.int64) * len(dataset.items) + log.item
        keys = pair[events]
        time = None if log.time is None else log.time[events]
        order = np.argsort(keys, kind="stable") if time is None else np.lexsort((time, keys))
        pairs, starts = np.unique(keys[order], return_index=True)
        first = events[order[starts]]
        in_log = np.argsort(first)

        place = np.empty(len(pairs), np.int64)
        place[in_log] = np.arange(len(pairs))
        at = np.minimum(np.searchsorted(pairs, pair), len(pairs) - 1)
        event = first[in_log]
        item = log.item[event]
        rank = np.empty(len(dataset.items), np.int32)
        rank[dataset.items.vocabulary.ascending()] = np.arange(len(rank), dtype=np.int32)
        return cls(
            event=event,
            user=log.user[event],
            item=item,
            time=None if log.time is None else log.time[event],
            item_rank=rank[item],
            of_event=np.where(pairs[at] == pair, place[at], -1),
            liked=liked,
        )

    def __len__(self) -> int:
        return len(self.event)
