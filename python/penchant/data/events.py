"""Events as they were read: who, what, how much, when, of which kind, and which rows are bad."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from penchant.data.interactions import MAX_KINDS
from penchant.data.parsing import IdColumn, absent, parse_ids, parse_kinds, parse_times
from penchant.data.rows import read_floats, repeated, tell_ragged
from penchant.errors import DataError

if TYPE_CHECKING:
    from penchant.data.cleaning import Cleaner
    from penchant.data.frames import Frame, Values
    from penchant.data.parsing import TimeUnit
    from penchant.protocols import F32, I64, U8, Bool

_HINT = "; say which columns hold what by `user`, `item`, `value`, `time`"


@dataclass(frozen=True, kw_only=True)
class Columns:
    """Which columns hold what; None looks for the usual names."""

    user: str
    item: str
    value: str | None
    time: str | None
    kind: str | None
    user_id: str | None
    item_id: str | None
    source: str
    target: str
    weight: str | None

    def __post_init__(self) -> None:
        for role, name in vars(self).items():
            if name is not None and not isinstance(name, str):
                raise DataError(f"{role} must be the name of a column, got {name!r}")
        if self.user == self.item:
            raise DataError(f"user and item must be different columns, got {self.user!r} for both")

    def of_matrix(self) -> Columns:
        """The names that the cells of a matrix are read by."""
        return replace(self, user="user", item="item", value="value", time=None, kind=None)


@dataclass(frozen=True)
class Events:
    """Every row read, the bad ones too: (n,) arrays, and the columns that nothing was read from."""

    user: IdColumn
    item: IdColumn
    value: F32
    time: I64 | None
    kind: U8 | None
    kinds: tuple[str, ...]
    bad: Bool
    unused: tuple[str, ...]


def read_events(
    frame: Frame,
    columns: Columns,
    rating_range: tuple[float, float] | None,
    unit: TimeUnit,
    cleaner: Cleaner,
) -> Events:
    """Read the events of a frame; what is wrong is told to `cleaner`, and nothing is left out."""
    tell_ragged(frame, cleaner)
    if not frame.hint:
        frame = replace(frame, hint=_HINT)
    user, item = (_ids(frame, name, cleaner) for name in (columns.user, columns.item))
    bad = user.missing | item.missing

    value = np.ones(frame.rows, np.float32)
    value_name = columns.value or frame.first_of("value", "rating")
    if value_name is not None:
        value, wrong = _values(frame, value_name, rating_range, cleaner)
        bad |= wrong

    time: I64 | None = None
    time_name = columns.time or frame.first_of("time", "timestamp")
    if time_name is not None:
        time, wrong = parse_times(frame[time_name], unit, written=frame.written)
        got = _time_got(frame[time_name], wrong, unit)
        cleaner.rows(f"{time_name} is missing or no time", wrong, frame.numbers, got)
        bad |= wrong

    kind: U8 | None = None
    kinds: tuple[str, ...] = ()
    if columns.kind is not None:
        what = f"column {columns.kind!r}"
        kind, kinds, wrong = parse_kinds(frame[columns.kind], what, MAX_KINDS)
        cleaner.rows(f"{columns.kind} is missing", wrong, frame.numbers)
        bad |= wrong

    pair = user.numbers * max(frame.rows, 1) + item.numbers
    if time is not None:
        # Without a time, two equal rows may well be two events.
        again = repeated([pair, time, value, *([] if kind is None else [kind])]) & ~bad
        cleaner.rows("an earlier event is repeated exactly", again, frame.numbers)
        bad |= again
    else:
        again = repeated([pair]) & ~bad
        cleaner.note("events of a pair met before, without a time", int(again.sum()))
    read = (columns.user, columns.item, value_name, time_name, columns.kind)
    unused = tuple(name for name in frame.names if name not in read)
    return Events(user, item, value, time, kind, kinds, bad, unused)


def _ids(frame: Frame, name: str, cleaner: Cleaner) -> IdColumn:
    ids = parse_ids(frame[name], f"column {name!r}", written=frame.written)
    cleaner.rows(f"{name} is missing", ids.missing, frame.numbers)
    return ids


def _values(
    frame: Frame, name: str, rating_range: tuple[float, float] | None, cleaner: Cleaner
) -> tuple[F32, Bool]:
    """The values of a column, and the rows in which they are none or out of range."""
    wide, values, unread = read_floats(frame, name)
    infinite = ~np.isfinite(values) & ~unread
    got = _number_got(frame[name], unread)
    cleaner.rows(f"{name} is no number", unread, frame.numbers, got)
    cleaner.rows(f"{name} is missing or not finite", infinite, frame.numbers)
    bad = unread | infinite
    if rating_range is not None:
        low, high = rating_range
        outside = ~bad & ((wide < low) | (wide > high))
        cleaner.rows(f"{name} is outside of {low:g} to {high:g}", outside, frame.numbers)
        bad |= outside
    return values, bad


def _number_got(values: Values, bad: Bool) -> str:
    """An example of what is no number."""
    first = next((values[at] for at in np.flatnonzero(bad).tolist() if values[at]), None)
    if first is None:
        return ""
    comma = isinstance(first, str) and first.replace(",", "", 1).strip().isdigit()
    return f"such as {first!r}{', wanted a point for the decimals' if comma else ''}"


def _time_got(values: Values, bad: Bool, unit: TimeUnit) -> str:
    """An example of what is no time; nothing where all are missing."""
    if isinstance(values, np.ndarray):
        far = values[bad & np.isfinite(values)] if values.dtype.kind in "if" else values[:0]
        if not len(far):
            return ""
        return f"such as {far[0]}, too many {unit} since 1970; time_unit says what a number counts"
    first = next((values[at] for at in np.flatnonzero(bad).tolist() if values[at]), None)
    if first is None or absent(first):
        return ""
    return f"such as {first!r}, wanted ISO 8601 (2024-05-31T18:00) or a number"
