"""`cf.item_knn`: items are alike when the same people like them.

Item-based nearest neighbours (Sarwar, Karypis, Konstan, Riedl, "Item-Based Collaborative Filtering
Recommendation Algorithms", 2001) on likings: an item is scored by the summed similarity of those of
its `neighbours` most similar items that the user liked.

With U_i the users who liked item i, the similarity of i and j is

- "jaccard": |U_i ∩ U_j| / |U_i ∪ U_j|;
- "cosine": |U_i ∩ U_j| / √(|U_i|·|U_j|);
- "tfidf": the cosine, once a user counts by ln(1 + items / likings of the user), the choosy more,
  as rare words do in search;
- "bm25": the same, times (k1 + 1) / (k1·(1 - b + b·|U_i| / mean) + 1) (Robertson, Zaragoza, "The
  Probabilistic Relevance Framework", 2009, eq. 3.15, for word counts of 1), and dot products
  instead of cosines, so that popular items are near more items;

times n / (n + `shrinkage`) for n users in common. Correlations and distances compare ratings, which
likings are not: they are for `cf.rating_knn`.

With a text, rows of users and of what words say stand side by side, so that the similarity is a
weighted mean of two cosines (n then counts common words too), and an item that nobody liked is near
those of like words.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from penchant import kernels
from penchant.errors import FitCancelled
from penchant.growing import appended
from penchant.item_text import (
    as_sparse,
    likeness,
    side_by_side,
    stacked,
    text_source,
    unit_rows,
    values_of,
)
from penchant.protocols import FitContext, ReadsText, State
from penchant.queries import Csr

from penchant_cf.blended import blended_neighbours, side_by_side_rows
from penchant_cf.item_item import FittedItemItem
from penchant_cf.weights import SparseWeights, Weights, weights_of

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt
    from penchant.data import Dataset
    from penchant.item_text import FittedItemText, TextSource
    from penchant.protocols import F32, I32, I64
    from penchant.queries import Queries
    from penchant.registry import Registry

    from penchant_cf.settings import ItemKnnSettings


@dataclass(frozen=True)
class Words:
    """What words say of the items, to find the neighbours of new ones.

    rows: (items, words) float32, sparse or dense as the text is: each item's share of its row of
        length 1 that is words.
    neighbours: how many each new item gets. scale: what the similarities of the fit are times.
    """

    text: FittedItemText
    rows: F32 | Csr
    neighbours: int
    scale: float

    def said(self, queries: Queries) -> F32 | None:
        """(n, items): similarities of items of which one would say what queries say."""
        told = self.text.words(queries)
        if told is None:
            return None
        return self._alike(told)

    def with_items(self, data: Dataset, new: I32) -> tuple[Words, Csr]:
        """The same with new items, and (new, items) the similarities of their neighbours."""
        added = self.text.describe(data, new)
        near, similarity, _ = kernels.select_top_k(self._alike(added), self.neighbours)
        row, place = np.nonzero(similarity > 0)
        lists = Csr.from_pairs(
            row.astype(np.int32),
            near[row, place],
            similarity[row, place],
            (len(new), len(data.items)),
        )
        rows: F32 | Csr
        if isinstance(self.rows, Csr):
            rows = stacked(self.rows, _sparse(added))
        else:
            rows = appended(self.rows, _dense(added))
        return replace(self, rows=rows), lists

    def _alike(self, told: F32 | Csr) -> F32:
        """(n, items): similarities of what these rows tell of, by words alone."""
        of_kind = _sparse(told) if isinstance(self.rows, Csr) else _dense(told)
        return likeness(of_kind, self.rows) * np.float32(self.scale)

    def state(self) -> State:
        """The rows, and what describes items."""
        rows: dict[str, npt.NDArray[Any]]
        if isinstance(self.rows, Csr):
            rows = {
                "indptr": self.rows.indptr,
                "indices": self.rows.indices,
                "values": values_of(self.rows),
            }
            width = self.rows.columns
        else:
            rows, width = {"vectors": self.rows}, self.rows.shape[1]
        return State(rows, {"words": width, "scale": self.scale}, {"text": self.text.state()})

    @classmethod
    def restored(cls, text: TextSource, part: State, neighbours: int) -> Words:
        """Bring back what `state()` gave."""
        rows: F32 | Csr
        if "vectors" in part.arrays:
            rows = np.asarray(part.arrays["vectors"])
        else:
            indptr, indices, values = (
                np.asarray(part.arrays[name]) for name in ("indptr", "indices", "values")
            )
            rows = Csr(indptr, indices, values, int(str(part.meta["words"])))
        described = text.restore(part.parts["text"])
        return cls(described, rows, neighbours, float(str(part.meta["scale"])))


class FittedItemKnn(FittedItemItem):
    """Weights are similarities: row j holds the items that count j among their neighbours."""

    source = "cf.item_knn"

    def __init__(
        self, weights: Weights, min_value: float | None, words: Words | None = None
    ) -> None:
        super().__init__(weights, min_value)
        self._words = words
        if words is not None and isinstance(words.text, ReadsText):
            self.encoders = words.text.encoders

    def with_items(self, data: Dataset, /) -> FittedItemKnn:
        """New items have no neighbours until the next fit, or those of like words.

        O(items·words + weights).
        """
        known, items = self._weights.items, len(data.items)
        weights: Weights = self._weights.grown(items)
        if self._words is None:
            return FittedItemKnn(weights, self._min_value)
        new = np.arange(known, items, dtype=np.int32)
        words, near = self._words.with_items(data, new)
        arrays = weights.arrays()
        indptr, indices, values = arrays["indptr"], arrays["indices"], arrays["values"]
        # New columns are greater than all others, so each row takes them at its end.
        order = np.lexsort((near.row_of_entry(), near.indices))
        source, ends = near.indices[order], np.zeros(items + 1, np.int64)
        np.cumsum(np.bincount(source, minlength=items), out=ends[1:])
        grown = Csr(
            indptr + ends,
            np.insert(indices, indptr[1:][source], near.row_of_entry()[order] + known),
            np.insert(values, indptr[1:][source], values_of(near)[order]),
            items,
        )
        return FittedItemKnn(SparseWeights(grown), self._min_value, words)

    def state(self) -> State:
        """The weights, and what words say."""
        meta = {"items": self._weights.items, "min_value": self._min_value}
        parts = {} if self._words is None else {"words": self._words.state()}
        return State(self._weights.arrays(), meta, parts)

    def _likeness(self, items: I32) -> F32:
        """An item's own neighbours; the other way round a rare item would have none."""
        return self._neighbours.rows(items)

    def _said(self, queries: Queries) -> F32 | None:
        return None if self._words is None else self._words.said(queries)

    @cached_property
    def _neighbours(self) -> Weights:
        arrays = self._weights.arrays()
        parts = (arrays["indptr"], arrays["indices"], arrays["values"])
        items = self._weights.items
        return SparseWeights(Csr(*kernels.transpose(*parts, items), items))


