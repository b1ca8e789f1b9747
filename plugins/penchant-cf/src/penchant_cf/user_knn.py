"""`cf.user_knn`: people who liked the same things before will like the same things again.

User-based nearest neighbours (Resnick, Iacovou, Suchak, Bergstrom, Riedl, "GroupLens: An Open
Architecture for Collaborative Filtering of Netnews", 1994) on likings: an item is scored by the
summed similarity of those of the `neighbours` most similar users who liked it.

With L_u what user u liked, the similarity of u and v is

- "jaccard": |L_u ∩ L_v| / |L_u ∪ L_v|;
- "cosine": |L_u ∩ L_v| / √(|L_u|·|L_v|);
- "tfidf": the cosine, once an item counts by ln(1 + users / likings of the item), the rare more;

times n / (n + `shrinkage`) for n likings in common. With a text it is the mean of that and of the
cosine of what both like in words (`profiles.py`), by `text_weight`; then somebody who likes what
nobody else does has neighbours, and so have words. It is worked out at the time of a request from
the history given, so somebody new, or with news, needs no fit; and a user is not a neighbour of
their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from penchant import kernels
from penchant.item_text import text_source
from penchant.protocols import Evidence, FitContext, ReadsText, State
from penchant.queries import Csr, Queries

from penchant_cf.profiles import Profiles
from penchant_cf.weights import csr_parts

if TYPE_CHECKING:
    import numpy.typing as npt
    from penchant.data import Dataset
    from penchant.protocols import F32, I32, Bool
    from penchant.registry import Registry

    from penchant_cf.settings import UserKnnSettings

_BATCH = 256  # queries whose similarities with all users are held at once


class FittedUserKnn:
    """Likings both ways. Memory O(likings).

    by_user: users x items, by_item: its transpose, all ones.
    worth: (items,) float32, the squared weight of each item; 0 for one that nobody liked.
    profiles: what users like in words, or None.
    """

    def __init__(
        self,
        by_user: Csr,
        by_item: Csr,
        worth: F32,
        settings: UserKnnSettings,
        min_value: float | None,
        profiles: Profiles | None = None,
    ) -> None:
        self._profiles = profiles
        if profiles is not None and isinstance(profiles.text, ReadsText):
            self.encoders = profiles.text.encoders
        self._by_user, self._by_item, self._worth = by_user, by_item, worth
        self._settings, self._min_value = settings, min_value
        self._sizes = _sizes(by_user, worth)

    def score(self, queries: Queries, items: I32 | None, /) -> F32:
        """Sum the similarities of the neighbours who liked an item.

        O(likings of the items that each query liked + n·(users + catalogue)), also for few items.
        """
        scores = np.zeros((len(queries), self._by_user.columns), np.float32)
        for start in range(0, len(queries), _BATCH):
            near = self._neighbours(queries, start)
            scores[start : start + _BATCH] = kernels.sparse_sparse(
                *csr_parts(near), csr_parts(self._by_user), self._by_user.columns
            )
        return scores if items is None else np.ascontiguousarray(scores[:, items])

    def answers(self, queries: Queries, /) -> Bool:
        """Those who liked anything that somebody else may have liked, or that has words."""
        likes = self._likes(queries)
        known: Bool = likes.where(self._worth[likes.indices] > 0).counts() > 0
        return known if self._profiles is None else known | self._profiles.answers(likes, queries)

    def explain(self, queries: Queries, item: int, /) -> Sequence[Evidence]:
        """What each liked item and all words add by making neighbours alike.

        They sum to the score.
        """
        near, liked = self._neighbours(queries, 0), self._likes(queries)
        fans, of_near, _ = np.intersect1d(
            near.indices, self._by_item.row(item), assume_unique=True, return_indices=True
        )
        theirs = self._by_user.take(fans)
        fan, place = theirs.row_of_entry(), np.searchsorted(liked.row(0), theirs.indices)
        common = np.isin(theirs.indices, liked.row(0))
        fan, place = fan[common], place[common]
        shares = self._worth[liked.row(0)[place]].astype(np.float64)
        shared = self._by_likings(liked)[0, fans]
        shares *= shared[fan] / np.bincount(fan, shares, len(fans))[fan]
        weights = np.bincount(place, shares, liked.nnz)
        reasons = [
            Evidence("item", weight, row, source="cf.user_knn")
            for row, weight in zip(liked.indices.tolist(), weights.tolist(), strict=True)
            if weight
        ]
        if self._profiles is not None and len(fans):
            rest = float(near.row_values(0)[of_near].sum(dtype=np.float64) - weights.sum())
            reasons.append(Evidence("text", rest, source="cf.user_knn"))
        return tuple(sorted(reasons, key=lambda reason: -abs(reason.weight)))

    def with_items(self, data: Dataset, /) -> FittedUserKnn:
        """Nobody has liked the new items, until the next fit."""
        items = len(data.items)
        by_user, by_item = self._by_user, self._by_item
        indptr = np.full(items + 1, by_item.nnz, np.int64)
        indptr[: by_item.rows + 1] = by_item.indptr
        worth = np.zeros(items, np.float32)
        worth[: by_item.rows] = self._worth
        return FittedUserKnn(
            Csr(by_user.indptr, by_user.indices, by_user.values, items),
            Csr(indptr, by_item.indices, by_item.values, by_item.columns),
            worth,
            self._settings,
            self._min_value,
            None if self._profiles is None else self._profiles.with_items(data),
        )

    def state(self) -> State:
        """The likings both ways, the worth of items, and what users like in words."""
        arrays: dict[str, npt.NDArray[Any]] = {
            "user_indptr": self._by_user.indptr,
            "user_indices": self._by_user.indices,
            "item_indptr": self._by_item.indptr,
            "item_indices": self._by_item.indices,
            "worth": self._worth,
        }
        parts = {} if self._profiles is None else {"profiles": self._profiles.state()}
        return State(arrays, {"min_value": self._min_value}, parts)

    def _likes(self, queries: Queries) -> Csr:
        return queries.history.at_least(self._min_value).binary()

    def _neighbours(self, queries: Queries, start: int) -> Csr:
        """The similarities (up to _BATCH, users) of the neighbours of the queries from `start`."""
        rows = queries.rows[start : start + _BATCH]
        batch = np.arange(start, start + len(rows), dtype=np.int32)
        likes = self._likes(queries).take(batch)
        alike = self._by_likings(likes)
        if self._profiles is not None:
            share = np.float32(self._settings.text_weight)
            alike += share * self._profiles.likeness(likes, queries.take(batch))
        own = np.flatnonzero(rows >= 0)
        alike[own, rows[own]] = 0
        near, similarity, _ = kernels.select_top_k(alike, self._settings.neighbours)
        query, place = np.nonzero(similarity > 0)
        return Csr.from_pairs(
            query.astype(np.int32), near[query, place], similarity[query, place], alike.shape
        )

    def _by_likings(self, likes: Csr) -> F32:
        """(n, users) float32: what likings say of the similarity, in their share of it."""
        alike = self._similarities(likes)
        return (
            alike if self._profiles is None else alike * np.float32(1 - self._settings.text_weight)
        )

    def _similarities(self, likes: Csr) -> F32:
        """(n, users) float32: of the likings in each row and those of each user."""
        similarity, shrinkage = self._settings.similarity, np.float32(self._settings.shrinkage)
        worth = self._worth[likes.indices]
        common = self._common(likes, worth)
        theirs, own = self._sizes, _sizes(likes, self._worth)[:, None]
        alike: F32
        if similarity == "jaccard":
            alike = common / np.maximum(theirs + own - common, 1)
        else:
            alike = common * _inverse_roots(theirs)
            alike *= _inverse_roots(own)
        if shrinkage > 0:
            if similarity == "tfidf":
                common = self._common(likes, (worth > 0).astype(np.float32))
            alike *= common / (common + shrinkage)
        return alike

    def _common(self, likes: Csr, values: F32) -> F32:
        """(n, users) float32: the sum of `values`, one for each entry, over the common likings."""
        likings = csr_parts(self._by_item)
        return kernels.sparse_sparse(
            likes.indptr, likes.indices, values, likings, self._by_user.rows
        )


class UserKnn:
    """Weighs the items; the neighbours are found at the time of a request."""

    def __init__(self, settings: UserKnnSettings, registry: Registry) -> None:
        self._settings = settings
        self._text = None
        if settings.text is not None:
            self._text = text_source("cf.user_knn", settings.text, registry)

    def fit(self, data: Dataset, context: FitContext, /) -> FittedUserKnn:
        """Turn the likings. O(likings + users + items) time and memory, and the text's own.

        Raises DataError where a text is asked for and no item has one.
        """
        by_user = data.positive_csr().binary()
        by_item = Csr(*kernels.transpose(*csr_parts(by_user), by_user.columns), by_user.rows)
        counts = by_item.counts()
        worth = (counts > 0).astype(np.float32)
        if self._settings.similarity == "tfidf":
            worth *= np.log1p(by_user.rows / np.maximum(counts, 1)).astype(np.float32) ** 2
        profiles = None
        if self._text is not None:
            text, features = self._text.fit(data, context)
            profiles = Profiles.of(text, features.matrix, by_user)
        return FittedUserKnn(by_user, by_item, worth, self._settings, data.min_value, profiles)

    def restore(self, state: State, /) -> FittedUserKnn:
        """Bring the likings back."""
        arrays, least = state.arrays, state.meta["min_value"]
        ones = np.ones(len(arrays["user_indices"]), np.float32)
        users, items = len(arrays["user_indptr"]) - 1, len(arrays["item_indptr"]) - 1
        return FittedUserKnn(
            Csr(arrays["user_indptr"], arrays["user_indices"], ones, items),
            Csr(arrays["item_indptr"], arrays["item_indices"], ones, users),
            np.asarray(arrays["worth"]),
            self._settings,
            None if least is None else float(str(least)),
            None if self._text is None else Profiles.restored(self._text, state.parts["profiles"]),
        )


def _sizes(likes: Csr, worth: F32) -> F32:
    """(rows,) float32: the summed worth of the likings in each row."""
    values = worth[likes.indices].astype(np.float64)
    return np.bincount(likes.row_of_entry(), values, likes.rows).astype(np.float32)


def _inverse_roots(sizes: F32) -> F32:
    """1 / √size, 0 for no size."""
    inverse: F32 = np.divide(1, np.sqrt(sizes), out=np.zeros_like(sizes), where=sizes > 0)
    return inverse
