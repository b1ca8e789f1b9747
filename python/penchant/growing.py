"""Rows appended to an array without a copy of the others: what a catalogue's new items need.

An array that was appended to lies in memory with room after its last row. The next rows are written
there, and the new array and the old one show the same memory, each as far as it goes; what any
array shows never changes.
"""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Any
from weakref import ReferenceType, ref

import numpy as np

if TYPE_CHECKING:
    from penchant.protocols import F32

# Room for new rows, as a part of those there are, and at the least.
_SPARE, _LEAST = 16, 64


class _Room(np.ndarray[Any, Any]):
    """Memory for rows; the first `used` of them have been written, and stay as they are.

    source: the array that the first rows are a copy of.
    """

    source: ReferenceType[F32]
    used: int
    lock: Lock

    def claim(self, shown: int, count: int) -> bool:
        """Claim `count` rows after the first `shown`; not where they are taken, or there are none.

        Two threads may append to one array at once: one of them gets the room.
        """
        with self.lock:
            if self.used != shown or shown + count > len(self):
                return False
            self.used += count
            return True


def appended(array: F32, rows: F32) -> F32:
    """(n + m, d) float32, read-only: the rows of `array`, (n, d), then `rows`, (m, d).

    O(m·d) where `array` came from here and nothing was appended to it since, or else O((n + m)·d).
    """
    size = len(array) + len(rows)
    room = array.base
    if not (isinstance(room, _Room) and room.claim(len(array), len(rows))):
        room = _Room((size + max(size // _SPARE, _LEAST), array.shape[1]), np.float32)
        room[: len(array)] = array
        room.source, room.used, room.lock = ref(array), size, Lock()
    room[len(array) : size] = rows
    whole: F32 = np.ndarray((size, array.shape[1]), np.float32, buffer=room)
    whole.setflags(write=False)
    return whole


def begins_with(array: F32, first: F32) -> bool:
    """Whether the first rows of `array` have the bits of `first`.

    Both are C-contiguous, read-only float32. O(1) where `array` grew from `first`.
    """
    known = array[: len(first)]
    if known.shape != first.shape:
        return False
    if isinstance(array.base, _Room) and (array.base is first.base or array.base.source() is first):
        return True
    return bool(np.array_equal(known.view(np.uint32), first.view(np.uint32)))
