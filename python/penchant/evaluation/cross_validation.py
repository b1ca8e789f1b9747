"""Cross-validation in the shape that scripts written for Surprise and scikit-learn expect."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from penchant.errors import SettingsError
from penchant.evaluation.judging import joined
from penchant.evaluation.leaks import leaks
from penchant.evaluation.ranking import evaluate_recommender
from penchant.evaluation.ratings import evaluate_ratings
from penchant.evaluation.splits import k_fold_splits
from penchant.metrics import parse_metrics

if TYPE_CHECKING:
    from penchant.components import SpecLike
    from penchant.data import Dataset
    from penchant.evaluation.parting import Split
    from penchant.metrics import MetricName
    from penchant.model import Model
    from penchant.registry import Registry


def cross_validate(
    algo: SpecLike,
    data: Dataset,
    measures: Iterable[str] = ("rmse", "mae"),
    cv: int = 5,
    *,
    seed: int = 42,
    threads: int = 1,
    registry: Registry | None = None,
    verbose: bool = False,
) -> dict[str, Any]:
    """Fit and measure a recommender or scorer on each of `cv` folds (`k_fold_splits`).

    algo: a component's name or spec, such as "mf.sgd" or {"use": "mf.sgd", "factors": 50}.
    measures: names of metrics; where all are of ratings all events are parted, whatever the
        dataset's `min_value` calls a liking.
    seed: of the folds and of the fits.
    verbose: print a table of the folds, with mean and standard deviation, and what `leaks` tells.

    Gives by measure (cv,) float64, as "test_rmse" or "test_ndcg@10", and the seconds of each fold
    as tuples "fit_time" and "test_time". Folds part each user's events, so that unlike those of
    Surprise they leave nobody without any, and a user's only event is in no test part.

    Raises as `fit`, `k_fold_splits` and the evaluations do; SettingsError for `cv` below 2.
    """
    from penchant.fitting import fit

    if isinstance(cv, bool) or not isinstance(cv, int):
        raise SettingsError(f"cv must be a number of folds, such as 5, got {cv!r}")
    names = parse_metrics(measures)
    if all(name.rates for name in names):
        data = replace(data, min_value=None)
    recipe = _as_recommender(algo, registry)
    figures: dict[str, list[float]] = {str(name): [] for name in names}
    fit_times, test_times = [], []
    splits = k_fold_splits(data, cv, seed)
    for split in splits:
        started = time.perf_counter()
        model = fit(split.train, **recipe, seed=seed, threads=threads, registry=registry)
        fitted = time.perf_counter()
        for name, value in _values(model, split, names).items():
            figures[name].append(value)
        test_times.append(time.perf_counter() - fitted)
        fit_times.append(fitted - started)
    told: dict[str, Any] = {f"test_{name}": np.array(v) for name, v in figures.items()}
    told |= {"fit_time": tuple(fit_times), "test_time": tuple(test_times)}
    if verbose:
        print(_table(told, cv))
        for sentence in dict.fromkeys(said for split in splits for said in leaks(split)):
            print(f"Note: {sentence}")
    return told


def _as_recommender(algo: SpecLike, registry: Registry | None) -> dict[str, Any]:
    """What `fit` is to be given: a scorer is ranked by what ranks scores."""
    from penchant.choosing import registry_of, resolved
    from penchant.components import Spec
    from penchant.recipes import namespaces

    spec = Spec.of(algo)
    known = registry or registry_of([spec], namespaces([spec.to_json()]))
    spec = resolved(spec, known)
    scores = known.kind_of(spec.name) == "scorer"
    return {"scorers": [spec]} if scores else {"recommender": spec}


def _values(model: Model, split: Split, names: tuple[MetricName, ...]) -> dict[str, float]:
    parts = []
    ranks = [str(name) for name in names if not name.rates]
    if ranks:
        parts.append(evaluate_recommender(model.recommender, split, metrics=ranks))
    rates = [str(name) for name in names if name.rates]
    if rates:
        parts.append(evaluate_ratings(model.recommender, split, metrics=rates))
    return dict(joined(names, parts).values)


def _table(told: dict[str, Any], folds: int) -> str:
    heads = [*(f"fold {number + 1}" for number in range(folds)), "mean", "std"]
    width = max(map(len, told))
    lines = [" " * width + "".join(f"{head:>9}" for head in heads)]
    for name, values in told.items():
        cells = [*values, float(np.mean(values)), float(np.std(values))]
        lines.append(name.ljust(width) + "".join(f"{cell:9.4f}" for cell in cells))
    return "\n".join(lines)
