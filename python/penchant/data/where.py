"""Conditions on attributes: which rows satisfy `{"genre": "drama", "year": (1990, None)}`?

A condition is a value (equal, or among the labels), a list (any of them), or a `(low, high)` tuple
on a number column, both ends included and None open. A missing value satisfies nothing. A value
that no row has matches nothing; a question that makes no sense for its column is a RequestError.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from penchant.data.columns import CategoryColumn, Column, LabelColumn, NumberColumn, TextColumn
from penchant.errors import RequestError
from penchant.suggestions import did_you_mean

if TYPE_CHECKING:
    from penchant.protocols import Bool

# Values that are compared one after the other sooner than np.isin sorts them.
_FEW = 8


def matching(columns: Mapping[str, Column], rows: int, conditions: Mapping[str, Any]) -> Bool:
    """Give (rows,) bool: the rows that satisfy every condition. O(rows) a condition.

    Raises RequestError for an unknown column, and for a condition that its column can't take.
    """
    fits: Bool | None = None
    for name, condition in conditions.items():
        column = columns.get(name)
        if column is None:
            raise RequestError(
                f"there is no column {name!r}{did_you_mean(name, columns)} "
                f"(columns: {', '.join(columns) or 'none'})"
            )
        found = _matches(name, column, condition)
        fits = found if fits is None else fits & found
    return np.ones(rows, np.bool_) if fits is None else fits


def _matches(name: str, column: Column, condition: Any) -> Bool:
    if isinstance(column, NumberColumn):
        if isinstance(condition, tuple):
            return _between(name, column, condition)
        numbers = [_number(name, value) for value in _listed(condition)]
        return _among(column.values, numbers)
    if isinstance(condition, tuple):
        raise RequestError(
            f"column {name!r} is a {column.kind}, got the range {condition!r}; a range needs a "
            f"number column, and any of several values is a list"
        )
    if not isinstance(column, (CategoryColumn, LabelColumn, TextColumn)) or column.kind == "media":
        raise RequestError(f"column {name!r} holds {column.kind}, which has no conditions")
    texts = [_text(name, column.kind, value) for value in _listed(condition)]
    if isinstance(column, TextColumn):
        wanted = set(texts)
        return np.fromiter((text in wanted for text in column.words()), np.bool_, len(column))
    codes = [code for code in column.names.rows(texts).tolist() if code >= 0]
    if isinstance(column, CategoryColumn):
        return _among(column.codes, codes)
    fits = np.zeros(len(column), np.bool_)
    fits[column.owners[np.flatnonzero(_among(column.codes.indices, codes))]] = True
    return fits


def _among(values: npt.NDArray[Any], wanted: Sequence[float]) -> Bool:
    """(len(values),) bool: those that are one of the wanted."""
    if not 0 < len(wanted) <= _FEW:
        return np.isin(values, wanted)
    fits: Bool = values == wanted[0]
    for value in wanted[1:]:
        fits |= values == value
    return fits


def _between(name: str, column: NumberColumn, condition: tuple[Any, ...]) -> Bool:
    if len(condition) != 2:
        raise RequestError(
            f"a range on {name!r} is (low, high) with None for an open end, got {condition!r}"
        )
    low, high = condition
    ends = []  # nothing is known of a missing value, NaN, by any comparison
    if low is not None:
        ends.append(column.values >= _number(name, low))
    if high is not None:
        ends.append(column.values <= _number(name, high))
    if not ends:
        return ~np.isnan(column.values)
    return ends[0] if len(ends) == 1 else ends[0] & ends[1]


def _listed(condition: Any) -> list[Any]:
    if isinstance(condition, (list, set, frozenset, np.ndarray)):
        return list(condition)
    return [condition]


def _number(name: str, value: Any) -> float:
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (Real, np.number)):
        raise RequestError(f"column {name!r} holds numbers, got {value!r}")
    return float(value)


def _text(name: str, kind: str, value: Any) -> str:
    if not isinstance(value, str):
        hint = f"; did you mean {str(value)!r}?" if isinstance(value, (int, float)) else ""
        raise RequestError(f"column {name!r} is a {kind}, got {value!r}; wanted text{hint}")
    return str(value)
