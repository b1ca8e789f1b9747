"""`mf.sgd`: a rating is the mean, plus a bias of the user and one of the item, plus p_u · q_i.

Biased matrix factorization by stochastic gradient descent (Koren, Bell, Volinsky, "Matrix
Factorization Techniques for Recommender Systems", 2009, eq. 4 and 5). The descent is
`penchant.kernels.sgd`; here are what goes into it and what comes out.

With a text an item is pulled towards what its words foretell (`penchant.item_text.TextMap`) of its
factors and bias instead of zero. Factors are learned from ratings alone, then a map from words to
them, then factors again that start from what is foretold. What is foretold of a rated item comes
from a map of other items: by a map that knew it, it would meet the noise of its own ratings twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from penchant import kernels
from penchant.errors import FitCancelled
from penchant.item_text import TextMap, text_source
from penchant.protocols import FitContext, State

from penchant_mf.fitted import SOURCE, FittedSgd, Ridge
from penchant_mf.ratings import check_values, ratings_of, scale_of

if TYPE_CHECKING:
    from penchant.data import Dataset
    from penchant.item_text import FittedItemText
    from penchant.protocols import F32, I32
    from penchant.queries import Csr
    from penchant.registry import Registry

    from penchant_mf.settings import SgdSettings

    Log = tuple[I32, I32, F32]

# An item of so many ratings is half trusted to tell what its words mean.
_DOUBT = 20


class Sgd:
    """Learns from the last value of each pair of user and item."""

    def __init__(self, settings: SgdSettings, registry: Registry) -> None:
        self._settings = settings
        self._text = None
        if settings.text is not None:
            self._text = text_source(SOURCE, settings.text, registry)

    def fit(self, data: Dataset, context: FitContext, /) -> FittedSgd:
        """Descend, `models` times, and again with a text. O(models·epochs·ratings·factors).

        With validation events the model is that of the epoch which foretells them best, and the
        descent ends when `patience` epochs in a row haven't foretold them better.

        Raises DataError where all values are equal or one is not finite, or a text is asked for and
        no item has one, and FitDiverged.
        """
        users, items, values = _log(data)
        check_values("mf.sgd", values)
        scale = scale_of(values)
        log = users, items, values / scale
        validation = None
        if context.validation is not None and len(context.validation.interactions):
            users, items, values = _log(context.validation)
            validation = users, items, values / scale
        task = _Task(
            log, (data.interactions.n_users, data.interactions.n_items), validation, context
        )
        models = range(self._settings.models)
        found = [self._descend(model, task) for model in models]
        text = None
        if self._text is not None:
            words, features = self._text.fit(data, context)
            text, priors = self._foretold(words, features.matrix, found, task)
            found = [self._descend(model, task, prior) for model, prior in enumerate(priors)]
            text = text.then(lambda rows: _joined(rows, len(found), scale))
        # Vectors side by side have the sum of the models' products as theirs.
        share = np.float32(1 / len(found))
        return FittedSgd.of(
            float(found[0].mean * scale),
            np.hstack([model.user_factors * np.sqrt(scale * share) for model in found]),
            np.sum([model.user_bias * (scale * share) for model in found], axis=0),
            _joined(_items_of(found), len(found), scale),
            self._ridge(
                float(np.mean([self._steps(model.epochs) for model in found])), float(scale)
            ),
            text,
        )

    def restore(self, state: State, /) -> FittedSgd:
        """Bring the vectors back."""
        return FittedSgd(
            float(str(state.meta["mean"])),
            np.asarray(state.arrays["user_vectors"]),
            np.asarray(state.arrays["item_vectors"]),
            self._ridge(float(str(state.meta["steps"])), float(str(state.meta["scale"]))),
            None if self._text is None else TextMap.restored(self._text, state.parts["text"]),
        )

    def _foretold(
        self,
        words: FittedItemText,
        features: F32 | Csr,
        found: list[kernels.SgdModel],
        task: _Task,
    ) -> tuple[TextMap, list[F32]]:
        """The map from words to all models' factors and biases, and what each model's items get."""
        ratings = np.bincount(task.log[1], minlength=task.shape[1])
        vectors, rated = _items_of(found), np.flatnonzero(ratings).astype(np.int32)
        # Items of few ratings have been pulled to zero, and say little of their words.
        trust = (ratings / (ratings + _DOUBT)).astype(np.float32)
        told = features, vectors, rated, self._settings.text_regularization, task.context.threads
        text = TextMap.learn(words, *told, trust)
        priors = np.hsplit(text.of_strangers(*told, trust), len(found))
        return text, [np.ascontiguousarray(prior) for prior in priors]

    def _ridge(self, steps: float, scale: float) -> Ridge:
        settings = self._settings
        return Ridge(settings.regularization, settings.bias_regularization, steps, scale)

    def _steps(self, epochs: int) -> float:
        """The sum of the learning rates of all epochs. Adagrad's steps come to less."""
        settings = self._settings
        return float(settings.learning_rate * np.sum(settings.decay ** np.arange(epochs)))

    def _descend(self, model: int, task: _Task, prior: F32 | None = None) -> kernels.SgdModel:
        settings, context = self._settings, task.context
        name = "epochs" if prior is None else "epochs with the text"
        if settings.models > 1:
            name += f" of model {model + 1}"
        error = "RMSE" if task.validation is None else "validation RMSE"

        def after(epoch: int, rmse: float) -> bool:
            context.progress(name, epoch + 1, settings.epochs, f"{error} {rmse:.4f}")
            return not context.cancelled()

        context.progress(name, 0, settings.epochs)
        if context.cancelled():
            raise FitCancelled("the fit of mf.sgd was cancelled before it began")
        found = kernels.sgd(
            *task.log,
            *task.shape,
            factors=settings.factors,
            epochs=settings.epochs,
            learning_rate=settings.learning_rate,
            decay=settings.decay,
            regularization=settings.regularization,
            bias_regularization=settings.bias_regularization,
            optimizer=settings.optimizer,
            validation=task.validation,
            patience=settings.patience,
            item_prior=prior,
            seed=context.seed + model,
            threads=context.threads,
            progress=after,
        )
        if context.cancelled():
            raise FitCancelled(
                f"the fit of mf.sgd was cancelled after epoch {len(found.train_rmse)}"
            )
        return found


@dataclass(frozen=True)
class _Task:
    """What all descents of a fit have in common; `shape` is users and items."""

    log: Log
    shape: tuple[int, int]
    validation: Log | None
    context: FitContext


def _items_of(found: list[kernels.SgdModel]) -> F32:
    """(items, Σ (f + 1)): each model's item factors and, after them, its item biases."""
    return np.hstack([np.column_stack([one.item_factors, one.item_bias]) for one in found])


def _joined(rows: F32, models: int, scale: np.float32) -> F32:
    """(n, Σ f + 1): factors of all models on the scale of the ratings, and the mean bias."""
    share = np.float32(1 / models)
    parts = rows.reshape(len(rows), models, -1)
    factors = (parts[:, :, :-1] * np.sqrt(scale * share)).reshape(len(rows), -1)
    return np.column_stack([factors, parts[:, :, -1].sum(axis=1) * (scale * share)])


def _log(data: Dataset) -> Log:
    """User and item rows and the last value of each pair, user by user."""
    ratings, values = ratings_of(data)
    return ratings.row_of_entry(), ratings.indices, values
