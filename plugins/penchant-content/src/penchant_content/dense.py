"""`content.text` over vectors: a user is the mean of liked items, a score is a cosine.

The score is a dot product, so the whole catalogue is ranked by one kernel call, and an item that
nobody has touched is scored like any other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from penchant import kernels
from penchant.growing import appended
from penchant.item_text import NOTHING, EncodedText, described, lengths, unit, values_of
from penchant.protocols import Evidence, State
from penchant.queries import Csr, TopK

from penchant_content.profiles import any_in_row, likings

if TYPE_CHECKING:
    from penchant.data import Dataset
    from penchant.item_text import FittedItemText
    from penchant.protocols import F32, I32, Bool
    from penchant.queries import Candidates, Queries

SOURCE = "content.text"


@dataclass(frozen=True, kw_only=True)
class DenseText:
    """Scores by vectors; reads words where what made them does.

    vectors: (items, d) float32 of length 1, or zeros for an item of which nothing is said.
    text: what made them.
    own: (users, d), what users say of themselves, zeros for silence; None where nobody is asked.
    described: (items,), which have a vector; None to look.
    """

    vectors: F32
    text: FittedItemText
    min_value: float | None
    half_life: float | None
    own: F32 | None = None
    described: Bool | None = None

    def __post_init__(self) -> None:
        self.vectors.setflags(write=False)
        if self.own is not None:
            self.own.setflags(write=False)
        # Known once, asked at each request.
        known = described(self.vectors) if self.described is None else self.described
        self.__dict__["_described"] = known
        if isinstance(self.text, EncodedText):
            self.__dict__["encoders"] = self.text.encoders

    @property
    def item_vectors(self) -> F32:
        """(items, d) float32."""
        return self.vectors

    def query_vectors(self, queries: Queries, /) -> F32:
        """(n, d) float32 of length 1: unit(unit(liked items) + unit(words)), of what there is."""
        told = self.words(queries)
        liked = unit(self._sum(queries))
        if told is None:
            return liked
        # A query without words must have the same bits as in a batch where nobody has any.
        return np.where(_spoken(told)[:, None], unit(liked + told), liked)

    def score(self, queries: Queries, items: I32 | None, /) -> F32:
        """Cosine (n, m) float32, -1 to 1; 0 where the query or the item has nothing to say."""
        chosen = self.vectors if items is None else self.vectors[items]
        return kernels.dot(self.query_vectors(queries), chosen)

    def answers(self, queries: Queries, /) -> Bool:
        """(n,) bool: liked an item with a text, or says something in words."""
        liked = likings(queries, self.min_value, None)
        answered = any_in_row(liked, self.__dict__["_described"])
        told = self.words(queries)
        return answered if told is None else answered | _spoken(told)

    def explain(self, queries: Queries, item: int, /) -> Sequence[Evidence]:
        """Give each liked item's part of the score, and the words'; the parts sum to the score."""
        one = self.vectors[item].astype(np.float64)
        told, summed = self.words(queries), self._sum(queries)
        length = float(lengths(summed)[0])
        spoken = told is not None and bool(told[0].any())
        share = float(lengths(unit(summed) + told)[0]) if told is not None and spoken else 1.0
        reasons = []
        if told is not None and spoken and share:
            reasons.append(Evidence("text", float(told[0] @ one) / share, source=SOURCE))
        liked = likings(queries, self.min_value, self.half_life)
        for row, weight in zip(liked.row(0).tolist(), liked.row_values(0).tolist(), strict=True):
            if length > NOTHING and share > NOTHING:
                part = weight * float(self.vectors[row] @ one) / length / share
                reasons.append(Evidence("item", part, item=row, source=SOURCE))
        return sorted(reasons, key=lambda reason: (-reason.weight, reason.item))

    def similar_items(self, items: I32, candidates: Candidates, k: int, /) -> TopK:
        """Rank by cosine of the items' vectors, the item itself left out."""
        scores = kernels.dot(self.vectors[items], self.vectors)
        return ranked(scores, items, candidates, k)

    def with_items(self, data: Dataset, /) -> DenseText:
        """Describe the items that are new; the known ones keep their vectors."""
        new = np.arange(len(self.vectors), len(data.items), dtype=np.int32)
        added = self.text.describe(data, new)
        if isinstance(added, Csr):
            raise TypeError("the extractor gave vectors at fit, now sparse features")
        known = np.concatenate([self.__dict__["_described"], described(added)])
        return replace(self, vectors=appended(self.vectors, added), described=known)

    def state(self) -> State:
        """Give the vectors, and the state of what made them."""
        meta = {"form": "vectors", "min_value": self.min_value}
        arrays = {"vectors": self.vectors}
        if self.own is not None:
            arrays["own"] = self.own
        return State(arrays, meta, {"text": self.text.state()})

    def words(self, queries: Queries) -> F32 | None:
        """(n, d) of length 1: what is asked, else a known user's own words; zeros for silence."""
        asked = self.text.words(queries)
        if self.own is None:
            return asked
        known = (queries.rows >= 0)[:, None]
        own = np.where(known, self.own[np.maximum(queries.rows, 0)], np.float32(0))
        return own if asked is None else np.where(_spoken(asked)[:, None], asked, own)

    def _sum(self, queries: Queries) -> F32:
        liked = likings(queries, self.min_value, self.half_life)
        return kernels.sparse_dense(liked.indptr, liked.indices, values_of(liked), self.vectors)


def _spoken(told: F32) -> Bool:
    """(n,) bool: the queries with words."""
    return np.asarray(told.any(axis=1), np.bool_)


def ranked(scores: F32, items: I32, candidates: Candidates, k: int) -> TopK:
    """Rank each row of (n, items) scores without the row's own item."""
    scores[np.arange(len(items)), items] = np.nan  # which no kernel ranks
    pairs = {
        name: None if lists is None else (lists.indptr, lists.indices)
        for name, lists in (("seen", candidates.seen), ("lists", candidates.lists))
    }
    return TopK(
        *kernels.select_top_k(scores, k, allow=candidates.allow, deny=candidates.deny, **pairs)
    )
