"""Rows of a table as they were read: ids parsed, what is wrong with them told, the rest kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from penchant.data.parsing import IdColumn, parse_ids, parse_numbers

if TYPE_CHECKING:
    import numpy.typing as npt

    from penchant.data.cleaning import Cleaner
    from penchant.data.frames import Frame
    from penchant.data.readers import Reading
    from penchant.protocols import F32, I64, Bool

# Source, target and weight of each edge between users.
Edges: TypeAlias = "tuple[IdColumn, IdColumn, F32]"


@dataclass(frozen=True)
class Rows:
    """A table of items or users: its ids, and the positions of the rows to keep."""

    frame: Frame
    column: str
    ids: IdColumn
    kept: I64

    def own(self) -> IdColumn:
        """The ids of the rows kept, in the table's order."""
        return self.ids.take(self.kept)


def read_rows(
    table: Any, reading: Reading, what: str, names: tuple[str | None, ...], cleaner: Cleaner
) -> Rows | None:
    """Read a table of one row an id; `names` of its column: the one asked for, then usual ones."""
    if table is None:
        return None
    frame = reading.read(table, what)
    tell_ragged(frame, cleaner)
    asked, *usual = names
    column = asked or frame.first_of(*(name for name in usual if name)) or str(usual[0])
    ids = parse_ids(frame[column], f"column {column!r} of the {what}", written=frame.written)
    cleaner.rows(f"{what}: {column} is missing", ids.missing, frame.numbers)
    again = repeated([ids.numbers]) & ~ids.missing
    cleaner.rows(f"{what}: {column} is repeated", again, frame.numbers)
    return Rows(frame, column, ids, np.flatnonzero(~(ids.missing | again)))


def read_edges(
    frame: Frame, source: str, target: str, weight: str | None, cleaner: Cleaner
) -> Edges:
    """Read edges between users; each weighs 1 where no column of weights is there."""
    tell_ragged(frame, cleaner)
    ends = [
        parse_ids(frame[name], f"column {name!r} of the relations", written=frame.written)
        for name in (source, target)
    ]
    weights = np.ones(frame.rows, np.float32)
    bad = ends[0].missing | ends[1].missing
    cleaner.rows("relations: a user is missing", bad, frame.numbers)
    name = weight or frame.first_of("weight")
    if name is not None:
        _, weights, unread = read_floats(frame, name)
        unread |= ~np.isfinite(weights)
        cleaner.rows(f"relations: {name} is no finite number", unread, frame.numbers)
        bad |= unread
    kept = np.flatnonzero(~bad)
    return ends[0].take(kept), ends[1].take(kept), weights[kept]


def read_floats(frame: Frame, name: str) -> tuple[npt.NDArray[np.float64], F32, Bool]:
    """A column as float64 and float32, where too large a number is infinite, and what is none."""
    wide, unread = parse_numbers(frame[name])
    with np.errstate(over="ignore"):
        return wide, wide.astype(np.float32), unread


def repeated(keys: list[npt.NDArray[Any]]) -> Bool:
    """The rows whose keys all equal those of an earlier row; O(n log n)."""
    order = np.lexsort(keys[::-1])
    same = np.ones(max(len(order) - 1, 0), np.bool_)
    for key in keys:
        ascending = key[order]
        same &= ascending[1:] == ascending[:-1]
    again = np.zeros(len(order), np.bool_)
    again[order[1:][same]] = True
    return again


def tell_ragged(frame: Frame, cleaner: Cleaner) -> None:
    """Tell of the rows that reading left out."""
    if frame.ragged is not None:
        cleaner.problem(f"{frame.what}: a wrong number of fields", frame.ragged)
