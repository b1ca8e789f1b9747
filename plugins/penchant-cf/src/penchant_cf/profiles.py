"""Users by the words of what they liked, to tell who is like-minded where nothing is shared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from penchant import kernels
from penchant.growing import appended
from penchant.item_text import as_sparse, described, likeness, stacked, unit, values_of
from penchant.protocols import State
from penchant.queries import Csr

from penchant_cf.weights import csr_parts

if TYPE_CHECKING:
    import numpy.typing as npt
    from penchant.data import Dataset
    from penchant.item_text import FittedItemText, TextSource
    from penchant.protocols import F32, Bool
    from penchant.queries import Queries

_BATCH = 256  # users whose sums of sparse rows are held at once


@dataclass(frozen=True)
class Profiles:
    """Means of the items' rows, all of length 1, or zeros where nothing is said.

    items: (items, d). users: (users, d), sparse where those of the items are.
    """

    text: FittedItemText
    items: F32 | Csr
    users: F32 | Csr

    @classmethod
    def of(cls, text: FittedItemText, items: F32 | Csr, likes: Csr) -> Profiles:
        """Describe the users by their likings. O(likings·d)."""
        if not isinstance(items, Csr):
            return cls(text, items, _means(likes, items))
        users = Csr.empty(0, items.columns)
        starts = range(0, likes.rows, _BATCH)
        ends = (min(start + _BATCH, likes.rows) for start in starts)
        for start, end in zip(starts, ends, strict=True):
            batch = likes.take(np.arange(start, end, dtype=np.int32))
            users = stacked(users, as_sparse(_means(batch, items)))
        return cls(text, items, users)

    def likeness(self, likes: Csr, queries: Queries) -> F32:
        """(n, users): cosines of those of queries, who like this, and those of users."""
        asked = self._asked(likes, queries)
        return likeness(as_sparse(asked) if isinstance(self.users, Csr) else asked, self.users)

    def answers(self, likes: Csr, queries: Queries) -> Bool:
        """(n,): those of whom anything is said."""
        return described(self._asked(likes, queries))

    def with_items(self, data: Dataset) -> Profiles:
        """Describe the items that are new."""
        known = self.items.rows if isinstance(self.items, Csr) else len(self.items)
        told = self.text.describe(data, np.arange(known, len(data.items), dtype=np.int32))
        if isinstance(self.items, Csr):
            told = told if isinstance(told, Csr) else as_sparse(told)
            return replace(self, items=stacked(self.items, told))
        if isinstance(told, Csr):
            raise TypeError("the extractor gave vectors at fit, now sparse features")
        return replace(self, items=appended(self.items, told))

    def state(self) -> State:
        """Both matrices, and what describes items."""
        arrays = {**_arrays("items", self.items), **_arrays("users", self.users)}
        meta = {"columns": self.items.columns if isinstance(self.items, Csr) else None}
        return State(arrays, meta, {"text": self.text.state()})

    @classmethod
    def restored(cls, text: TextSource, state: State) -> Profiles:
        """Bring back what `state()` gave."""
        columns = state.meta["columns"]
        width = None if columns is None else int(str(columns))
        items, users = (_matrix(state.arrays, side, width) for side in ("items", "users"))
        return cls(text.restore(state.parts["text"]), items, users)

    def _asked(self, likes: Csr, queries: Queries) -> F32:
        """(n, d): the means, halfway to what is said in words."""
        liked, said = _means(likes, self.items), self.text.words(queries)
        if said is None:
            return liked
        # A query without words must have the same bits as in a batch where nobody has any.
        return np.where(described(said)[:, None], unit(liked + said), liked)


def _means(likes: Csr, items: F32 | Csr) -> F32:
    if isinstance(items, Csr):
        return unit(kernels.sparse_sparse(*csr_parts(likes), csr_parts(items), items.columns))
    return unit(kernels.sparse_dense(*csr_parts(likes), items))


def _arrays(side: str, matrix: F32 | Csr) -> dict[str, npt.NDArray[Any]]:
    if not isinstance(matrix, Csr):
        return {side: matrix}
    return {
        f"{side}_indptr": matrix.indptr,
        f"{side}_indices": matrix.indices,
        f"{side}_values": values_of(matrix),
    }


def _matrix(arrays: Mapping[str, npt.NDArray[Any]], side: str, columns: int | None) -> F32 | Csr:
    if columns is None:
        return np.asarray(arrays[side])
    indptr, indices, values = (arrays[f"{side}_{part}"] for part in ("indptr", "indices", "values"))
    return Csr(indptr, indices, values, columns)
