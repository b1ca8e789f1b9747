"""`mf.svdpp`: `mf.sgd` in which what a user rated, however much it was liked, speaks too.

r̂ = mean + b_u + b_i + q_i · (p_u + |N(u)|^-1/2 · Σ_j y_j), the sum over the items N(u) that the
user rated (Koren, "Factorization Meets the Neighborhood: a Multifaceted Collaborative Filtering
Model", 2008, eq. 15). The descent is `penchant.kernels.svdpp`; here are what goes into it and what
comes out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from penchant import kernels
from penchant.errors import FitCancelled

from penchant_mf.fitted import FittedSgd, Ridge
from penchant_mf.ratings import check_values, ratings_of, scale_of

if TYPE_CHECKING:
    from penchant.data import Dataset
    from penchant.protocols import F32, FitContext, State
    from penchant.queries import Csr

    from penchant_mf.settings import SvdppSettings

SOURCE = "mf.svdpp"


class Svdpp:
    """Learns from the last value of each pair of user and item."""

    def __init__(self, settings: SvdppSettings) -> None:
        self._settings = settings

    def fit(self, data: Dataset, context: FitContext, /) -> FittedSgd:
        """Descend. O(epochs·ratings·factors), on one thread.

        Raises DataError where all values are equal or one is not finite, and FitDiverged.
        """
        ratings, values = ratings_of(data)
        check_values(SOURCE, values)
        scale = scale_of(values)
        found = self._descend(ratings, values / scale, context)
        told = _told_by_history(ratings, found.rated_factors)
        # A product of two vectors that carry the root of the scale carries it whole.
        root = np.sqrt(scale)
        return FittedSgd.of(
            float(found.mean * scale),
            (found.user_factors + told) * root,
            found.user_bias * scale,
            np.column_stack([found.item_factors * root, found.item_bias * scale]),
            self._ridge(len(found.train_rmse), float(scale)),
            rated=found.rated_factors * root,
            source=SOURCE,
        )

    def restore(self, state: State, /) -> FittedSgd:
        """Bring the vectors back."""
        return FittedSgd(
            float(str(state.meta["mean"])),
            np.asarray(state.arrays["user_vectors"]),
            np.asarray(state.arrays["item_vectors"]),
            self._ridge(self._settings.epochs, float(str(state.meta["scale"]))),
            rated=np.asarray(state.arrays["rated_factors"]),
            source=SOURCE,
        )

    def _ridge(self, epochs: int, scale: float) -> Ridge:
        settings = self._settings
        steps = float(settings.learning_rate * np.sum(settings.decay ** np.arange(epochs)))
        return Ridge(settings.regularization, settings.bias_regularization, steps, scale)

    def _descend(self, ratings: Csr, values: F32, context: FitContext) -> kernels.SvdppModel:
        settings = self._settings

        def after(epoch: int, rmse: float) -> bool:
            context.progress("epochs", epoch + 1, settings.epochs, f"RMSE {rmse:.4f}")
            return not context.cancelled()

        context.progress("epochs", 0, settings.epochs)
        if context.cancelled():
            raise FitCancelled(f"the fit of {SOURCE} was cancelled before it began")
        found = kernels.svdpp(
            ratings.indptr,
            ratings.indices,
            values,
            ratings.columns,
            factors=settings.factors,
            epochs=settings.epochs,
            learning_rate=settings.learning_rate,
            decay=settings.decay,
            regularization=settings.regularization,
            bias_regularization=settings.bias_regularization,
            seed=context.seed,
            progress=after,
        )
        if context.cancelled():
            raise FitCancelled(
                f"the fit of {SOURCE} was cancelled after epoch {len(found.train_rmse)}"
            )
        return found


def _told_by_history(ratings: Csr, rated: F32) -> F32:
    """(users, f): the sum of what a user's items say, over the root of how many they are."""
    weights = np.repeat(1 / np.sqrt(np.maximum(ratings.counts(), 1)), ratings.counts())
    return kernels.sparse_dense(ratings.indptr, ratings.indices, weights.astype(np.float32), rated)
