"""`cf.slope_one`: an item is rated as others are, plus what it is usually rated above them.

Weighted Slope One (Lemire, Maclachlan, "Slope One Predictors for Online Rating-Based Collaborative
Filtering", 2005, sections 3.2 and 3.3). With n_ij users who rated both i and j,

    dev(i, j) = Σ (r_ui - r_uj) / (n_ij + `shrinkage`)    over those users
    rating(u, i) = Σ n_ij·(r_uj + dev(i, j)) / Σ n_ij     over the other items j that u rated

The paper has no shrinkage; with it, differences that few users tell of count less. Where nobody
rated i together with an item of u, the rating is the user's mean, or that of all for a blank one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from penchant import kernels
from penchant.errors import DataError, FitCancelled
from penchant.protocols import Evidence, FitContext, State
from penchant.queries import Csr

from penchant_cf.weights import DenseWeights, csr_parts

if TYPE_CHECKING:
    from penchant.data import Dataset
    from penchant.protocols import F32, I32, Bool
    from penchant.queries import Queries

    from penchant_cf.settings import SlopeOneSettings

_TASK = "rating differences"


class FittedSlopeOne:
    """Two squares over the items that anybody rated.

    counts: n_ij, zeros on the diagonal. `shifts`: row j, column i holds n_ij·dev(i, j).
    """

    source = "cf.slope_one"
    predicts_ratings = True

    def __init__(
        self, counts: DenseWeights, shifts: DenseWeights, mean: float, shrinkage: float
    ) -> None:
        self._counts, self._shifts = counts, shifts
        self._mean, self._shrinkage = mean, shrinkage

    def score(self, queries: Queries, items: I32 | None, /) -> F32:
        """Foretell the ratings, on their scale but not clipped to it.

        O(n·catalogue + ratings·rated items), also for few items.
        """
        ratings = queries.history
        means = self._means(ratings)
        above = csr_parts(ratings)[2] - means[ratings.row_of_entry()]
        rated = ratings.binary()
        scores = self._counts.sums(Csr(ratings.indptr, ratings.indices, above, ratings.columns))
        scores += self._shifts.sums(rated)
        scores /= np.maximum(self._counts.sums(rated), np.float32(1))
        scores += means[:, None]
        return scores if items is None else np.ascontiguousarray(scores[:, items])

    def answers(self, queries: Queries, /) -> Bool:
        """Those who rated anything."""
        return queries.history.counts() > 0

    def explain(self, queries: Queries, item: int, /) -> Sequence[Evidence]:
        """The user's mean, and what each rated item foretells above it; they sum to the score."""
        ratings = queries.history
        mean, rated = self._means(ratings)[0], ratings.row(0)
        counts = self._counts.into(rated, item)
        shares = counts * (ratings.row_values(0) - mean) + self._shifts.into(rated, item)
        shares /= max(1.0, float(counts.sum()))
        reasons = [
            Evidence("user", float(mean), detail="the average rating", source=self.source),
            *(
                Evidence("item", float(shares[at]), int(rated[at]), source=self.source)
                for at in np.flatnonzero(shares).tolist()
            ),
        ]
        return tuple(sorted(reasons, key=lambda reason: -abs(reason.weight)))

    def with_items(self, data: Dataset, /) -> FittedSlopeOne:
        """New items get the differences that a fit would give them; the others keep theirs."""
        known = self._counts.items
        ratings = data.interactions.by_user()
        _check_values(ratings)
        old = self._counts.arrays()
        rated = _rated(ratings)
        warm = np.concatenate([old["warm"], rated[rated >= known]])
        size, kept = len(warm), len(old["warm"])
        counts, shifts = np.zeros((2, size, size), np.float32)
        counts[:kept, :kept] = old["matrix"]
        shifts[:kept, :kept] = self._shifts.arrays()["matrix"]
        if size > kept:
            found = _squares(_narrow(ratings, warm), self._mean, self._shrinkage, threads=1)
            for square, all_pairs in zip((counts, shifts), found, strict=True):
                square[kept:] = all_pairs[kept:]
                square[:, kept:] = all_pairs[:, kept:]
        items = len(data.items)
        return FittedSlopeOne(
            DenseWeights(counts, warm, items),
            DenseWeights(shifts, warm, items),
            self._mean,
            self._shrinkage,
        )

    def state(self) -> State:
        """Both squares, what their rows are, and the mean."""
        counts = self._counts.arrays()
        arrays = {
            "counts": counts["matrix"],
            "shifts": self._shifts.arrays()["matrix"],
            "warm": counts["warm"],
        }
        return State(arrays, {"items": self._counts.items, "mean": self._mean})

    def _means(self, ratings: Csr) -> F32:
        """(n,) float32: the mean rating of each row, that of all where there is none."""
        counts = ratings.counts()
        sums = np.bincount(ratings.row_of_entry(), csr_parts(ratings)[2], ratings.rows)
        means = np.where(counts > 0, sums / np.maximum(counts, 1), self._mean)
        return means.astype(np.float32)


