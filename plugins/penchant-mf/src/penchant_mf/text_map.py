"""Factors foretold by an item's text: x ↦ b + xW, learned from the items that people like.

A ridge regression from text features to trained factors, as Gantner, Drumond, Freudenthaler,
Rendle, Schmidt-Thieme, "Learning Attribute-to-Feature Mappings for Cold-Start Recommendations",
2010, section 4.2. What it foretells is where an item starts before anybody has liked it, and what
likings pull it away from.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from penchant import kernels
from penchant.item_text import described, values_of
from penchant.protocols import State
from penchant.queries import Csr

if TYPE_CHECKING:
    from penchant.data import Dataset
    from penchant.item_text import FittedItemText, ItemText
    from penchant.protocols import F32, I32

# Solving for more coefficients takes their cube; words of the fewest items teach the least.
_MOST_FEATURES = 4096


@dataclass(frozen=True)
class TextMap:
    """The map of a model.

    coefficients: (features, f) float32. intercept: (f,) float32.
    """

    text: FittedItemText
    coefficients: F32
    intercept: F32

    def __post_init__(self) -> None:
        for array in (self.coefficients, self.intercept):
            array.setflags(write=False)

    @classmethod
    def learn(
        cls,
        text: FittedItemText,
        features: F32 | Csr,
        factors: F32,
        rows: I32,
        regularization: float,
        threads: int,
    ) -> TextMap:
        """Learn from the `rows` of both that have a text.

        With m = min(rows, features, 4096), O(entries·m + m³) time and O(m²) memory.
        """
        told = rows[described(features)[rows]]
        width = features.columns if isinstance(features, Csr) else features.shape[1]
        if not len(told):
            f = factors.shape[1]
            return cls(text, np.zeros((width, f), np.float32), np.zeros(f, np.float32))
        columns = np.arange(width, dtype=np.int32)
        known: F32 | tuple[np.ndarray, np.ndarray, F32, int]
        if isinstance(features, Csr):
            few, columns = _commonest(features.take(told))
            known = (few.indptr, few.indices, values_of(few), few.columns)
        else:
            known = features[told]
        found, intercept = kernels.ridge(
            known, factors[told], regularization=regularization, threads=threads
        )
        coefficients = np.zeros((width, factors.shape[1]), np.float32)
        coefficients[columns] = found
        return cls(text, coefficients, intercept)

    def of(self, features: F32 | Csr) -> F32:
        """(n, f) float32: the factors that features foretell, zeros for an item without a text."""
        if isinstance(features, Csr):
            parts = (features.indptr, features.indices, values_of(features))
            mapped = kernels.sparse_dense(*parts, self.coefficients)
        else:
            mapped = kernels.dot(features, np.ascontiguousarray(self.coefficients.T))
        return np.where(described(features)[:, None], mapped + self.intercept, np.float32(0))

    def of_rows(self, data: Dataset, rows: I32) -> F32:
        """(n, f) float32: the factors foretold of some items of a dataset."""
        return self.of(self.text.describe(data, rows))

    def state(self) -> State:
        """The map, and what describes items."""
        arrays = {"coefficients": self.coefficients, "intercept": self.intercept}
        return State(arrays, parts={"text": self.text.state()})

    @classmethod
    def restored(cls, text: ItemText, state: State) -> TextMap:
        """Bring back what `state()` gave."""
        arrays = state.arrays
        known = text.restore(state.parts["text"])
        return cls(known, np.asarray(arrays["coefficients"]), np.asarray(arrays["intercept"]))


def _commonest(features: Csr) -> tuple[Csr, I32]:
    """The columns of the most rows, the lower of equals, and which they are, ascending."""
    counts = np.bincount(features.indices, minlength=features.columns)
    first = np.argsort(-counts, kind="stable")[:_MOST_FEATURES]
    columns = np.sort(first[counts[first] > 0]).astype(np.int32)
    place = np.full(features.columns, -1, np.int32)
    place[columns] = np.arange(len(columns), dtype=np.int32)
    few = features.where(place[features.indices] >= 0)
    return Csr(few.indptr, place[few.indices], few.values, len(columns)), columns
