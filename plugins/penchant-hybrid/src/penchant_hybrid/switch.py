"""`hybrid.switch`: which part answers for whom.

Burke, "Hybrid Recommender Systems: Survey and Experiments", 2002, section 3.2 ("switching"). The
parts stand in order, each with a condition or none; a query goes to the first whose condition holds
and that has evidence for it. Scores of a query are one part's alone, and so are its reasons, whose
source says which part answered.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from penchant.protocols import Evidence, FitContext, RelatesItems, Scorer, State, capability
from penchant.queries import TopK

from penchant_hybrid.fitting import fit_parts, restore_parts
from penchant_hybrid.joined import Joined
from penchant_hybrid.parts import Part
from penchant_hybrid.whom import holds

if TYPE_CHECKING:
    import numpy.typing as npt
    from penchant.data import Dataset
    from penchant.protocols import F32, I32, Bool
    from penchant.queries import Candidates, Queries

    from penchant_hybrid.settings import When


class FittedSwitch(Joined):
    """Hands each query to one part.

    conditions: one a part. `min_value`: what makes an event of a history a liking.
    """

    def __init__(
        self, parts: Sequence[Part], conditions: Sequence[When], min_value: float | None
    ) -> None:
        super().__init__(parts)
        self._conditions = tuple(conditions)
        self._min_value = min_value

    def score(self, queries: Queries, items: I32 | None, /) -> F32:
        """Ask each part for its own queries; zeros for those that no part takes."""
        width = queries.history.columns if items is None else len(items)
        scores = np.zeros((len(queries), width), np.float32)
        chosen = self.chosen(queries)
        for place, part in enumerate(self._parts):
            which = np.flatnonzero(chosen == place).astype(np.int32)
            if len(which):
                scores[which] = part.scorer.score(queries.take(which), items)
        return scores

    def answers(self, queries: Queries, /) -> Bool:
        """Those whom a part takes."""
        return self.chosen(queries) >= 0

    def explain(self, queries: Queries, item: int, /) -> Sequence[Evidence]:
        """The reasons of the part that answers."""
        place = int(self.chosen(queries)[0])
        return () if place < 0 else self._parts[place].explain(queries, item)

    def chosen(self, queries: Queries) -> npt.NDArray[np.intp]:
        """(n,): the place of the part that answers, or -1 where none does."""
        chosen = np.full(len(queries), -1, np.intp)
        for place, (part, when) in enumerate(zip(self._parts, self._conditions, strict=True)):
            takes = (chosen < 0) & holds(when, queries, self._min_value)
            if takes.any():
                chosen[takes & part.answers(queries)] = place
        return chosen

    def state(self) -> State:
        """The parts' states, and what makes a liking."""
        state = super().state()
        return State(state.arrays, {**state.meta, "min_value": self._min_value}, state.parts)

    def _with(self, parts: Sequence[Part], data: Dataset) -> FittedSwitch:  # noqa: ARG002
        return FittedSwitch(parts, self._conditions, self._min_value)

    def _similar_items(self, items: I32, candidates: Candidates, k: int, /) -> TopK:
        """The list of the first part that has one for an item; conditions speak of users alone."""
        rows = np.full((len(items), k), -1, np.int32)
        scores = np.full((len(items), k), -np.inf, np.float32)
        counts = np.zeros(len(items), np.int32)
        for part in self._parts:
            relates = capability(part.scorer, RelatesItems)
            which = np.flatnonzero(counts == 0).astype(np.int32)
            if relates is None or not len(which):
                continue
            top = relates.similar_items(items[which], candidates.take(which), k)
            width = top.rows.shape[1]
            rows[which, :width], scores[which, :width] = top.rows, top.scores
            counts[which] = top.counts
        return TopK(rows, scores, counts)


class Switch:
    """Switches between `scorers`, which the registry made."""

    def __init__(
        self, names: Sequence[str], scorers: Sequence[Scorer], conditions: Sequence[When]
    ) -> None:
        self._names = tuple(names)
        self._scorers = tuple(scorers)
        self._conditions = tuple(conditions)

    def fit(self, data: Dataset, context: FitContext, /) -> FittedSwitch:
        """Fit the parts one after the other, each on all of the data."""
        parts = fit_parts("hybrid.switch", self._names, self._scorers, data, context)
        return FittedSwitch(parts, self._conditions, data.min_value)

    def restore(self, state: State, /) -> FittedSwitch:
        """Bring the parts back."""
        limit = state.meta["min_value"]
        return FittedSwitch(
            restore_parts(self._names, self._scorers, state),
            self._conditions,
            None if limit is None else float(str(limit)),
        )