class SlopeOne:
    """Counts who rated what together, and by how much differently."""

    def __init__(self, settings: SlopeOneSettings) -> None:
        self._settings = settings

    def fit(self, data: Dataset, context: FitContext, /) -> FittedSlopeOne:
        """Count. O(Σ ratings of a user squared) time; O(w²) memory for w rated items.

        Raises DataError where w exceeds `max_items` or a rating isn't finite.
        """
        ratings = data.interactions.by_user()
        _check_values(ratings)
        warm = _rated(ratings)
        self._check_size(len(warm))
        _step(context, 0)
        values = csr_parts(ratings)[2]
        mean = float(values.mean(dtype=np.float64)) if len(values) else 0.0
        shrinkage = self._settings.shrinkage
        counts, shifts = _squares(_narrow(ratings, warm), mean, shrinkage, context.threads)
        _step(context, 1)
        items = len(data.items)
        return FittedSlopeOne(
            DenseWeights(counts, warm, items), DenseWeights(shifts, warm, items), mean, shrinkage
        )

    def restore(self, state: State, /) -> FittedSlopeOne:
        """Bring the squares back."""
        warm, items = np.asarray(state.arrays["warm"]), int(str(state.meta["items"]))
        return FittedSlopeOne(
            DenseWeights(np.asarray(state.arrays["counts"]), warm, items),
            DenseWeights(np.asarray(state.arrays["shifts"]), warm, items),
            float(str(state.meta["mean"])),
            self._settings.shrinkage,
        )

    def _check_size(self, items: int) -> None:
        limit = self._settings.max_items
        if items > limit:
            size = 2 * items * items * 4 / 1e9
            raise DataError(
                f"cf.slope_one needs two dense matrices of {items:,} x {items:,} rated items, "
                f"{size:.1f} GB kept and twice that while fitting, and max_items is {limit:,}; "
                "raise max_items where there is that much memory, leave out rare items, or use "
                "cf.rating_knn, which needs no such matrix"
            )


def _squares(ratings: Csr, mean: float, shrinkage: float, threads: int) -> tuple[F32, F32]:
    """The counts and shifts of all pairs of columns."""
    indptr, indices, values = csr_parts(ratings)
    columns = ratings.columns
    ones = np.ones(ratings.nnz, np.float32)
    by_user = (indptr, indices, ones)
    counts = kernels.sparse_sparse(
        *kernels.transpose(*by_user, columns), by_user, columns, threads=threads
    )
    # Differences stay the same about any centre; near zero their sums are rounded least.
    centred = values - np.float32(mean)
    sums = kernels.sparse_sparse(
        *kernels.transpose(indptr, indices, centred, columns), by_user, columns, threads=threads
    )
    shifts = np.ascontiguousarray(sums.T)
    shifts -= sums
    shifts *= counts / np.maximum(counts + np.float32(shrinkage), np.float32(1e-9))
    np.fill_diagonal(counts, 0.0)
    return counts, shifts


def _check_values(ratings: Csr) -> None:
    if not np.isfinite(csr_parts(ratings)[2]).all():
        raise DataError("cf.slope_one needs finite ratings; clean the data with clean='drop'")


def _rated(ratings: Csr) -> I32:
    """The items that anybody rated, ascending."""
    counts = np.bincount(ratings.indices, minlength=ratings.columns)
    return np.flatnonzero(counts).astype(np.int32)


def _narrow(ratings: Csr, warm: I32) -> Csr:
    """The same ratings with the warm items alone as columns; all others are left out."""
    place = np.full(ratings.columns, -1, np.int32)
    place[warm] = np.arange(len(warm), dtype=np.int32)
    inside = ratings.where(place[ratings.indices] >= 0)
    return Csr(inside.indptr, place[inside.indices], inside.values, len(warm))


def _step(context: FitContext, done: int) -> None:
    context.progress(_TASK, done, 1)
    if context.cancelled():
        raise FitCancelled(f"the fit of cf.slope_one was cancelled after step {done} of 1")
