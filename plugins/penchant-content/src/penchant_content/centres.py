"""`content.text` over vectors with several interests: a mean of poems and cookbooks is neither.

    score(u, i) = max over centres c of  sqrt(share of u's likings near c) * cos(c, i)

Centres are those of spherical k-means (Dhillon and Modha, "Concept Decompositions for Large Sparse
Text Data Using Clustering", 2001) over what is liked, begun at the liking nearest to the mean and
then at whatever is farthest from the centres there are, so that nothing is drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from penchant import kernels
from penchant.item_text import NOTHING, unit
from penchant.protocols import Evidence

from penchant_content.dense import SOURCE, DenseText
from penchant_content.profiles import likings

if TYPE_CHECKING:
    from penchant.data import Dataset
    from penchant.protocols import F32, I32, Bool, State
    from penchant.queries import Candidates, Queries, TopK

_ROUNDS = 10


@dataclass(frozen=True)
class ManyCentres:
    """Scores by the nearest of several centres; no dot product, so each catalogue is scored whole.

    text: the vectors, and all that doesn't hang on how many centres there are.
    """

    text: DenseText
    most: int

    def __post_init__(self) -> None:
        if hasattr(self.text, "encoders"):
            self.__dict__["encoders"] = self.text.encoders

    def score(self, queries: Queries, items: I32 | None, /) -> F32:
        """Give (n, m) float32, -1 to 1, and 1 more for words; 0 where either says nothing."""
        chosen = self.text.vectors if items is None else self.text.vectors[items]
        scores = np.zeros((len(queries), len(chosen)), np.float32)
        liked = likings(queries, self.text.min_value, self.text.half_life)
        for row in range(len(queries)):
            parted = self._parted(liked.row(row), liked.row_values(row))
            if len(parted.centres):
                near = kernels.dot(parted.centres, chosen) * parted.sizes[:, None]
                scores[row] = near.max(axis=0)
        told = self.text.words(queries)
        return scores if told is None else scores + kernels.dot(told, chosen)

    def answers(self, queries: Queries, /) -> Bool:
        """(n,) bool: liked an item with a text, or says something in words."""
        return self.text.answers(queries)

    def explain(self, queries: Queries, item: int, /) -> Sequence[Evidence]:
        """Give the parts of the likings around the nearest centre, and the words'; they sum up."""
        liked = likings(queries, self.text.min_value, self.text.half_life)
        rows, weights = liked.row(0), liked.row_values(0)
        one, reasons = self.text.vectors[item].astype(np.float64), []
        parted = self._parted(rows, weights)
        if len(parted.centres):
            nearest = int(np.argmax((parted.centres.astype(np.float64) @ one) * parted.sizes))
            around = np.flatnonzero(parted.owner == nearest)
            vectors = self.text.vectors[rows[around]].astype(np.float64)
            weighted = vectors * weights[around][:, None]
            length = float(np.sqrt(np.square(weighted.sum(axis=0)).sum()))
            size = float(parted.sizes[nearest]) / length if length > NOTHING else 0.0
            parts = weighted @ one * size
            reasons = [
                Evidence("item", part, item=row, source=SOURCE)
                for row, part in zip(rows[around].tolist(), parts.tolist(), strict=True)
            ]
        told = self.text.words(queries)
        if told is not None and told.any():
            reasons.append(Evidence("text", float(told[0] @ one), source=SOURCE))
        return sorted(reasons, key=lambda reason: (-reason.weight, reason.item))

    def similar_items(self, items: I32, candidates: Candidates, k: int, /) -> TopK:
        """Rank by cosine of the items' vectors, the item itself left out."""
        return self.text.similar_items(items, candidates, k)

    def with_items(self, data: Dataset, /) -> ManyCentres:
        """Describe the items that are new; the known ones keep their vectors."""
        return replace(self, text=self.text.with_items(data))

    def state(self) -> State:
        """Give the vectors, and the state of what made them."""
        return self.text.state()

    def _parted(self, rows: I32, weights: F32) -> _Parted:
        return _parted(self.text.vectors[rows], weights, self.most)


@dataclass(frozen=True)
class _Parted:
    """How likings fall into parts.

    centres: (k, d) of length 1. sizes: (k,) roots of their shares. owner: (likings,) the centre of
    each, -1 without a text.
    """

    centres: F32
    sizes: F32
    owner: I32


def _parted(vectors: F32, weights: F32, most: int) -> _Parted:
    """Part the vectors of what is liked into at most so many; O(10·likings·centres·d)."""
    owner = np.full(len(vectors), -1, np.int32)
    told = np.flatnonzero(vectors.any(axis=1))
    if not len(told):
        return _Parted(np.empty((0, vectors.shape[1]), np.float32), np.empty(0, np.float32), owner)
    vectors, weights = vectors[told], weights[told]
    weighted = vectors * weights[:, None]
    centres, nearest = _begun(vectors, weighted, most), np.empty(0, np.int64)
    for _ in range(_ROUNDS):
        again = kernels.dot(vectors, centres).argmax(axis=1)
        if np.array_equal(again, nearest):
            break
        # A centre that nothing is nearest to is gone.
        nearest = np.unique(again, return_inverse=True)[1]
        parts = [nearest == place for place in range(nearest.max() + 1)]
        centres = unit(np.array([weighted[part].sum(axis=0) for part in parts]))
    owner[told] = nearest
    shares = np.bincount(nearest, weights) / weights.sum(dtype=np.float64)
    return _Parted(centres, np.sqrt(shares).astype(np.float32), owner)


def _begun(vectors: F32, weighted: F32, most: int) -> F32:
    """The vector nearest to the mean, then whichever is farthest from those taken."""
    mean = weighted.sum(axis=0)[None]
    taken = [int(kernels.dot(mean, vectors)[0].argmax())]
    near = kernels.dot(vectors[taken], vectors)[0]
    while len(taken) < min(most, len(vectors)):
        taken.append(int(near.argmin()))
        near = np.maximum(near, kernels.dot(vectors[taken[-1:]], vectors)[0])
    return vectors[taken]
