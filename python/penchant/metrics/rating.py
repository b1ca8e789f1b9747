"""How far predicted ratings are from given ones, in the unit of the ratings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from penchant.errors import DataError, ShapeError

if TYPE_CHECKING:
    import numpy.typing as npt

    from penchant.metrics.ranking import F64


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
    _errors(predicted, actual)
    said, given = np.asarray(predicted, np.float64), np.asarray(actual, np.float64)
    who = np.asarray(users)
    if who.shape != said.shape:
        raise ShapeError(f"{len(said)} ratings need as many users, got an array of {who.shape}")
    order = np.argsort(who, kind="stable")
    _, starts = np.unique(who[order], return_index=True)
    met = pairs = 0
    for mine in np.split(order, starts[1:]):
        above = given[mine][:, None] > given[mine]
        pairs += int(above.sum())
        met += int((above & (said[mine][:, None] > said[mine])).sum())
    if not pairs:
        raise DataError("no user has two different ratings, so there are no pairs to put in order")
    return met / pairs


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
