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
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from penchant import kernels
from penchant.errors import FitCancelled
from penchant.protocols import FitContext, State
from penchant.queries import Csr

from penchant_cf.item_item import FittedItemItem
from penchant_cf.weights import SparseWeights, Weights, weights_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from penchant.data import Dataset
    from penchant.protocols import F32, I32, I64

    from penchant_cf.settings import ItemKnnSettings


class FittedItemKnn(FittedItemItem):
    """Weights are similarities: row j holds the items that count j among their neighbours."""

    source = "cf.item_knn"

    def with_items(self, data: Dataset, /) -> FittedItemKnn:
        """New items have no neighbours until the next fit."""
        return FittedItemKnn(self._weights.grown(len(data.items)), self._min_value)

    def state(self) -> State:
        """The weights."""
        meta = {"items": self._weights.items, "min_value": self._min_value}
        return State(self._weights.arrays(), meta)

    def _likeness(self, items: I32) -> F32:
        """An item's own neighbours; the other way round a rare item would have none."""
        return self._neighbours.rows(items)

    @cached_property
    def _neighbours(self) -> Weights:
        arrays = self._weights.arrays()
        parts = (arrays["indptr"], arrays["indices"], arrays["values"])
        items = self._weights.items
        return SparseWeights(Csr(*kernels.transpose(*parts, items), items))


class ItemKnn:
    """Finds each item's nearest neighbours."""

    def __init__(self, settings: ItemKnnSettings) -> None:
        self._settings = settings

    def fit(self, data: Dataset, context: FitContext, /) -> FittedItemKnn:
        """Find the neighbours. O(Σ likings of a user squared) time, O(items·neighbours) memory."""
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
        near = kernels.neighbours(
            indptr,
            indices,
            values,
            users,
            settings.neighbours,
            similarity="jaccard" if settings.similarity == "jaccard" else "cosine",
            shrinkage=settings.shrinkage,
            threads=context.threads,
            progress=after,
        )
        return FittedItemKnn(by_neighbour(near, scale, likes.columns), data.min_value)

    def restore(self, state: State, /) -> FittedItemKnn:
        """Bring the weights back."""
        least = state.meta["min_value"]
        return FittedItemKnn(
            weights_of(state.arrays, int(str(state.meta["items"]))),
            None if least is None else float(str(least)),
        )

    def _saturation(self, counts: I64) -> F32:
        """BM25's factor of each entry, by how many likings its item has."""
        k1, b = self._settings.bm25_k1, self._settings.bm25_b
        mean = counts.sum() / max(1, np.count_nonzero(counts))
        discount = 1 - b + b * counts / max(mean, 1.0)
        return np.repeat(((k1 + 1) / (k1 * discount + 1)).astype(np.float32), counts)


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


def hear(context: FitContext, name: str) -> Callable[[int, int], None]:
    """Give what the kernel tells of its progress, to pass it on and to stop it."""

    def after(done: int, items: int) -> None:
        context.progress("item neighbours", done, items)
        if context.cancelled():
            raise FitCancelled(f"the fit of {name} was cancelled after {done} of {items} items")

    return after


def by_neighbour(near: tuple[I64, I32, F32], scale: np.float32, items: int) -> SparseWeights:
    """Turn each item's neighbours, best first, into ascending rows by the neighbour liked."""
    indptr, indices, values = near
    item = np.repeat(np.arange(items, dtype=np.int32), np.diff(indptr))
    return SparseWeights(Csr.from_pairs(indices, item, values * scale, (items, items)))
