"""Foretelling ratings by the most similar items that the user rated."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from penchant import kernels
from penchant.protocols import Evidence
from penchant.queries import Csr

from penchant_cf.ranked import rank
from penchant_cf.rating_side import LEAST, SOURCE, FittedRatings
from penchant_cf.weights import csr_parts

if TYPE_CHECKING:
    from penchant.data import Dataset
    from penchant.protocols import F32, I32
    from penchant.queries import Candidates, Queries, TopK

    from penchant_cf.baselines import Baseline
    from penchant_cf.settings import RatingKnnSettings


class FittedItemRatings(FittedRatings):
    """The matrix holds each item's neighbours, best first. Memory O(items·pool)."""

    def similar_items(self, items: I32, candidates: Candidates, k: int, /) -> TopK:
        """Rank by likeness; only neighbours come back."""
        return rank(self._matrix.take(items).to_dense(), items, candidates, k)

    def with_items(self, data: Dataset, /) -> FittedItemRatings:
        """New items have no neighbours, and are rated as the average, until the next fit."""
        items, lists = len(data.items), self._matrix
        indptr = np.append(lists.indptr, np.full(items - lists.rows, lists.nnz, np.int64))
        grown = Csr(indptr, lists.indices, lists.values, items)
        return FittedItemRatings(grown, self._baseline.grown(items), self._settings)

    def _heard(self, queries: Queries, remains: Csr, items: I32) -> tuple[F32, F32]:  # noqa: ARG002
        settings = self._settings
        told = kernels.nearest_means(
            *csr_parts(remains),
            csr_parts(self._matrix),
            self._matrix.columns,
            settings.neighbours,
            which=items,
            least=settings.min_neighbours,
        )
        return told[:, 0], told[:, 1]

    def _reasons(
        self,
        queries: Queries,  # noqa: ARG002
        remains: Csr,
        item: int,
        scale: float,
    ) -> Sequence[Evidence]:
        settings = self._settings
        near, alike = self._matrix.row(item), self._matrix.row_values(item)
        rated = remains.row(0)
        met = np.flatnonzero(np.isin(near, rated))[: settings.neighbours]
        if len(met) < settings.min_neighbours:
            return ()
        near, alike = near[met], alike[met]
        shares = alike * remains.row_values(0)[np.searchsorted(rated, near)]
        shares = shares * (scale / (settings.damping + alike.sum(dtype=np.float64)))
        return [
            Evidence("item", share, row, source=SOURCE)
            for row, share in zip(near.tolist(), shares.tolist(), strict=True)
        ]


def neighbour_lists(
    ratings: Csr,
    baseline: Baseline,
    settings: RatingKnnSettings,
    threads: int,
    after: Callable[[int, int], None],
) -> Csr:
    """Find the `pool` most similar items of each, best first, of positive similarity alone."""
    compared = ratings
    if settings.compare == "remains":
        compared = baseline.remains(ratings, *baseline.of_users(ratings))
    near = kernels.neighbours(
        *kernels.transpose(*csr_parts(compared), ratings.columns),
        ratings.rows,
        settings.pool,
        similarity=settings.similarity,
        shrinkage=settings.shrinkage,
        threads=threads,
        progress=after,
    )
    lists = Csr(*near, ratings.columns)
    return lists.where(near[2] > LEAST)
