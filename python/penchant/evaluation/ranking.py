"""Measuring what a fitted component ranks, on a held-out part."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from penchant import kernels
from penchant.errors import RequestError, ShapeError
from penchant.evaluation.judging import Evaluation, eligible, joined, judge, ranking_metrics
from penchant.evaluation.leaks import refuse_leaks
from penchant.evaluation.subject import component_of
from penchant.metrics import WHOLE_METRICS
from penchant.queries import Candidates, Queries, TopK

if TYPE_CHECKING:
    from penchant.evaluation.parting import Split
    from penchant.metrics import MetricName
    from penchant.metrics.ranking import F64
    from penchant.model import Model
    from penchant.protocols import I32, FittedRecommender, FittedScorer

Rank: TypeAlias = Callable[[Queries, Candidates, int], TopK]

DEFAULT_METRICS = ("ndcg@10", "recall@10", "coverage@10")

# Scores of an unfused scorer held at once: 64 MB of float32.
_SCORES_AT_ONCE = 16_000_000
# Places of whole rankings held at once, some 60 bytes each.
_PLACES_AT_ONCE = 2_000_000


def evaluate_recommender(
    fitted: FittedRecommender | Model,
    split: Split,
    *,
    metrics: Iterable[str] = DEFAULT_METRICS,
    batch: int = 1024,
) -> Evaluation:
    """Measure a recommender, or a model, that was fitted on `split.train`.

    It is asked for `split.users` as known users, with their train events as history, `batch` at a
    time, for as many items as the deepest metric needs. Every event of train is seen and never
    comes back; only `split.candidates` may. Catalogue metrics go by the likings of train, and take
    the candidates (all items for None) as eligible.

    Raises RequestError for unknown metrics or a batch below 1, ShapeError for lists of another
    shape than asked for, DataError for a split that leaks (`leaks`) and for a model that knows
    what it would have to find. Takes O(users·k) memory besides what the recommender needs.
    """
    return _evaluate(component_of(fitted, split).recommend, split, metrics, batch)


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
    return _lists(list(_tops(fitted.recommend, split, k, batch)))


def whole_rankings(
    fitted: FittedRecommender, split: Split, names: Sequence[MetricName]
) -> Evaluation:
    """Measure metrics of the whole ranking, such as "auc", some users at a time."""
    return _whole(fitted.recommend, split, names, 1024)


def _evaluate(rank: Rank, split: Split, metrics: Iterable[str], batch: int) -> Evaluation:
    names = ranking_metrics(metrics)
    if batch < 1:
        raise RequestError(f"batch must be at least 1, got {batch}")
    parts = []
    cut = [name for name in names if name.k]
    if cut:
        tops = list(_tops(rank, split, max(name.k for name in cut), batch))
        parts.append(judge(*_lists(tops), split, map(str, cut)))
    whole = [name for name in names if not name.k]
    if whole:
        parts.append(_whole(rank, split, whole, batch))
    return joined(names, parts)


def _whole(rank: Rank, split: Split, names: Sequence[MetricName], batch: int) -> Evaluation:
    items = len(split.train.items)
    allowed = eligible(split)
    history = split.train.interactions.by_user()
    found: dict[str, list[F64]] = {str(name): [] for name in names}
    step = min(batch, max(1, _PLACES_AT_ONCE // max(1, items)))
    for start, top in zip(
        range(0, len(split.users), step), _tops(rank, split, items, step), strict=True
    ):
        users = split.users[start : start + step]
        seen = history.take(users)
        if allowed is not None:
            seen = seen.where(allowed[seen.indices])
        size = (items if allowed is None else int(allowed.sum())) - seen.counts()
        for name in names:
            measured = WHOLE_METRICS[name.name](top, split.test.take(users), size)
            found[str(name)].append(measured)
    per_user = {name: np.concatenate(parts) for name, parts in found.items()}
    for values in per_user.values():
        values.setflags(write=False)
    means = {name: float(np.mean(values)) for name, values in per_user.items()}
    return Evaluation(MappingProxyType(means), MappingProxyType(per_user), split.users)


def _tops(rank: Rank, split: Split, k: int, batch: int) -> Iterator[TopK]:
    """Ask for the k best of every user of the split, `batch` users at a time."""
    refuse_leaks(split)
    log = split.train.interactions
    history, times = log.by_user(), log.times_by_user()
    items = len(split.train.items)
    allow = None if split.candidates is None else kernels.bitset(split.candidates, items)
    for start in range(0, len(split.users), batch):
        queries = Queries.known(split.users[start : start + batch], history, times)
        top = rank(queries, Candidates(items, seen=queries.history, allow=allow), k)
        if top.rows.shape != (len(queries), k):
            raise ShapeError(
                f"a recommender asked for {k} items for {len(queries)} users must give lists of "
                f"shape ({len(queries)}, {k}), got {top.rows.shape}"
            )
        yield top


def _lists(tops: Sequence[TopK]) -> tuple[I32, I32]:
    return _joined([top.rows for top in tops]), _joined([top.counts for top in tops])


def _joined(arrays: list[Any]) -> I32:
    together: I32 = np.concatenate(arrays)
    return together
