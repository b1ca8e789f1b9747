"""`hybrid.cascade`: one part proposes, the next ones refine.

Burke, "Hybrid Recommender Systems: Survey and Experiments", 2002, section 3.4 ("cascade"). The
first part proposes the `pool` items that it ranks highest; each part after it ranks what it is
given by its own scores, and hands on as many as its own `pool` says. What is costly, and good, is
asked of few items. A part without evidence for a query leaves the list as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import numpy as np
from penchant.errors import RequestError
from penchant.protocols import (
    Evidence,
    FitContext,
    FittedRecommender,
    PredictsRatings,
    Recommender,
    RelatesItems,
    Scorer,
    Scores,
    State,
    capability,
)

from penchant_hybrid.fitting import fit_parts, restore_parts
from penchant_hybrid.joined import Joined
from penchant_hybrid.parts import Part
from penchant_hybrid.reranked import nothing

if TYPE_CHECKING:
    from penchant.data import Dataset
    from penchant.protocols import F32, I32, Bool
    from penchant.queries import Candidates, Queries, TopK


class FittedCascade(Joined):
    """The first of the parts is a fitted recommender; the others are scorers.

    pools: how many items each part but the last hands on.
    """

    def __init__(self, parts: Sequence[Part], pools: Sequence[int]) -> None:
        super().__init__(parts)
        self._pools = tuple(pools)
        self._proposer = cast("FittedRecommender", parts[0].scorer)
        last = capability(parts[-1].scorer, PredictsRatings)
        self.predicts_ratings = last is not None and last.predicts_ratings

    def recommend(self, queries: Queries, candidates: Candidates, k: int, /) -> TopK:
        """Rank exactly min(k, eligible) items a query. As slow as the first part, and the others on
        `pool` items a query.
        """
        pools = [max(pool, k) for pool in self._pools]
        wide = max(1, min(pools[0], candidates.items))
        found = self._proposer.recommend(queries, candidates, wide)
        refining = [(part, part.answers(queries)) for part in self._parts[1:]]
        top = nothing(len(queries), k)
        for query, count in enumerate(found.counts.tolist()):
            rows, scores = found.rows[query, :count], found.scores[query, :count]
            one = queries.take(np.array((query,), np.int32))
            for (part, answers), pool in zip(refining, [*pools[1:], k], strict=True):
                if answers[query] and len(rows):
                    scored = np.sort(rows)
                    scores = part.scorer.score(one, scored)[0]
                    order = np.argsort(-scores, kind="stable")[:pool]
                    rows, scores = scored[order], scores[order]
            shown = min(k, len(rows))
            top.rows[query, :shown], top.scores[query, :shown] = rows[:shown], scores[:shown]
            top.counts[query] = shown
        return top

    def score(self, queries: Queries, items: I32 | None, /) -> F32:
        """The scores of the last part that answers, for items that were never proposed too."""
        width = queries.history.columns if items is None else len(items)
        scores = np.zeros((len(queries), width), np.float32)
        last = self._last(queries)
        for place, part in enumerate(self._parts):
            which = np.flatnonzero(last == place).astype(np.int32)
            if len(which):
                scoring = capability(part.scorer, Scores)
                if scoring is None:
                    raise RequestError(
                        f"{part.name} ranks items but does not score them, and no other part of "
                        "hybrid.cascade has anything to go by for this user"
                    )
                scores[which] = scoring.score(queries.take(which), items)
        return scores

    def answers(self, queries: Queries, /) -> Bool:
        """Those for whom the first part has something to propose."""
        return self._parts[0].answers(queries)

    def explain(self, queries: Queries, item: int, /) -> Sequence[Evidence]:
        """The reasons of the last part that answers, whose scores order the list."""
        place = int(self._last(queries)[0])
        return () if place < 0 else self._parts[place].explain(queries, item)

    def _last(self, queries: Queries) -> I32:
        last = np.full(len(queries), -1, np.int32)
        for place, part in enumerate(self._parts):
            last[part.answers(queries)] = place
        last[~self.answers(queries)] = -1
        return last

    def _similar_items(self, items: I32, candidates: Candidates, k: int, /) -> TopK:
        """The list of the last part that relates items."""
        relating = (capability(part.scorer, RelatesItems) for part in reversed(self._parts))
        # There is one, or else this ability would not be here.
        return next(one for one in relating if one is not None).similar_items(items, candidates, k)

    def _with(self, parts: Sequence[Part], data: Dataset) -> FittedCascade:  # noqa: ARG002
        return FittedCascade(parts, self._pools)


class Cascade:
    """Lets `scorers` refine what `proposer` ranks highest; the registry made all."""

    def __init__(
        self,
        names: Sequence[str],
        proposer: Recommender,
        scorers: Sequence[Scorer],
        pools: Sequence[int],
    ) -> None:
        self._names = tuple(names)
        # Fitted and restored like a scorer; only `FittedCascade` asks it for anything else.
        self._parts = (cast("Scorer", proposer), *scorers)
        self._pools = tuple(pools)

    def fit(self, data: Dataset, context: FitContext, /) -> FittedCascade:
        """Fit the parts one after the other, each on all of the data."""
        parts = fit_parts("hybrid.cascade", self._names, self._parts, data, context)
        return FittedCascade(parts, self._pools)

    def restore(self, state: State, /) -> FittedCascade:
        """Bring the parts back."""
        return FittedCascade(restore_parts(self._names, self._parts, state), self._pools)
