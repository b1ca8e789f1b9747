"""`hybrid.calibrated`: lists with each kind of item in the proportion that the user likes it.

Steck, "Calibrated Recommendations", 2018. With p(g) the share of label g in what a user liked, each
item spreading one unit evenly over its labels (equation 2), q(g) that in the list (3), all items of
equal weight, and q' = 0.99·q + 0.01·p (5), the list is grown by the item for which

    (1 - c) · Σ relevance(i) - c · Σ p(g)·ln(p(g) / q'(g))

is the greatest (6, by the greedy way of section 3), with c the `calibration`. Relevance is the
score inside, brought to 0 … 1 over the pool, since scores of strategies have no common unit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from penchant.protocols import FitContext, FittedRecommender, State

from penchant_hybrid.likeness import labels_from, labels_of, labels_to, usable
from penchant_hybrid.reranked import INNER, Reranked, falling, scaled

if TYPE_CHECKING:
    from penchant.data import Dataset
    from penchant.protocols import F32, I32, Recommender
    from penchant.queries import Csr, Queries

    from penchant_hybrid.settings import CalibratedSettings

_KINDS = ("label", "category")
_SMOOTHING = 0.01

F64 = npt.NDArray[np.float64]


class FittedCalibrated(Reranked):
    """Chooses by relevance and by how near the list is to the user's proportions.

    labels: items x labels. `min_value`: what makes an event of a history a liking.
    """

    def __init__(
        self,
        inner: FittedRecommender,
        labels: Csr,
        column: str,
        min_value: float | None,
        settings: CalibratedSettings,
    ) -> None:
        super().__init__(inner, settings.pool)
        self._labels = labels
        self._column = column
        self._min_value = min_value
        self._settings = settings

    def taste(self, queries: Queries, query: int) -> tuple[I32, F64]:
        """The labels of what one query likes, ascending, and the share of each; () for none."""
        liked = queries.history.row(query)
        if self._min_value is not None:
            liked = liked[queries.history.row_values(query) >= np.float32(self._min_value)]
        mine = self._labels.take(np.ascontiguousarray(liked, np.int32))
        if not mine.nnz:
            return np.empty(0, np.int32), np.empty(0)
        each = 1.0 / mine.counts()[mine.row_of_entry()]
        codes, places = np.unique(mine.indices, return_inverse=True)
        shares = np.bincount(places, each)
        return codes.astype(np.int32), shares / shares.sum()

    def _order(
        self, queries: Queries, query: int, rows: I32, scores: F32, k: int
    ) -> tuple[I32, F32]:
        """Grow the list; O(k·pool·labels of the user's taste).

        An item's score is what it added to the sum above, and at most the score of the one before.
        """
        order = np.argsort(rows)  # of equal sums the lower row comes first
        rows, relevance = rows[order], scaled(scores[order]).astype(np.float64)
        codes, taste = self.taste(queries, query)
        weight = self._settings.calibration if len(codes) else 0.0
        shares, known = _shares(self._labels.take(rows), codes)
        free = np.ones(len(rows), np.bool_)
        sums, size, distance = np.zeros(len(codes)), 0, _distance(np.zeros((1, len(codes))), taste)
        chosen, values = np.empty(k, np.intp), np.empty(k, np.float32)
        for place in range(k):
            # An item of which nothing is known leaves the proportions as they are.
            sizes = np.maximum(size + known, 1)
            after = _distance((sums + shares) / sizes[:, None], taste)
            value = (1.0 - weight) * relevance - weight * (after - distance)
            best = int(np.argmax(np.where(free, value, -np.inf)))
            chosen[place], values[place], free[best] = best, value[best], False
            sums, size = sums + shares[best], size + int(known[best])
            distance = after[best : best + 1]
        return rows[chosen], falling(rows[chosen], values)

    def state(self) -> State:
        """The inner state, the labels and what makes a liking."""
        meta = {"column": self._column, "min_value": self._min_value}
        return State(labels_to(self._labels), meta, super().state().parts)

    def _with(self, inner: FittedRecommender, data: Dataset) -> FittedCalibrated:
        labels = labels_of(data.items, self._column)
        return FittedCalibrated(inner, labels, self._column, self._min_value, self._settings)


class Calibrated:
    """Fits `recommender`, which the registry made."""

    def __init__(self, settings: CalibratedSettings, recommender: Recommender) -> None:
        self._settings = settings
        self._recommender = recommender

    def fit(self, data: Dataset, context: FitContext, /) -> FittedCalibrated:
        """Fit the one inside. Raises SettingsError, before, for a column without labels."""
        column = usable(data.items, self._settings.column, _KINDS, "hybrid.calibrated")
        inner = self._recommender.fit(data, context)
        labels = labels_of(data.items, column)
        return FittedCalibrated(inner, labels, column, data.min_value, self._settings)

    def restore(self, state: State, /) -> FittedCalibrated:
        """Bring back the one inside and the labels."""
        limit = state.meta["min_value"]
        return FittedCalibrated(
            self._recommender.restore(state.parts[INNER]),
            labels_from(state.arrays),
            str(state.meta["column"]),
            None if limit is None else float(str(limit)),
            self._settings,
        )


def _shares(labels: Csr, codes: I32) -> tuple[F64, npt.NDArray[np.bool_]]:
    """(rows, codes): each item's share of each label asked for; (rows,): whether it has any."""
    counts = labels.counts()
    shares = np.zeros((labels.rows, len(codes)))
    owner = labels.row_of_entry()
    places = np.searchsorted(codes, labels.indices)
    asked = places < len(codes)
    asked[asked] = codes[places[asked]] == labels.indices[asked]
    shares[owner[asked], places[asked]] = 1.0 / counts[owner[asked]]
    return shares, counts > 0


def _distance(listed: F64, taste: F64) -> F64:
    """(n,): Σ p·ln(p / q') of each row of shares q; 0 without a taste."""
    mixed = (1.0 - _SMOOTHING) * listed + _SMOOTHING * taste
    distances: F64 = (taste * np.log(taste / mixed)).sum(axis=1)
    return distances
