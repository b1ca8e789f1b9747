"""Foretelling ratings by the most similar users who rated the item."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from penchant import kernels
from penchant.protocols import Evidence
from penchant.queries import Csr

from penchant_cf.likeness import Compared
from penchant_cf.rating_side import LEAST, SOURCE, FittedRatings
from penchant_cf.weights import csr_parts

if TYPE_CHECKING:
    from penchant.data import Dataset
    from penchant.protocols import F32, I32
    from penchant.queries import Queries

    from penchant_cf.baselines import Baseline
    from penchant_cf.settings import RatingKnnSettings

_BATCH = 256  # queries whose similarities with all users are held at once


class FittedUserRatings(FittedRatings):
    """The matrix holds the ratings of the users at the fit. Memory O(ratings).

    Neighbours are found at the time of a request; a user is not a neighbour of their own.
    """

    def __init__(self, matrix: Csr, baseline: Baseline, settings: RatingKnnSettings) -> None:
        super().__init__(matrix, baseline, settings)
        remains = baseline.remains(matrix, *baseline.of_users(matrix))
        compared = remains if settings.compare == "remains" else matrix
        self._compared = Compared(compared, settings.similarity, settings.shrinkage)
        turned = kernels.transpose(*csr_parts(remains), matrix.columns)
        self._raters = Csr(*turned, matrix.rows)

    def with_items(self, data: Dataset, /) -> FittedUserRatings:
        """Nobody has rated the new items, until the next fit."""
        items, kept = len(data.items), self._matrix
        grown = Csr(kept.indptr, kept.indices, kept.values, items)
        return FittedUserRatings(grown, self._baseline.grown(items), self._settings)

    def _heard(self, queries: Queries, remains: Csr, items: I32) -> tuple[F32, F32]:
        settings, raters = self._settings, self._raters.take(items)
        sums, weights = np.empty((2, len(queries), len(items)), np.float32)
        for start in range(0, len(queries), _BATCH):
            here = slice(start, start + _BATCH)
            told = kernels.nearest_means(
                *csr_parts(raters),
                csr_parts(self._neighbours(queries, remains, start)),
                raters.columns,
                settings.neighbours,
                least=settings.min_neighbours,
            )
            sums[here], weights[here] = told[:, 0].T, told[:, 1].T
        return sums, weights

    def _neighbours(self, queries: Queries, remains: Csr, start: int) -> Csr:
        """Neighbours, best first, of up to `_BATCH` queries from `start`."""
        rows = queries.rows[start : start + _BATCH]
        compared = remains if self._settings.compare == "remains" else queries.history
        alike = self._compared.to(
            compared.take(np.arange(start, start + len(rows), dtype=np.int32))
        )
        own = np.flatnonzero(rows >= 0)
        alike[own, rows[own]] = 0
        near, similarity, _ = kernels.select_top_k(
            alike, max(1, min(self._settings.pool, alike.shape[1]))
        )
        kept = similarity > LEAST
        indptr = np.zeros(len(rows) + 1, np.int64)
        np.cumsum(kept.sum(axis=1), out=indptr[1:])
        return Csr(indptr, near[kept], similarity[kept], alike.shape[1])

    def _reasons(
        self, queries: Queries, remains: Csr, item: int, scale: float
    ) -> Sequence[Evidence]:
        asked = np.array([item], np.int32)
        share = scale * float(self._shares(*self._heard(queries, remains, asked))[0, 0])
        detail = "what similar users gave it"
        return [Evidence("users", share, detail=detail, source=SOURCE)]
