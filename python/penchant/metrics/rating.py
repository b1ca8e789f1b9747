"""How far predicted ratings are from given ones, in the unit of the ratings.

Each figure is a share: what all users' parts sum to, over what their weights sum to, and the root
of it for `rmse`. `Share` holds both user by user, so that intervals can draw users anew.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from penchant.errors import DataError, ShapeError

if TYPE_CHECKING:
    import numpy.typing as npt

    from penchant.metrics.ranking import F64

RatingMetric: TypeAlias = "Callable[[npt.ArrayLike, npt.ArrayLike, npt.ArrayLike], Share]"


@dataclass(frozen=True, slots=True, eq=False)
class Share:
    """What a figure is made of, user by user.

    users: (n,) the users, ascending. `parts`, `weights`: (n,) float64. `rooted`: whether the figure
    is the root of the quotient.
    """

    users: npt.NDArray[np.integer]
    parts: F64
    weights: F64
    rooted: bool = False

    @property
    def value(self) -> float:
        """The figure of all users: √(Σ parts / Σ weights), or without the root."""
        share = float(self.parts.sum() / self.weights.sum())
        return float(np.sqrt(share)) if self.rooted else share


def rmse(predicted: npt.ArrayLike, actual: npt.ArrayLike) -> float:
    """Give the root of the mean squared error, summed in float64.

    Both are (n,). Raises ShapeError for two shapes, and DataError for no ratings or a value that
    isn't finite, so that the result never is NaN.
    """
    errors = _errors(predicted, actual)
    return float(np.sqrt(np.mean(errors * errors)))


def mae(predicted: npt.ArrayLike, actual: npt.ArrayLike) -> float:
    """Give the mean absolute error. Arguments and errors as of `rmse`."""
    return float(np.mean(np.abs(_errors(predicted, actual))))


def fcp(predicted: npt.ArrayLike, actual: npt.ArrayLike, users: npt.ArrayLike) -> float:
    """Give the fraction of concordant pairs: how often of two ratings of one user the order is met.

    Pairs are those of one user whose actual ratings differ. One is concordant if the predicted
    ratings are in the same order, so a tie of predictions is none. All users' pairs are added up
    (Koren, Sill, "Collaborative Filtering on Ordinal User Feedback", 2013, section 5.1). users is
    (n,) numbers, and arguments and errors else are as of `rmse`. Raises DataError where no user has
    two different ratings. O(Σ ratings² of a user).
    """
    return concordance(predicted, actual, users).value


def squared_errors(predicted: npt.ArrayLike, actual: npt.ArrayLike, users: npt.ArrayLike) -> Share:
    """Give what `rmse` is made of."""
    errors = _errors(predicted, actual)
    return _by_user(errors * errors, users, rooted=True)


def absolute_errors(predicted: npt.ArrayLike, actual: npt.ArrayLike, users: npt.ArrayLike) -> Share:
    """Give what `mae` is made of."""
    return _by_user(np.abs(_errors(predicted, actual)), users)


def concordance(predicted: npt.ArrayLike, actual: npt.ArrayLike, users: npt.ArrayLike) -> Share:
    """Give what `fcp` is made of: pairs in the order of the ratings, and pairs."""
    _errors(predicted, actual)
    said, given = np.asarray(predicted, np.float64), np.asarray(actual, np.float64)
    who = _users(users, len(said))
    order = np.argsort(who, kind="stable")
    distinct, starts = np.unique(who[order], return_index=True)
    met, pairs = np.zeros(len(distinct)), np.zeros(len(distinct))
    for place, mine in enumerate(np.split(order, starts[1:])):
        above = given[mine][:, None] > given[mine]
        pairs[place] = above.sum()
        met[place] = (above & (said[mine][:, None] > said[mine])).sum()
    if not pairs.any():
        raise DataError("no user has two different ratings, so there are no pairs to put in order")
    return Share(distinct, met, pairs)


RATING_METRICS: Mapping[str, RatingMetric] = MappingProxyType(
    {"rmse": squared_errors, "mae": absolute_errors, "fcp": concordance}
)


def _by_user(values: F64, users: npt.ArrayLike, *, rooted: bool = False) -> Share:
    distinct, owner = np.unique(_users(users, len(values)), return_inverse=True)
    parts, counts = np.bincount(owner, values), np.bincount(owner)
    return Share(distinct, parts.astype(np.float64), counts.astype(np.float64), rooted)


def _users(users: npt.ArrayLike, ratings: int) -> npt.NDArray[np.integer]:
    who = np.asarray(users)
    if who.shape != (ratings,):
        raise ShapeError(f"{ratings} ratings need as many users, got an array of {who.shape}")
    return who


def _errors(predicted: npt.ArrayLike, actual: npt.ArrayLike) -> F64:
    said, given = np.asarray(predicted, np.float64), np.asarray(actual, np.float64)
    if said.shape != given.shape or said.ndim != 1:
        raise ShapeError(
            f"predicted ratings have shape {said.shape} but the actual ones {given.shape}; "
            f"both need one axis of one length"
        )
    if not said.size:
        raise DataError("there are no ratings to compare; an error needs at least one")
    for name, values in (("predicted", said), ("actual", given)):
        wrong = np.flatnonzero(~np.isfinite(values))
        if len(wrong):
            raise DataError(
                f"the {name} rating at position {wrong[0]} is {values[wrong[0]]}, not a finite "
                f"number ({len(wrong)} such); leave such pairs out"
            )
    return said - given
