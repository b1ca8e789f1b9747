"""How sure a mean over users is: bootstrap intervals.

Users are drawn with replacement and the mean is taken anew (Efron, "Bootstrap Methods: Another Look
at the Jackknife", 1979; the percentile interval). Two contestants are compared on the same draws of
the same users, which removes the large spread between users that both share (Sakai, "Evaluating
evaluation metrics based on the bootstrap", 2006). Figures that are no means over users, such as
RMSE, are taken anew from the drawn users' shares.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from penchant.errors import DataError, RequestError, ShapeError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from penchant.metrics import Share
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
    means = [values[drawn].mean(axis=1) for drawn in _draws(len(values), samples, seed)]
    return _interval(float(values.mean()), means)


def share_interval(share: Share, samples: int = 2000, seed: int = 0) -> Interval:
    """Give the figure of a share (an RMSE, say) with its 95 % interval; errors as `mean_interval`.

    A draw of users whose weights are all zero has no figure, and is left out.
    """
    drawn = [_figures(share, draw) for draw in _draws(len(share.users), samples, seed)]
    return _interval(share.value, drawn)


def paired_shares(a: Share, b: Share, samples: int = 2000, seed: int = 0) -> Interval:
    """Give the figure of `b` less that of `a`, shares of the same users, with its 95 % interval."""
    if not np.array_equal(a.users, b.users):
        raise ShapeError("a pair of shares has two sets of users; compare evaluations of one split")
    draws = _draws(len(a.users), samples, seed)
    return _interval(b.value - a.value, [_figures(b, d) - _figures(a, d) for d in draws])


def _draws(users: int, samples: int, seed: int) -> Iterator[npt.NDArray[np.int64]]:
    """Users drawn, (some, users) at a time; they don't depend on how many are held at once."""
    if samples < 1:
        raise RequestError(f"samples must be at least 1, got {samples}")
    generator = np.random.default_rng(seed)
    step = max(1, _DRAWS_AT_ONCE // max(users, 1))
    for start in range(0, samples, step):
        yield generator.integers(0, users, (min(step, samples - start), users))


def _figures(share: Share, drawn: npt.NDArray[np.int64]) -> F64:
    with np.errstate(invalid="ignore"):
        figures: F64 = share.parts[drawn].sum(axis=1) / share.weights[drawn].sum(axis=1)
    return np.sqrt(figures) if share.rooted else figures


def _interval(value: float, drawn: list[F64]) -> Interval:
    low, high = np.nanquantile(np.concatenate(drawn), (0.025, 0.975))
    return Interval(value, float(low), float(high))
