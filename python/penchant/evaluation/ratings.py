"""Measuring predicted ratings on held-out events."""

from __future__ import annotations

from collections.abc import Iterable
from types import MappingProxyType
from typing import TYPE_CHECKING, cast

import numpy as np

from penchant.errors import RequestError
from penchant.evaluation.judging import Evaluation
from penchant.evaluation.leaks import refuse_leaks
from penchant.evaluation.subject import component_of
from penchant.metrics import RATING_METRICS, parse_metrics
from penchant.protocols import PredictsRatings, Scores, capability
from penchant.queries import Queries

if TYPE_CHECKING:
    from penchant.data import Dataset
    from penchant.evaluation.parting import Split
    from penchant.model import Model
    from penchant.protocols import F32, I32, FittedRecommender, FittedScorer

RATINGS = ("rmse", "mae")

# Scores held at once: 64 MB of float32.
_SCORES_AT_ONCE = 16_000_000


def evaluate_ratings(
    fitted: FittedRecommender | FittedScorer | Model,
    split: Split,
    *,
    metrics: Iterable[str] = RATINGS,
) -> Evaluation:
    """Measure the ratings that something fitted on `split.train` predicts for held-out events.

    All events of `split.held_out` count, those of users and items that train doesn't know too.
    Predictions are cut to the range of the values in train. Each figure comes with its shares user
    by user (`Evaluation.shares`).

    Raises RequestError for a metric that isn't of ratings, something that predicts none
    (`predicts_ratings`), or a split of likings alone, whose ratings are all high; DataError for a
    split that leaks, a model that knows what is held out, or a prediction that isn't finite.
    """
    names = parse_metrics(metrics)
    for name in names:
        if not name.rates:
            raise RequestError(f"{name} is of rankings, not of predicted ratings; use {RATINGS}")
    check_rateable(split)
    refuse_leaks(split)
    log = split.held_out.interactions
    predicted = predict_ratings(component_of(fitted, split), split.train, log.user, log.item)
    shares = {str(n): RATING_METRICS[n.name](predicted, log.value, log.user) for n in names}
    values = {name: share.value for name, share in shares.items()}
    users = np.unique(log.user).astype(np.int32)
    return Evaluation(
        MappingProxyType(values), MappingProxyType({}), users, MappingProxyType(shares)
    )


def check_rateable(split: Split) -> None:
    """Refuse to judge ratings where only likings are held out: low ratings would be missing."""
    least = split.train.min_value
    if least is not None:
        raise RequestError(
            f"ratings can't be judged on {split.name}, which holds out likings (events of "
            f"{least:g} or more) alone; split data without min_value, and measure rankings apart"
        )


def predict_ratings(
    fitted: FittedRecommender | FittedScorer, train: Dataset, users: I32, items: I32
) -> F32:
    """Predict what users[i] gives items[i], (n,) float32, cut to the range of values in train.

    Users are asked as known ones with their events of train. Raises RequestError for something that
    predicts no ratings.
    """
    predicts = capability(fitted, PredictsRatings)
    scorer = capability(fitted, Scores)
    if predicts is None or scorer is None or not predicts.predicts_ratings:
        raise RequestError(
            "it predicts no ratings, its scores only rank; ratings come from strategies such as "
            "mf.sgd, cf.rating_knn and cf.slope_one"
        )
    log = train.interactions
    history, times = log.by_user(), log.times_by_user()
    asked, owner = np.unique(users, return_inverse=True)
    wanted, column = np.unique(items, return_inverse=True)
    found = np.empty(len(users), np.float32)
    step = max(1, _SCORES_AT_ONCE // max(1, len(wanted)))
    for start in range(0, len(asked), step):
        queries = Queries.known(asked[start : start + step].astype(np.int32), history, times)
        scores = scorer.score(queries, wanted.astype(np.int32))
        mine = (owner >= start) & (owner < start + step)
        found[mine] = scores[owner[mine] - start, column[mine]]
    low, high = log.value.min(), log.value.max()
    return cast("F32", np.clip(found, low, high))
