"""What ratings are before neighbours speak: `centre + scale · (what remains)`.

- "global": the centre is the mean μ of all ratings;
- "means": the mean of the item's ratings or, over users, of the user's;
- "zscores": the same, and the scale is the standard deviation of the same ratings (that of all
  ratings where it is 0);
- "biases": μ + b_u + b_i, biases being means of what remains, shrunk by 15 ratings of a user and 10
  of an item, found in turn (Koren, "Factor in the Neighbors: Scalable and Accurate Collaborative
  Filtering", 2010, section 2.1).

What is of items is learned at the fit; what is of users comes from the history given, so strangers
and news need no fit.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from penchant.queries import Csr

from penchant_cf.weights import csr_parts

if TYPE_CHECKING:
    import numpy.typing as npt
    from penchant.protocols import F32, I32

    F64 = npt.NDArray[np.float64]

_USER_SHRINKAGE, _ITEM_SHRINKAGE = 15, 10
_NOTHING = 1e-5
_ROUNDS = 10  # in which the biases settle


@dataclass(frozen=True)
class Baseline:
    """The baseline of all ratings.

    offsets, scales: (items,) float32, of each item over the mean; zeros and ones where users alone
    are told apart. mean, spread: of all ratings, the spread a standard deviation.
    """

    kind: str
    by_users: bool
    mean: float
    spread: float
    offsets: F32
    scales: F32

    @classmethod
    def of(cls, ratings: Csr, kind: str, *, by_users: bool) -> Baseline:
        """Learn it from users x items. O(ratings)."""
        values = csr_parts(ratings)[2].astype(np.float64)
        mean, spread = (float(values.mean()), float(values.std())) if len(values) else (0.0, 0.0)
        offsets, scales = np.zeros(ratings.columns), np.ones(ratings.columns)
        if kind == "biases":
            offsets = _item_biases(ratings, values - mean)
        elif kind != "global" and not by_users:
            offsets, deviations = _moments(
                ratings.indices, values - mean, ratings.columns, spread or 1.0
            )
            scales = deviations if kind == "zscores" else scales
        return cls(
            kind,
            by_users,
            mean,
            spread or 1.0,
            offsets.astype(np.float32),
            scales.astype(np.float32),
        )

    def of_users(self, ratings: Csr) -> tuple[F32, F32]:
        """(n,) float32 each: the offset over the mean and the scale of each row of ratings."""
        offsets, scales = np.zeros(ratings.rows), np.ones(ratings.rows)
        users = ratings.row_of_entry()
        values = csr_parts(ratings)[2].astype(np.float64) - self.mean
        if self.kind == "biases":
            values = values - self.offsets[ratings.indices]
            offsets = _shrunk_means(users, values, ratings.rows, _USER_SHRINKAGE)
        elif self.kind != "global" and self.by_users:
            offsets, deviations = _moments(users, values, ratings.rows, self.spread)
            scales = deviations if self.kind == "zscores" else scales
        return offsets.astype(np.float32), scales.astype(np.float32)

    def remains(self, ratings: Csr, offsets: F32, scales: F32) -> Csr:
        """What is left of each rating, given what `of_users` says of them."""
        users, items = ratings.row_of_entry(), ratings.indices
        values = csr_parts(ratings)[2] - self.mean - self.offsets[items] - offsets[users]
        values = values / (scales[users] * self.scales[items])
        # What rounding leaves of an offset is nothing that others could be like.
        values[np.abs(values) < _NOTHING] = 0
        return Csr(ratings.indptr, items, values.astype(np.float32), ratings.columns)

    def grown(self, items: int) -> Baseline:
        """New items are as the average."""
        more = items - len(self.offsets)
        return replace(
            self,
            offsets=np.append(self.offsets, np.zeros(more, np.float32)),
            scales=np.append(
                self.scales,
                np.full(more, self._scale_of_new, np.float32),
            ),
        )

    @property
    def _scale_of_new(self) -> float:
        return self.spread if self.kind == "zscores" and not self.by_users else 1.0


def _moments(of: I32, values: F64, size: int, spread: float) -> tuple[F64, F64]:
    """The mean of the values of each, 0 for none, and their deviation, `spread` for none."""
    counts = np.maximum(np.bincount(of, minlength=size), 1)
    means = np.bincount(of, values, size) / counts
    squares = np.bincount(of, (values - means[of]) ** 2, size) / counts
    # Equal ratings may leave a rounding error behind, which is no scale.
    return means, np.where(squares > 1e-9, np.sqrt(squares), spread)


def _item_biases(ratings: Csr, values: F64) -> F64:
    """(items,): where the biases of items settle, in turn with those of users."""
    users, items = ratings.row_of_entry(), ratings.indices
    of_users = np.zeros(ratings.rows)
    for _ in range(_ROUNDS):
        of_items = _shrunk_means(items, values - of_users[users], ratings.columns, _ITEM_SHRINKAGE)
        of_users = _shrunk_means(users, values - of_items[items], ratings.rows, _USER_SHRINKAGE)
    return of_items


def _shrunk_means(of: I32, values: npt.NDArray[Any], size: int, shrinkage: int) -> F64:
    """Sum of the values of each, over their number and `shrinkage`."""
    sums = np.bincount(of, values, size).astype(np.float64)
    means: F64 = sums / (np.bincount(of, minlength=size) + shrinkage)
    return means
