"""`cf.ease`: likings of all other items foretell the liking of one, linearly and in closed form.

Steck, "Embarrassingly Shallow Autoencoders for Sparse Data", 2019. With X the users x items matrix
of likings, P = (XᵀX + λI)⁻¹ (eq. 6) and B = I - P·diag(1 / diag P) (eq. 8): the weights of zero
diagonal that least-squares X from X·B.

Where users are fewer than items the same B comes from a users x users inverse instead, by
Woodbury's identity: with S = Xᵀ(XXᵀ + λI)⁻¹X, λP = I - S, so B_ij = S_ij / (1 - S_jj) off the
diagonal. On ml-latest-small that is 30 times faster.

Only the items that anybody liked enter: the others would get zeros.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from penchant import kernels
from penchant.errors import DataError, FitCancelled
from penchant.protocols import FitContext, State
from penchant.queries import Csr

from penchant_cf.item_item import FittedItemItem
from penchant_cf.weights import DenseWeights, SparseWeights, Weights, weights_of

if TYPE_CHECKING:
    import numpy.typing as npt
    from penchant.data import Dataset
    from penchant.protocols import F32, I32

    from penchant_cf.settings import EaseSettings

_TASK = "item weights"


class FittedEase(FittedItemItem):
    """Weights are regression coefficients.

    precision: (catalogue,) float32, the square roots of diag P, 0 for an item nobody liked.
    """

    source = "cf.ease"

    def __init__(self, weights: Weights, precision: F32, min_value: float | None) -> None:
        super().__init__(weights, min_value)
        precision.setflags(write=False)
        self._precision = precision

    def with_items(self, data: Dataset, /) -> FittedEase:
        """New items have no weights until the next fit."""
        precision = np.zeros(len(data.items), np.float32)
        precision[: len(self._precision)] = self._precision
        return FittedEase(self._weights.grown(len(data.items)), precision, self._min_value)

    def state(self) -> State:
        """The weights."""
        arrays = {**self._weights.arrays(), "precision": self._precision}
        return State(arrays, {"items": self._weights.items, "min_value": self._min_value})

    def _likeness(self, items: I32) -> F32:
        """Partial correlation: -P_ij / √(P_ii·P_jj), likeness that no third item accounts for."""
        own = self._precision[items]
        scale = np.divide(1.0, own, out=np.zeros_like(own), where=own > 0)
        # Row i of B is -P_ij / P_jj.
        likeness: F32 = self._weights.rows(items) * self._precision * scale[:, None]
        return likeness


class Ease:
    """Solves for the weights."""

    def __init__(self, settings: EaseSettings) -> None:
        self._settings = settings

    def fit(self, data: Dataset, context: FitContext, /) -> FittedEase:
        """Solve. With w liked items and u users, O(min(w, u)³ + likings·w) time, O(w²) memory.

        The inverse is LAPACK's in float64, which uses the threads that BLAS is set to use; all else
        obeys `context.threads`. Raises DataError where w exceeds `max_items`.
        """
        likes = data.positive_csr()
        warm = np.flatnonzero(np.bincount(likes.indices, minlength=likes.columns)).astype(np.int32)
        self._check_size(len(warm))
        self._step(context, 0)
        matrix, precision = self._solve(_narrow(likes, warm), context)
        np.fill_diagonal(matrix, 0.0)
        self._step(context, 2)
        if self._settings.top is not None and self._settings.top < len(warm):
            weights: Weights = _greatest(matrix, self._settings.top, warm, likes.columns)
        else:
            weights = DenseWeights(matrix, warm, likes.columns)
        wide = np.zeros(likes.columns, np.float32)
        wide[warm] = precision
        self._step(context, 3)
        return FittedEase(weights, wide, data.min_value)

    def restore(self, state: State, /) -> FittedEase:
        """Bring the weights back."""
        least = state.meta["min_value"]
        return FittedEase(
            weights_of(state.arrays, int(str(state.meta["items"]))),
            np.asarray(state.arrays["precision"]),
            None if least is None else float(str(least)),
        )

    def _solve(self, likes: Csr, context: FitContext) -> tuple[F32, F32]:
        """B, but for its diagonal, and √diag P."""
        l2, threads = self._settings.l2, context.threads
        ones = np.ones(likes.nnz, np.float32)
        by_user = (likes.indptr, likes.indices, ones)
        by_item = kernels.transpose(*by_user, likes.columns)
        if likes.rows < likes.columns:
            gram = kernels.sparse_sparse(*by_user, by_item, likes.rows, threads=threads)
            inverse = _inverse(gram, l2).astype(np.float32)
            self._step(context, 1)
            halfway = kernels.sparse_dense(*by_item, inverse, threads=threads)
            matrix = kernels.sparse_dense(
                *by_item, np.ascontiguousarray(halfway.T), threads=threads
            )
            rest = np.maximum(1.0 - matrix.diagonal(), np.finfo(np.float32).eps)
            matrix /= rest
            return matrix, np.sqrt(rest / np.float32(l2))
        gram = kernels.sparse_sparse(*by_item, by_user, likes.columns, threads=threads)
        precision = _inverse(gram, l2)
        self._step(context, 1)
        diagonal = precision.diagonal().copy()
        precision /= -diagonal
        return precision.astype(np.float32), np.sqrt(diagonal).astype(np.float32)

    def _check_size(self, items: int) -> None:
        limit = self._settings.max_items
        if items > limit:
            size = items * items * 4 / 1e9
            raise DataError(
                f"cf.ease needs a dense matrix of {items:,} x {items:,} liked items, {size:.1f} GB "
                f"kept and up to {6 * size:.1f} GB while fitting, and max_items is {limit:,}; "
                "raise max_items where there is that much memory (top=200 then keeps a small "
                "model), leave out rare items, or use cf.item_knn, which needs no such matrix"
            )

    def _step(self, context: FitContext, done: int) -> None:
        context.progress(_TASK, done, 3)
        if context.cancelled():
            raise FitCancelled(f"the fit of cf.ease was cancelled after step {done} of 3")


def _inverse(gram: F32, l2: float) -> npt.NDArray[np.float64]:
    wide = gram.astype(np.float64)
    wide[np.diag_indices(len(wide))] += l2
    return np.asarray(np.linalg.inv(wide), np.float64)


def _narrow(likes: Csr, warm: I32) -> Csr:
    """The same likings with the warm items alone as columns."""
    place = np.zeros(likes.columns, np.int32)
    place[warm] = np.arange(len(warm), dtype=np.int32)
    return Csr(likes.indptr, place[likes.indices], None, len(warm))


def _greatest(matrix: F32, top: int, warm: I32, items: int) -> SparseWeights:
    """Keep the `top` weights of greatest size of each row. O(w²)."""
    kept = np.sort(np.argpartition(-np.abs(matrix), top - 1, axis=1)[:, :top], axis=1)
    values = np.take_along_axis(matrix, kept, axis=1)
    rows = np.repeat(warm, top)
    return SparseWeights(Csr.from_pairs(rows, warm[kept].ravel(), values.ravel(), (items, items)))
