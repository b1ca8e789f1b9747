"""The parts of a blend: fitted scorers with a name, and a way to ask only what each can answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from penchant.protocols import Evidence, Explains, FittedScorer, FoldsIn, capability

if TYPE_CHECKING:
    from penchant.protocols import F32, I32, Bool
    from penchant.queries import Queries


@dataclass(frozen=True)
class Part:
    """One fitted scorer in a blend.

    name: the component's. `weight`: how much it counts, once its scores are brought to spread 1.
    spread: the standard deviation of its scores within a query; see `penchant_hybrid.spread`.
    """

    name: str
    scorer: FittedScorer
    weight: float
    spread: float

    @property
    def factor(self) -> np.float32:
        """What its scores are multiplied by."""
        return np.float32(self.weight / self.spread)

    def answers(self, queries: Queries) -> Bool:
        """The queries it has evidence for: known rows only, unless it folds in."""
        folds = self._folds_in
        return queries.rows >= 0 if folds is None else folds.answers(queries)

    @cached_property
    def _folds_in(self) -> FoldsIn | None:
        # Looked up once and not on each request: an isinstance of a protocol costs 100 calls.
        return capability(self.scorer, FoldsIn)

    def add(self, total: F32, queries: Queries, items: I32 | None) -> None:
        """Add its scores, times `factor`, to the rows of `total` that it can answer."""
        answered = self.answers(queries)
        if answered.all():
            total += self.scorer.score(queries, items) * self.factor
        elif answered.any():
            which = np.flatnonzero(answered).astype(np.int32)
            total[which] += self.scorer.score(queries.take(which), items) * self.factor

    def explain(self, queries: Queries, item: int) -> Sequence[Evidence]:
        """Its reasons in the units of the blend, signed with its name.

        A part that can't explain gives its whole share of the score as one reason.
        """
        if not self.answers(queries)[0]:
            return ()
        explains = capability(self.scorer, Explains)
        factor = float(self.factor)
        if explains is None:
            score = float(self.scorer.score(queries, np.array((item,), np.int32))[0, 0])
            return (Evidence("score", score * factor, detail=self.name, source=self.name),)
        return [
            replace(reason, weight=reason.weight * factor, source=reason.source or self.name)
            for reason in explains.explain(queries, item)
        ]
