"""A fitted blend: score = Σ weight_p / spread_p · score_p over the parts that can answer.

Two forms. Where every part is a dot product, so is the blend: the parts' item vectors, times their
factors, stand side by side, and one fused kernel call ranks by all of them (`FactoredBlend`).
Otherwise the parts are asked one after the other and added in their order (`Blend`). A part without
evidence for a query adds nothing to it.

What a blend can do besides depends on its parts, so the abilities `encoders`, `similar_items` and
`with_items` are set on the instance where there are parts that have them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt
from penchant import kernels
from penchant.protocols import (
    Encoder,
    Evidence,
    Factored,
    FittedScorer,
    ReadsText,
    RelatesItems,
    State,
    Updatable,
    capability,
)
from penchant.queries import TopK

from penchant_hybrid.parts import Part

if TYPE_CHECKING:
    from penchant.data import Dataset
    from penchant.protocols import F32, I32, Bool
    from penchant.queries import Candidates, Queries

# Reciprocal rank fusion's constant, and how deep each part's list goes: this or four times k.
_RANK_OFFSET = 60
_DEPTH = 100


class Blend:
    """Adds the scores of its parts."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self._parts = tuple(parts)
        scorers = [part.scorer for part in parts]
        if any(capability(scorer, ReadsText) for scorer in scorers):
            self.encoders = self._encoders
        if any(capability(scorer, RelatesItems) for scorer in scorers):
            self.similar_items = self._similar_items
        if all(capability(scorer, Updatable) for scorer in scorers):
            self.with_items = self._with_items

    @property
    def weights(self) -> Mapping[str, float]:
        """How much each part counts, by its name (and position, where names repeat)."""
        names = [part.name for part in self._parts]
        return {
            name if names.count(name) == 1 else f"{name} {place}": part.weight
            for place, (name, part) in enumerate(zip(names, self._parts, strict=True), start=1)
        }

    def score(self, queries: Queries, items: I32 | None, /) -> F32:
        """Add the parts' scores in their order. As slow as all of them together."""
        width = queries.history.columns if items is None else len(items)
        total = np.zeros((len(queries), width), np.float32)
        for part in self._parts:
            if part.weight > 0:
                part.add(total, queries, items)
        return total

    def answers(self, queries: Queries, /) -> Bool:
        """Those whom any part that counts can answer."""
        answered = np.zeros(len(queries), np.bool_)
        for part in self._parts:
            if part.weight > 0:
                answered |= part.answers(queries)
        return answered

    def explain(self, queries: Queries, item: int, /) -> Sequence[Evidence]:
        """All parts' reasons, each in its share; they sum to the score where the parts' do."""
        reasons = [
            reason
            for part in self._parts
            if part.weight > 0
            for reason in part.explain(queries, item)
        ]
        return tuple(sorted(reasons, key=lambda reason: -abs(reason.weight)))

    def state(self) -> State:
        """The parts' states, weights and spreads."""
        return State(
            self._arrays(),
            {
                "weights": [part.weight for part in self._parts],
                "spreads": [part.spread for part in self._parts],
            },
            parts={f"part_{place}": part.scorer.state() for place, part in enumerate(self._parts)},
        )

    def _arrays(self) -> Mapping[str, npt.NDArray[Any]]:
        return {}

    def _encoders(self) -> Mapping[str, Encoder]:
        """All parts' encoders."""
        found: dict[str, Encoder] = {}
        for part in self._parts:
            reads = capability(part.scorer, ReadsText)
            if reads is not None:
                found.update(reads.encoders())
        return found

    def _similar_items(self, items: I32, candidates: Candidates, k: int, /) -> TopK:
        """Fuse the parts' lists: Σ weight / (60 + rank) (Cormack, Clarke, Büttcher, 2009)."""
        fused = np.zeros((len(items), candidates.items), np.float32)
        for part in self._parts:
            relates = capability(part.scorer, RelatesItems)
            if relates is None or part.weight == 0:
                continue
            top = relates.similar_items(items, candidates, max(_DEPTH, 4 * k))
            ranks = np.arange(1, top.rows.shape[1] + 1)
            worth = (part.weight / (_RANK_OFFSET + ranks)).astype(np.float32)
            for query, count in enumerate(top.counts.tolist()):
                fused[query, top.rows[query, :count]] += worth[:count]
        # An item on no list is not alike; NaN is never ranked.
        fused[fused == 0] = np.nan
        return TopK(*kernels.select_top_k(fused, k))

    def _with_items(self, data: Dataset, /) -> FittedScorer:
        """Let every part take up the new items; weights and spreads stay."""
        return blend_of(
            [
                replace(part, scorer=cast("FittedScorer", _updatable(part).with_items(data)))
                for part in self._parts
            ]
        )


class FactoredBlend(Blend):
    """One dot product for all parts.

    item_vectors: the parts' vectors, times their factors, side by side; None to make them.
    """

    def __init__(self, parts: Sequence[Part], item_vectors: F32 | None = None) -> None:
        super().__init__(parts)
        self._factored = tuple(cast("Factored", part.scorer) for part in parts)
        if item_vectors is None:
            item_vectors = np.concatenate(
                [
                    factored.item_vectors * part.factor
                    for factored, part in zip(self._factored, parts, strict=True)
                ],
                axis=1,
            )
        item_vectors.setflags(write=False)
        self._items = item_vectors

    @property
    def item_vectors(self) -> F32:
        """(items, Σ d)."""
        return self._items

    def query_vectors(self, queries: Queries, /) -> F32:
        """(n, Σ d): the parts' query vectors side by side, zeros for a part without evidence."""
        vectors = []
        for factored, part in zip(self._factored, self._parts, strict=True):
            mine = factored.query_vectors(queries)
            vectors.append(np.where(part.answers(queries)[:, None], mine, np.float32(0)))
        return np.concatenate(vectors, axis=1)

    def score(self, queries: Queries, items: I32 | None, /) -> F32:
        """Multiply. O(n·m·Σ d)."""
        chosen = self._items if items is None else self._items[items]
        return kernels.dot(self.query_vectors(queries), chosen)

    def _arrays(self) -> Mapping[str, npt.NDArray[Any]]:
        """The vectors too, so that a loaded model maps them instead of making them again."""
        return {"item_vectors": self._items}


def blend_of(parts: Sequence[Part], item_vectors: F32 | None = None) -> Blend:
    """Make the faster form where every part is a dot product."""
    if all(isinstance(part.scorer, Factored) for part in parts):
        return FactoredBlend(parts, item_vectors)
    return Blend(parts)


def _updatable(part: Part) -> Updatable:
    found = capability(part.scorer, Updatable)
    assert found is not None  # noqa: S101 - `with_items` exists only where all parts have it
    return found
