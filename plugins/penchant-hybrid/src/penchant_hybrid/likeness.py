"""How alike items are: the cosine of their vectors, or of their labels."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt
from penchant import kernels
from penchant.data import CategoryColumn, LabelColumn, VectorColumn
from penchant.errors import SettingsError
from penchant.queries import Csr
from penchant.suggestions import did_you_mean

if TYPE_CHECKING:
    from penchant.data import Items
    from penchant.protocols import F32, I32

To: TypeAlias = Callable[[int], "F32"]
"""From a place in a pool to how alike its item is to each of the pool, (p,) float32, 0 to 1."""


class DenseLikeness:
    """Vectors (items, d) float32 of length 1, or 0 for an item of which nothing is known."""

    def __init__(self, unit: F32) -> None:
        self._unit = unit

    @classmethod
    def of(cls, vectors: F32) -> DenseLikeness:
        """Bring vectors of any lengths to length 1."""
        lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors, dtype=np.float64))
        scale = np.divide(1.0, lengths, out=np.zeros_like(lengths), where=lengths > 0)
        unit = np.ascontiguousarray(vectors * scale[:, None], np.float32)
        unit.setflags(write=False)
        return cls(unit)

    def among(self, rows: I32) -> To:
        """Compare the items of a pool; O(p·d) a place."""
        mine = self._unit[rows]

        def to(place: int) -> F32:
            return np.asarray(np.clip(kernels.dot(mine[place : place + 1], mine)[0], 0, 1))

        return to

    def arrays(self) -> Mapping[str, npt.NDArray[Any]]:
        """What `likeness_from` reads."""
        return {"vectors": self._unit}


class SparseLikeness:
    """Labels of items; a label counts the same for all, so the cosine is |A ∩ B| / √(|A|·|B|)."""

    def __init__(self, labels: Csr) -> None:
        self._labels = labels

    def among(self, rows: I32) -> To:
        """Compare the items of a pool; O(labels of the pool) a place."""
        mine = self._labels.take(rows)
        owner, counts = mine.row_of_entry(), mine.counts()
        names, codes = np.unique(mine.indices, return_inverse=True)
        lengths = np.sqrt(np.maximum(counts, 1))

        def to(place: int) -> F32:
            mark = np.zeros(len(names))
            mark[codes[mine.indptr[place] : mine.indptr[place + 1]]] = 1.0
            shared = np.bincount(owner, mark[codes], minlength=len(rows))
            return np.asarray(np.clip(shared / (lengths * lengths[place]), 0, 1), np.float32)

        return to

    def arrays(self) -> Mapping[str, npt.NDArray[Any]]:
        """What `likeness_from` reads."""
        return labels_to(self._labels)


Likeness: TypeAlias = DenseLikeness | SparseLikeness


def likeness_of(items: Items, column: str) -> Likeness:
    """Compare items by a column that `usable` gave."""
    found = items.columns[column]
    if isinstance(found, VectorColumn):
        return DenseLikeness.of(found.values)
    return SparseLikeness(labels_of(items, column))


def likeness_from(arrays: Mapping[str, npt.NDArray[Any]]) -> Likeness:
    """Bring back what `arrays` gave."""
    if "vectors" in arrays:
        return DenseLikeness(arrays["vectors"])
    return SparseLikeness(labels_from(arrays))


def usable(items: Items, column: str, kinds: Sequence[str], owner: str) -> str:
    """Give the column to go by: the one named, or the first there is of the kinds, in their order.

    Raises SettingsError for a column that isn't there or is of another kind, and where there is
    none to take.
    """
    known = [name for kind in kinds for name in items.named(kind)]
    words = " and ".join([", ".join(kinds[:-1]), kinds[-1]])
    listed = f"{words} columns: {', '.join(known) or 'none'}"
    if not column and known:
        return known[0]
    if not column:
        raise SettingsError(
            f"{owner} goes by what items are like, and they have no column that says so ({listed})"
        )
    if column in known:
        return column
    if column in items.columns:
        kind = items.columns[column].kind
        raise SettingsError(f"{owner} can't go by column {column!r}, which holds {kind} ({listed})")
    hint = did_you_mean(column, known)
    raise SettingsError(f"{owner}: there is no item column {column!r}{hint} ({listed})")


def labels_of(items: Items, column: str) -> Csr:
    """Items x labels of a label or category column, without values."""
    found = items.columns[column]
    if isinstance(found, LabelColumn):
        return found.codes
    assert isinstance(found, CategoryColumn)  # noqa: S101 - `usable` has looked
    rows = np.flatnonzero(found.codes >= 0).astype(np.int32)
    return Csr.from_pairs(rows, found.codes[rows], None, (len(found), len(found.names)))


def labels_to(labels: Csr) -> Mapping[str, npt.NDArray[Any]]:
    """The arrays of labels without values, for a `State`."""
    columns = np.array([labels.columns], np.int64)
    return {"indptr": labels.indptr, "indices": labels.indices, "columns": columns}


def labels_from(arrays: Mapping[str, npt.NDArray[Any]]) -> Csr:
    """Bring back what `labels_to` gave."""
    return Csr(arrays["indptr"], arrays["indices"], None, int(arrays["columns"][0]))
