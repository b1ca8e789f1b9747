"""Plain columns to the columns of a table: which kind each one is, said by the caller or guessed.

A guess goes by dtype, and for text by the rules of `_text_kind`; it decides how a column can be
asked for, never whether it is kept.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from penchant.data.columns import (
    CategoryColumn,
    Column,
    LabelColumn,
    MediaColumn,
    NumberColumn,
    TextColumn,
    VectorColumn,
)
from penchant.data.parsing import absent, parse_numbers
from penchant.errors import DataError

if TYPE_CHECKING:
    from penchant.data.cleaning import Cleaner
    from penchant.data.frames import Frame, Values
    from penchant.protocols import F32, I64, Bool

# "0114709" and "1_000" are codes, not numbers, although Python would read them.
_NUMBER = re.compile(r"[+-]?(0|[1-9][0-9]*|(?=\.[0-9]))(\.[0-9]*)?([eE][+-]?[0-9]+)?|nan|NaN")
_LONGEST_CATEGORY = 64
_SEPARATED_SHARE = 0.05


def named_columns(role: str, names: Any) -> Sequence[str]:
    """Give the names of columns as a sequence, also where one stands alone.

    Raises DataError for what is no name.
    """
    listed = (names,) if isinstance(names, str) else names
    if not isinstance(listed, Collection) or not all(isinstance(name, str) for name in listed):
        raise DataError(f"{role} must list names of columns, such as ['title'], got {names!r}")
    return tuple(listed)


@dataclass(frozen=True, kw_only=True)
class Kinds:
    """What the caller says of columns; a column that isn't named is guessed.

    label_separator: between the labels of a cell of text, where the cell isn't a written list.
    """

    text: Sequence[str] = ()
    category: Sequence[str] = ()
    label: Sequence[str] = ()
    number: Sequence[str] = ()
    vector: Sequence[str] = ()
    media: Sequence[str] = ()
    ignore: Sequence[str] = ()
    label_separator: str = "|"

    def __post_init__(self) -> None:
        if not isinstance(self.label_separator, str):
            raise DataError(f"label_separator must be a text, got {self.label_separator!r}")
        said: dict[str, str] = {}
        for field in fields(self):
            if field.name == "label_separator":
                continue
            names = getattr(self, field.name)
            for name in named_columns(field.name, names):
                if name in said:
                    raise DataError(f"column {name!r} is said to be {said[name]} and {field.name}")
                said[name] = field.name
        object.__setattr__(self, "_said", said)

    @property
    def said(self) -> dict[str, str]:
        """The kind of each column that the caller named."""
        said: dict[str, str] = self._said  # type: ignore[attr-defined]
        return said


def attributes(
    frame: Frame, skip: str, kinds: Kinds, kept: I64, cleaner: Cleaner
) -> dict[str, Column]:
    """Make columns of all of the frame's but `skip`, at the positions `kept`.

    A number that can't be read, or a vector that isn't finite, is told to the cleaner and counts as
    missing. Raises DataError for a column that can't be of the kind said.
    """
    made: dict[str, Column] = {}
    for name in frame.names:
        kind = kinds.said.get(name)
        if name == skip or kind == "ignore":
            continue
        values = frame[name]
        values = (
            values[kept] if isinstance(values, np.ndarray) else [values[at] for at in kept.tolist()]
        )
        numbers = kept + 1 if frame.numbers is None else frame.numbers[kept]
        kind = kind or _guess(name, values, kinds.label_separator, written=frame.written)
        made[name] = _column(_Cells(frame.what, name, values, numbers), kind, kinds, cleaner)
    return made


@dataclass(frozen=True)
class _Cells:
    what: str
    name: str
    values: Values
    numbers: I64

    @property
    def where(self) -> str:
        return f"column {self.name!r} of the {self.what}"


def _column(cells: _Cells, kind: str, kinds: Kinds, cleaner: Cleaner) -> Column:
    if kind == "number":
        return _number_column(cells, cleaner)
    if kind == "vector":
        return VectorColumn(_vectors(cells, cleaner))
    if kind == "label":
        separator = kinds.label_separator
        return LabelColumn.of([_labels(cells, at, separator) for at in range(len(cells.values))])
    texts = [_text(value) for value in cells.values]
    if kind == "category":
        return CategoryColumn.of(texts)
    column = MediaColumn if kind == "media" else TextColumn
    return column.of(texts, cells.where)


def _guess(name: str, values: Values, separator: str, *, written: bool) -> str:
    if isinstance(values, np.ndarray):
        return "category" if values.dtype.kind == "b" else "number"
    present = [value for value in values if not absent(value) and value != ""]
    if not present:
        return "text"
    first = present[0]
    if isinstance(first, (list, tuple, set, frozenset, np.ndarray)):
        inner = next((part for value in present for part in value), "")
        return "label" if isinstance(inner, str) else "vector"
    if isinstance(first, bool):
        return "category"
    if not isinstance(first, str):
        return "number"
    if name.casefold() in ("title", "name"):
        return "text"
    return _text_kind([str(value) for value in present], separator, written=written)


def _text_kind(present: list[str], separator: str, *, written: bool) -> str:
    """Guess what cells of text are, in this order.

    Numbers, where all of a file's column are; media, where all are web addresses, which are no
    words to describe anything by; labels, where all cells are written lists, or one in twenty has
    the separator; a category, where a value stands for two rows on average and none is long; else
    text.
    """
    if written and all(_NUMBER.fullmatch(text) for text in present):
        return "number"
    if all(text.startswith(("http://", "https://")) for text in present):
        return "media"
    if all(text[0] == "[" and text[-1] == "]" for text in present):
        return "label"
    if sum(separator in text for text in present) > _SEPARATED_SHARE * len(present):
        return "label"
    distinct = set(present)
    if 2 * len(distinct) <= len(present) and max(map(len, distinct)) <= _LONGEST_CATEGORY:
        return "category"
    return "text"


def _number_column(cells: _Cells, cleaner: Cleaner) -> NumberColumn:
    values = cells.values
    if isinstance(values, np.ndarray) and values.dtype.kind == "M":
        seconds = values.astype("datetime64[us]").view(np.int64) / 1e6
        return NumberColumn(np.where(np.isnat(values), np.nan, seconds))
    numbers, bad = parse_numbers(values)
    bad = bad | np.isinf(numbers)
    cleaner.rows(f"{cells.what}: {cells.name} is no number", bad, cells.numbers)
    return NumberColumn(np.where(bad, np.nan, numbers))


def _vectors(cells: _Cells, cleaner: Cleaner) -> F32:
    rows: list[Any] = [None if absent(value) else value for value in cells.values]
    try:
        arrays = [None if row is None else np.asarray(row, np.float32) for row in rows]
    except (TypeError, ValueError):
        raise DataError(f"{cells.where} is no vector of numbers a row") from None
    dim = next((array.size for array in arrays if array is not None), 0)
    vectors = np.zeros((len(arrays), dim), np.float32)
    for at, array in enumerate(arrays):
        if array is None:
            continue
        if array.shape != (dim,):
            raise DataError(
                f"{cells.where} has {array.size} numbers in row {cells.numbers[at]}, but {dim} in "
                f"the rows before"
            )
        vectors[at] = array
    bad: Bool = np.asarray(~np.isfinite(vectors).all(axis=1), np.bool_)
    cleaner.rows(f"{cells.what}: {cells.name} is not finite", bad, cells.numbers)
    vectors[bad] = 0
    return vectors


def _labels(cells: _Cells, at: int, separator: str) -> list[str]:
    cell = cells.values[at]
    if absent(cell):
        return []
    if isinstance(cell, (list, tuple, set, frozenset, np.ndarray)):
        # A set has no order of its own, and labels are numbered by appearance.
        parts = sorted(map(str, cell)) if isinstance(cell, (set, frozenset)) else map(str, cell)
        return list(parts)
    text = _text(cell) or ""
    if text[:1] == "[" and text[-1:] == "]":
        try:
            return [str(part).strip() for part in ast.literal_eval(text)]
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            raise DataError(
                f"{cells.where} has {text!r} in row {cells.numbers[at]}, which is no written list"
            ) from None
    return [part.strip() for part in text.split(separator)]


def _text(value: Any) -> str | None:
    if isinstance(value, str):
        return str(value)
    if absent(value):
        return None
    if isinstance(value, (bool, np.bool_)):
        return "true" if value else "false"
    if isinstance(value, (float, np.floating)):
        return f"{value:g}"
    return str(value)
