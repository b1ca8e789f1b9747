"""Errors of predictions whose rating is known, by Surprise's names; `penchant.metrics` counts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from penchant import metrics

if TYPE_CHECKING:
    from penchant.surprise.algorithms import Prediction


def rmse(predictions: Sequence[Prediction], verbose: bool = True) -> float:
    """The root of the mean squared error."""
    return _told("RMSE", metrics.rmse(*_columns(predictions)), verbose)


def mse(predictions: Sequence[Prediction], verbose: bool = True) -> float:
    """The mean squared error."""
    return _told("MSE", metrics.rmse(*_columns(predictions)) ** 2, verbose)


def mae(predictions: Sequence[Prediction], verbose: bool = True) -> float:
    """The mean absolute error."""
    return _told("MAE", metrics.mae(*_columns(predictions)), verbose)


def fcp(predictions: Sequence[Prediction], verbose: bool = True) -> float:
    """The fraction of concordant pairs: `penchant.metrics.fcp`, which adds up all users' pairs.

    Surprise takes the mean of concordant pairs over users who have one, and that of discordant ones
    over users who have one of those, so that its figure is a little different.
    """
    names = [one.uid for one in predictions if one.r_ui is not None]
    rows = {user: row for row, user in enumerate(dict.fromkeys(names))}
    users = [rows[name] for name in names]
    return _told("FCP", metrics.fcp(*_columns(predictions), users), verbose)


def _columns(predictions: Sequence[Prediction]) -> tuple[list[float], list[float]]:
    told = [(one.est, one.r_ui) for one in predictions if one.r_ui is not None]
    return [est for est, _ in told], [actual for _, actual in told]


def _told(name: str, value: float, verbose: bool) -> float:
    if verbose:
        print(f"{name}: {value:1.4f}")
    return value
