"""What a model knows of its users: every event, merged by user and item."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from penchant import kernels
from penchant.errors import RequestError
from penchant.queries import Csr, TopK

if TYPE_CHECKING:
    from penchant.data import Vocabulary
    from penchant.protocols import F32, I32, I64
    from penchant.recommendations import Id

History = Sequence["Id"] | Mapping["Id", float]


@dataclass(frozen=True, repr=False)
class Past:
    """The events of all users, by user row.

    events: users x items, the latest value of each pair. times: microseconds of each, or None.
    min_value: what counts as a liking, or None for every event. liking: the value that an event
        told without one counts for; the mean of the likings fitted on.
    """

    events: Csr
    times: I64 | None
    min_value: float | None
    liking: float

    def __repr__(self) -> str:
        return f"Past({self.events.nnz} events of {self.events.rows} users)"

    def of(self, row: int) -> tuple[Csr, I64 | None]:
        """The history of one known user, as views."""
        events = self.events
        start, stop = events.indptr[row : row + 2].tolist()
        values = events.values
        one = Csr(
            np.array((0, stop - start), np.int64),
            events.indices[start:stop],
            None if values is None else values[start:stop],
            events.columns,
        )
        return one, None if self.times is None else self.times[start:stop]

    def told(self, history: History, items: Vocabulary) -> Csr:
        """A history in the caller's words: one row of the items known, ascending.

        Raises RequestError for what holds no ids, or a value that is not a finite number.
        """
        if isinstance(history, str | bytes):
            raise RequestError(f"history is a list of item ids, got the single text {history!r}")
        if not isinstance(history, Iterable):
            raise RequestError(f"history is a list of item ids, got {history!r}")
        if isinstance(history, Mapping):
            for item, value in history.items():
                if not _is_finite(value):
                    raise RequestError(
                        f"history gives item {item!r} the value {value!r}; wanted a finite number"
                    )
            rows = items.rows(list(history))
            order = rows.argsort()
            rows = rows[order]
            values = np.fromiter(history.values(), np.float32, len(rows))[order]
        else:
            try:
                once = list(dict.fromkeys(history))
            except TypeError:  # what can't be hashed is no id
                raise RequestError(f"history is a list of item ids, got {history!r}") from None
            rows = items.rows(once)
            rows.sort()
            values = np.full(len(rows), self.liking, np.float32)
        unknown = int(rows.searchsorted(0))  # they are -1, and come first
        rows, values = rows[unknown:], values[unknown:]
        return Csr(np.array((0, len(rows)), np.int64), rows, values, len(items))

    def alike(self, row: int, k: int) -> TopK:
        """Rank the other users by the cosine of what they liked; only those who share a liking.

        O(events of the items that this user liked).
        """
        liked, by_item, lengths = self._likings
        users = liked.rows
        one = liked.take(np.array((row,), np.int32))
        ones = np.ones(one.nnz, np.float32)
        shared = kernels.sparse_sparse(one.indptr, one.indices, ones, by_item, users)
        length = lengths * lengths[row]
        cosine = np.divide(shared, length, out=np.zeros_like(shared), where=length > 0)
        own = (np.array((0, 1), np.int64), np.array((row,), np.int32))
        related = kernels.bitset(np.flatnonzero(cosine[0] > 0).astype(np.int32), users)
        return TopK(*kernels.select_top_k(cosine, min(k, users), seen=own, allow=related))

    @cached_property
    def _likings(self) -> tuple[Csr, tuple[I64, I32, F32], F32]:
        liked = self.events.at_least(self.min_value)
        ones = np.ones(liked.nnz, np.float32)
        by_item = kernels.transpose(liked.indptr, liked.indices, ones, liked.columns)
        return liked, by_item, np.sqrt(liked.counts().astype(np.float32))


def _is_finite(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        return False
    return math.isfinite(value)
