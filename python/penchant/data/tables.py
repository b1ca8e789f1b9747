"""What is known of items and of users besides events: texts, attributes, ready vectors, media."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from string import Formatter
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Self, TypeVar

import numpy as np
import numpy.typing as npt

from penchant.data.columns import (
    KINDS,
    CategoryColumn,
    Column,
    LabelColumn,
    MediaColumn,
    NumberColumn,
    TextColumn,
    VectorColumn,
)
from penchant.data.vocabulary import IdsLike, Vocabulary
from penchant.data.where import matching
from penchant.errors import DataError, RequestError, ShapeError
from penchant.suggestions import did_you_mean

if TYPE_CHECKING:
    from penchant.protocols import F32, I32, Bool, Json

C = TypeVar("C", bound=Column)

_TITLES = ("title", "name")


class Table:
    """Rows with ids and named columns, in a fixed order.

    Stable for callers; not meant to be subclassed outside of penchant. Immutable.
    """

    def __init__(
        self, vocabulary: Vocabulary, columns: Mapping[str, Column] = MappingProxyType({})
    ) -> None:
        """Take the ids and the columns, each with a value an id."""
        self.vocabulary = vocabulary
        self.columns: Mapping[str, Column] = MappingProxyType(dict(columns))
        for name, column in self.columns.items():
            if len(column) != len(vocabulary):
                raise ShapeError(
                    f"column {name!r} has {len(column)} values for {len(vocabulary)} ids"
                )
        self._title = self._find_title()

    @classmethod
    def of(
        cls,
        ids: IdsLike,
        *,
        texts: Mapping[str, Sequence[str | None]] = MappingProxyType({}),
        categories: Mapping[str, Sequence[str | None]] = MappingProxyType({}),
        labels: Mapping[str, Sequence[Iterable[str] | None]] = MappingProxyType({}),
        numbers: Mapping[str, npt.ArrayLike] = MappingProxyType({}),
        vectors: Mapping[str, npt.ArrayLike] = MappingProxyType({}),
        media: Mapping[str, Sequence[str | None]] = MappingProxyType({}),
    ) -> Self:
        """Build from plain lists, the columns in the order of the arguments."""
        columns: dict[str, Column] = {}
        columns |= {name: TextColumn.of(v, f"column {name!r}") for name, v in texts.items()}
        columns |= {name: CategoryColumn.of(v) for name, v in categories.items()}
        columns |= {name: LabelColumn.of(v) for name, v in labels.items()}
        columns |= {n: NumberColumn(np.array(v, np.float64)) for n, v in numbers.items()}
        columns |= {n: VectorColumn(np.array(v, np.float32)) for n, v in vectors.items()}
        columns |= {name: MediaColumn.of(v, f"column {name!r}") for name, v in media.items()}
        return cls(Vocabulary.from_ids(ids), columns)

    def __len__(self) -> int:
        return len(self.vocabulary)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self)} rows, columns: {', '.join(self.columns)})"

    def named(self, *kinds: str) -> tuple[str, ...]:
        """The names of the columns of these kinds ("text", "category", "label", …), in order."""
        return tuple(name for name, column in self.columns.items() if column.kind in kinds)

    # ---- one column

    def text(self, name: str, rows: I32 | None = None) -> list[str]:
        """The texts of a text column at `rows` (all for None), "" for a missing one."""
        return self._column(name, TextColumn).words(rows)

    def category(self, name: str) -> CategoryColumn:
        """A category column."""
        return self._column(name, CategoryColumn)

    def labels(self, name: str) -> LabelColumn:
        """A label column."""
        return self._column(name, LabelColumn)

    def number(self, name: str) -> npt.NDArray[np.float64]:
        """The values of a number column, (n,) float64, NaN for a missing one."""
        return self._column(name, NumberColumn).values

    def vectors(self, name: str) -> F32:
        """The vectors of a vector column, (n, d) float32."""
        return self._column(name, VectorColumn).values

    def media(self, name: str, rows: I32 | None = None) -> list[str]:
        """The paths of a media column at `rows` (all for None), "" for a missing one."""
        return self._column(name, MediaColumn).paths(rows)

    # ---- in words

    def texts(
        self, columns: str | Sequence[str] | None = None, rows: I32 | None = None
    ) -> list[str]:
        """Describe `rows` (all for None) in words, a text a row: "Heat (1995). Crime, Thriller".

        columns: names, whose non-empty values are joined as sentences; or a template such as
            "{title} by {author}"; or None for every text column, then every category and label
            column. A row of which nothing is known gives "".

        Raises RequestError for an unknown column or one without words.
        """
        if isinstance(columns, str) and "{" in columns:
            return self._filled(columns, rows)
        if columns is None:
            columns = self.named("text") + self.named("category", "label")
        elif isinstance(columns, str):
            columns = (columns,)
        size = len(self) if rows is None else len(rows)
        parts = [self._words(name, rows) for name in columns]
        return [_sentences(row) for row in zip(*parts, strict=True)] if parts else [""] * size

    def name(self, row: int) -> str:
        """A row's display name: its title or name, else its first text, else its id.

        The column is the one called "title" or "name", or else the first whose name ends so.
        """
        if self._title is not None:
            (text,) = self._title.words(np.array([row], np.int32))
            if text:
                return text
        return str(self.vocabulary.id(row))

    def names(self, rows: I32) -> list[str]:
        """The display names of `rows`."""
        return [self.name(row) for row in rows.tolist()]

    def where(self, conditions: Mapping[str, Any]) -> Bool:
        """Give (n,) bool: the rows that satisfy every condition.

        A value means equal (a category, a text, a number) or among the labels; a list, any of its
        values; a `(low, high)` tuple on a number column, that range with both ends in it and None
        for an open one. Missing values satisfy nothing.

        Raises RequestError for an unknown column, or a condition that its column can't take.
        """
        return matching(self.columns, len(self), conditions)

    # ---- other tables, and storage

    def joined(self, other: Self) -> Self:
        """This table's rows, then the other's; columns that one of them lacks are missing there.

        Raises DataError for an id in both, and for a column of one name and two kinds.
        """
        vocabulary = self.vocabulary.extended(other.vocabulary.ids())
        columns: dict[str, Column] = {}
        for name in dict.fromkeys((*self.columns, *other.columns)):
            first, second = self.columns.get(name), other.columns.get(name)
            if first is not None and second is not None and first.kind != second.kind:
                raise DataError(f"column {name!r} is a {second.kind} but was a {first.kind} before")
            known = first if first is not None else second
            if known is None:
                continue
            first = first if first is not None else known.take(_nothing(len(self)))
            second = second if second is not None else known.take(_nothing(len(other)))
            columns[name] = first.concat(second)
        return type(self)(vocabulary, columns)

    def arrays(self) -> Mapping[str, npt.NDArray[Any]]:
        """Give all its arrays: "vocabulary.…", then "0.…", "1.…" for the columns in order."""
        arrays = {f"vocabulary.{key}": array for key, array in self.vocabulary.arrays().items()}
        for position, column in enumerate(self.columns.values()):
            arrays |= {f"{position}.{key}": array for key, array in column.arrays().items()}
        return arrays

    def meta(self) -> Mapping[str, Json]:
        """Give, as JSON, the names and kinds of its columns in order."""
        return {"columns": [{"name": n, "kind": column.kind} for n, column in self.columns.items()]}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]], meta: Mapping[str, Any]) -> Self:
        """Bring back what `arrays()` and `meta()` gave, without a copy of read-only arrays."""
        columns = {
            entry["name"]: KINDS[entry["kind"]].from_arrays(_under(arrays, str(position)))
            for position, entry in enumerate(meta["columns"])
        }
        return cls(Vocabulary.from_arrays(_under(arrays, "vocabulary")), columns)

    # ---- inside

    def _column(self, name: str, kind: type[C]) -> C:
        column = self._any(name)
        if not isinstance(column, kind) or (column.kind != kind.kind):
            raise RequestError(f"column {name!r} is a {column.kind}, wanted a {kind.kind}")
        return column

    def _any(self, name: str) -> Column:
        column = self.columns.get(name)
        if column is None:
            raise RequestError(
                f"there is no column {name!r}{did_you_mean(name, self.columns)} "
                f"(columns: {', '.join(self.columns) or 'none'})"
            )
        return column

    def _words(self, name: str, rows: I32 | None) -> list[str]:
        column = self._any(name)
        if isinstance(column, NumberColumn):
            values = column.values if rows is None else column.values[rows]
            return ["" if value != value else f"{value:g}" for value in values.tolist()]
        words = column.words(rows)
        if words is None:
            raise RequestError(f"column {name!r} holds {column.kind}, which has no words")
        return words

    def _filled(self, template: str, rows: I32 | None) -> list[str]:
        try:
            names = [name for _, name, _, _ in Formatter().parse(template) if name is not None]
        except ValueError as error:
            raise RequestError(f"the template {template!r} can't be read: {error}") from None
        words = {name: self._words(name, rows) for name in dict.fromkeys(names)}
        size = len(self) if rows is None else len(rows)
        pieces = [(literal, name) for literal, name, _, _ in Formatter().parse(template)]
        return [
            "".join(
                literal + (words[name][row] if name is not None else "") for literal, name in pieces
            )
            for row in range(size)
        ]

    def _find_title(self) -> TextColumn | None:
        texts = self.named("text")
        folded = [name.casefold() for name in texts]
        exact = [texts[folded.index(title)] for title in _TITLES if title in folded]
        ending = [name for name, low in zip(texts, folded, strict=True) if low.endswith(_TITLES)]
        for name in (*exact, *ending, *texts):
            return self._column(name, TextColumn)
        return None


class Items(Table):
    """What there is to recommend."""


class Users(Table):
    """Who there is to recommend it to."""


def _sentences(parts: Iterable[str]) -> str:
    text = ""
    for part in parts:
        part = part.strip()
        if part and text:
            text += " " if text[-1] in ".!?…" else ". "
        text += part
    return text


def _nothing(size: int) -> I32:
    return np.full(size, -1, np.int32)


def _under(arrays: Mapping[str, npt.NDArray[Any]], prefix: str) -> dict[str, npt.NDArray[Any]]:
    start = f"{prefix}."
    return {k.removeprefix(start): array for k, array in arrays.items() if k.startswith(start)}
