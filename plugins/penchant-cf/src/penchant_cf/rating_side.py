"""What both sides share: ratings are a baseline, and what neighbours add to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from penchant.protocols import Evidence, State

from penchant_cf.weights import csr_parts

if TYPE_CHECKING:
    import numpy.typing as npt
    from penchant.protocols import F32, I32, Bool
    from penchant.queries import Csr, Queries

    from penchant_cf.baselines import Baseline
    from penchant_cf.settings import RatingKnnSettings

SOURCE = "cf.rating_knn"
LEAST = 1e-6  # a similarity of no more is a rounding error, and makes no neighbour


class FittedRatings:
    """Scores are ratings: centre + scale · (sums of what remains / sums of similarities).

    matrix: what the side keeps, neighbours of items or ratings of users.
    """

    predicts_ratings = True

    def __init__(self, matrix: Csr, baseline: Baseline, settings: RatingKnnSettings) -> None:
        for array in (matrix.indptr, matrix.indices, matrix.values):
            if array is not None:
                array.setflags(write=False)
        for array in (baseline.offsets, baseline.scales):
            array.setflags(write=False)
        self._matrix, self._baseline, self._settings = matrix, baseline, settings

    def score(self, queries: Queries, items: I32 | None, /) -> F32:
        """Foretell the ratings, on their scale but not clipped to it.

        O(n·items·pool) at most: only the items asked for are worked out.
        """
        baseline = self._baseline
        asked = np.arange(len(baseline.offsets), dtype=np.int32) if items is None else items
        offsets, scales = baseline.of_users(queries.history)
        remains = baseline.remains(queries.history, offsets, scales)
        sums, weights = self._heard(queries, remains, np.ascontiguousarray(asked))
        scores = self._shares(sums, weights)
        scores *= scales[:, None] * baseline.scales[asked]
        scores += (np.float32(baseline.mean) + offsets)[:, None] + baseline.offsets[asked]
        return scores

    def answers(self, queries: Queries, /) -> Bool:
        """Those who rated anything."""
        return queries.history.counts() > 0

    def explain(self, queries: Queries, item: int, /) -> Sequence[Evidence]:
        """The mean, both offsets, and what neighbours add; they sum to the score."""
        baseline = self._baseline
        offsets, scales = baseline.of_users(queries.history)
        remains = baseline.remains(queries.history, offsets, scales)
        scale = float(scales[0] * baseline.scales[item])
        reasons = [
            Evidence("baseline", baseline.mean, detail="the average rating", source=SOURCE),
            Evidence("user", float(offsets[0]), source=SOURCE),
            Evidence("popularity", float(baseline.offsets[item]), source=SOURCE),
            *self._reasons(queries, remains, item, scale),
        ]
        told = [reason for reason in reasons if reason.weight or reason.kind == "baseline"]
        return tuple(sorted(told, key=lambda reason: -abs(reason.weight)))

    def state(self) -> State:
        """The matrix and the baseline."""
        baseline, (indptr, indices, values) = self._baseline, csr_parts(self._matrix)
        arrays: dict[str, npt.NDArray[Any]] = {
            "indptr": indptr,
            "indices": indices,
            "values": values,
            "offsets": baseline.offsets,
            "scales": baseline.scales,
        }
        return State(arrays, {"mean": baseline.mean, "spread": baseline.spread})

    def _shares(self, sums: F32, weights: F32) -> F32:
        """Sums over what they weigh, 0 where nobody speaks."""
        below = weights + np.float32(self._settings.damping)
        shares: F32 = np.divide(sums, below, out=np.zeros_like(sums), where=weights > 0)
        return shares

    def _heard(self, queries: Queries, remains: Csr, items: I32) -> tuple[F32, F32]:
        """(n, items) float32 each: Σ similarity · remains, and Σ similarity."""
        raise NotImplementedError

    def _reasons(
        self, queries: Queries, remains: Csr, item: int, scale: float
    ) -> Sequence[Evidence]:
        """What neighbours add to one score."""
        raise NotImplementedError
