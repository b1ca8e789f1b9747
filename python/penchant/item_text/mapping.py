"""Vectors foretold by an item's text: x ↦ b + xW, learned from the items that people like.

A ridge regression from text features to what likings taught of an item (its factors, its weights
for other items), as Gantner, Drumond, Freudenthaler,
Rendle, Schmidt-Thieme, "Learning Attribute-to-Feature Mappings for Cold-Start Recommendations",
2010, section 4.2. What it foretells is what an item is taken for before anybody has liked it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from penchant import kernels
from penchant.item_text.features import described, rows_of, values_of
from penchant.protocols import State
from penchant.queries import Csr

if TYPE_CHECKING:
    from penchant.data import Dataset
    from penchant.item_text.blocks import TextSource
    from penchant.item_text.describing import FittedItemText
    from penchant.protocols import F32, I32, I64
    from penchant.queries import Queries

# Solving for more coefficients takes their cube; words of the fewest items teach the least.
_MOST_FEATURES = 4096

# In how many parts items are foretold by the others.
_PARTS = 5


@dataclass(frozen=True)
class TextMap:
    """The map of a model.

    columns: the features that it reads, ascending int32. coefficients: (columns, f) float32.
    intercept: (f,) float32.
    """

    text: FittedItemText
    columns: I32
    coefficients: F32
    intercept: F32

    def __post_init__(self) -> None:
        for array in (self.columns, self.coefficients, self.intercept):
            array.setflags(write=False)

    @classmethod
    def learn(
        cls,
        text: FittedItemText,
        features: F32 | Csr,
        vectors: F32,
        rows: I32,
        regularization: float,
        threads: int,
        trust: F32 | None = None,
    ) -> TextMap:
        """Learn `vectors`, (items, f) float32, from those of the `rows` that have a text.

        trust: (items,) float32, how much each item's error counts; alike without it.

        With m = min(rows, features, 4096), O(entries·m + m²·(m + f)) time and O(m²) memory.
        """
        return TextLessons(text, features, rows, regularization, threads, trust).learn(vectors)

    def of_strangers(
        self,
        features: F32 | Csr,
        vectors: F32,
        rows: I32,
        regularization: float,
        threads: int,
        trust: F32 | None = None,
    ) -> F32:
        """(items, f) float32: as `of`, where no item of `rows` had a say in what is foretold of it.

        The arguments are those that the map was learned with. What a map foretells of an item that
        taught it holds some of the item's own noise, and is closer to it than to any new item; so
        each fifth of the rows is foretold by a map of the others. O(5) times learning.
        """
        foretold = self.of(features)
        for part in range(_PARTS):
            mine = rows[part::_PARTS]
            others = np.setdiff1d(rows, mine, assume_unique=True)
            learned = self.learn(
                self.text, features, vectors, others, regularization, threads, trust
            )
            foretold[mine] = learned.of(rows_of(features, mine))
        return foretold

    def of(self, features: F32 | Csr) -> F32:
        """(n, f) float32: the vectors that features foretell, zeros for an item without a text."""
        read = _narrowed(features, self.columns)
        if isinstance(read, Csr):
            mapped = kernels.sparse_dense(*_parts(read)[:3], self.coefficients)
        else:
            mapped = kernels.dot(read, np.ascontiguousarray(self.coefficients.T))
        return np.where(described(features)[:, None], mapped + self.intercept, np.float32(0))

    def of_rows(self, data: Dataset, rows: I32) -> F32:
        """(n, f) float32: the vectors foretold of some items of a dataset."""
        return self.of(self.text.describe(data, rows))

    def of_words(self, queries: Queries) -> F32 | None:
        """(n, f) float32: the vectors foretold of an item of which one would say what queries say.

        Zeros for silence; None where all are silent.
        """
        told = self.text.words(queries)
        return None if told is None else self.of(np.ascontiguousarray(told[:, self.columns]))

    def then(self, change: Callable[[F32], F32]) -> TextMap:
        """The map to what `change`, which is linear and knows no other rows, makes of vectors."""
        return replace(
            self,
            coefficients=change(self.coefficients),
            intercept=change(self.intercept[None])[0],
        )

    def state(self) -> State:
        """The map, and what describes items."""
        arrays = {
            "columns": self.columns,
            "coefficients": self.coefficients,
            "intercept": self.intercept,
        }
        return State(arrays, parts={"text": self.text.state()})

    @classmethod
    def restored(cls, text: TextSource, state: State) -> TextMap:
        """Bring back what `state()` gave."""
        names = ("columns", "coefficients", "intercept")
        columns, coefficients, intercept = (np.asarray(state.arrays[name]) for name in names)
        return cls(text.restore(state.parts["text"]), columns, coefficients, intercept)


class TextLessons:
    """What maps to several sets of vectors of the same items have in common: their equations.

    Arguments, time and memory are those of `TextMap.learn`.
    """

    def __init__(
        self,
        text: FittedItemText,
        features: F32 | Csr,
        rows: I32,
        regularization: float,
        threads: int,
        trust: F32 | None = None,
    ) -> None:
        self._text, self._threads = text, threads
        self._told = rows[described(features)[rows]]
        known = rows_of(features, self._told)
        self._columns = _commonest(known)
        self._system = None
        if len(self._columns):
            read = _narrowed(known, self._columns)
            self._system = kernels.RidgeSystem(
                _parts(read) if isinstance(read, Csr) else read,
                regularization=regularization,
                weights=None if trust is None else trust[self._told],
                threads=threads,
            )

    def learn(self, vectors: F32) -> TextMap:
        """The bits of `TextMap.learn`, without its cubic part. O(m²·f)."""
        f = vectors.shape[1]
        learned = np.zeros((0, f), np.float32), np.zeros(f, np.float32)
        if self._system is not None:
            learned = self._system.map(vectors[self._told], threads=self._threads)
        return TextMap(self._text, self._columns, *learned)


def _commonest(features: F32 | Csr) -> I32:
    """The columns of the most rows, the lower of equals, ascending; all of them if dense."""
    if not isinstance(features, Csr):
        return np.arange(features.shape[1] if len(features) else 0, dtype=np.int32)
    counts = np.bincount(features.indices, minlength=features.columns)
    first = np.argsort(-counts, kind="stable")[:_MOST_FEATURES]
    return np.sort(first[counts[first] > 0]).astype(np.int32)


def _narrowed(features: F32 | Csr, columns: I32) -> F32 | Csr:
    """The features of these columns alone; dense ones are all there, or none."""
    if not isinstance(features, Csr):
        return features if len(columns) else np.empty((len(features), 0), np.float32)
    place = np.full(features.columns, -1, np.int32)
    place[columns] = np.arange(len(columns), dtype=np.int32)
    few = features.where(place[features.indices] >= 0)
    return Csr(few.indptr, place[few.indices], few.values, len(columns))


def _parts(matrix: Csr) -> tuple[I64, I32, F32, int]:
    return matrix.indptr, matrix.indices, values_of(matrix), matrix.columns
