"""`mf.sgd`: a rating is the mean, plus a bias of the user and one of the item, plus p_u · q_i.

Biased matrix factorization by stochastic gradient descent (Koren, Bell, Volinsky, "Matrix
Factorization Techniques for Recommender Systems", 2009, eq. 4 and 5). The descent is
`penchant.kernels.sgd`; here are what goes into it and what comes out.
"""

from __future__ import annotations

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

    Log = tuple[I32, I32, F32]


class Sgd:
    """Learns from the last value of each pair of user and item."""

    def __init__(self, settings: SgdSettings) -> None:
        self._settings = settings

    def fit(self, data: Dataset, context: FitContext, /) -> FittedSgd:
        """Descend, `models` times. O(models·epochs·ratings·factors).

        With validation events the model is that of the epoch which foretells them best, and the
        descent ends when `patience` epochs in a row haven't foretold them better.

        Raises DataError where all values are equal or one is not finite, and FitDiverged.
        """
        users, items, values = _ratings(data)
        _check_values(values)
        scale = _scale(values)
        log = users, items, values / scale
        validation = None
        if context.validation is not None and len(context.validation.interactions):
            users, items, values = _ratings(context.validation)
            validation = users, items, values / scale
        shape = (data.interactions.n_users, data.interactions.n_items)
        models = range(self._settings.models)
        found = [self._descend(model, log, shape, validation, context) for model in models]
        # Vectors side by side have the sum of the models' products as theirs.
        share = np.float32(1 / len(found))
        root = np.sqrt(scale * share)
        return FittedSgd.of(
            float(found[0].mean * scale),
            np.hstack([model.user_factors * root for model in found]),
            np.sum([model.user_bias * (scale * share) for model in found], axis=0),
            np.hstack([model.item_factors * root for model in found]),
            np.sum([model.item_bias * (scale * share) for model in found], axis=0),
            self._ridge(
                float(np.mean([self._steps(model.epochs) for model in found])), float(scale)
            ),
        )

    def restore(self, state: State, /) -> FittedSgd:
        """Bring the vectors back."""
        return FittedSgd(
            float(str(state.meta["mean"])),
            np.asarray(state.arrays["user_vectors"]),
            np.asarray(state.arrays["item_vectors"]),
            self._ridge(float(str(state.meta["steps"])), float(str(state.meta["scale"]))),
        )

    def _ridge(self, steps: float, scale: float) -> Ridge:
        settings = self._settings
        return Ridge(settings.regularization, settings.bias_regularization, steps, scale)

    def _steps(self, epochs: int) -> float:
        """The sum of the learning rates of all epochs. Adagrad's steps come to less."""
        settings = self._settings
        return float(settings.learning_rate * np.sum(settings.decay ** np.arange(epochs)))

    def _descend(
        self,
        model: int,
        log: Log,
        shape: tuple[int, int],
        validation: Log | None,
        context: FitContext,
    ) -> kernels.SgdModel:
        settings = self._settings
        task = "epochs" if settings.models == 1 else f"epochs of model {model + 1}"
        error = "RMSE" if validation is None else "validation RMSE"

        def after(epoch: int, rmse: float) -> bool:
            context.progress(task, epoch + 1, settings.epochs, f"{error} {rmse:.4f}")
            return not context.cancelled()

        context.progress(task, 0, settings.epochs)
        if context.cancelled():
            raise FitCancelled("the fit of mf.sgd was cancelled before it began")
        found = kernels.sgd(
            *log,
            *shape,
            factors=settings.factors,
            epochs=settings.epochs,
            learning_rate=settings.learning_rate,
            decay=settings.decay,
            regularization=settings.regularization,
            bias_regularization=settings.bias_regularization,
            optimizer=settings.optimizer,
            validation=validation,
            patience=settings.patience,
            seed=context.seed + model,
            threads=context.threads,
            progress=after,
        )
        if context.cancelled():
            raise FitCancelled(
                f"the fit of mf.sgd was cancelled after epoch {len(found.train_rmse)}"
            )
        return found


def _ratings(data: Dataset) -> Log:
    """User and item rows and the last value of each pair, user by user."""
    ratings = data.interactions.by_user()
    values = ratings.values if ratings.values is not None else np.ones(ratings.nnz, np.float32)
    return ratings.row_of_entry(), ratings.indices, values


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
            "for likings without ratings use mf.als or cf.ease"
        )
