"""`cf.ease`: likings of all other items foretell the liking of one, linearly and in closed form.

Steck, "Embarrassingly Shallow Autoencoders for Sparse Data", 2019. With X the users x items matrix
of likings, P = (XᵀX + λI)⁻¹ (eq. 6) and B = I - P·diag(1 / diag P) (eq. 8): the weights of zero
diagonal that least-squares X from X·B.

Where users are fewer than items the same B comes from a users x users inverse instead, by
Woodbury's identity: with S = Xᵀ(XXᵀ + λI)⁻¹X, λP = I - S, so B_ij = S_ij / (1 - S_jj) off the
diagonal. On ml-latest-small that is 30 times faster.

Only the items that anybody liked enter: the others would get zeros, or with a text what their words
foretell (`ease_text.py`, `foretold.py`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from penchant import kernels
from penchant.errors import DataError, FitCancelled
from penchant.item_text import TextMap, described, rows_of, text_source
from penchant.protocols import FitContext, ReadsText, State
from penchant.queries import Csr

from penchant_cf.ease_text import learned_weight, pull_of_text
from penchant_cf.foretold import ForetoldWeights
from penchant_cf.item_item import FittedItemItem
from penchant_cf.weights import DenseWeights, SparseWeights, Weights, weights_of

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt
    from penchant.data import Dataset
    from penchant.protocols import F32, I32
    from penchant.queries import Queries
    from penchant.registry import Registry

    from penchant_cf.ease_text import Tries
    from penchant_cf.settings import EaseSettings

_TASK = "item weights"
# What a liking says of the item itself, where its column stands for those of words like its own.
_OWN_LIKING = 0.1


class FittedEase(FittedItemItem):
    """Weights are regression coefficients.

    precision: (catalogue,) float32, the square roots of diag P, 0 for an item without weights.
    """

    source = "cf.ease"

    def __init__(
        self,
        weights: Weights,
        precision: F32,
        min_value: float | None,
        text: TextMap | None = None,
    ) -> None:
        super().__init__(weights, min_value)
        precision.setflags(write=False)
        self._precision = precision
        self._text = text
        if text is not None and isinstance(text.text, ReadsText):
            self.encoders = text.text.encoders

    def with_items(self, data: Dataset, /) -> FittedEase:
        """New items have no weights until the next fit, or those that their words foretell."""
        known, items = len(self._precision), len(data.items)
        precision = np.zeros(items, np.float32)
        precision[:known] = self._precision
        weights: Weights = self._weights.grown(items)
        if self._text is not None and isinstance(self._weights, ForetoldWeights):
            new = np.arange(known, items, dtype=np.int32)
            features = self._text.text.describe(data, new)
            cold = new[described(features)]
            columns = self._text.of(features)[described(features)]
            weights = self._weights.with_columns(items, cold, columns)
            precision[cold] = self._precision.max(initial=0.0)
        return FittedEase(weights, precision, self._min_value, self._text)

    def state(self) -> State:
        """The weights, and the map from words."""
        arrays = {**self._weights.arrays(), "precision": self._precision}
        meta = {"items": self._weights.items, "min_value": self._min_value}
        return State(arrays, meta, {} if self._text is None else {"text": self._text.state()})

    def _likeness(self, items: I32) -> F32:
        """Partial correlation: -P_ij / √(P_ii·P_jj), likeness that no third item accounts for."""
        own = self._precision[items]
        scale = np.divide(1.0, own, out=np.zeros_like(own), where=own > 0)
        # Row i of B is -P_ij / P_jj.
        likeness: F32 = self._weights.rows(items) * self._precision * scale[:, None]
        return likeness

    def _said(self, queries: Queries) -> F32 | None:
        said = None if self._text is None else self._text.of_words(queries)
        if said is None or not isinstance(self._weights, ForetoldWeights):
            return None
        return self._weights.like(said, _OWN_LIKING)


class Ease:
    """Solves for the weights."""

    def __init__(self, settings: EaseSettings, registry: Registry) -> None:
        self._settings = settings
        self._text = None
        if settings.text is not None:
            self._text = text_source(FittedEase.source, settings.text, registry)

    def fit(self, data: Dataset, context: FitContext, /) -> FittedEase:
        """Solve. With w liked items and u users, O(min(w, u)³ + likings·w) time, O(w²) memory.

        With a text O(w³), and twice that, and the time to judge, where its weight is learned. The
        inverse is LAPACK's in float64, which uses the threads that BLAS is set to use; all else
        obeys `context.threads`. Raises DataError where w exceeds `max_items`, or a text is asked
        for and no item has one.
        """
        likes = data.positive_csr()
        warm = _liked(likes)
        self._check_size(len(warm))
        self._step(context, 0)
        if self._text is None:
            matrix, precision = self._weights(likes, warm, context)
            self._step(context, 2)
            return self._fitted(data, warm, self._kept(matrix, warm, likes.columns), precision)
        text, features = self._text.fit(data, context)
        share = self._settings.text_weight
        if share is None:
            share = learned_weight(data, context.seed, self._tries(features.matrix, context))
        matrix, precision = self._weights(likes, warm, context)
        matrix = self._pulled(matrix, precision, features.matrix, warm, share)
        self._step(context, 2)
        columns = np.ascontiguousarray(matrix.T)
        columns[np.diag_indices(len(warm))] = _OWN_LIKING
        mapped = TextMap.learn(
            text,
            rows_of(features.matrix, warm),
            columns,
            np.arange(len(warm), dtype=np.int32),
            self._settings.text_regularization,
            context.threads,
        )
        told = np.flatnonzero(described(features.matrix)).astype(np.int32)
        cold = np.setdiff1d(told, warm)
        weights = ForetoldWeights(
            self._kept(matrix, warm, likes.columns),
            warm,
            cold,
            mapped.of(rows_of(features.matrix, cold)),
        )
        return self._fitted(data, warm, weights, precision, mapped)

    def restore(self, state: State, /) -> FittedEase:
        """Bring the weights back."""
        least = state.meta["min_value"]
        weights, text = weights_of(state.arrays, int(str(state.meta["items"]))), None
        if self._text is not None:
            text = TextMap.restored(self._text, state.parts["text"])
            weights = ForetoldWeights.restored(weights, state.arrays)
        return FittedEase(
            weights,
            np.asarray(state.arrays["precision"]),
            None if least is None else float(str(least)),
            text,
        )

    def _fitted(
        self,
        data: Dataset,
        warm: I32,
        weights: Weights,
        precision: F32,
        text: TextMap | None = None,
    ) -> FittedEase:
        wide = np.zeros(len(data.items), np.float32)
        wide[warm] = precision
        if isinstance(weights, ForetoldWeights):
            # As little is known of those that nobody has liked as of the rarest.
            wide[weights.cold] = precision.max(initial=0.0)
        return FittedEase(weights, wide, data.min_value, text)

    def _kept(self, matrix: F32, warm: I32, items: int) -> Weights:
        top = self._settings.top
        if top is not None and top < len(warm):
            return _greatest(matrix, top, warm, items)
        return DenseWeights(matrix, warm, items)

    def _weights(self, likes: Csr, warm: I32, context: FitContext) -> tuple[F32, F32]:
        """E, zeros on its diagonal, and √diag P, among the warm items."""
        matrix, precision = self._solve(_narrow(likes, warm), context)
        np.fill_diagonal(matrix, 0.0)
        return matrix, precision

    def _pulled(
        self, matrix: F32, precision: F32, features: F32 | Csr, warm: I32, share: float
    ) -> F32:
        """E + share·T."""
        if not share:
            return matrix
        settings = self._settings
        pull = pull_of_text(
            matrix,
            precision,
            rows_of(features, warm),
            settings.l2,
            settings.text_regularization,
        )
        pull *= np.float32(share)
        pull += matrix
        return pull

    def _tries(self, features: F32 | Csr, context: FitContext) -> Callable[[Dataset], Tries]:
        """For a part of the data, what gives the fit of any weight of the text."""

        def of(part: Dataset) -> Tries:
            likes = part.positive_csr()
            warm = _liked(likes)
            matrix, precision = self._weights(likes, warm, context)
            pull = self._pulled(matrix, precision, features, warm, 1.0) - matrix

            def at(share: float) -> FittedEase:
                dense = DenseWeights(matrix + np.float32(share) * pull, warm, likes.columns)
                return self._fitted(part, warm, dense, precision)

            return at

        return of

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


def _liked(likes: Csr) -> I32:
    """The items that anybody liked, ascending."""
    return np.flatnonzero(np.bincount(likes.indices, minlength=likes.columns)).astype(np.int32)


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
