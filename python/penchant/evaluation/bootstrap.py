"""How sure a mean over users is: bootstrap intervals.

Users are drawn with replacement and the mean is taken anew (Efron, "Bootstrap Methods: Another Look
at the Jackknife", 1979; the percentile interval). Two contestants are compared on the same draws of
the same users, which removes the large spread between users that both share (Sakai, "Evaluating
evaluation metrics based on the bootstrap", 2006).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from penchant.errors import DataError, RequestError, ShapeError

if TYPE_CHECKING:
    import numpy.typing as npt

    from penchant.metrics.ranking import F64

# Draws held at once: 64 MB of int64.
_DRAWS_AT_ONCE = 8_000_000


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean difference and the 95 % interval around it; `mean_interval` takes it from zero."""

    difference: float
    low: float
    high: float

    @property
    def holds_zero(self) -> bool:
        """Whether the data can't tell the difference from none."""
        return self.low <= 0.0 <= self.high

    def __str__(self) -> str:
        return f"{self.difference:+.4f} [{self.low:+.4f}, {self.high:+.4f}]"


def paired_bootstrap(
    a: npt.ArrayLike, b: npt.ArrayLike, samples: int = 2000, seed: int = 0
) -> Interval:
    """Give the mean of `b - a` over users with its 95 % percentile interval.

    a, b are (n,) values of the same users in the same order (`Evaluation.per_user`). The same seed
    gives the same bits. O(samples·n) time; memory is bounded.

    Raises ShapeError for two shapes, DataError for no users or a value that isn't finite, and
    RequestError for less than 1 sample.
    """
    before, after = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if before.shape != after.shape:
        raise ShapeError(
            f"a pair has values of {before.shape} and {after.shape} users; compare two evaluations "
            f"of one split"
        )
    return mean_interval(after - before, samples, seed)


def mean_interval(a: npt.ArrayLike, samples: int = 2000, seed: int = 0) -> Interval:
    """Give the mean of `a` over users with its 95 % interval; as `paired_bootstrap` with zeros."""
    values = np.asarray(a, np.float64)
    if values.ndim != 1:
        raise ShapeError(f"values of users have one axis, got an array of shape {values.shape}")
    if not values.size:
        raise DataError("there are no users to take a mean over; an interval needs at least one")
    if not np.isfinite(values).all():
        raise DataError("the values of users hold one that isn't finite; metrics never give one")
    if samples < 1:
        raise RequestError(f"samples must be at least 1, got {samples}")
    low, high = np.quantile(_means(values, samples, seed), (0.025, 0.975))
    return Interval(float(values.mean()), float(low), float(high))


def _means(values: F64, samples: int, seed: int) -> F64:
    """The means of `samples` draws; the draws don't depend on how many are held at once."""
    generator = np.random.default_rng(seed)
    means = np.empty(samples)
    step = max(1, _DRAWS_AT_ONCE // len(values))
    for start in range(0, samples, step):
        stop = min(start + step, samples)
        drawn = generator.integers(0, len(values), (stop - start, len(values)))
        means[start:stop] = values[drawn].mean(axis=1)
    return means
