"""`mf.sgd`: a rating is the mean, plus a bias of the user and one of the item, plus p_u · q_i.

Biased matrix factorization by stochastic gradient descent (Koren, Bell, Volinsky, "Matrix
Factorization Techniques for Recommender Systems", 2009, eq. 4 and 5). The descent is
`penchant.kernels.sgd`; here are what goes into it, when to stop it, and what comes out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from penchant import kernels
from penchant.errors import DataError, FitCancelled
from penchant.protocols import FitContext, State

from penchant_mf.fitted import FittedSgd, Ridge

if TYPE_CHECKING:
    from penchant.data import Dataset
    from penchant.protocols import F32, I32

    from penchant_mf.settings import SgdSettings

# Where to look for the best number of epochs, as shares of the setting.
_STOPS = (0.25, 0.5, 0.75)


@dataclass(frozen=True)
class _Descent:
    """What one descent found; `error` is its RMSE on validation, where there is one."""

    mean: float
    user_bias: F32
    item_bias: F32
    user_factors: F32
    item_factors: F32

    def error(self, users: I32, items: I32, ratings: F32) -> float:
        known = np.einsum("ij,ij->i", self.user_factors[users], self.item_factors[items])
        foretold = self.mean + self.user_bias[users] + self.item_bias[items] + known
        return float(np.sqrt(np.mean((ratings - foretold.astype(np.float64)) ** 2)))


class Sgd:
    """Learns from the last value of each pair of user and item."""

    def __init__(self, settings: SgdSettings) -> None:
        self._settings = settings

    def fit(self, data: Dataset, context: FitContext, /) -> FittedSgd:
        """Descend. O(epochs·ratings·factors).

        With validation events the number of epochs is chosen: a quarter, a half, three quarters or
        all of `epochs`, whichever foretells them best (equal: fewer). The kernel repeats a shorter
        descent exactly, so each is tried from the start, at 2.5 times the cost of one.

        Raises DataError where all values are equal or one is not finite, and FitDiverged.
        """
        ratings = data.interactions.by_user()
        values = ratings.values if ratings.values is not None else np.ones(ratings.nnz, np.float32)
        _check_values(values)
        scale = _scale(values)
        log = (ratings.row_of_entry(), ratings.indices, values / scale)
        shape = (ratings.rows, ratings.columns)
        best = self._choose(log, shape, context, scale)
        root = np.sqrt(scale)
        return FittedSgd.of(
            float(best.mean * scale),
            best.user_factors * root,
            best.user_bias * scale,
            best.item_factors * root,
            best.item_bias * scale,
            self._ridge(float(scale)),
        )

    def restore(self, state: State, /) -> FittedSgd:
        """Bring the vectors back."""
        return FittedSgd(
            float(str(state.meta["mean"])),
            np.asarray(state.arrays["user_vectors"]),
            np.asarray(state.arrays["item_vectors"]),
            self._ridge(float(str(state.meta["scale"]))),
        )

    def _ridge(self, scale: float) -> Ridge:
        # Vectors carry the root of the scale, so their pull grows with it; biases carry it whole.
        settings = self._settings
        return Ridge(settings.regularization * scale, settings.bias_regularization, scale)

    def _choose(
        self,
        log: tuple[I32, I32, F32],
        shape: tuple[int, int],
        context: FitContext,
        scale: np.float32,
    ) -> _Descent:
        epochs = self._settings.epochs
        if context.validation is None or not len(context.validation.interactions):
            return self._descend(log, shape, epochs, context)
        held_out = context.validation.interactions.by_user()
        held_values = (
            held_out.values if held_out.values is not None else np.ones(held_out.nnz, np.float32)
        ) / scale
        stops = sorted({max(1, round(epochs * share)) for share in _STOPS} | {epochs})
        tries = (self._descend(log, shape, stop, context) for stop in stops)
        return min(
            tries,
            key=lambda found: found.error(held_out.row_of_entry(), held_out.indices, held_values),
        )

    def _descend(
        self, log: tuple[I32, I32, F32], shape: tuple[int, int], epochs: int, context: FitContext
    ) -> _Descent:
        settings = self._settings
        task = f"{epochs} epochs"

        def after(epoch: int, rmse: float) -> bool:
            context.progress(task, epoch + 1, epochs, f"RMSE {rmse:.4f}")
            return not context.cancelled()

        context.progress(task, 0, epochs)
        if context.cancelled():
            raise FitCancelled("the fit of mf.sgd was cancelled before it began")
        found = kernels.sgd(
            *log,
            *shape,
            factors=settings.factors,
            epochs=epochs,
            learning_rate=settings.learning_rate,
            decay=settings.decay,
            regularization=settings.regularization,
            bias_regularization=settings.bias_regularization,
            seed=context.seed,
            threads=context.threads,
            progress=after,
        )
        if context.cancelled():
            raise FitCancelled(
                f"the fit of mf.sgd was cancelled after epoch {len(found.train_rmse)}"
            )
        return _Descent(
            found.mean,
            found.user_bias,
            found.item_bias,
            found.user_factors,
            found.item_factors,
        )


def _scale(values: F32) -> np.float32:
    """The power of two nearest to the values' spread: ratings divided by it spread by about 1.

    Steps and pulls then suit any scale, and a power of two costs no bit of accuracy.
    """
    return np.float32(2.0 ** np.round(np.log2(np.std(values, dtype=np.float64))))


def _check_values(values: F32) -> None:
    if not len(values):
        raise DataError("mf.sgd needs ratings, and the data have no events")
    low, high = float(values.min()), float(values.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        raise DataError("mf.sgd needs finite ratings; clean the data with clean='drop'")
    if low == high:
        raise DataError(
            f"mf.sgd learns from ratings that differ, and all {len(values):,} values are {low:g}; "
            "for likings without ratings use cf.ease or cf.item_knn"
        )
