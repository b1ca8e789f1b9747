"""What every fitted hybrid has in common: parts that act as one scorer.

What a hybrid can do besides scoring depends on its parts, so the abilities `encoders`,
`similar_items` and `with_items` are set on the instance where there are parts that have them.
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
    from penchant.protocols import I32, Bool
    from penchant.queries import Candidates, Queries

RANK_OFFSET = 60
"""The constant of reciprocal rank fusion: Cormack, Clarke, Büttcher (2009) settled on it."""

# How deep each part's list of similar items goes: this or four times k.
_DEPTH = 100


class Joined:
    """Parts that act as one; a subclass says how their scores are joined."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self._parts = tuple(parts)
        scorers = [part.scorer for part in parts]
        if any(capability(scorer, ReadsText) for scorer in scorers):
            self.encoders = self._encoders
        if any(capability(scorer, RelatesItems) for scorer in scorers):
            self.similar_items = self._similar_items
        if all(capability(scorer, Updatable) for scorer in scorers):
            self.with_items = self._with_items

    def answers(self, queries: Queries, /) -> Bool:
        """Those whom any part that counts can answer."""
        answered = np.zeros(len(queries), np.bool_)
        for part in self._parts:
            if part.weight > 0:
                answered |= part.answers(queries)
                if answered.all():
                    break
        return answered

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
        """What a subclass keeps besides."""
        return {}

    def _with(self, parts: Sequence[Part], data: Dataset) -> FittedScorer:
        """The same hybrid of `parts`, which have taken up the new items of `data`."""
        raise NotImplementedError

    def _with_items(self, data: Dataset, /) -> FittedScorer:
        """Let every part take up the new items; weights and spreads stay."""
        parts = []
        for part in self._parts:
            # All parts have the ability, or else this one would not be here.
            updatable = cast("Updatable", capability(part.scorer, Updatable))
            scorer = cast("FittedScorer", updatable.with_items(data))
            parts.append(replace(part, scorer=scorer))
        return self._with(parts, data)

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
            worth = (part.weight / (RANK_OFFSET + ranks)).astype(np.float32)
            for query, count in enumerate(top.counts.tolist()):
                fused[query, top.rows[query, :count]] += worth[:count]
        # An item on no list is not alike; NaN is never ranked.
        fused[fused == 0] = np.nan
        return TopK(*kernels.select_top_k(fused, k))


def strongest_first(reasons: Sequence[Evidence]) -> tuple[Evidence, ...]:
    """Sort reasons by the size of their weight; equals keep their order."""
    return tuple(sorted(reasons, key=lambda reason: -abs(reason.weight)))