class ItemKnn:
    """Finds each item's nearest neighbours."""

    def __init__(self, settings: ItemKnnSettings, registry: Registry) -> None:
        self._settings = settings
        self._text = None
        if settings.text is not None:
            self._text = text_source(FittedItemKnn.source, settings.text, registry)

    def fit(self, data: Dataset, context: FitContext, /) -> FittedItemKnn:
        """Find the neighbours. O(Σ likings of a user squared) time, O(items·neighbours) memory.

        With vectors of words, O(items²·their length) time besides.
        """
        settings = self._settings
        likes = data.positive_csr()
        after = hear(context, "cf.item_knn")
        after(0, likes.columns)
        users = likes.rows
        indptr, indices, values = kernels.transpose(
            likes.indptr, likes.indices, np.ones(likes.nnz, np.float32), likes.columns
        )
        scale = np.float32(1.0)
        if settings.similarity in ("tfidf", "bm25"):
            values = _idf(likes)[indices]
        if settings.similarity == "bm25":
            values *= self._saturation(np.diff(indptr))
            indptr, indices, values, scale = _equal_lengths(indptr, indices, values, users)
            users += likes.columns
        rows, words, near = Csr(indptr, indices, values, users), None, None
        if self._text is not None:
            text, features = self._text.fit(data, context)
            share, told = settings.text_weight, features.matrix
            if isinstance(told, Csr):
                beside = side_by_side([unit_rows(rows), told], [1 - share, share])
                rows = _sparse(beside)
                told = rows.where(rows.indices >= users)
                told = Csr(told.indptr, told.indices - users, told.values, rows.columns - users)
            else:
                rows, told = side_by_side_rows(unit_rows(rows), told, share)
                near = blended_neighbours(
                    rows, told, settings.neighbours, settings.shrinkage, context.threads, after
                )
            words = Words(text, told, settings.neighbours, float(scale))
        if near is None:
            near = kernels.neighbours(
                rows.indptr,
                rows.indices,
                values_of(rows),
                rows.columns,
                settings.neighbours,
                similarity="jaccard" if settings.similarity == "jaccard" else "cosine",
                shrinkage=settings.shrinkage,
                threads=context.threads,
                progress=after,
            )
        weights = by_neighbour(near, scale, likes.columns)
        return FittedItemKnn(weights, data.min_value, words)

    def restore(self, state: State, /) -> FittedItemKnn:
        """Bring the weights back."""
        least, words = state.meta["min_value"], None
        if self._text is not None:
            words = Words.restored(self._text, state.parts["words"], self._settings.neighbours)
        return FittedItemKnn(
            weights_of(state.arrays, int(str(state.meta["items"]))),
            None if least is None else float(str(least)),
            words,
        )

    def _saturation(self, counts: I64) -> F32:
        """BM25's factor of each entry, by how many likings its item has."""
        k1, b = self._settings.bm25_k1, self._settings.bm25_b
        mean = counts.sum() / max(1, np.count_nonzero(counts))
        discount = 1 - b + b * counts / max(mean, 1.0)
        return np.repeat(((k1 + 1) / (k1 * discount + 1)).astype(np.float32), counts)


