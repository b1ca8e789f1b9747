"""`mf.bpr` and `mf.warp`: p_u · q_i is greater for what a user likes than for what it does not.

BPR: Rendle, Freudenthaler, Gantner, Schmidt-Thieme, "BPR: Bayesian Personalized Ranking from
Implicit Feedback", 2009. WARP: Weston, Bengio, Usunier, "WSABIE: Scaling Up to Large Vocabulary
Image Annotation", 2011. Both are `penchant.kernels.Pairwise`; here are what goes into it and what
comes out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from penchant import kernels
from penchant.errors import DataError, FitCancelled
from penchant.protocols import FitContext, State

from penchant_mf.factor_model import FactorModel

if TYPE_CHECKING:
    from penchant.data import Dataset
    from penchant.protocols import F32
    from penchant.queries import Csr

    from penchant_mf.factor_model import F64
    from penchant_mf.settings import BprSettings, WarpSettings

_TASK = "epochs"

# Where items stand still, a vector is found in fewer epochs than a fit needs; and no other user's
# steps make up for the chance of its own draws, so that they had better be small. README.md has
# the figures.
_FOLD_IN_EPOCHS = 20
_FOLD_IN_RATE_BPR, _FOLD_IN_RATE_WARP = 0.3, 0.5


class FittedPairwise(FactorModel):
    """Vectors of users and items, and the steps that fold strangers in.

    source: the full name of the component. seed: that of the fit, for the items that strangers'
    likings are compared with.
    """

    def __init__(
        self,
        source: str,
        vectors: tuple[F32, F32],
        min_value: float | None,
        steps: kernels.Pairwise,
        seed: int,
    ) -> None:
        super().__init__(*vectors, min_value)
        self.source = source
        self._steps = steps
        self._seed = seed

    def state(self) -> State:
        """The vectors, what counts as a liking, and the seed."""
        state = super().state()
        return State(state.arrays, {**state.meta, "seed": self._seed})

    def _fold_in(self, likes: Csr) -> F32:
        return self._steps.fold_in(likes.indptr, likes.indices, self._items)

    def _shares(self, liked: Csr, item: int) -> F64:
        return self._steps.shares(liked.indices, self._items, item).astype(np.float64)

    def _with_item_vectors(self, vectors: F32) -> FittedPairwise:
        own = (self._users, vectors)
        return FittedPairwise(self.source, own, self._min_value, self._steps, self._seed)


class Pairwise:
    """Learns from likings alone; how much something was liked plays no part.

    source: the full name of the component. max_tries: that of WARP, None for BPR.
    """

    def __init__(
        self, source: str, settings: BprSettings | WarpSettings, max_tries: int | None = None
    ) -> None:
        self._source = source
        self._settings = settings
        self._max_tries = max_tries

    def fit(self, data: Dataset, context: FitContext, /) -> FittedPairwise:
        """Compare and step. O(epochs·likings·factors), for WARP times the tries that are needed.

        Raises DataError where nobody likes anything, and FitDiverged.
        """
        likes = data.positive_csr()
        if not likes.nnz:
            raise DataError(
                f"{self._source} learns from likings, and none of the "
                f"{len(data.interactions):,} events is one; min_value is {data.min_value}"
            )
        epochs = self._settings.epochs

        def after(epoch: int, auc: float) -> bool:
            context.progress(_TASK, epoch + 1, epochs, f"AUC {auc:.4f}")
            return not context.cancelled()

        context.progress(_TASK, 0, epochs)
        if context.cancelled():
            raise FitCancelled(f"the fit of {self._source} was cancelled before it began")
        found = self._steps(context.seed, epochs).fit(
            likes.indptr, likes.indices, likes.columns, threads=context.threads, progress=after
        )
        if context.cancelled():
            raise FitCancelled(
                f"the fit of {self._source} was cancelled after epoch {len(found.train_auc)}"
            )
        return self._fitted((found.user_factors, found.item_factors), data.min_value, context.seed)

    def restore(self, state: State, /) -> FittedPairwise:
        """Bring the vectors back."""
        vectors = tuple(np.asarray(state.arrays[f"{side}_vectors"]) for side in ("user", "item"))
        least = state.meta["min_value"]
        return self._fitted(
            (vectors[0], vectors[1]),
            None if least is None else float(str(least)),
            int(str(state.meta["seed"])),
        )

    def _fitted(
        self, vectors: tuple[F32, F32], min_value: float | None, seed: int
    ) -> FittedPairwise:
        epochs = min(self._settings.epochs, _FOLD_IN_EPOCHS)
        rate = _FOLD_IN_RATE_BPR if self._max_tries is None else _FOLD_IN_RATE_WARP
        steps = self._steps(seed, epochs, rate)
        return FittedPairwise(self._source, vectors, min_value, steps, seed)

    def _steps(self, seed: int, epochs: int, rate: float = 1.0) -> kernels.Pairwise:
        settings = self._settings
        return kernels.Pairwise(
            factors=settings.factors,
            epochs=epochs,
            learning_rate=rate * settings.learning_rate,
            decay=settings.decay,
            regularization=settings.regularization,
            seed=seed,
            max_tries=self._max_tries,
        )
