"""`mf.nmf`: a rating is a sum of parts, of which users and items have more or less, never below 0.

Non-negative matrix factorization (Lee, Seung, "Learning the Parts of Objects by Non-negative
Matrix Factorization", 1999) of the ratings that are there: the minimum over p, q >= 0 of
Σ (r - p_u · q_i)² + Σ_u (λ n_u |p_u|² + κ |p_u - p̄|²) + Σ_i (λ n_i |q_i|² + κ |q_i - q̄|²), with n
the ratings of a row and p̄, q̄ the mean rows, each counted as often as it has ratings. Without κ it
is the loss of Luo, Zhou, Xia, Zhu, "An Efficient Non-Negative Matrix-Factorization-Based Approach
to Collaborative Filtering for Recommender Systems", 2014. While one side stands still, each row of
the other is a least squares problem of its own, and gets two sweeps over its coordinates in a turn
(`penchant.kernels.nonnegative_least_squares`), which comes down in tens of turns where the
multiplicative steps of those papers take hundreds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from penchant.errors import DataError, FitCancelled

from penchant_mf.fitted_nmf import SOURCE, FittedNmf
from penchant_mf.nonnegative import Pull, Ratings
from penchant_mf.ratings import check_values, ratings_of, scale_of

if TYPE_CHECKING:
    from penchant.data import Dataset
    from penchant.protocols import F32, FitContext, State

    from penchant_mf.settings import NmfSettings

# Fewer sweeps leave more turns to make, more of them fit a side to what the other is not yet.
_SWEEPS = 2


class Nmf:
    """Learns from the last value of each pair of user and item."""

    def __init__(self, settings: NmfSettings) -> None:
        self._settings = settings

    def fit(self, data: Dataset, context: FitContext, /) -> FittedNmf:
        """Solve items and users in turns. O(iterations·(ratings + rows)·factors²).

        At the end users are solved to the last digit, as strangers are.

        Raises DataError where all values are equal, or one is negative or not finite.
        """
        settings, (ratings, values) = self._settings, ratings_of(data)
        check_values(SOURCE, values)
        if values.min() < 0:
            raise DataError(
                f"{SOURCE} adds up parts that are 0 or more, and the lowest value is "
                f"{values.min():g}; add the same to all of them, or use mf.sgd"
            )
        scale = scale_of(values)
        small = Ratings(ratings, values / scale)
        by_item = small.transposed()
        users, items = _start(small, settings.factors, context.seed)
        pull = Pull(settings.regularization, settings.shrinkage)

        def improved(ratings: Ratings, fixed: F32, moving: F32) -> F32:
            mean = ratings.mean(moving)
            return ratings.solved(fixed, pull, mean, (_SWEEPS, moving), context.threads)

        for iteration in range(settings.iterations):
            context.progress("iterations", iteration, settings.iterations)
            if context.cancelled():
                raise FitCancelled(f"the fit of {SOURCE} was cancelled after turn {iteration}")
            items = improved(by_item, users, items)
            users = improved(small, items, users)
        context.progress("iterations", settings.iterations, settings.iterations)
        # Products of rows that carry the root of the scale carry it whole.
        root = np.sqrt(scale)
        return FittedNmf.of(
            Ratings(ratings, values),
            items * root,
            np.stack([small.mean(users), by_item.mean(items)]) * root,
            by_item.counts,
            pull.scaled(float(scale)),
            context.threads,
        )

    def restore(self, state: State, /) -> FittedNmf:
        """Bring the vectors back."""
        return FittedNmf.restored(state)


def _start(ratings: Ratings, factors: int, seed: int) -> tuple[F32, F32]:
    """Rows of uniform random numbers whose products are a mean rating on average."""
    rng = np.random.default_rng(seed)
    # The product of two rows of uniform numbers from 0 to 1 is factors / 4 on average.
    high = np.float32(np.sqrt(4 * np.mean(ratings.values, dtype=np.float64) / factors))
    users, items = (rng.random((rows, factors), np.float32) * high for rows in ratings.shape)
    return users, items
