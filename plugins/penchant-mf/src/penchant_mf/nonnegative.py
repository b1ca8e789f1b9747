"""Ratings as one side of a non-negative factorization sees them, and its rows solved for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from penchant import kernels
from penchant.queries import Csr

if TYPE_CHECKING:
    from penchant.protocols import F32, I64


@dataclass(frozen=True)
class Pull:
    """What is added to the squared errors of a row.

    regularization: weight of its square, for each rating. shrinkage: weight of its squared distance
    from the mean row.
    """

    regularization: float
    shrinkage: float

    def scaled(self, scale: float) -> Pull:
        """The pull on rows of ratings `scale` times as large, with the same outcome."""
        return Pull(self.regularization * scale, self.shrinkage * scale)


class Ratings:
    """Rows x columns; values are those of the matrix where none are given, 1 where it has none."""

    def __init__(self, matrix: Csr, values: F32 | None = None) -> None:
        values = matrix.values if values is None else values
        self.values = np.ones(matrix.nnz, np.float32) if values is None else values
        self.counts: I64 = matrix.counts()
        self.shape = matrix.rows, matrix.columns
        self._indptr, self._indices = matrix.indptr, matrix.indices

    def transposed(self) -> Ratings:
        """The other side's view."""
        turned = kernels.transpose(self._indptr, self._indices, self.values, self.shape[1])
        return Ratings(Csr(*turned, self.shape[0]))

    def mean(self, rows: F32) -> F32:
        """(f,): the mean of (n, f) rows, each counted as often as it has ratings."""
        return np.average(rows, axis=0, weights=self.counts).astype(np.float32)

    def solved(
        self,
        fixed: F32,
        pull: Pull,
        mean: F32,
        start: tuple[int, F32] | None = None,
        threads: int = 1,
    ) -> F32:
        """(n, f): the best rows while the columns' rows stand still, to the last digit.

        With `start`, so many sweeps from those rows. A row without ratings is the mean.
        """
        how: dict[str, Any] = {} if start is None else {"sweeps": start[0], "start": start[1]}
        return kernels.nonnegative_least_squares(
            self._indptr,
            self._indices,
            self.values,
            fixed,
            regularization=pull.regularization,
            prior=mean,
            prior_weight=pull.shrinkage,
            threads=threads,
            **how,
        )
