"""Numbering of ids: vocabularies from columns of ids, and everything else by their rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from penchant.data.arrays import frozen
from penchant.data.parsing import IdColumn, agreed
from penchant.data.relations import Relations
from penchant.data.tables import Table
from penchant.data.vocabulary import Vocabulary

if TYPE_CHECKING:
    from penchant.data.cleaning import Cleaner
    from penchant.data.rows import Edges, Rows
    from penchant.protocols import I32, I64

T = TypeVar("T", bound=Table)


def number(
    ids: IdColumn,
    kept: I64,
    table: Rows | None,
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
        columns.append(table.own())
    if size is not None:
        every = np.arange(size, dtype=np.int64)
        columns.append(IdColumn("the matrix", None, every, np.zeros(size, np.bool_)))
    typed = agreed(columns)
    ahead: list[list[str] | I64] = typed[1 + len(others) :]
    vocabulary, rows = Vocabulary.unique(_chained([*ahead, typed[0]]))
    own = rows[len(rows) - len(first) :]
    return vocabulary, own[place[inverse.reshape(-1)]].astype(np.int32)


def table_of(
    kind: type[T], ids: Vocabulary, rows: Rows | None, columns: dict[str, Any], cleaner: Cleaner
) -> T:
    """The columns of a table in the order of the vocabulary; what it has no row for is missing."""
    if rows is None:
        return kind(ids)
    (own,) = agreed([rows.own()])
    if ids.kind == "str" and not isinstance(own, list):
        own = rows.own().texts or []
    place = np.full(len(ids), -1, np.int32)
    place[ids.rows(own)] = np.arange(len(rows.kept), dtype=np.int32)
    what = rows.frame.what
    cleaner.note(f"{what} without a row in their table", int((place < 0).sum()))
    return kind(ids, {name: column.take(place) for name, column in columns.items()})


def relations_of(edges: Edges, users: Vocabulary, cleaner: Cleaner) -> Relations:
    """The edges between users of the vocabulary; those of others are left out and noted."""
    source, target, weight = edges
    ends = [
        users.rows(column.ints if users.kind == "int" else column.texts or [])  # type: ignore[arg-type]
        for column in (source, target)
    ]
    known = (ends[0] >= 0) & (ends[1] >= 0)
    cleaner.note("relations with a user of no event", int((~known).sum()))
    return Relations(
        frozen(ends[0][known]), frozen(ends[1][known]), frozen(weight[known]), len(users)
    )


def _chained(parts: list[list[str] | I64]) -> list[str] | I64:
    if isinstance(parts[0], list):
        return [text for part in parts for text in part]
    return np.concatenate(parts)
