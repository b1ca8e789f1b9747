"""`cf.rating_knn`: ratings foretold from those of the most similar items, or users.

Nearest neighbours on ratings (Resnick, Iacovou, Suchak, Bergstrom, Riedl, "GroupLens", 1994, over
users; Sarwar, Karypis, Konstan, Riedl, "Item-Based Collaborative Filtering Recommendation
Algorithms", 2001, over items; Koren, "Factor in the Neighbors", 2010, eq. 3, with baselines):

    rating(u, i) = centre + scale · Σ s·remains / (damping + Σ s)

over the `neighbours` most similar items that u rated, or users who rated i, of similarity s > 0 and
among the `pool` most similar of all; remains = (r - centre) / scale of their own ratings, and
`baselines.py` says what centre and scale are. The damping, which isn't in the papers, doubts what
few and unlike neighbours say. What is of the user comes from the history given, so strangers and
news need no fit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from penchant.errors import DataError
from penchant.protocols import FitContext, State
from penchant.queries import Csr

from penchant_cf.baselines import Baseline
from penchant_cf.item_knn import hear
from penchant_cf.rating_items import FittedItemRatings, neighbour_lists
from penchant_cf.rating_users import FittedUserRatings
from penchant_cf.weights import csr_parts

if TYPE_CHECKING:
    from penchant.data import Dataset

    from penchant_cf.settings import RatingKnnSettings


class RatingKnn:
    """Finds the baselines and, over items, each one's nearest neighbours."""

    def __init__(self, settings: RatingKnnSettings) -> None:
        self._settings = settings

    def fit(self, data: Dataset, context: FitContext, /) -> FittedItemRatings | FittedUserRatings:
        """Find them.

        Over items O(Σ ratings of a user squared) time and O(items·pool + ratings) memory; over
        users, whose neighbours are found at the time of a request, O(ratings) both.

        Raises DataError where a rating isn't finite.
        """
        settings = self._settings
        ratings = data.interactions.by_user()
        if not np.isfinite(csr_parts(ratings)[2]).all():
            raise DataError("cf.rating_knn needs finite ratings; clean the data with clean='drop'")
        after = hear(context, "cf.rating_knn")
        after(0, ratings.columns)
        by_users = settings.side == "users"
        baseline = Baseline.of(ratings, settings.baseline, by_users=by_users)
        if by_users:
            after(ratings.columns, ratings.columns)
            return FittedUserRatings(ratings, baseline, settings)
        lists = neighbour_lists(ratings, baseline, settings, context.threads, after)
        return FittedItemRatings(lists, baseline, settings)

    def restore(self, state: State, /) -> FittedItemRatings | FittedUserRatings:
        """Bring the baselines back, and the neighbours of items or the ratings of users."""
        arrays, settings = state.arrays, self._settings
        by_users = settings.side == "users"
        baseline = Baseline(
            settings.baseline,
            by_users,
            float(str(state.meta["mean"])),
            float(str(state.meta["spread"])),
            np.asarray(arrays["offsets"]),
            np.asarray(arrays["scales"]),
        )
        items = len(baseline.offsets)
        matrix = Csr(arrays["indptr"], arrays["indices"], arrays["values"], items)
        if by_users:
            return FittedUserRatings(matrix, baseline, settings)
        return FittedItemRatings(matrix, baseline, settings)
