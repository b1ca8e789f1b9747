"""Tables to a dataset: reading, cleaning, numbering of ids, in that order.

Everything is read and judged before anything is refused, so that one error names all that is wrong.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from penchant.data.arrays import frozen
from penchant.data.attributes import Kinds, attributes
from penchant.data.cleaning import Cleaner, CleaningReport
from penchant.data.events import Columns, read_events
from penchant.data.frames import Frame, from_matrix, is_matrix
from penchant.data.interactions import Interactions
from penchant.data.numbering import number, relations_of, table_of
from penchant.data.parsing import agreed
from penchant.data.readers import Reading
from penchant.data.rows import read_edges, read_rows
from penchant.data.tables import Items, Users
from penchant.data.vocabulary import Vocabulary
from penchant.errors import DataError
from penchant.suggestions import did_you_mean

if TYPE_CHECKING:
    from penchant.data.parsing import TimeUnit
    from penchant.data.relations import Relations
    from penchant.data.rows import Rows


@dataclass(frozen=True)
class Built:
    """The parts of a dataset."""

    users: Users
    items: Items
    interactions: Interactions
    relations: Relations | None
    report: CleaningReport


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
        columns = columns.of_matrix()
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
    events = read_events(frame, columns, rating_range, time_unit, cleaner)
    item_rows = read_rows(
        items, other, "items", (columns.item_id, columns.item, "item_id"), cleaner
    )
    user_rows = read_rows(
        users, other, "users", (columns.user_id, columns.user, "user_id"), cleaner
    )
    tables = [rows for rows in (item_rows, user_rows) if rows is not None]
    _check_said(kinds, [rows.frame for rows in tables])
    item_columns = {} if item_rows is None else _attributes(item_rows, kinds, cleaner)
    user_columns = {} if user_rows is None else _attributes(user_rows, kinds, cleaner)
    edges = None
    if relations is not None:
        ties = other.read(relations, "relations")
        edges = read_edges(ties, columns.source, columns.target, columns.weight, cleaner)
    cleaner.check()

    kept = np.flatnonzero(~events.bad)
    if not len(kept) and shape is None:
        raise DataError(
            f"none of the {rows_in} rows of the interactions is left after cleaning: "
            f"{cleaner.told()}"
        )
    tied = edges[:2] if edges else ()
    user_ids, user = number(events.user, kept, user_rows, tied, shape[0] if shape else None)
    item_ids, item = number(events.item, kept, item_rows, (), shape[1] if shape else None)
    item_table = table_of(Items, item_ids, item_rows, item_columns, cleaner)
    user_table = table_of(Users, user_ids, user_rows, user_columns, cleaner)
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
    between = None if edges is None else relations_of(edges, user_ids, cleaner)
    return Built(
        user_table, item_table, log, between, cleaner.report(rows_in, len(kept), events.unused)
    )


def build_items(table: Any, like: Items, item: str) -> Items:
    """Read a table of more items, its columns of the kinds that they have in `like`.

    table: as `Dataset.from_frame` reads it. item: the column of ids. A column that `like` doesn't
    have is guessed. Raises DataError.
    """
    said: dict[str, list[str]] = {}
    for name, column in like.columns.items():
        said.setdefault(column.kind, []).append(name)
    cleaner = Cleaner("refuse", "correct them")
    rows = read_rows(table, Reading(), "items", (item,), cleaner)
    if rows is None:
        raise DataError("the items are None; wanted a table with a row an item")
    _check_near(rows.frame, like, item)
    columns = _attributes(rows, Kinds(**said), cleaner)  # type: ignore[arg-type]
    cleaner.check()
    own = rows.own()
    (ids,) = agreed([own])
    if like.vocabulary.kind == "str" and own.texts is not None:
        ids = own.texts
    return Items(Vocabulary.from_ids(ids), columns)


def _check_near(frame: Frame, like: Items, item: str) -> None:
    """Refuse a column that is new and called nearly as one that is known and isn't given.

    Of its words nobody would hear: strategies read the columns that they were fitted on.
    """
    absent = [name for name in like.columns if name not in frame.names]
    for name in frame.names:
        hint = "" if name in like.columns or name == item else did_you_mean(name, absent)
        if hint:
            raise DataError(
                f"the items have the column {name!r}, which the model doesn't know{hint} (columns: "
                f"{', '.join(like.columns)})"
            )


def _attributes(rows: Rows, kinds: Kinds, cleaner: Cleaner) -> dict[str, Any]:
    return attributes(rows.frame, rows.column, kinds, rows.kept, cleaner)


def _check_said(kinds: Kinds, frames: list[Frame]) -> None:
    known = [name for frame in frames for name in frame.names]
    for name in kinds.said:
        if name not in known:
            raise DataError(
                f"no table of items or users has the column {name!r}{did_you_mean(name, known)} "
                f"(columns: {', '.join(known) or 'none'})"
            )
