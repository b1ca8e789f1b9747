"""Ids and rows: the one place where a caller's key turns into a row number and back.

An id is text or a 64-bit integer, never both in one vocabulary, and is compared exactly: no type is
coerced and no Unicode form is normalised, because two ids that differ in the caller's database must
differ here. All of it is plain arrays, so a saved vocabulary is used where it lies on disk.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from penchant.data.arrays import frozen, owned
from penchant.data.strings import pack, unpack
from penchant.errors import DataError, ShapeError
from penchant.kernels import StringTable

if TYPE_CHECKING:
    from penchant.protocols import I32, I64

Id: TypeAlias = "str | int"
IdsLike: TypeAlias = "Sequence[str] | Sequence[int] | Sequence[str | int] | npt.NDArray[Any]"

_LOW, _HIGH = -(2**63), 2**63 - 1
_FEW = 64
_TEXT_ARRAYS = ("data", "offsets", "hashes", "order")
_INT_ARRAYS = ("ids", "order", "ascending")


class Vocabulary:
    """Unique ids in a fixed order; the position of an id is its row.

    Stable for callers; not meant to be subclassed. Immutable and safe from many threads.
    """

    __slots__ = ("_arrays", "_bisected", "_ints", "_order", "_size", "_sorted", "_table")

    def __init__(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        """Take the arrays of `arrays()`; `from_ids` and `unique` are the usual ways in."""
        self._table: StringTable | None = None
        self._ints: I64 = np.empty(0, np.int64)
        self._sorted: I64 = self._ints
        if set(arrays) == set(_TEXT_ARRAYS):
            types = (np.uint8, np.int64, np.uint64, np.int32)
            parts = [owned(arrays[n], t, n) for n, t in zip(_TEXT_ARRAYS, types, strict=True)]
            if not len(parts[1]) - 1 == len(parts[2]) == len(parts[3]):
                raise ShapeError("a vocabulary of text needs a hash and an order an id")
            self._table = StringTable(*parts)
            self._order = parts[3]
            self._arrays = dict(zip(_TEXT_ARRAYS, parts, strict=True))
        elif set(arrays) == set(_INT_ARRAYS):
            self._ints = owned(arrays["ids"], np.int64, "ids")
            self._order = owned(arrays["order"], np.int32, "order")
            self._sorted = owned(arrays["ascending"], np.int64, "ascending")
            if not len(self._ints) == len(self._order) == len(self._sorted):
                raise ShapeError("a vocabulary of integers needs an order and a place an id")
            self._arrays = {"ids": self._ints, "order": self._order, "ascending": self._sorted}
        else:
            raise ShapeError(
                f"a vocabulary is made of {_TEXT_ARRAYS} or {_INT_ARRAYS}, got {tuple(arrays)}"
            )
        self._size = len(self._order)
        # Half the cost of a search by numpy at small sizes, and no more at large ones.
        self._bisected = memoryview(self._sorted.data)

    # ---- ways in

    @classmethod
    def from_ids(cls, ids: IdsLike) -> Vocabulary:
        """Take the ids in exactly the given order. O(n log n).

        Raises DataError for a duplicate (naming the id and both positions), for mixed types, and
        for what is no id: an empty text, a bool, a float, None.
        """
        return cls._of(checked_ids(ids))

    @classmethod
    def unique(cls, ids: IdsLike) -> tuple[Vocabulary, I32]:
        """Give the different ids in order of first appearance, and the row of each id given.

        Raises DataError as `from_ids` does, duplicates aside.
        """
        given = checked_ids(ids)
        if isinstance(given, list):
            row_of = {key: row for row, key in enumerate(dict.fromkeys(given))}
            rows = np.fromiter(map(row_of.__getitem__, given), np.int32, len(given))
            return cls._of(list(row_of)), rows
        distinct, first, inverse = np.unique(given, return_index=True, return_inverse=True)
        by_appearance = np.argsort(first)
        row = np.empty(len(distinct), np.int32)
        row[by_appearance] = np.arange(len(distinct), dtype=np.int32)
        return cls._of(distinct[by_appearance]), row[inverse.reshape(-1)]

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> Vocabulary:
        """Bring back what `arrays()` gave, without a copy of read-only arrays."""
        return cls(arrays)

    def arrays(self) -> Mapping[str, npt.NDArray[Any]]:
        """Give the plain arrays it is made of.

        Text: data uint8, offsets int64 (n + 1), hashes uint64 (n, sorted), order int32 (n).
        Integers: ids int64 (n), order int32 (n, the rows by ascending id), ascending int64 (n).
        """
        return dict(self._arrays)

    def extended(self, ids: IdsLike) -> Vocabulary:
        """Append m new ids; the rows of the old ones stay. O(n + m log m).

        Raises DataError for an id that is here already, and for one of the other kind.
        """
        new = checked_ids(ids)
        if not len(new):
            return self
        if not self._size:
            return self._of(new)
        if isinstance(new, list):
            if self._table is None:
                raise DataError(self._wrong_kind(new[0]))
            return self._joined(self._of(new), "hashes") or self._of([*self.ids(), *new])
        if self._table is not None:
            raise DataError(self._wrong_kind(int(new[0])))
        return self._joined(self._of(new), "ascending") or self._of(
            np.concatenate([self._ints, new])
        )

    def _joined(self, other: Vocabulary, key: str) -> Vocabulary | None:
        """These ids, then the other's; None where one is in both.

        key: the array that is sorted. Equal keys keep the order of their rows, as in a sort of all.
        """
        if (self.rows(other.ids()) >= 0).any():
            return None
        mine, theirs = self._arrays, other._arrays
        at = mine[key].searchsorted(theirs[key], side="right")
        parts = {
            key: np.insert(mine[key], at, theirs[key]),
            "order": np.insert(mine["order"], at, theirs["order"] + np.int32(self._size)),
        }
        for name in ("data", "ids"):
            if name in mine:
                parts[name] = np.concatenate([mine[name], theirs[name]])
        if "offsets" in mine:
            shifted = theirs["offsets"][1:] + mine["offsets"][-1]
            parts["offsets"] = np.concatenate([mine["offsets"], shifted])
        return Vocabulary({name: frozen(array) for name, array in parts.items()})

    @classmethod
    def _of(cls, ids: list[str] | I64) -> Vocabulary:
        if isinstance(ids, list):
            data, offsets = pack(ids, "an id")
            hashes, order = StringTable.build(data, offsets)
            parts = (data, offsets, frozen(hashes), frozen(order))
            made = cls(dict(zip(_TEXT_ARRAYS, parts, strict=True)))
            twice = made._table.first_duplicate() if made._table is not None else None
        else:
            order = np.argsort(ids, kind="stable").astype(np.int32)
            made = cls(
                {
                    "ids": frozen(np.array(ids, np.int64)),
                    "order": frozen(order),
                    "ascending": frozen(ids[order]),
                }
            )
            twice = _first_duplicate(ids, order)
        if twice is not None:
            first, second = sorted(twice)
            raise DataError(
                f"id {made.id(first)!r} stands at position {first} and again at {second}; "
                f"ids must be unique"
            )
        return made

    # ---- lookups

    def __len__(self) -> int:
        return self._size

    @property
    def kind(self) -> Literal["str", "int"]:
        """Whether the ids are text or integers."""
        return "int" if self._table is None else "str"

    def __iter__(self) -> Iterator[Id]:
        """The ids by row; `ids()` gives them as a list."""
        return iter(self.ids())

    def __contains__(self, key: object) -> bool:
        if isinstance(key, bool) or not isinstance(key, (str, int, np.integer)):
            return False
        if isinstance(key, str) != (self._table is not None):
            return False
        return self.row(key) >= 0  # type: ignore[arg-type]

    def row(self, key: Id) -> int:
        """Give the row of an id, or -1 for one that isn't here.

        Raises DataError with a hint for an id of the other type.
        """
        if self._table is not None:
            if not isinstance(key, str):
                raise DataError(self._wrong_kind(key))
            try:
                return self._table.find(key)
            except UnicodeEncodeError:  # a lone surrogate can't be in any vocabulary
                return -1
        if type(key) is not int:  # neither a bool nor one of numpy's integers
            if isinstance(key, bool) or not isinstance(key, (int, np.integer)):
                raise DataError(self._wrong_kind(key))
            key = int(key)
        at = bisect_left(self._bisected, key)
        if at == self._size or self._bisected[at] != key:
            return -1
        return int(self._order[at])

    def rows(self, ids: IdsLike) -> I32:
        """Give the row of each id, (n,) int32, -1 for one that isn't here.

        Raises DataError for ids of the other type, or of no type that an id can have.
        """
        if self._table is not None and type(ids) is list and len(ids) <= _FEW:
            few = self._table.find_few(ids)
            if few is not None:
                return few
            # What follows says which of them is no text.
        given = checked_ids(ids, empty_allowed=True)
        if not len(given) or not self._size:
            return np.full(len(given), -1, np.int32)
        if isinstance(given, list):
            if self._table is None:
                raise DataError(self._wrong_kind(given[0]))
            return self._table.find_many(*pack(given, "an id"))
        if self._table is not None:
            raise DataError(self._wrong_kind(int(given[0])))
        at = self._sorted.searchsorted(given)
        rows = self._order.take(at, mode="clip")
        rows[self._sorted.take(at, mode="clip") != given] = -1
        return rows

    def id(self, row: int) -> Id:
        """Give the id of a row. Raises DataError for a row that isn't here."""
        if not 0 <= row < self._size:
            raise DataError(f"row {row} isn't in a vocabulary of {self._size} ids")
        if self._table is None:
            return int(self._ints[row])
        start, stop = self._arrays["offsets"][row : row + 2].tolist()
        return self._arrays["data"][start:stop].tobytes().decode()

    def ids(self, rows: I32 | None = None) -> list[str] | list[int]:
        """Give the ids of `rows` (of all rows for None) as a list of Python str or int.

        Raises DataError for a row that isn't here.
        """
        if rows is not None:
            rows = np.asarray(rows)
            # An answer's few rows are checked in Python: numpy would cost more than the ids.
            some = rows.tolist() if rows.size <= _FEW else (int(rows.min()), int(rows.max()))
            if some and not 0 <= min(some) <= max(some) < self._size:
                worst = rows[(rows < 0) | (rows >= self._size)][0]
                raise DataError(f"row {worst} isn't in a vocabulary of {self._size} ids")
        if self._table is None:
            listed: list[int] = (self._ints if rows is None else self._ints[rows]).tolist()
            return listed
        return unpack(self._arrays["data"], self._arrays["offsets"], rows)

    def ascending(self) -> I32:
        """Give the rows in ascending order of their ids, (n,) int32; text by code point."""
        if self._table is None:
            return self._order
        texts = self.ids()
        return np.array(sorted(range(self._size), key=texts.__getitem__), np.int32)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Vocabulary):
            return NotImplemented
        if len(self) != len(other) or (self.kind != other.kind and self._size):
            return False
        names = ("ids",) if self._table is None else ("data", "offsets")
        return not self._size or all(
            np.array_equal(self._arrays[name], other._arrays[name]) for name in names
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Vocabulary({self._size} ids, {self.kind})"

    def _wrong_kind(self, key: object) -> str:
        if self._table is None:
            hint = ""
            text = isinstance(key, str) and key.strip().lstrip("-").isdecimal()
            if text or (isinstance(key, float) and key.is_integer()):
                hint = f"; did you mean {int(key)}?"  # type: ignore[call-overload]
            what = f'"{key}" is text' if isinstance(key, str) else f"{key!r} is a {_type(key)}"
            return f"{what} but the ids are integers{hint}"
        if isinstance(key, (int, np.integer)) and not isinstance(key, bool):
            return f'{key} is an integer but the ids are text; did you mean "{key}"?'
        return f"{key!r} is a {_type(key)} but the ids are text"


def checked_ids(ids: IdsLike, *, empty_allowed: bool = False) -> list[str] | I64:
    """Give ids as a list of str or an int64 array, having refused all that can't be ids.

    Raises DataError naming the first position of what is wrong. An empty text is no id, yet one
    may ask whether it is known (`empty_allowed`).
    """
    if isinstance(ids, (str, bytes)):
        raise DataError(f"ids are a list or an array, got the one value {ids!r}; write [{ids!r}]")
    if isinstance(ids, np.ndarray):
        if ids.ndim != 1:
            raise DataError(f"ids are a list or an array of one axis, got {ids.ndim} axes")
        if ids.dtype.kind in "iu":
            if ids.dtype == np.uint64 and ids.size and int(ids.max()) > _HIGH:
                raise DataError(f"id {int(ids.max())} is past 64-bit integers; use text ids")
            return ids.astype(np.int64, copy=False)
        if ids.dtype.kind not in "UO" and ids.size:
            raise DataError(f"ids are text or integers, got an array of {ids.dtype}{_whole(ids)}")
        ids = ids.tolist()
    given = ids if isinstance(ids, list) else list(ids)
    types = set(map(type, given))
    if types - {str, int}:
        given, types = _unwrapped(given)
    if len(types) > 1:
        first = {kind: [type(key) for key in given].index(kind) for kind in types}
        raise DataError(
            f"ids must be all text or all integers, got {given[first[str]]!r} at position "
            f"{first[str]} and {given[first[int]]!r} at position {first[int]}"
        )
    if types == {int}:
        try:
            return np.array(given, np.int64)
        except OverflowError:
            past = next(key for key in given if not _LOW <= key <= _HIGH)
            raise DataError(f"id {past} is past 64-bit integers; use text ids") from None
    if not empty_allowed and "" in given:
        raise DataError(f"the id at position {given.index('')} is an empty text")
    return given


def _unwrapped(given: list[Any]) -> tuple[list[Any], set[type]]:
    plain: list[Any] = []
    for position, key in enumerate(given):
        if isinstance(key, str):
            plain.append(str(key))
        elif isinstance(key, (int, np.integer)) and not isinstance(key, bool):
            plain.append(int(key))
        else:
            raise DataError(
                f"ids are text or integers, got {key!r} ({_type(key)}) at position {position}"
            )
    return plain, set(map(type, plain))


def _whole(ids: npt.NDArray[Any]) -> str:
    """A hint for integers that a table with a gap in it has made floats."""
    if ids.dtype.kind != "f" or not np.array_equal(ids, np.trunc(ids)):
        return ""
    return "; they are whole numbers, so astype('int64') makes them ids"


def _first_duplicate(ids: I64, order: I32) -> tuple[int, int] | None:
    ascending = ids[order]
    again = np.flatnonzero(ascending[1:] == ascending[:-1])
    if not len(again):
        return None
    # The sort is stable, so order[again + 1] is the later one of each pair: report the earliest.
    pick = again[np.argmin(order[again + 1])]
    return int(order[pick]), int(order[pick + 1])


def _type(value: object) -> str:
    return "missing value" if value is None else type(value).__name__
