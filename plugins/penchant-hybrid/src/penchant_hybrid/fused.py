"""`hybrid.fused`: reciprocal rank fusion, which reads the parts' orders and not their scores.

score = Σ weight_p / (60 + rank_p) (Cormack, Clarke, Büttcher, "Reciprocal Rank Fusion outperforms
Condorcet and individual Rank Learning Methods", 2009). Nothing is learned and no scale matters, so
that strategies of any kind can be fused without held-out events.

An item's rank is how many items that the query has not met score as much as it does, or more. Items
already met would fill the first places of most parts' orders, and are not what is asked for; equal
scores share the last of their places, so that a part that knows nothing of most items puts those
far back, and one that scores everything alike says nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from penchant.protocols import Evidence, FitContext, Scorer, State

from penchant_hybrid.fitting import fit_parts, restore_parts
from penchant_hybrid.joined import RANK_OFFSET, Joined, strongest_first
from penchant_hybrid.parts import Part

if TYPE_CHECKING:
    import numpy.typing as npt
    from penchant.data import Dataset
    from penchant.protocols import F32, I32
    from penchant.queries import Csr, Queries


class FittedFused(Joined):
    """Adds the reciprocals of its parts' ranks."""

    def score(self, queries: Queries, items: I32 | None, /) -> F32:
        """Ask the parts for the whole catalogue, and rank it. O(n·m log m) a part, and its time."""
        width = queries.history.columns if items is None else len(items)
        total = np.zeros((len(queries), width), np.float32)
        for part in self._parts:
            which = np.flatnonzero(part.answers(queries)).astype(np.int32)
            if part.weight > 0 and len(which):
                ranks = _ranks(part, queries.take(which))
                total[which] += _worth(part, ranks if items is None else ranks[:, items])
        return total

    def explain(self, queries: Queries, item: int, /) -> Sequence[Evidence]:
        """One reason a part, the rank that it gives the item; they sum to the score."""
        reasons = []
        for part in self._parts:
            if part.weight > 0 and part.answers(queries)[0]:
                rank = _ranks(part, queries)[:, item]
                worth = float(_worth(part, rank)[0])
                reasons.append(Evidence("rank", worth, detail=f"rank {rank[0]}", source=part.name))
        return strongest_first(reasons)

    def _with(self, parts: Sequence[Part], data: Dataset) -> FittedFused:  # noqa: ARG002
        return FittedFused(parts)


class Fused:
    """Fuses `scorers`, which the registry made."""

    def __init__(
        self, names: Sequence[str], scorers: Sequence[Scorer], weights: Sequence[float]
    ) -> None:
        self._names = tuple(names)
        self._scorers = tuple(scorers)
        self._weights = tuple(weights)

    def fit(self, data: Dataset, context: FitContext, /) -> FittedFused:
        """Fit the parts one after the other."""
        parts = fit_parts("hybrid.fused", self._names, self._scorers, data, context)
        return FittedFused(
            [replace(part, weight=w) for part, w in zip(parts, self._weights, strict=True)]
        )

    def restore(self, state: State, /) -> FittedFused:
        """Bring the parts back."""
        return FittedFused(restore_parts(self._names, self._scorers, state))


def ranks_of(scores: F32, met: Csr) -> I32:
    """(n, items): how many items that a query has not met score as much as each, or more.

    At least 1, also for an item that was met and outdoes all others. O(n·items log items).
    """
    ranks = np.empty(scores.shape, np.int32)
    open_to = np.ones(scores.shape[1], np.bool_)
    for query, own in enumerate(scores):
        history = met.row(query)
        open_to[history] = False
        ascending = np.sort(own[open_to])
        open_to[history] = True
        ranks[query] = len(ascending) - np.searchsorted(ascending, own, side="left")
    return np.maximum(ranks, 1)


def _ranks(part: Part, queries: Queries) -> I32:
    return ranks_of(part.scorer.score(queries, None), queries.history)


def _worth(part: Part, ranks: I32) -> npt.NDArray[np.float32]:
    return (part.weight / (RANK_OFFSET + ranks)).astype(np.float32)
