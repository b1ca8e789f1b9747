"""Weights of items that nobody has liked, foretold by their words, beside those of a fit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from penchant import kernels
from penchant.item_text import unit
from penchant.queries import Csr

from penchant_cf.weights import Weights, csr_parts

if TYPE_CHECKING:
    import numpy.typing as npt
    from penchant.protocols import F32, I32


class ForetoldWeights:
    """Weights of the fit, and columns for `cold` items.

    learned: what likings taught; it knows nothing of the cold items.
    warm: (w,) int32, the items with columns in `learned`. cold: (c,) int32 items, ascending.
    columns: (c, w) float32, what a liking of each warm item adds to the score of each cold one. A
        liking of a cold item adds as much to the warm ones; cold items add nothing to one another.
    """

    def __init__(self, learned: Weights, warm: I32, cold: I32, columns: F32) -> None:
        self._learned, self._warm, self.cold, self._columns = learned, warm, cold, columns
        self._by_source = np.ascontiguousarray(columns.T)
        self._source = _places(warm, learned.items)
        self._target = _places(cold, learned.items)
        for array in (warm, cold, columns, self._by_source, self._source, self._target):
            array.setflags(write=False)

    @property
    def items(self) -> int:
        """Size of the catalogue."""
        return self._learned.items

    def sums(self, likes: Csr, /) -> F32:
        """(n, items). As the weights of the fit, and O(likes·c + cold likes·w)."""
        total = self._learned.sums(likes)
        total[:, self.cold] = kernels.sparse_dense(
            *csr_parts(_among(likes, self._source, len(self._warm))), self._by_source
        )
        of_cold = _among(likes, self._target, len(self.cold))
        if of_cold.nnz:
            total[:, self._warm] += kernels.sparse_dense(*csr_parts(of_cold), self._columns)
        return total

    def rows(self, items: I32, /) -> F32:
        """(n, items): the given rows."""
        chosen = self._learned.rows(items)
        for row, item in enumerate(items.tolist()):
            if self._source[item] >= 0:
                chosen[row, self.cold] = self._by_source[self._source[item]]
            elif self._target[item] >= 0:
                chosen[row, self._warm] = self._columns[self._target[item]]
        return chosen

    def into(self, sources: I32, item: int, /) -> F32:
        """(n,): the weight of each source for `item`."""
        weights = self._learned.into(sources, item)
        target, place = int(self._target[item]), int(self._source[item])
        if target >= 0:
            warm = self._source[sources] >= 0
            weights[warm] = self._columns[target, self._source[sources[warm]]]
        elif place >= 0:
            cold = self._target[sources] >= 0
            weights[cold] = self._columns[self._target[sources[cold]], place]
        return weights

    def like(self, rows: F32, own: float) -> F32:
        """(n, items): what a liking of items with such columns, (n, w), adds.

        own: what a liking of a cold item says of the item itself; of the others it says as much of
            that as the cosine of their columns.
        """
        wide = np.zeros((len(rows), self.items), np.float32)
        wide[:, self._warm] = rows
        wide[:, self.cold] = kernels.dot(unit(rows), unit(self._columns)) * np.float32(own)
        return wide

    def grown(self, items: int, /) -> ForetoldWeights:
        """The same in a catalogue of more items; the new ones weigh nothing."""
        return ForetoldWeights(self._learned.grown(items), self._warm, self.cold, self._columns)

    def with_columns(self, items: int, cold: I32, columns: F32) -> ForetoldWeights:
        """The same in a catalogue of more items, some of which are `cold` ones. O(c·w)."""
        return ForetoldWeights(
            self._learned.grown(items),
            self._warm,
            np.concatenate([self.cold, cold]),
            np.concatenate([self._columns, columns]),
        )

    def arrays(self) -> Mapping[str, npt.NDArray[Any]]:
        """Those of the fit, and the columns."""
        own = {"text_warm": self._warm, "text_cold": self.cold, "text_columns": self._columns}
        return {**self._learned.arrays(), **own}

    @classmethod
    def restored(cls, learned: Weights, arrays: Mapping[str, npt.NDArray[Any]]) -> ForetoldWeights:
        """Bring back what `arrays()` gave, beside the weights of the fit."""
        return cls(learned, arrays["text_warm"], arrays["text_cold"], arrays["text_columns"])


def _places(items: I32, catalogue: int) -> I32:
    """(catalogue,) int32: where each item stands among `items`, -1 for one that doesn't."""
    places = np.full(catalogue, -1, np.int32)
    places[items] = np.arange(len(items), dtype=np.int32)
    return places


def _among(likes: Csr, places: I32, columns: int) -> Csr:
    """The likes of the items that have a place, as likes of places."""
    found = places[likes.indices]
    kept = likes.where(found >= 0)
    # Places ascend as items do.
    return Csr(kept.indptr, found[found >= 0], kept.values, columns)
