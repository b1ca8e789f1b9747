"""`content.text` over vectors: a user is the mean of liked items, a score is a cosine.

The score is a dot product, so the whole catalogue is ranked by one kernel call, and an item that
nobody has touched is scored like any other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from penchant import kernels
from penchant.errors import EncoderMissing
from penchant.protocols import Evidence, FitContext, State
from penchant.queries import TopK

from penchant_content.encoding import FOLDER, encode_items, folder_of
from penchant_content.profiles import NOTHING, any_in_row, lengths, likings, unit, values_of
from penchant_content.whitening import Whitening

if TYPE_CHECKING:
    from penchant.data import Dataset
    from penchant.protocols import F32, I32, Bool, Encoder, Extraction, Json
    from penchant.queries import Candidates, Queries

SOURCE = "content.text"


@dataclass(frozen=True, kw_only=True)
class DenseText:
    """Scores by vectors; what they were made from is a subclass's business.

    vectors: (items, d) float32 of length 1, or zeros for an item of which nothing is said.
    """

    vectors: F32
    whitening: Whitening | None
    min_value: float | None
    half_life: float | None

    def __post_init__(self) -> None:
        self.vectors.setflags(write=False)
        # Known once, asked at each request.
        self.__dict__["_described"] = lengths(self.vectors) > 0

    @property
    def item_vectors(self) -> F32:
        """(items, d) float32."""
        return self.vectors

    def query_vectors(self, queries: Queries, /) -> F32:
        """(n, d) float32 of length 1: unit(unit(liked items) + unit(words)), of what there is."""
        told = self._words(queries)
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
        told = self._words(queries)
        return answered if told is None else answered | _spoken(told)

    def explain(self, queries: Queries, item: int, /) -> Sequence[Evidence]:
        """Give each liked item's part of the score, and the words'; the parts sum to the score."""
        one = self.vectors[item].astype(np.float64)
        told, summed = self._words(queries), self._sum(queries)
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

    def _sum(self, queries: Queries) -> F32:
        liked = likings(queries, self.min_value, self.half_life)
        return kernels.sparse_dense(liked.indptr, liked.indices, values_of(liked), self.vectors)

    def _words(self, queries: Queries) -> F32 | None:  # noqa: ARG002 - a subclass reads them
        """(n, d) vectors of each query's words, of length 1 or 0; None where nobody has any."""
        return None

    def _whitened(self, vectors: F32) -> F32:
        vectors = unit(np.ascontiguousarray(vectors, np.float32))
        return vectors if self.whitening is None else self.whitening(vectors)

    def _arrays(self) -> dict[str, np.ndarray]:
        whitening = {} if self.whitening is None else self.whitening.arrays()
        return {"vectors": self.vectors, **whitening}


@dataclass(frozen=True, kw_only=True)
class EncodedText(DenseText):
    """Over an encoder: reads words too.

    encoder: None in a model that was saved without it; then words can't be read, and new items
        can't be taken up, and all else works.
    """

    encoder: Encoder | None
    facts: Mapping[str, Json]
    columns: tuple[str, ...] | None

    def encoders(self) -> Mapping[str, Encoder]:
        """The encoder by its fingerprint, or nothing."""
        return {} if self.encoder is None else {self.encoder.fingerprint: self.encoder}

    def with_items(self, data: Dataset, /) -> EncodedText:
        """Encode the items that are new; the known ones keep their vectors."""
        if self.encoder is None:
            raise EncoderMissing(
                "this model was saved without its encoder, so it can't take up new items; "
                "load it with penchant.load(folder, encoder=DIR)"
            )
        new = np.arange(len(self.vectors), len(data.items), dtype=np.int32)
        vectors = encode_items(self.encoder, data.items.texts(self.columns, new), FitContext())
        return replace(self, vectors=np.concatenate([self.vectors, self._whitened(vectors)]))

    def state(self) -> State:
        """Give the vectors, and the folder of the encoder where it has one."""
        folder = None if self.encoder is None else folder_of(self.encoder)
        folders = {} if folder is None else {FOLDER: folder}
        return State(self._arrays(), self.facts, folders=folders)

    def _words(self, queries: Queries) -> F32 | None:
        words = queries.texts.get(str(self.facts["fingerprint"]))
        return None if words is None else self._whitened(words)


@dataclass(frozen=True, kw_only=True)
class ExtractedVectors(DenseText):
    """Over an extractor that gives vectors; knows no words."""

    extraction: Extraction

    def with_items(self, data: Dataset, /) -> ExtractedVectors:
        """Extract the items that are new; the known ones keep their vectors."""
        new = np.arange(len(self.vectors), len(data.items), dtype=np.int32)
        matrix = self.extraction.extract(data, new).matrix
        vectors = self._whitened(np.asarray(matrix, np.float32))
        return replace(self, vectors=np.concatenate([self.vectors, vectors]))

    def state(self) -> State:
        """Give the vectors and the extractor's state."""
        meta = {"form": "vectors", "min_value": self.min_value}
        return State(self._arrays(), meta, {"extractor": self.extraction.state()})


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
