"""Tables to a dataset: reading, cleaning, numbering of ids, in that order.

Everything is read and judged before anything is refused, so that one error names all that is wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from penchant.data.arrays import frozen
from penchant.data.attributes import Kinds, attributes
from penchant.data.cleaning import Cleaner, CleaningReport
from penchant.data.frames import Frame, from_matrix, is_matrix
from penchant.data.interactions import MAX_KINDS, Interactions
from penchant.data.parsing import (
    IdColumn,
    TimeUnit,
    absent,
    agreed,
    parse_ids,
    parse_kinds,
    parse_numbers,
    parse_times,
)
from penchant.data.readers import Reading
from penchant.data.relations import Relations
from penchant.data.tables import Items, Table, Users
from penchant.data.vocabulary import Vocabulary
from penchant.errors import DataError
from penchant.suggestions import did_you_mean

if TYPE_CHECKING:
    import numpy.typing as npt

    from penchant.data.frames import Values
    from penchant.protocols import F32, I32, I64, U8, Bool

T = TypeVar("T", bound=Table)

_VALUES, _TIMES, _WEIGHTS = ("value", "rating"), ("time", "timestamp"), ("weight",)


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


@dataclass(frozen=True)
class Built:
    """The parts of a dataset."""

    users: Users
    items: Items
    interactions: Interactions
    relations: Relations | None
    report: CleaningReport


@dataclass(frozen=True)
class _Events:
    user: IdColumn
    item: IdColumn
    value: F32
    time: I64 | None
    kind: U8 | None
    kinds: tuple[str, ...]
    bad: Bool
    unused: tuple[str, ...]


@dataclass(frozen=True)
class _Rows:
    """A table of items or users: its ids, and the positions of the rows to keep."""

    frame: Frame
    column: str
    ids: IdColumn
    kept: I64


def build(
    interactions: Any,
    *,
    items: Any,
    users: Any,
    relations: Any,
    columns: Columns,
    kinds: Kinds,
    reading: Reading,
    rating_range: tuple[float, float] | None,
    time_unit: TimeUnit,
    cleaner: Cleaner,
) -> Built:
    """Read all tables, clean them and number their ids; see `Dataset.from_frame`."""
    shape: tuple[int, int] | None = None
    if is_matrix(interactions):
        frame, shape = from_matrix(interactions, "interactions")
        columns = _matrix_columns(columns)
    else:
        frame = reading.read(interactions, "interactions")
    other = Reading(
        delimiter=reading.delimiter,
        quote=reading.quote,
        encoding=reading.encoding,
        sources=reading.sources,
    )
    rows_in = frame.rows + (frame.ragged.count if frame.ragged else 0)
    if not rows_in and shape is None:
        raise DataError(
            "the interactions have no rows; a dataset needs at least one event of one user"
        )
    events = _read_events(frame, columns, rating_range, time_unit, cleaner)
    item_rows = _read_table(
        items, other, "items", (columns.item_id, columns.item, "item_id"), cleaner
    )
    user_rows = _read_table(
        users, other, "users", (columns.user_id, columns.user, "user_id"), cleaner
    )
    tables = [rows for rows in (item_rows, user_rows) if rows is not None]
    _check_said(kinds, [rows.frame for rows in tables])
    item_columns = {} if item_rows is None else _attributes(item_rows, kinds, cleaner)
    user_columns = {} if user_rows is None else _attributes(user_rows, kinds, cleaner)
    edges = None
    if relations is not None:
        edges = _read_relations(other.read(relations, "relations"), columns, cleaner)
    cleaner.check()

    kept = np.flatnonzero(~events.bad)
    if not len(kept) and shape is None:
        raise DataError(
            f"none of the {rows_in} rows of the interactions is left after cleaning: "
            f"{cleaner.told()}"
        )
    user_ids, user = _number(
        events.user, kept, user_rows, edges[:2] if edges else (), shape[0] if shape else None
    )
    item_ids, item = _number(events.item, kept, item_rows, (), shape[1] if shape else None)
    item_table = _table(Items, item_ids, item_rows, item_columns, cleaner)
    user_table = _table(Users, user_ids, user_rows, user_columns, cleaner)
    log = Interactions(
        user=frozen(user),
        item=frozen(item),
        value=frozen(events.value[kept]),
        time=None if events.time is None else frozen(events.time[kept]),
        kind=None if events.kind is None else frozen(events.kind[kept]),
        kinds=events.kinds,
        n_users=len(user_ids),
        n_items=len(item_ids),
    )
    ties = None if edges is None else _relations(edges, user_ids, cleaner)
    return Built(
        user_table, item_table, log, ties, cleaner.report(rows_in, len(kept), events.unused)
    )


def build_items(table: Any, like: Items, item: str) -> Items:
    """Read a table of more items, its columns of the kinds that they have in `like`.

    table: as `Dataset.from_frame` reads it, or a list of rows, each a mapping of column to value.
    item: the column of ids. A column that `like` doesn't have is guessed. Raises DataError.
    """
    said: dict[str, list[str]] = {}
    for name, column in like.columns.items():
        said.setdefault(column.kind, []).append(name)
    cleaner = Cleaner("refuse")
    rows = _read_table(_by_column(table), Reading(), "items", (item,), cleaner)
    if rows is None:
        raise DataError("the items are None; wanted a table with a row an item")
    columns = _attributes(rows, Kinds(**said), cleaner)  # type: ignore[arg-type]
    cleaner.check()
    own = rows.ids.take(rows.kept)
    (ids,) = agreed([own])
    if like.vocabulary.kind == "str" and own.texts is not None:
        ids = own.texts
    return Items(Vocabulary.from_ids(ids), columns)


def _by_column(table: Any) -> Any:
    """Rows of mappings as a mapping of columns; anything else as it is."""
    if not isinstance(table, list) or not all(isinstance(row, Mapping) for row in table):
        return table
    names = dict.fromkeys(name for row in table for name in row)
    return {name: [row.get(name) for row in table] for name in names}


# ---- reading


def _read_events(
    frame: Frame,
    columns: Columns,
    rating_range: tuple[float, float] | None,
    unit: TimeUnit,
    cleaner: Cleaner,
) -> _Events:
    numbers = frame.numbers
    _tell_ragged(frame, cleaner)
    if not frame.hint:
        frame = replace(
            frame, hint="; say which columns hold what by `user`, `item`, `value`, `time`"
        )
    user = parse_ids(frame[columns.user], f"column {columns.user!r}", written=frame.written)
    item = parse_ids(frame[columns.item], f"column {columns.item!r}", written=frame.written)
    cleaner.rows(f"{columns.user} is missing", user.missing, numbers)
    cleaner.rows(f"{columns.item} is missing", item.missing, numbers)
    bad = user.missing | item.missing

    value_name = columns.value or frame.first_of(*_VALUES)
    values = np.ones(frame.rows, np.float32)
    if value_name is not None:
        wide, unread = parse_numbers(frame[value_name])
        with np.errstate(over="ignore"):
            values = wide.astype(np.float32)
        infinite = ~np.isfinite(values) & ~unread
        cleaner.rows(
            f"{value_name} is no number", unread, numbers, _number_got(frame[value_name], unread)
        )
        cleaner.rows(f"{value_name} is missing or not finite", infinite, numbers)
        bad |= unread | infinite
        if rating_range is not None:
            low, high = rating_range
            outside = ~(unread | infinite) & ((wide < low) | (wide > high))
            cleaner.rows(f"{value_name} is outside of {low:g} to {high:g}", outside, numbers)
            bad |= outside

    time_name = columns.time or frame.first_of(*_TIMES)
    times = None
    if time_name is not None:
        times, unread = parse_times(frame[time_name], unit, written=frame.written)
        cleaner.rows(
            f"{time_name} is missing or no time",
            unread,
            numbers,
            _time_got(frame[time_name], unread),
        )
        bad |= unread

    kind: U8 | None = None
    kinds: tuple[str, ...] = ()
    if columns.kind is not None:
        kind, kinds, missing = parse_kinds(
            frame[columns.kind], f"column {columns.kind!r}", MAX_KINDS
        )
        cleaner.rows(f"{columns.kind} is missing", missing, numbers)
        bad |= missing

    pair = user.numbers * max(frame.rows, 1) + item.numbers
    if times is not None:
        # Without a time, two equal rows may well be two events.
        again = _repeated([pair, times, values, *([] if kind is None else [kind])]) & ~bad
        cleaner.rows("an earlier event is repeated exactly", again, numbers)
        bad |= again
    else:
        cleaner.note(
            "events of a pair met before, without a time", int((_repeated([pair]) & ~bad).sum())
        )
    read = (columns.user, columns.item, value_name, time_name, columns.kind)
    unused = tuple(name for name in frame.names if name not in read)
    return _Events(user, item, values, times, kind, kinds, bad, unused)


def _number_got(values: Values, bad: Bool) -> str:
    """An example of what is no number."""
    first = next((values[at] for at in np.flatnonzero(bad).tolist() if values[at]), None)
    if first is None:
        return ""
    comma = isinstance(first, str) and first.replace(",", "", 1).strip().isdigit()
    return f"such as {first!r}{', wanted a point for the decimals' if comma else ''}"


def _time_got(values: Values, bad: Bool) -> str:
    """An example of what is no time; nothing where all are missing."""
    if isinstance(values, np.ndarray):
        return ""
    first = next((values[at] for at in np.flatnonzero(bad).tolist() if values[at]), None)
    if first is None or absent(first):
        return ""
    return f"such as {first!r}, wanted ISO 8601 (2024-05-31T18:00) or a number"


def _read_table(
    table: Any, reading: Reading, what: str, names: tuple[str | None, ...], cleaner: Cleaner
) -> _Rows | None:
    if table is None:
        return None
    frame = reading.read(table, what)
    _tell_ragged(frame, cleaner)
    asked, *usual = names
    column = asked or frame.first_of(*(name for name in usual if name)) or str(usual[0])
    ids = parse_ids(frame[column], f"column {column!r} of the {what}", written=frame.written)
    cleaner.rows(f"{what}: {column} is missing", ids.missing, frame.numbers)
    again = _repeated([ids.numbers]) & ~ids.missing
    cleaner.rows(f"{what}: {column} is repeated", again, frame.numbers)
    return _Rows(frame, column, ids, np.flatnonzero(~(ids.missing | again)))


def _read_relations(
    frame: Frame, columns: Columns, cleaner: Cleaner
) -> tuple[IdColumn, IdColumn, F32]:
    _tell_ragged(frame, cleaner)
    source = parse_ids(
        frame[columns.source], f"column {columns.source!r} of the relations", written=frame.written
    )
    target = parse_ids(
        frame[columns.target], f"column {columns.target!r} of the relations", written=frame.written
    )
    weights = np.ones(frame.rows, np.float32)
    bad = source.missing | target.missing
    cleaner.rows("relations: a user is missing", bad, frame.numbers)
    name = columns.weight or frame.first_of(*_WEIGHTS)
    if name is not None:
        wide, unread = parse_numbers(frame[name])
        with np.errstate(over="ignore"):
            weights = wide.astype(np.float32)
        unread |= ~np.isfinite(weights)
        cleaner.rows(f"relations: {name} is no finite number", unread, frame.numbers)
        bad |= unread
    kept = np.flatnonzero(~bad)
    return source.take(kept), target.take(kept), weights[kept]


def _attributes(rows: _Rows, kinds: Kinds, cleaner: Cleaner) -> dict[str, Any]:
    return attributes(rows.frame, rows.column, kinds, rows.kept, cleaner)


def _check_said(kinds: Kinds, frames: list[Frame]) -> None:
    known = [name for frame in frames for name in frame.names]
    for name in kinds.said:
        if name not in known:
            raise DataError(
                f"no table of items or users has the column {name!r}{did_you_mean(name, known)} "
                f"(columns: {', '.join(known) or 'none'})"
            )


# ---- numbering


def _number(
    ids: IdColumn,
    kept: I64,
    table: _Rows | None,
    others: tuple[IdColumn, ...],
    size: int | None,
) -> tuple[Vocabulary, I32]:
    """The vocabulary (the table's order, then by first appearance) and the row of each event.

    `others` only have a say in whether the ids are text or integers. `size`: the ids are all of
    0 to size - 1, as the rows of a matrix are.
    """
    codes = ids.numbers[kept]
    _, first, inverse = np.unique(codes, return_index=True, return_inverse=True)
    distinct = ids.take(kept[first[np.argsort(first)]])
    place = np.empty(len(first), np.int64)
    place[np.argsort(first)] = np.arange(len(first))
    columns = [distinct, *others]
    if table is not None:
        columns.append(table.ids.take(table.kept))
    if size is not None:
        every = np.arange(size, dtype=np.int64)
        columns.append(IdColumn("the matrix", None, every, np.zeros(size, np.bool_)))
    typed = agreed(columns)
    ahead: list[list[str] | I64] = typed[1 + len(others) :]
    vocabulary, rows = Vocabulary.unique(_chained([*ahead, typed[0]]))
    own = rows[len(rows) - len(first) :]
    return vocabulary, own[place[inverse.reshape(-1)]].astype(np.int32)


def _chained(parts: list[list[str] | I64]) -> list[str] | I64:
    if isinstance(parts[0], list):
        return [text for part in parts for text in part]
    return np.concatenate(parts)


def _table(
    kind: type[T], ids: Vocabulary, rows: _Rows | None, columns: dict[str, Any], cleaner: Cleaner
) -> T:
    if rows is None:
        return kind(ids)
    (own,) = agreed([rows.ids.take(rows.kept)])
    if ids.kind == "str" and not isinstance(own, list):
        own = rows.ids.take(rows.kept).texts or []
    place = np.full(len(ids), -1, np.int32)
    place[ids.rows(own)] = np.arange(len(rows.kept), dtype=np.int32)
    what = rows.frame.what
    cleaner.note(f"{what} without a row in their table", int((place < 0).sum()))
    return kind(ids, {name: column.take(place) for name, column in columns.items()})


def _relations(
    edges: tuple[IdColumn, IdColumn, F32], users: Vocabulary, cleaner: Cleaner
) -> Relations:
    ends = [
        users.rows(column.ints if users.kind == "int" else column.texts or [])  # type: ignore[arg-type]
        for column in edges[:2]
    ]
    known = (ends[0] >= 0) & (ends[1] >= 0)
    cleaner.note("relations with a user of no event", int((~known).sum()))
    return Relations(
        frozen(ends[0][known]), frozen(ends[1][known]), frozen(edges[2][known]), len(users)
    )


def _repeated(keys: list[npt.NDArray[Any]]) -> Bool:
    """The rows whose keys all equal those of an earlier row."""
    order = np.lexsort(keys[::-1])
    same = np.ones(max(len(order) - 1, 0), np.bool_)
    for key in keys:
        ascending = key[order]
        same &= ascending[1:] == ascending[:-1]
    repeated = np.zeros(len(order), np.bool_)
    repeated[order[1:][same]] = True
    return repeated


def _tell_ragged(frame: Frame, cleaner: Cleaner) -> None:
    if frame.ragged is not None:
        cleaner.problem(f"{frame.what}: a wrong number of fields", frame.ragged)


def _matrix_columns(columns: Columns) -> Columns:
    return replace(columns, user="user", item="item", value="value", time=None, kind=None)
