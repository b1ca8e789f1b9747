"""A fitted stack: a linear model over the parts' scores, their ranks, and how much is known.

Of a part's score z (divided by its spread) a stack makes three features: z, z·a and z·b, where a
tells how much the user has done and b how much the item is liked, both as log(1 + count), less the
mean and over the standard deviation, between -3 and 3. So a part may count more for the active, or
for the popular. A fourth is log2((items + 10) / (rank + 10)), the rank as in `hybrid.fused`, which
keeps what the scale of a score tells nothing of. Besides there are b and a·b. What depends on the
user alone orders nothing and is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from penchant.protocols import Evidence

from penchant_hybrid.fused import ranks_of
from penchant_hybrid.joined import Joined, strongest_first
from penchant_hybrid.parts import Part

if TYPE_CHECKING:
    import numpy.typing as npt
    from penchant.data import Dataset
    from penchant.protocols import F32, I32
    from penchant.queries import Csr, Queries

A_PART = 4
"""Features of a part: score, score x activity, score x popularity, rank."""
OTHERS = 2
"""Features besides: popularity, popularity x activity."""

_MOST = 3.0
_RANK_OFFSET = 10


@dataclass(frozen=True)
class Measure:
    """Turns counts into numbers of about -3 to 3, alike on small and on large data."""

    mean: float
    deviation: float

    @classmethod
    def of(cls, counts: npt.NDArray[np.int64]) -> Measure:
        """Measure by the counts that are not zero; all alike where there is no difference."""
        logs = np.log1p(counts[counts > 0])
        deviation = float(logs.std()) if len(logs) else 0.0
        return cls(float(logs.mean()) if len(logs) else 0.0, deviation if deviation > 0 else 1.0)

    def __call__(self, counts: npt.NDArray[np.int64]) -> F32:
        """(n,) float32."""
        return np.clip((np.log1p(counts) - self.mean) / self.deviation, -_MOST, _MOST).astype(
            np.float32
        )


def rank_worth(scores: F32, met: Csr) -> F32:
    """(n, items): log2((items + 10) / (rank + 10)), most for the first and least for the last."""
    ranks = ranks_of(scores, met) + np.float32(_RANK_OFFSET)
    worth: F32 = np.log2(np.float32(scores.shape[1] + _RANK_OFFSET) / ranks).astype(np.float32)
    return worth


class Stack(Joined):
    """Adds its parts' scores and ranks, by coefficients, activity and popularity.

    coefficients: (4·parts + 2,) float32, of each part in turn those of its score, score x activity,
        score x popularity and rank; then popularity, and popularity x activity.
    popularity: (items,) float32. `activity`, `likings`: how counts of a user's events and of an
        item's likings are turned into numbers.
    """

    def __init__(
        self,
        parts: Sequence[Part],
        coefficients: F32,
        popularity: F32,
        activity: Measure,
        likings: Measure,
    ) -> None:
        super().__init__(parts)
        self._coefficients = coefficients
        self._popularity = popularity
        self._activity = activity
        self._likings = likings

    @property
    def coefficients(self) -> Mapping[str, float]:
        """What each feature counts, by its name."""
        named = {
            f"{part.name} {place}: {feature}": float(value)
            for place, (part, mine) in enumerate(self._by_part(), start=1)
            for feature, value in zip(
                ("score", "score x activity", "score x popularity", "rank"), mine, strict=True
            )
        }
        bare, active = self._coefficients[-OTHERS:]
        return {**named, "popularity": float(bare), "popularity x activity": float(active)}

    def score(self, queries: Queries, items: I32 | None, /) -> F32:
        """Ask the parts for the whole catalogue, and rank it. O(n·m log m) a part, and its time."""
        activity = self._activity(queries.history.counts())
        popular = self._popularity if items is None else self._popularity[items]
        total = self._of_popularity(activity)[:, None] * popular
        for part, mine in self._by_part():
            which = np.flatnonzero(part.answers(queries)).astype(np.int32)
            if not len(which) or not mine.any():
                continue
            asked = queries.take(which)
            scores = part.scorer.score(asked, None)
            worth = rank_worth(scores, asked.history)
            if items is not None:
                scores, worth = scores[:, items], worth[:, items]
            total[which] += (
                scores / np.float32(part.spread) * _share(mine, activity[which, None], popular)
            )
            total[which] += mine[3] * worth
        return total

    def explain(self, queries: Queries, item: int, /) -> Sequence[Evidence]:
        """The parts' reasons in their shares, their ranks, and popularity.

        They sum to the score where those of the parts do.
        """
        activity = self._activity(queries.history.counts())
        popular = self._popularity[item]
        known = float(self._of_popularity(activity)[0] * popular)
        reasons = [Evidence("popularity", known)] if known else []
        for part, mine in self._by_part():
            if not mine.any() or not part.answers(queries)[0]:
                continue
            share = float(_share(mine, activity, popular)[0])
            reasons += replace(part, weight=share).explain(queries, item)
            scores = part.scorer.score(queries, None)
            worth = float(mine[3] * rank_worth(scores, queries.history)[0, item])
            rank = int(ranks_of(scores, queries.history)[0, item])
            reasons.append(Evidence("rank", worth, detail=f"rank {rank}", source=part.name))
        return strongest_first(reasons)

    def _by_part(self) -> Iterator[tuple[Part, F32]]:
        """Each part with the coefficients of its features."""
        return zip(self._parts, self._coefficients[:-OTHERS].reshape(-1, A_PART), strict=True)

    def _of_popularity(self, activity: F32) -> F32:
        bare, active = self._coefficients[-OTHERS:]
        counted: F32 = bare + active * activity
        return counted

    def _arrays(self) -> Mapping[str, npt.NDArray[Any]]:
        """The coefficients, what is known of items, and the measures of counts."""
        measures = [[one.mean, one.deviation] for one in (self._activity, self._likings)]
        return {
            "coefficients": self._coefficients,
            "popularity": self._popularity,
            "measures": np.array(measures, np.float64),
        }

    def _with(self, parts: Sequence[Part], data: Dataset) -> Stack:
        return Stack(parts, self._coefficients, self._grown(data), self._activity, self._likings)

    def _grown(self, data: Dataset) -> F32:
        """Popularity, for new items what their likings in `data` make."""
        counts = np.bincount(data.positives().item, minlength=len(data.items))
        fresh = self._likings(counts[len(self._popularity) :])
        return np.concatenate([self._popularity, fresh])


def _share(mine: F32, activity: F32, popular: F32) -> F32:
    """What a part's score is multiplied by."""
    share: F32 = mine[0] + mine[1] * activity + mine[2] * popular
    return share
