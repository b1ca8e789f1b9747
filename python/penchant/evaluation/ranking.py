"""Measuring what a fitted component ranks, on a held-out part."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from penchant import kernels
from penchant.errors import RequestError, ShapeError
from penchant.evaluation.leaks import leaks
from penchant.metrics import (
    CATALOGUE_METRICS,
    RANKING_METRICS,
    Catalogue,
    Judged,
    MetricName,
    parse_metrics,
)
from penchant.queries import Candidates, Queries, TopK

if TYPE_CHECKING:
    import numpy.typing as npt

    from penchant.evaluation.parting import Split
    from penchant.metrics import Share
    from penchant.metrics.ranking import F64
    from penchant.protocols import I32, FittedRecommender, FittedScorer

Rank: TypeAlias = Callable[[Queries, Candidates, int], TopK]

DEFAULT_METRICS = ("ndcg@10", "recall@10", "coverage@10")

# Scores of an unfused scorer held at once: 64 MB of float32.
_SCORES_AT_ONCE = 16_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """What was measured.

    values: by metric ("ndcg@10"), the mean over `users`, or the one number of a metric that speaks
        of all lists together (coverage).
    per_user: (n,) float64 by metric, aligned with `users`; for `paired_bootstrap` with another
        evaluation of the same split. Metrics without a value for each user are missing.
    users: (n,) int32 rows.
    shares: by metric of ratings, what it is made of user by user; for `paired_shares`.
    """

    values: Mapping[str, float]
    per_user: Mapping[str, F64]
    users: I32
    shares: Mapping[str, Share] = field(default_factory=lambda: MappingProxyType({}))


def evaluate_recommender(
    fitted: FittedRecommender,
    split: Split,
    *,
    metrics: Iterable[str] = DEFAULT_METRICS,
    batch: int = 1024,
) -> Evaluation:
    """Measure a recommender that was fitted on `split.train`.

    It is asked for `split.users` as known users, with their train events as history, `batch` at a
    time, for as many items as the deepest metric needs. Every event of train is seen and never
    comes back; only `split.candidates` may. Catalogue metrics go by the likings of train, and take
    the candidates (all items for None) as eligible.

    Raises RequestError for unknown metrics or a batch below 1, ShapeError for lists of another
    shape than asked for, DataError for a split that leaks (`leaks`). Takes O(users·k) memory
    besides what the recommender needs.
    """
    return _evaluate(fitted.recommend, split, metrics, batch)


def evaluate_scorer(
    fitted: FittedScorer,
    split: Split,
    *,
    metrics: Iterable[str] = DEFAULT_METRICS,
    batch: int = 1024,
) -> Evaluation:
    """Measure the ranking by a scorer alone: greater score first, equal scores by lower row.

    As `evaluate_recommender`; at most `batch` users, and 64 MB of scores, are scored at once.
    """

    def rank(queries: Queries, candidates: Candidates, k: int) -> TopK:
        seen = candidates.seen
        pair = None if seen is None else (seen.indptr, seen.indices)
        scores = fitted.score(queries, None)
        return TopK(*kernels.select_top_k(scores, k, seen=pair, allow=candidates.allow))

    fitting = max(1, _SCORES_AT_ONCE // max(1, len(split.train.items)))
    return _evaluate(rank, split, metrics, min(batch, fitting))


def ranked_lists(
    fitted: FittedRecommender, split: Split, k: int, *, batch: int = 1024
) -> tuple[I32, I32]:
    """The lists of `split.users`, for `judge`: (n, k) int32 item rows, and how many are filled."""
    return _ranked(fitted.recommend, split, k, batch)


def judge(rows: I32, counts: I32, split: Split, metrics: Iterable[str]) -> Evaluation:
    """Hold lists, one for each of `split.users`, against what the split wants to be found."""
    names = ranking_metrics(metrics)
    judged = Judged.of(rows, counts, split.test.take(split.users))
    catalogue = Catalogue.of(split.train.positive_csr(), _eligible(split))

    values: dict[str, float] = {}
    per_user: dict[str, F64] = {}
    for name in names:
        if name.name in RANKING_METRICS:
            measured: F64 | float = RANKING_METRICS[name.name](judged, name.k)
        else:
            measured = CATALOGUE_METRICS[name.name](rows, catalogue, name.k)
        if isinstance(measured, np.ndarray):
            measured.setflags(write=False)
            per_user[str(name)] = measured
        values[str(name)] = float(np.mean(measured))
    return Evaluation(MappingProxyType(values), MappingProxyType(per_user), split.users)


def ranking_metrics(metrics: Iterable[str]) -> tuple[MetricName, ...]:
    """Read names of ranking and catalogue metrics; refuses those of ratings."""
    names = parse_metrics(metrics)
    for name in names:
        if name.rates:
            raise RequestError(
                f"{name} is of predicted ratings, not of rankings; ask evaluate_ratings for it"
            )
    return names


def _evaluate(rank: Rank, split: Split, metrics: Iterable[str], batch: int) -> Evaluation:
    names = ranking_metrics(metrics)
    if batch < 1:
        raise RequestError(f"batch must be at least 1, got {batch}")
    rows, counts = _ranked(rank, split, max(name.k for name in names), batch)
    return judge(rows, counts, split, map(str, names))


def _ranked(rank: Rank, split: Split, k: int, batch: int) -> tuple[I32, I32]:
    leaks(split)
    log = split.train.interactions
    history, times = log.by_user(), log.times_by_user()
    items = len(split.train.items)
    allow = None if split.candidates is None else kernels.bitset(split.candidates, items)
    parts: list[TopK] = []
    for start in range(0, len(split.users), batch):
        queries = Queries.known(split.users[start : start + batch], history, times)
        top = rank(queries, Candidates(items, seen=queries.history, allow=allow), k)
        if top.rows.shape != (len(queries), k):
            raise ShapeError(
                f"a recommender asked for {k} items for {len(queries)} users must give lists of "
                f"shape ({len(queries)}, {k}), got {top.rows.shape}"
            )
        parts.append(top)
    return _joined([top.rows for top in parts]), _joined([top.counts for top in parts])


def _joined(arrays: list[Any]) -> I32:
    joined: I32 = np.concatenate(arrays)
    return joined


def _eligible(split: Split) -> npt.NDArray[np.bool_] | None:
    if split.candidates is None:
        return None
    eligible = np.zeros(len(split.train.items), np.bool_)
    eligible[split.candidates] = True
    return eligible
