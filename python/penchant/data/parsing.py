"""Plain columns to ids, values, times and kinds, with every doubtful row told to the cleaner."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cached_property
from operator import not_
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from penchant.errors import DataError

if TYPE_CHECKING:
    from penchant.data.frames import Values
    from penchant.protocols import I64, Bool

TimeUnit: TypeAlias = Literal["s", "ms", "us", "ns"]

_PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
_MICROSECONDS = 1_000_000
_NAT = np.iinfo(np.int64).min


@dataclass(frozen=True)
class IdColumn:
    """A column of ids whose type may still be open: a file writes text and integers alike.

    texts and ints: the ids in either reading, None where they can't be read so. `missing`: (n,)
    bool; a missing id is "" or 0. `where` is what messages call the column.
    """

    where: str
    texts: list[str] | None
    ints: I64 | None
    missing: Bool

    def take(self, positions: I64) -> IdColumn:
        """The ids at the given positions."""
        texts = None
        if self.texts is not None:
            texts = [self.texts[at] for at in positions.tolist()]
        ints = None if self.ints is None else self.ints[positions]
        return IdColumn(self.where, texts, ints, self.missing[positions])

    @cached_property
    def numbers(self) -> npt.NDArray[np.int64]:
        """A number for each id, equal where the ids are equal, below the length of the column."""
        if self.ints is not None:
            return np.unique(self.ints, return_inverse=True)[1].reshape(-1)
        texts = self.texts or []
        number = {text: place for place, text in enumerate(dict.fromkeys(texts))}
        return np.fromiter(map(number.__getitem__, texts), np.int64, len(texts))


def agreed(columns: Sequence[IdColumn]) -> list[list[str] | I64]:
    """Give columns of ids of the same things as one type: integers where all can be.

    Raises DataError naming two columns, one all text and one all integers.
    """
    if all(column.ints is not None for column in columns):
        return [column.ints for column in columns if column.ints is not None]
    if all(column.texts is not None for column in columns):
        return [column.texts for column in columns if column.texts is not None]
    text = next(column for column in columns if column.ints is None)
    ints = next(column for column in columns if column.texts is None)
    raise DataError(f"{text.where} holds text but {ints.where} holds integers; give both one type")


def parse_ids(values: Values, where: str, *, written: bool) -> IdColumn:
    """Read ids. A written column is integers as well where each id is a canonical one ("42").

    Raises DataError for ids of mixed types, and for a column that is neither text nor integers.
    """
    if isinstance(values, np.ndarray):
        if values.dtype.kind == "i":
            return IdColumn(where, None, values, np.zeros(len(values), np.bool_))
        if values.dtype.kind == "f":
            return _ids_from_floats(values, where)
        raise DataError(f"{where} holds {values.dtype}; ids are text or integers")
    if written:
        return _written_ids(values, where)
    if set(map(type, values)) <= {str, type(None)}:
        texts = [value or "" for value in values] if None in values else values
        return IdColumn(where, texts, None, _empty(texts))
    return _listed_ids(values, where)


def _listed_ids(values: list[Any], where: str) -> IdColumn:
    missing = np.fromiter((absent(v) or v == "" for v in values), np.bool_, len(values))
    present = [(at, values[at]) for at in np.flatnonzero(~missing).tolist()]
    strange = next(
        (
            (at, v)
            for at, v in present
            if isinstance(v, bool) or not isinstance(v, (str, int, np.integer))
        ),
        None,
    )
    if strange is not None:
        raise DataError(
            f"{where} holds {strange[1]!r} in row {strange[0] + 1}; ids are text or integers, so "
            "cast the column first, such as by str"
        )
    text = next((at for at, v in present if isinstance(v, str)), None)
    whole = next((at for at, v in present if not isinstance(v, str)), None)
    if text is not None and whole is not None:
        raise DataError(
            f"{where} holds both text and integers: {values[text]!r} in row {text + 1}, "
            f"{values[whole]!r} in row {whole + 1}; give all ids one type"
        )
    if whole is None:
        texts = ["" if gone else str(v) for v, gone in zip(values, missing.tolist(), strict=True)]
        return IdColumn(where, texts, None, missing)
    try:
        ints = np.array(
            [0 if gone else int(v) for v, gone in zip(values, missing.tolist(), strict=True)],
            np.int64,
        )
    except OverflowError:
        raise DataError(f"{where} holds integers past 64 bits; use text ids") from None
    return IdColumn(where, None, ints, missing)


def parse_numbers(values: Values) -> tuple[npt.NDArray[np.float64], Bool]:
    """Give (numbers float64 with NaN for a missing one, bad): `bad` rows hold no number at all."""
    if isinstance(values, np.ndarray):
        if values.dtype.kind == "M":
            return np.full(len(values), np.nan), np.ones(len(values), np.bool_)
        return values.astype(np.float64), np.zeros(len(values), np.bool_)
    try:
        return np.array(values, np.float64), np.zeros(len(values), np.bool_)
    except (TypeError, ValueError):
        pass  # some cell is empty or no number: find out which
    numbers = np.full(len(values), np.nan)
    bad = np.zeros(len(values), np.bool_)
    for at, value in enumerate(values):
        if value == "" or absent(value):
            continue
        try:
            numbers[at] = float(value)
        except (TypeError, ValueError):
            bad[at] = True
    return numbers, bad


def parse_times(values: Values, unit: TimeUnit, *, written: bool) -> tuple[I64, Bool]:
    """Give (microseconds since 1970 UTC, bad): `bad` rows have no time, or one that can't be read.

    Numbers count `unit`s since 1970; text is ISO 8601; a time without a zone is UTC.
    """
    if unit not in _PER_SECOND:
        raise DataError(f"time_unit is one of {', '.join(_PER_SECOND)}, got {unit!r}")
    if isinstance(values, np.ndarray) and values.dtype.kind == "M":
        stamps = values.astype("datetime64[us]").view(np.int64)
        return stamps, stamps == _NAT
    if isinstance(values, np.ndarray) and values.dtype.kind == "i":
        return _whole_times(values, unit)
    if written and isinstance(values, list):
        try:
            return _whole_times(np.array(values, np.int64), unit)
        except (ValueError, OverflowError):
            pass  # not all whole numbers
    numbers, bad = parse_numbers(values)
    if bad.any() and isinstance(values, list):
        return _written_times(values, numbers, unit)
    return _fractional_times(numbers, unit)


def parse_kinds(
    values: Values, where: str, limit: int
) -> tuple[npt.NDArray[np.uint8], tuple[str, ...], Bool]:
    """Give (codes uint8, names in order of first appearance, missing)."""
    listed = values if isinstance(values, list) else values.tolist()
    cells = ["" if absent(value) else str(value) for value in listed]
    names = {name: code for code, name in enumerate(dict.fromkeys(c for c in cells if c))}
    if len(names) > limit:
        raise DataError(f"{where} holds {len(names)} kinds of event, more than {limit}")
    codes = np.fromiter((names.get(cell, 0) for cell in cells), np.uint8, len(cells))
    missing = np.fromiter((not cell for cell in cells), np.bool_, len(cells))
    return codes, tuple(names), missing


def canonical_ints(texts: Sequence[str]) -> I64 | None:
    """The integers that these texts write exactly as `str(int)` would, or None if any differs."""
    try:
        ints = np.array(texts, np.int64)
    except (ValueError, OverflowError):
        return None
    return ints if list(map(str, ints.tolist())) == list(texts) else None


def _written_ids(texts: list[str], where: str) -> IdColumn:
    missing = _empty(texts)
    if not missing.any():
        return IdColumn(where, texts, canonical_ints(texts) if texts else None, missing)
    present = canonical_ints([text for text in texts if text])
    ints = None
    if present is not None and len(present):
        ints = np.zeros(len(texts), np.int64)
        ints[~missing] = present
    return IdColumn(where, texts, ints, missing)


def _empty(texts: list[str]) -> Bool:
    return np.fromiter(map(not_, texts), np.bool_, len(texts))


def _ids_from_floats(values: npt.NDArray[np.float64], where: str) -> IdColumn:
    # pandas turns a column of integers into floats when one of them is missing.
    missing = np.isnan(values)
    known = np.where(missing, 0.0, values)
    whole = (np.abs(known) < 2**53) & (known == np.trunc(known))
    if missing.any() and whole.all():
        return IdColumn(where, None, known.astype(np.int64), missing)
    hint = ": they are whole numbers, so astype('int64') makes them ids" if whole.all() else ""
    raise DataError(
        f"{where} holds floats; ids are text or integers, so cast the column first{hint}"
    )


def _whole_times(values: npt.NDArray[Any], unit: TimeUnit) -> tuple[I64, Bool]:
    if unit == "ns":
        return values // 1_000, np.zeros(len(values), np.bool_)
    factor = _MICROSECONDS // _PER_SECOND[unit]
    bad = np.abs(values.astype(np.float64)) * factor >= 2.0**63
    return np.where(bad, 0, values) * factor, bad


def _fractional_times(values: npt.NDArray[np.float64], unit: TimeUnit) -> tuple[I64, Bool]:
    stamps = values * (_MICROSECONDS / _PER_SECOND[unit])
    bad = ~(np.abs(stamps) < 2.0**63)
    return np.rint(np.where(bad, 0.0, stamps)).astype(np.int64), bad


def _written_times(
    values: list[Any], numbers: npt.NDArray[np.float64], unit: TimeUnit
) -> tuple[I64, Bool]:
    stamps, bad = _fractional_times(numbers, unit)
    moments: list[datetime] = []
    places: list[int] = []
    for at in np.flatnonzero(bad).tolist():
        moment = _moment(values[at])
        if moment is not None:
            moments.append(moment)
            places.append(at)
    if places:
        stamps[places] = np.array(moments, "datetime64[us]").view(np.int64)
        bad[places] = False
    return stamps, bad


def _moment(value: Any) -> datetime | None:
    """A moment in UTC without a zone, as numpy wants it."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError:
            return None
    elif isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day)
    if not isinstance(value, datetime) or value != value:
        return None
    try:
        return value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
    except OverflowError:
        return None


def absent(value: Any) -> bool:
    """Whether a value is missing: None, NaN, and what pandas has for it."""
    if value is None:
        return True
    if isinstance(value, float):
        return math.isnan(value)
    # pandas has missing values of its own: NA (whose truth can't be asked) and NaT.
    return type(value).__name__ in ("NAType", "NaTType")
