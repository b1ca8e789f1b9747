"""Item-item weights: what a liking of one item (a row) adds to the scores of others (columns).

Two forms of one thing: sparse rows of few weights, and a dense square over the items that anybody
liked. Sums run in the order of ascending history items, so a score has the same bits in any batch.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from penchant import kernels
from penchant.queries import Csr

if TYPE_CHECKING:
    import numpy.typing as npt
    from penchant.protocols import F32, I32


class Weights(Protocol):
    """A matrix of items x items."""

    @property
    def items(self) -> int:
        """Size of the catalogue."""

    def sums(self, likes: Csr, /) -> F32:
        """(n, items): for each row of binary `likes`, the sum of the rows of the items in it."""

    def rows(self, items: I32, /) -> F32:
        """(n, items): the given rows."""

    def into(self, sources: I32, item: int, /) -> F32:
        """(n,): the weight of each source for `item`."""

    def grown(self, items: int, /) -> Weights:
        """The same weights in a catalogue of more items; the new ones weigh nothing."""

    def arrays(self) -> Mapping[str, npt.NDArray[Any]]:
        """What `weights_of` needs to bring them back."""


def weights_of(arrays: Mapping[str, npt.NDArray[Any]], items: int) -> Weights:
    """Bring back what `arrays()` gave, without a copy."""
    if "matrix" in arrays:
        return DenseWeights(arrays["matrix"], arrays["warm"], items)
    return SparseWeights(Csr(arrays["indptr"], arrays["indices"], arrays["values"], items))


class SparseWeights:
    """Few weights a row. Memory O(stored weights)."""

    def __init__(self, matrix: Csr) -> None:
        self._values = np.ones(matrix.nnz, np.float32) if matrix.values is None else matrix.values
        self._matrix = matrix
        for array in (matrix.indptr, matrix.indices, self._values):
            array.setflags(write=False)

    @property
    def items(self) -> int:
        """Size of the catalogue."""
        return self._matrix.columns

    def sums(self, likes: Csr, /) -> F32:
        """(n, items). O(n·items + weights of the likes)."""
        matrix = (self._matrix.indptr, self._matrix.indices, self._values)
        return kernels.sparse_sparse(*csr_parts(likes), matrix, self.items)

    def rows(self, items: I32, /) -> F32:
        """(n, items): the given rows."""
        return self._matrix.take(items).to_dense()

    def into(self, sources: I32, item: int, /) -> F32:
        """(n,): the weight of each source for `item`. O(weights of the sources)."""
        weights = np.zeros(len(sources), np.float32)
        for place, source in enumerate(sources.tolist()):
            start, stop = self._matrix.indptr[source], self._matrix.indptr[source + 1]
            at = start + np.searchsorted(self._matrix.indices[start:stop], item)
            if at < stop and self._matrix.indices[at] == item:
                weights[place] = self._values[at]
        return weights

    def grown(self, items: int, /) -> SparseWeights:
        """Empty rows and columns for the new items."""
        indptr = np.full(items + 1, self._matrix.nnz, np.int64)
        indptr[: len(self._matrix.indptr)] = self._matrix.indptr
        return SparseWeights(Csr(indptr, self._matrix.indices, self._values, items))

    def arrays(self) -> Mapping[str, npt.NDArray[Any]]:
        """The CSR parts."""
        matrix = self._matrix
        return {"indptr": matrix.indptr, "indices": matrix.indices, "values": self._values}


class DenseWeights:
    """All weights among `w` warm items; the others weigh nothing. Memory O(w²).

    matrix: (w, w) float32. `warm`: (w,) int32, the catalogue rows that its rows and columns
    stand for, ascending.
    """

    def __init__(self, matrix: F32, warm: I32, items: int) -> None:
        self._matrix, self._warm, self._items = matrix, warm, items
        self._place = np.full(items, -1, np.int32)
        self._place[warm] = np.arange(len(warm), dtype=np.int32)
        for array in (matrix, warm, self._place):
            array.setflags(write=False)

    @property
    def items(self) -> int:
        """Size of the catalogue."""
        return self._items

    def sums(self, likes: Csr, /) -> F32:
        """(n, items). O(n·items + likes·w)."""
        places = self._place[likes.indices]
        known = likes.where(places >= 0)
        inside = Csr(known.indptr, places[places >= 0], known.values, len(self._warm))
        return self._spread(kernels.sparse_dense(*csr_parts(inside), self._matrix))

    def rows(self, items: I32, /) -> F32:
        """(n, items): the given rows, zeros for items that are not warm."""
        places = self._place[items]
        chosen = np.zeros((len(items), len(self._warm)), np.float32)
        chosen[places >= 0] = self._matrix[places[places >= 0]]
        return self._spread(chosen)

    def _spread(self, narrow: F32) -> F32:
        if len(self._warm) == self._items:
            return narrow
        wide = np.zeros((len(narrow), self._items), np.float32)
        wide[:, self._warm] = narrow
        return wide

    def into(self, sources: I32, item: int, /) -> F32:
        """(n,): the weight of each source for `item`."""
        weights = np.zeros(len(sources), np.float32)
        places, target = self._place[sources], int(self._place[item])
        if target >= 0:
            weights[places >= 0] = self._matrix[places[places >= 0], target]
        return weights

    def grown(self, items: int, /) -> DenseWeights:
        """The same square; the new items are not warm."""
        return DenseWeights(self._matrix, self._warm, items)

    def arrays(self) -> Mapping[str, npt.NDArray[Any]]:
        """The square and what its rows are."""
        return {"matrix": self._matrix, "warm": self._warm}


def csr_parts(matrix: Csr) -> tuple[npt.NDArray[np.int64], I32, F32]:
    """A matrix as kernels take it: ones where it has no values."""
    values = np.ones(matrix.nnz, np.float32) if matrix.values is None else matrix.values
    return matrix.indptr, matrix.indices, values