def _sparse(features: F32 | Csr) -> Csr:
    return features if isinstance(features, Csr) else as_sparse(features)


def _dense(features: F32 | Csr) -> F32:
    return features.to_dense() if isinstance(features, Csr) else features


def _idf(likes: Csr) -> F32:
    """(users,) float32: ln(1 + items / likings), always positive; 1 for who likes nothing."""
    counts = likes.counts()
    weights = np.log1p(likes.columns / np.maximum(counts, 1))
    return np.where(counts > 0, weights, 1.0).astype(np.float32)


def _equal_lengths(
    indptr: I64, indices: I32, values: F32, columns: int
) -> tuple[I64, I32, F32, np.float32]:
    """Make cosines stand for dot products: cosine · scale is the dot product of the rows given.

    Each row gets one more entry, in a column of its own, that brings it to the length of the
    longest. No two rows share such a column, so dot products stay as they are.
    """
    rows = len(indptr) - 1
    row_of_entry = np.repeat(np.arange(rows), np.diff(indptr))
    squares = np.bincount(row_of_entry, values.astype(np.float64) ** 2, rows)
    longest = float(squares.max(initial=0.0))
    ends = indptr[1:]
    filler = np.sqrt(np.maximum(longest - squares, 0.0)).astype(np.float32)
    return (
        indptr + np.arange(rows + 1, dtype=np.int64),
        np.insert(indices, ends, columns + np.arange(rows, dtype=np.int32)),
        np.insert(values, ends, filler),
        np.float32(longest),
    )


def hear(
    context: FitContext, name: str, task: str = "item neighbours"
) -> Callable[[int, int], None]:
    """Give what the kernel tells of its progress, to pass it on and to stop it."""

    def after(done: int, items: int) -> None:
        context.progress(task, done, items)
        if context.cancelled():
            raise FitCancelled(f"the fit of {name} was cancelled after {done} of {items} items")

    return after


def by_neighbour(near: tuple[I64, I32, F32], scale: np.float32, items: int) -> SparseWeights:
    """Turn each item's neighbours, best first, into ascending rows by the neighbour liked."""
    indptr, indices, values = near
    item = np.repeat(np.arange(items, dtype=np.int32), np.diff(indptr))
    return SparseWeights(Csr.from_pairs(indices, item, values * scale, (items, items)))
