"""How alike the ratings of queries and of users are, worked out when a request comes.

The formulas are those of `penchant.kernels.neighbours`, which compares the rows of one matrix.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from penchant import kernels
from penchant.queries import Csr

from penchant_cf.weights import csr_parts

if TYPE_CHECKING:
    import numpy.typing as npt
    from penchant.protocols import F32

    F64 = npt.NDArray[np.float64]

_LEAST = 1e-5  # a variance of less than this share of the squares is a rounding error


class Compared:
    """Ratings, or what remains of them, of the users at the fit, to compare rows with.

    Memory O(ratings).
    """

    def __init__(self, by_user: Csr, similarity: str, shrinkage: float) -> None:
        self._similarity, self._shrinkage = similarity, shrinkage
        self._users = by_user.rows
        counts = np.maximum(np.bincount(by_user.indices, minlength=by_user.columns), 1)
        values = csr_parts(by_user)[2].astype(np.float64)
        self._means = np.bincount(by_user.indices, values, by_user.columns) / counts
        centred = self._centred(by_user)
        parts = kernels.transpose(*csr_parts(centred), by_user.columns)
        ones = np.ones(by_user.nnz, np.float32)
        self._powers = [(*parts[:2], each) for each in (ones, parts[2], parts[2] ** 2)]
        lengths = np.bincount(by_user.row_of_entry(), csr_parts(centred)[2] ** 2, by_user.rows)
        self._lengths = np.sqrt(lengths)

    def to(self, rows: Csr) -> F32:
        """(n, users) float32. O(raters of what the rows rated + n·users)."""
        rows = self._centred(rows)
        values = csr_parts(rows)[2]
        ones, squares = np.ones_like(values), values**2
        common = self._sums(rows, ones, 0)
        dots = self._sums(rows, values, 1)
        if self._similarity == "cosine":
            own = np.sqrt(np.bincount(rows.row_of_entry(), squares, rows.rows))
            alike = _over(dots, own[:, None] * self._lengths)
        else:
            own, theirs = self._sums(rows, squares, 0), self._sums(rows, ones, 2)
            if self._similarity == "euclidean":
                apart = np.maximum(own - 2 * dots + theirs, 0) / np.maximum(common, 1)
                alike = (common > 0) / (1 + apart)
            elif self._similarity == "pearson":
                sums, other_sums = self._sums(rows, values, 0), self._sums(rows, ones, 1)
                own, theirs = (
                    np.where(spread > _LEAST * common * power, spread, 0)
                    for spread, power in (
                        (common * own - sums**2, own),
                        (common * theirs - other_sums**2, theirs),
                    )
                )
                alike = _over(common * dots - sums * other_sums, np.sqrt(own * theirs))
            else:
                alike = _over(dots, np.sqrt(own * theirs))
        if self._shrinkage > 0:
            alike = alike * (common / (common + self._shrinkage))
        return alike.astype(np.float32)

    def _sums(self, rows: Csr, values: F32, power: int) -> F64:
        """(n, users): Σ values · theirs to a power, over the items that both rated."""
        product = kernels.sparse_sparse(
            rows.indptr, rows.indices, values, self._powers[power], self._users
        )
        return product.astype(np.float64)

    def _centred(self, rows: Csr) -> Csr:
        """Without the means of the columns, where the similarity says so."""
        if self._similarity != "adjusted_cosine":
            return rows
        values = (csr_parts(rows)[2] - self._means[rows.indices]).astype(np.float32)
        return Csr(rows.indptr, rows.indices, values, rows.columns)


def _over(above: F64, below: F64) -> F64:
    found: F64 = np.divide(above, below, out=np.zeros_like(above), where=below > 0)
    return found
