"""From lists to figures: what was ranked, held against what a split wants to be found."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from penchant.errors import RequestError
from penchant.evaluation.features import features_of
from penchant.metrics import (
    CATALOGUE_METRICS,
    RANKING_METRICS,
    SHOWN_METRICS,
    Catalogue,
    Judged,
    MetricName,
    Share,
    Shown,
    parse_metrics,
)

if TYPE_CHECKING:
    import numpy.typing as npt

    from penchant.evaluation.parting import Split
    from penchant.metrics.ranking import F64
    from penchant.protocols import I32


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Evaluation:
    """What was measured.

    values: by metric ("ndcg@10"), the mean over `users`, or the one number of a metric that speaks
        of all lists together (coverage).
    per_user: (n,) float64 by metric, aligned with `users`; for `paired_bootstrap` with another
        evaluation of the same split. Metrics without a value for each user are missing.
    users: (n,) int32 rows.
    shares: by metric of ratings, and popularity_lift, what it is made of user by user; for
        `paired_shares`.
    """

    values: Mapping[str, float]
    per_user: Mapping[str, F64]
    users: I32
    shares: Mapping[str, Share] = field(default_factory=lambda: MappingProxyType({}))

    def __repr__(self) -> str:
        told = ", ".join(f"{name} {value:.4f}" for name, value in self.values.items())
        return f"<Evaluation of {len(self.users)} users: {told}>"


def judge(rows: I32, counts: I32, split: Split, metrics: Iterable[str]) -> Evaluation:
    """Hold lists, one for each of `split.users`, against what the split wants to be found.

    Metrics are those with a cut. Raises RequestError for others.
    """
    names = ranking_metrics(metrics)
    judged = Judged.of(rows, counts, split.test.take(split.users))
    liked = split.train.positive_csr()
    catalogue = Catalogue.of(liked, eligible(split))
    shown = Shown(rows, judged, catalogue, liked.take(split.users))

    values: dict[str, float] = {}
    per_user: dict[str, F64] = {}
    shares: dict[str, Share] = {}
    for name in names:
        measured: F64 | Share | float
        if not name.k:
            raise RequestError(f"{name} is of whole rankings, which lists don't hold")
        if name.name in RANKING_METRICS:
            measured = RANKING_METRICS[name.name](judged, name.k)
        elif name.name in SHOWN_METRICS:
            if name.by_column:
                features = features_of(split.train.items, name.column)
                shown = replace(shown, features=features)
            measured = SHOWN_METRICS[name.name](shown, name.k)
        else:
            measured = CATALOGUE_METRICS[name.name](rows, catalogue, name.k)
        if isinstance(measured, Share):
            users = split.users[measured.users]
            shares[str(name)] = replace(measured, users=users)
            values[str(name)] = measured.value
            continue
        if isinstance(measured, np.ndarray):
            measured.setflags(write=False)
            per_user[str(name)] = measured
        values[str(name)] = float(np.mean(measured))
    return Evaluation(
        MappingProxyType(values),
        MappingProxyType(per_user),
        split.users,
        MappingProxyType(shares),
    )


def joined(names: Iterable[MetricName], evaluations: Sequence[Evaluation]) -> Evaluation:
    """Several evaluations of one split as one, in the order of the names; users are the first's."""
    values = {name: value for one in evaluations for name, value in one.values.items()}
    return Evaluation(
        MappingProxyType({str(name): values[str(name)] for name in names}),
        MappingProxyType({k: v for one in evaluations for k, v in one.per_user.items()}),
        evaluations[0].users,
        MappingProxyType({k: v for one in evaluations for k, v in one.shares.items()}),
    )


def ranking_metrics(metrics: Iterable[str]) -> tuple[MetricName, ...]:
    """Read names of ranking and catalogue metrics; refuses those of ratings."""
    names = parse_metrics(metrics)
    for name in names:
        if name.rates:
            raise RequestError(
                f"{name} is of predicted ratings, not of rankings; ask evaluate_ratings for it"
            )
    return names


def eligible(split: Split) -> npt.NDArray[np.bool_] | None:
    """Which items may be shown, (items,) bool, or None for all."""
    if split.candidates is None:
        return None
    allowed = np.zeros(len(split.train.items), np.bool_)
    allowed[split.candidates] = True
    return allowed
