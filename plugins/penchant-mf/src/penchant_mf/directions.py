"""Which items are alike: the cosine of their factors, ranked by one kernel call."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from penchant import kernels
from penchant.queries import TopK

if TYPE_CHECKING:
    from penchant.protocols import F32, I32
    from penchant.queries import Candidates


class Directions:
    """Factors of unit length. An item without factors is like nothing: its cosines are 0.

    factors: (items, f) float32. O(items·f) time and memory.
    """

    def __init__(self, factors: F32) -> None:
        lengths = np.sqrt(np.einsum("ij,ij->i", factors, factors, dtype=np.float64))
        scale = np.divide(1.0, lengths, out=np.zeros_like(lengths), where=lengths > 0)
        self._unit = np.ascontiguousarray(factors * scale[:, None], np.float32)
        self._unit.setflags(write=False)
        self._index = kernels.ItemIndex(self._unit)

    def similar(self, items: I32, candidates: Candidates, k: int) -> TopK:
        """Rank the items whose factors point most nearly the way of each of `items`, itself not.

        O(n·items·f).
        """
        own = (np.arange(len(items) + 1, dtype=np.int64), np.ascontiguousarray(items, np.int32))
        lists = candidates.lists
        return TopK(
            *self._index.top_k(
                self._unit[items],
                k,
                seen=own,
                allow=candidates.allow,
                deny=candidates.deny,
                lists=None if lists is None else (lists.indptr, lists.indices),
            )
        )
