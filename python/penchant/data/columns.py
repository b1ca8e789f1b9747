"""Columns of a table: six kinds, each made of plain arrays that save and map like any other.

A missing value is an empty text, code -1, no label, NaN, or a vector of zeros. Columns never
change; `take` and `concat` give new ones.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from penchant.data.arrays import frozen, owned
from penchant.data.strings import pack, unpack
from penchant.data.vocabulary import Vocabulary
from penchant.errors import DataError, ShapeError
from penchant.queries import Csr

if TYPE_CHECKING:
    from penchant.protocols import F32, I32, I64, U8, Bool

Arrays = Mapping[str, npt.NDArray[Any]]


class Column(ABC):
    """One value a row. `kind` names it in a saved table."""

    kind: ClassVar[str]

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def take(self, rows: I32) -> Self:
        """The values at `rows`, in that order; row -1 gives a missing value."""

    @abstractmethod
    def concat(self, other: Self) -> Self:
        """This column's values, then the other's."""

    @abstractmethod
    def missing(self) -> Bool:
        """(n,) bool: the rows without a value."""

    @abstractmethod
    def arrays(self) -> Arrays:
        """Give the plain arrays it is made of."""

    @classmethod
    @abstractmethod
    def from_arrays(cls, arrays: Arrays) -> Self:
        """Bring back what `arrays()` gave, without a copy of read-only arrays."""

    def words(self, rows: I32 | None = None) -> list[str] | None:
        """The values at `rows` in words, "" for a missing one; None for what has no words."""
        del rows
        return None


class TextColumn(Column):
    """Text, packed as UTF-8 bytes (`data`, uint8) and `offsets` (n + 1, int64)."""

    kind = "text"

    def __init__(self, data: U8, offsets: I64) -> None:
        self.data: U8 = owned(data, np.uint8, "data")
        self.offsets: I64 = owned(offsets, np.int64, "offsets")

    @classmethod
    def of(cls, values: Sequence[str | None], what: str = "a text column") -> Self:
        """Pack texts; None is a missing one."""
        return cls(*pack(["" if text is None else text for text in values], what))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def take(self, rows: I32) -> Self:
        offsets, positions = Csr(self.offsets, self.data, None, 0).positions(rows)  # type: ignore[arg-type]
        return type(self)(frozen(self.data[positions]), frozen(offsets))

    def concat(self, other: Self) -> Self:
        offsets = np.concatenate([self.offsets, other.offsets[1:] + self.offsets[-1]])
        return type(self)(frozen(np.concatenate([self.data, other.data])), frozen(offsets))

    def missing(self) -> Bool:
        empty: Bool = self.offsets[1:] == self.offsets[:-1]
        return empty

    def words(self, rows: I32 | None = None) -> list[str]:
        return unpack(self.data, self.offsets, rows)

    def arrays(self) -> Arrays:
        return {"data": self.data, "offsets": self.offsets}

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Self:
        return cls(arrays["data"], arrays["offsets"])


class MediaColumn(TextColumn):
    """Paths of sound, picture or video files, one a row; never words to read."""

    kind = "media"

    def paths(self, rows: I32 | None = None) -> list[str]:
        """The paths at `rows`, "" for a missing one."""
        return super().words(rows)

    def words(self, rows: I32 | None = None) -> None:  # type: ignore[override]
        del rows


class CategoryColumn(Column):
    """One name a row: `codes` (n,) int32, -1 for none, into `names`."""

    kind = "category"

    def __init__(self, codes: I32, names: Vocabulary) -> None:
        self.codes: I32 = owned(codes, np.int32, "codes")
        self.names = names
        if self.codes.max(initial=-1) >= len(names) or self.codes.min(initial=0) < -1:
            raise ShapeError(f"codes are -1 to {len(names) - 1}, one for each name")

    @classmethod
    def of(cls, values: Sequence[str | None]) -> Self:
        """Number the names in order of first appearance; None or "" is a missing one."""
        present = np.array([bool(value) for value in values], np.bool_)
        codes = np.full(len(values), -1, np.int32)
        names, codes[present] = Vocabulary.unique([value for value in values if value])
        return cls(frozen(codes), names)

    def __len__(self) -> int:
        return len(self.codes)

    def take(self, rows: I32) -> Self:
        return type(self)(frozen(_or_last(self.codes, -1)[rows]), self.names)

    def concat(self, other: Self) -> Self:
        names, renamed = _joined(self.names, other.names)
        codes = _or_last(renamed, -1)[other.codes]
        return type(self)(frozen(np.concatenate([self.codes, codes])), names)

    def missing(self) -> Bool:
        none: Bool = self.codes < 0
        return none

    def words(self, rows: I32 | None = None) -> list[str]:
        names = [str(name) for name in self.names.ids()]
        codes = self.codes if rows is None else self.codes[rows]
        return [names[code] if code >= 0 else "" for code in codes.tolist()]

    def arrays(self) -> Arrays:
        return {"codes": self.codes, **_prefixed(self.names)}

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Self:
        return cls(arrays["codes"], _names(arrays))


class LabelColumn(Column):
    """Several names a row: `codes`, a `Csr` of n rows without values, into `names`."""

    kind = "label"

    def __init__(self, codes: Csr, names: Vocabulary) -> None:
        self.codes = Csr(
            owned(codes.indptr, np.int64, "indptr"),
            owned(codes.indices, np.int32, "indices"),
            None,
            len(names),
        )
        self.names = names
        if self.codes.indices.max(initial=-1) >= len(names):
            raise ShapeError(f"codes are 0 to {len(names) - 1}, one for each name")

    @classmethod
    def of(cls, values: Sequence[Iterable[str] | None]) -> Self:
        """Number the names in order of first appearance; a name twice in a row counts once."""
        cells = [[name for name in dict.fromkeys(cell or ()) if name] for cell in values]
        names, codes = Vocabulary.unique([name for cell in cells for name in cell])
        rows = np.repeat(np.arange(len(cells), dtype=np.int32), [len(cell) for cell in cells])
        return cls(Csr.from_pairs(rows, codes, None, (len(cells), len(names))), names)

    def __len__(self) -> int:
        return self.codes.rows

    def take(self, rows: I32) -> Self:
        return type(self)(self.codes.take(rows), self.names)

    def concat(self, other: Self) -> Self:
        names, renamed = _joined(self.names, other.names)
        rows = np.concatenate(
            [self.codes.row_of_entry(), other.codes.row_of_entry() + np.int32(len(self))]
        )
        codes = np.concatenate([self.codes.indices, renamed[other.codes.indices]])
        shape = (len(self) + len(other), len(names))
        return type(self)(Csr.from_pairs(rows, codes, None, shape), names)

    @cached_property
    def owners(self) -> I32:
        """The row of each entry of `codes`; worked out when it is first asked for, and kept."""
        return self.codes.row_of_entry()

    def missing(self) -> Bool:
        none: Bool = self.codes.counts() == 0
        return none

    def words(self, rows: I32 | None = None) -> list[str]:
        names = [str(name) for name in self.names.ids()]
        codes = self.codes if rows is None else self.codes.take(rows)
        return [", ".join([names[code] for code in row.tolist()]) for row in codes]

    def arrays(self) -> Arrays:
        return {
            "indptr": self.codes.indptr,
            "indices": self.codes.indices,
            **_prefixed(self.names),
        }

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Self:
        names = _names(arrays)
        return cls(Csr(arrays["indptr"], arrays["indices"], None, len(names)), names)


class NumberColumn(Column):
    """A number a row: `values` (n,) float64, NaN for a missing one."""

    kind = "number"

    def __init__(self, values: npt.NDArray[np.float64]) -> None:
        self.values: npt.NDArray[np.float64] = owned(values, np.float64, "values")

    def __len__(self) -> int:
        return len(self.values)

    def take(self, rows: I32) -> Self:
        return type(self)(frozen(_or_last(self.values, np.nan)[rows]))

    def concat(self, other: Self) -> Self:
        return type(self)(frozen(np.concatenate([self.values, other.values])))

    def missing(self) -> Bool:
        none: Bool = np.isnan(self.values)
        return none

    def arrays(self) -> Arrays:
        return {"values": self.values}

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Self:
        return cls(arrays["values"])


class VectorColumn(Column):
    """A ready vector a row: `values` (n, d) float32, finite, zeros for a missing one."""

    kind = "vector"

    def __init__(self, values: F32) -> None:
        self.values: F32 = owned(values, np.float32, "vectors", ndim=2)

    def __len__(self) -> int:
        return len(self.values)

    def take(self, rows: I32) -> Self:
        taken = np.zeros((len(rows), self.values.shape[1]), np.float32)
        taken[rows >= 0] = self.values[rows[rows >= 0]]
        return type(self)(frozen(taken))

    def concat(self, other: Self) -> Self:
        here, there = self.values.shape[1], other.values.shape[1]
        if here != there:
            raise DataError(f"vectors of {there} numbers can't follow vectors of {here}")
        return type(self)(frozen(np.concatenate([self.values, other.values])))

    def missing(self) -> Bool:
        return np.asarray(~self.values.any(axis=1), np.bool_)

    def arrays(self) -> Arrays:
        return {"values": self.values}

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Self:
        return cls(arrays["values"])


KINDS: Mapping[str, type[Column]] = {
    column.kind: column
    for column in (
        TextColumn,
        CategoryColumn,
        LabelColumn,
        NumberColumn,
        VectorColumn,
        MediaColumn,
    )
}


def _or_last(array: npt.NDArray[Any], missing: float) -> npt.NDArray[Any]:
    """The array with `missing` at its end, where index -1 finds it."""
    return np.append(array, np.array(missing, array.dtype))


def _prefixed(names: Vocabulary) -> Arrays:
    return {f"names.{key}": array for key, array in names.arrays().items()}


def _names(arrays: Arrays) -> Vocabulary:
    parts = {key.removeprefix("names."): array for key, array in arrays.items() if "." in key}
    return Vocabulary.from_arrays(parts)


def _joined(first: Vocabulary, second: Vocabulary) -> tuple[Vocabulary, I32]:
    """The names of both, and where each name of the second is among them."""
    theirs = [str(name) for name in second.ids()]
    names = first.extended([name for name in theirs if name not in first])
    return names, names.rows(theirs)
