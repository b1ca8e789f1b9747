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
