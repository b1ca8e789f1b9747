"""`cf.rating_knn`: somebody rates an item much as they rated those most like it.

Item-based nearest neighbours on ratings with baselines (Koren, "Factor in the Neighbors: Scalable
and Accurate Collaborative Filtering", 2010, eq. 3 and 4). The baseline of a rating is
μ + b_u + b_i, where biases are means of what remains, shrunk by 15 ratings of a user and 10 of an
item, found in turn. What remains is r - baseline; items are alike where the same users leave alike
remains:

    rating(u, i) = μ + b_u + b_i + Σ s_ij·remains(u, j) / (0.2 + Σ s_ij)

over the items j that u rated and that are among the `neighbours` of i. The 0.2, which isn't in the
paper, doubts what few and unlike neighbours say. A user's bias comes from the history given, so
strangers and news need no fit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from penchant import kernels
from penchant.protocols import Evidence, FitContext, State
from penchant.queries import Csr

from penchant_cf.item_knn import FittedItemKnn, by_neighbour, hear
from penchant_cf.weights import Weights, csr_parts, weights_of

if TYPE_CHECKING:
    import numpy.typing as npt
    from penchant.data import Dataset
    from penchant.protocols import F32, I32, Bool
    from penchant.queries import Queries

    from penchant_cf.settings import RatingKnnSettings

    F64 = npt.NDArray[np.float64]

_DOUBT = np.float32(0.2)
_USER_SHRINKAGE, _ITEM_SHRINKAGE = 15, 10
_ROUNDS = 10  # in which the biases settle


class FittedRatingKnn(FittedItemKnn):
    """Weights are similarities, none negative; biases are of the items known at the fit."""

    source = "cf.rating_knn"
    predicts_ratings = True

    def __init__(self, weights: Weights, mean: float, biases: F32) -> None:
        super().__init__(weights, None)
        biases.setflags(write=False)
        self._mean, self._biases = mean, biases

    def score(self, queries: Queries, items: I32 | None, /) -> F32:
        """Foretell the ratings, on their scale but not clipped to it.

        O(n·catalogue + weights of the items rated), also for few items.
        """
        remains, user_biases = _remains(queries.history, self._mean, self._biases)
        scores = self._weights.sums(remains) / (_DOUBT + self._weights.sums(remains.binary()))
        scores += (self._mean + user_biases).astype(np.float32)[:, None] + self._biases
        return scores if items is None else np.ascontiguousarray(scores[:, items])

    def answers(self, queries: Queries, /) -> Bool:
        """Those who rated anything."""
        return queries.history.counts() > 0

    def explain(self, queries: Queries, item: int, /) -> Sequence[Evidence]:
        """The mean, both biases, and what each neighbour adds; they sum to the score."""
        remains, user_biases = _remains(queries.history, self._mean, self._biases)
        rated = remains.row(0)
        weights = self._weights.into(rated, item)
        shares = weights * remains.row_values(0) / (_DOUBT + weights.sum())
        reasons = [
            Evidence("baseline", self._mean, detail="the average rating", source=self.source),
            Evidence("user", float(user_biases[0]), source=self.source),
            Evidence("popularity", float(self._biases[item]), source=self.source),
        ]
        reasons += [
            Evidence("item", float(shares[at]), int(rated[at]), source=self.source)
            for at in np.flatnonzero(shares).tolist()
        ]
        return tuple(sorted(reasons, key=lambda reason: -abs(reason.weight)))

    def with_items(self, data: Dataset, /) -> FittedRatingKnn:
        """New items have no neighbours and no bias until the next fit."""
        biases = np.zeros(len(data.items), np.float32)
        biases[: len(self._biases)] = self._biases
        return FittedRatingKnn(self._weights.grown(len(data.items)), self._mean, biases)

    def state(self) -> State:
        """The weights, the mean and the items' biases."""
        return State({**self._weights.arrays(), "biases": self._biases}, {"mean": self._mean})


class RatingKnn:
    """Finds the baselines, and each item's nearest neighbours."""

    def __init__(self, settings: RatingKnnSettings) -> None:
        self._settings = settings

    def fit(self, data: Dataset, context: FitContext, /) -> FittedRatingKnn:
        """Find them. O(Σ ratings of a user squared) time, O(items·neighbours + ratings) memory.

        Raises DataError where a rating isn't finite.
        """
        ratings = data.interactions.by_user()
        after = hear(context, "cf.rating_knn")
        after(0, ratings.columns)
        values = csr_parts(ratings)[2]
        mean = float(values.mean(dtype=np.float64)) if len(values) else 0.0
        biases = _item_biases(ratings, values - mean)
        remains, _ = _remains(ratings, mean, biases)
        near = kernels.neighbours(
            *kernels.transpose(*csr_parts(remains), ratings.columns),
            ratings.rows,
            self._settings.neighbours,
            similarity=self._settings.similarity,
            shrinkage=self._settings.shrinkage,
            threads=context.threads,
            progress=after,
        )
        alike = Csr(*near, ratings.columns)
        alike = alike.where(near[2] > 0)
        weights = by_neighbour(csr_parts(alike), np.float32(1), ratings.columns)
        return FittedRatingKnn(weights, mean, biases)

    def restore(self, state: State, /) -> FittedRatingKnn:
        """Bring the weights and biases back."""
        biases = np.asarray(state.arrays["biases"])
        weights = weights_of(state.arrays, len(biases))
        return FittedRatingKnn(weights, float(str(state.meta["mean"])), biases)


def _remains(ratings: Csr, mean: float, item_biases: F32) -> tuple[Csr, F64]:
    """What is left of each rating over its baseline, and the bias of each row's user."""
    values = csr_parts(ratings)[2] - mean - item_biases[ratings.indices]
    users = ratings.row_of_entry()
    biases = _shrunk_means(users, values, ratings.rows, _USER_SHRINKAGE)
    left = (values - biases[users]).astype(np.float32)
    return Csr(ratings.indptr, ratings.indices, left, ratings.columns), biases


def _item_biases(ratings: Csr, values: F32) -> F32:
    """(items,) float32: where the biases of items settle, in turn with those of users."""
    users, items = ratings.row_of_entry(), ratings.indices
    of_users = np.zeros(ratings.rows)
    for _ in range(_ROUNDS):
        of_items = _shrunk_means(items, values - of_users[users], ratings.columns, _ITEM_SHRINKAGE)
        of_users = _shrunk_means(users, values - of_items[items], ratings.rows, _USER_SHRINKAGE)
    return of_items.astype(np.float32)


def _shrunk_means(of: I32, values: npt.NDArray[Any], size: int, shrinkage: int) -> F64:
    """Sum of the values of each, over their number and `shrinkage`."""
    sums = np.bincount(of, values, size).astype(np.float64)
    means: F64 = sums / (np.bincount(of, minlength=size) + shrinkage)
    return means
