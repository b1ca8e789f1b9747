"""`mf.als`: likings are 1, everything else is weakly 0, and p_u · q_i comes as near as it can.

Hu, Koren, Volinsky, "Collaborative Filtering for Implicit Feedback Datasets", 2008, with the
regularization of Rendle, Krichene, Zhang, Koren, "Revisiting the Performance of iALS on Item
Recommendation Benchmarks", 2021. The least squares are `penchant.kernels.als`; here are what goes
into them and what comes out.

A row's pull towards zero grows with what is known of it (the paper's ν is 1). The paper's other
numbers suit one data set: a weight of 0.1 for each unknown pair is little where users
know a tenth of the catalogue and drowns the likings where they know a thousandth. The settings
here are the same numbers in proportion to the data, so that their defaults travel.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cached_property
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
    from penchant_mf.settings import AlsSettings

_TASK = "iterations"


@dataclass(frozen=True)
class Loss:
    """What the factors minimize, in the numbers of the papers; see `penchant.kernels.als`."""

    unobserved_weight: float
    regularization: float

    @classmethod
    def of(cls, likes: Csr, settings: AlsSettings) -> Loss:
        """Turn proportions into numbers for these likings.

        All unknown pairs together weigh `unobserved_weight` times as much as all likings, and a row
        of average activity is pulled by `regularization` for each of its likings.
        """
        weight = settings.unobserved_weight
        pairs = likes.rows * likes.columns
        return cls(weight * likes.nnz / pairs, settings.regularization / (1 + weight))

    def fold_in(self, fixed: F32) -> kernels.AlsFoldIn:
        """Solver of rows that minimize this loss while the rows of `fixed` stand still."""
        return kernels.AlsFoldIn(fixed, **asdict(self), frequency_scaling=1.0)


class FittedAls(FactorModel):
    """Factors, and the loss that strangers' factors minimize as those of the fit did."""

    source = "mf.als"

    def __init__(
        self, user_vectors: F32, item_vectors: F32, min_value: float | None, loss: Loss
    ) -> None:
        super().__init__(user_vectors, item_vectors, min_value)
        self._loss = loss

    def state(self) -> State:
        """The vectors, what counts as a liking, and the loss."""
        state = super().state()
        return State(state.arrays, {**state.meta, **asdict(self._loss)})

    def _fold_in(self, likes: Csr) -> F32:
        return self._from_items.rows(likes.indptr, likes.indices, _ones(likes))

    def _fold_in_items(self, likers: Csr) -> F32:
        from_users = self._loss.fold_in(self._users)
        return from_users.rows(likers.indptr, likers.indices, _ones(likers))

    def _shares(self, liked: Csr, item: int) -> F64:
        shares = self._from_items.shares(liked.indices, _ones(liked), self._items[item])
        return shares.astype(np.float64)

    def _with_item_vectors(self, vectors: F32) -> FittedAls:
        return FittedAls(self._users, vectors, self._min_value, self._loss)

    @cached_property
    def _from_items(self) -> kernels.AlsFoldIn:
        return self._loss.fold_in(self._items)


class Als:
    """Learns from likings alone; how much something was liked plays no part."""

    def __init__(self, settings: AlsSettings) -> None:
        self._settings = settings

    def fit(self, data: Dataset, context: FitContext, /) -> FittedAls:
        """Alternate. O(iterations·(likings·f + rows·f²) + users·f³).

        Raises DataError where nobody likes anything.
        """
        likes = data.positive_csr()
        if not likes.nnz:
            raise DataError(
                f"mf.als learns from likings, and none of the {len(data.interactions):,} events is "
                f"one; min_value is {data.min_value}"
            )
        settings = self._settings
        loss = Loss.of(likes, settings)

        def after(iteration: int) -> bool:
            context.progress(_TASK, iteration + 1, settings.iterations)
            return not context.cancelled()

        context.progress(_TASK, 0, settings.iterations)
        if context.cancelled():
            raise FitCancelled("the fit of mf.als was cancelled before it began")
        users, items = kernels.als(
            likes.indptr,
            likes.indices,
            _ones(likes),
            likes.columns,
            factors=settings.factors,
            iterations=settings.iterations,
            **asdict(loss),
            frequency_scaling=1.0,
            seed=context.seed,
            threads=context.threads,
            progress=after,
        )
        if context.cancelled():
            raise FitCancelled("the fit of mf.als was cancelled between two iterations")
        return FittedAls(users, items, data.min_value, loss)

    def restore(self, state: State, /) -> FittedAls:
        """Bring the vectors back."""
        numbers = {name: state.meta[name] for name in Loss.__dataclass_fields__}
        least = state.meta["min_value"]
        return FittedAls(
            np.asarray(state.arrays["user_vectors"]),
            np.asarray(state.arrays["item_vectors"]),
            None if least is None else float(str(least)),
            Loss(**{name: float(str(number)) for name, number in numbers.items()}),
        )


def _ones(likes: Csr) -> F32:
    return np.ones(likes.nnz, np.float32)
