"""Folds, cross-validation and a grid search, in Surprise's shapes."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from penchant.errors import SettingsError
from penchant.suggestions import did_you_mean
from penchant.surprise import accuracy
from penchant.surprise.data import Trainset

if TYPE_CHECKING:
    from penchant.surprise.algorithms import AlgoBase
    from penchant.surprise.data import Dataset, Rating

Fold: TypeAlias = "tuple[Trainset, list[Rating]]"

_MEASURES = {
    "rmse": accuracy.rmse,
    "mse": accuracy.mse,
    "mae": accuracy.mae,
    "fcp": accuracy.fcp,
}


class KFold:
    """Part all ratings at random into `n_splits` folds of about equally many."""

    def __init__(
        self, n_splits: int = 5, random_state: int | None = None, shuffle: bool = True
    ) -> None:
        if n_splits < 2:
            raise SettingsError(f"n_splits must be at least 2, got {n_splits}")
        self.n_splits, self.random_state, self.shuffle = n_splits, random_state or 0, shuffle

    def split(self, data: Dataset) -> Iterator[Fold]:
        """Give each fold's trainset and testset."""
        ratings = data.raw_ratings
        if len(ratings) < self.n_splits:
            raise SettingsError(
                f"n_splits is {self.n_splits}, but there are {len(ratings)} ratings"
            )
        order = np.arange(len(ratings))
        if self.shuffle:
            np.random.default_rng(self.random_state).shuffle(order)
        for test in np.array_split(order, self.n_splits):
            yield _fold(data, np.setdiff1d(order, test), test)


class PredefinedKFold:
    """The folds of `Dataset.load_from_folds`."""

    def split(self, data: Dataset) -> Iterator[Fold]:
        """Give each fold's trainset and testset."""
        for train, test in data.folds:
            yield Trainset(train, data.reader.rating_scale), list(test)


def train_test_split(
    data: Dataset, test_size: float = 0.2, random_state: int | None = None
) -> Fold:
    """Hold out a random share of the ratings."""
    if not 0 < test_size < 1:
        raise SettingsError(f"test_size must be between 0 and 1, got {test_size}")
    order = np.random.default_rng(random_state or 0).permutation(len(data.raw_ratings))
    held_out = int(np.ceil(test_size * len(order)))
    return _fold(data, order[held_out:], order[:held_out])


def cross_validate(
    algo: AlgoBase,
    data: Dataset,
    measures: Sequence[str] = ("rmse", "mae"),
    cv: Any = None,
    verbose: bool = False,
) -> dict[str, Any]:
    """Fit and test on each fold (5, or as many as `cv` says, or those of its `split`).

    Gives an array `test_rmse` and so on for each measure, and tuples `fit_time` and `test_time` in
    seconds. One that is verbose prints a line for each measure.
    """
    names = [_measure(name) for name in measures]
    figures: dict[str, list[float]] = {name: [] for name in names}
    fit_times, test_times = [], []
    for trainset, testset in _folds(cv).split(data):
        started = time.perf_counter()
        algo.fit(trainset)
        fitted = time.perf_counter()
        predictions = algo.test(testset)
        test_times.append(time.perf_counter() - fitted)
        fit_times.append(fitted - started)
        for name in names:
            figures[name].append(_MEASURES[name](predictions, verbose=False))
    if verbose:
        for name, values in figures.items():
            each = " ".join(f"{value:.4f}" for value in values)
            print(f"{name.upper()}: {np.mean(values):.4f} (folds {each})")
    told: dict[str, Any] = {f"test_{name}": np.array(values) for name, values in figures.items()}
    return {**told, "fit_time": tuple(fit_times), "test_time": tuple(test_times)}


class GridSearchCV:
    """Cross-validate every combination of arguments.

    After `fit`: `best_score`, `best_params` and `best_estimator` (unfitted) by measure, and
    `cv_results` with the `params` and the `mean_test_*` of each combination.
    """

    def __init__(
        self,
        algo_class: type[AlgoBase],
        param_grid: Mapping[str, Sequence[Any]],
        measures: Sequence[str] = ("rmse", "mae"),
        cv: Any = None,
    ) -> None:
        self.algo_class, self.cv = algo_class, cv
        self.measures = [_measure(name) for name in measures]
        self.param_combinations = [
            dict(zip(param_grid, values, strict=True)) for values in product(*param_grid.values())
        ]

    def fit(self, data: Dataset) -> None:
        """Try all; of equal combinations the first is the best."""
        tried = [
            cross_validate(self.algo_class(**params), data, self.measures, self.cv)
            for params in self.param_combinations
        ]
        self.cv_results: dict[str, Any] = {"params": self.param_combinations}
        self.best_score: dict[str, float] = {}
        self.best_params: dict[str, dict[str, Any]] = {}
        self.best_estimator: dict[str, AlgoBase] = {}
        for name in self.measures:
            means = np.array([one[f"test_{name}"].mean() for one in tried])
            best = int(means.argmax() if name == "fcp" else means.argmin())
            self.cv_results[f"mean_test_{name}"] = means
            self.best_score[name] = float(means[best])
            self.best_params[name] = self.param_combinations[best]
            self.best_estimator[name] = self.algo_class(**self.param_combinations[best])


def _folds(cv: Any) -> Any:
    return KFold(5 if cv is None else cv) if cv is None or isinstance(cv, int) else cv


def _fold(data: Dataset, train: Any, test: Any) -> Fold:
    ratings = data.raw_ratings
    learnt = Trainset([ratings[at] for at in train.tolist()], data.reader.rating_scale)
    return learnt, [ratings[at] for at in test.tolist()]


def _measure(name: str) -> str:
    if name.lower() not in _MEASURES:
        raise SettingsError(
            f"no measure is named {name!r}{did_you_mean(name.lower(), _MEASURES)} "
            f"(measures: {', '.join(_MEASURES)})"
        )
    return name.lower()
