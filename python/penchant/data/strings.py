"""Packed strings: UTF-8 bytes and offsets, so that a column of text is two plain arrays.

Packed text saves and maps like any other array, which a list of Python strings can't.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from penchant.data.arrays import frozen
from penchant.errors import DataError
from penchant.kernels import pack_strings, unpack_strings

if TYPE_CHECKING:
    from penchant.protocols import I32, I64, U8


def pack(values: Sequence[str], what: str) -> tuple[U8, I64]:
    """Pack strings into (bytes uint8, offsets int64 of length n + 1), both read-only.

    Raises DataError naming `what` and the position for a value that is no text, or is text that
    UTF-8 can't hold (a lone surrogate).
    """
    try:
        data, offsets = pack_strings(values if isinstance(values, list) else list(values))
    except (TypeError, ValueError) as error:
        raise DataError(_culprit(values, what) or f"{what}: {error}") from None
    return frozen(data), frozen(offsets)


def unpack(data: U8, offsets: I64, rows: I32 | None = None) -> list[str]:
    """Give the strings at `rows` (all of them for None), in that order."""
    if rows is None:
        rows = np.arange(len(offsets) - 1, dtype=np.int32)
    return unpack_strings(data, offsets, np.ascontiguousarray(rows, np.int32))


def _culprit(values: Sequence[object], what: str) -> str | None:
    for position, value in enumerate(values):
        if not isinstance(value, str):
            return f"{what} holds {value!r} at position {position}; wanted text"
        try:
            value.encode()
        except UnicodeEncodeError:
            return (
                f"{what} holds {value!r} at position {position}, which is no valid Unicode text "
                f"(a lone surrogate); decode the data with the right encoding"
            )
    return None
