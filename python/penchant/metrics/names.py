"""Metrics by name: "ndcg@10" is the function `ndcg` cut at 10 places; "rmse" has no cut."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias

from penchant.errors import RequestError
from penchant.metrics.catalogue import coverage, gini, novelty, popularity
from penchant.metrics.ranking import (
    average_precision,
    f1,
    hit_rate,
    mrr,
    ndcg,
    precision,
    recall,
    recall_capped,
)
from penchant.metrics.rating import RATING_METRICS
from penchant.suggestions import did_you_mean

if TYPE_CHECKING:
    from penchant.metrics.catalogue import Catalogue
    from penchant.metrics.judged import Judged
    from penchant.metrics.ranking import F64
    from penchant.metrics.rating import RatingMetric
    from penchant.protocols import I32

RankingMetric: TypeAlias = "Callable[[Judged, int], F64]"
CatalogueMetric: TypeAlias = "Callable[[I32, Catalogue, int], F64 | float]"

RANKING_METRICS: Mapping[str, RankingMetric] = MappingProxyType(
    {
        "precision": precision,
        "recall": recall,
        "recall_capped": recall_capped,
        "f1": f1,
        "ndcg": ndcg,
        "hit_rate": hit_rate,
        "mrr": mrr,
        "map": average_precision,
    }
)
CATALOGUE_METRICS: Mapping[str, CatalogueMetric] = MappingProxyType(
    {"coverage": coverage, "gini": gini, "novelty": novelty, "popularity": popularity}
)
METRICS: Mapping[str, RankingMetric | CatalogueMetric | RatingMetric] = MappingProxyType(
    {**RANKING_METRICS, **CATALOGUE_METRICS, **RATING_METRICS}
)
_LOWER_IS_BETTER = frozenset({"rmse", "mae", "gini", "popularity"})


@dataclass(frozen=True, slots=True)
class MetricName:
    """A metric and where it is cut; `str` gives the form it was read from.

    k: 0 for a metric of ratings, which has no cut.
    """

    name: str
    k: int = 0

    def __str__(self) -> str:
        return f"{self.name}@{self.k}" if self.k else self.name

    @property
    def rates(self) -> bool:
        """Whether it is of predicted ratings, not of rankings."""
        return self.name in RATING_METRICS

    @classmethod
    def parse(cls, text: str) -> MetricName:
        """Read "ndcg@10" or "rmse".

        Raises RequestError for an unknown metric, or a cut that is none, missing or out of place.
        """
        name, at, cut = text.partition("@")
        if name not in METRICS:
            raise RequestError(
                f"no metric is named {name!r}{did_you_mean(name, METRICS)} "
                f"(metrics: {', '.join(METRICS)})"
            )
        if name in RATING_METRICS:
            if at:
                raise RequestError(f"{name} is of all predicted ratings; leave out @{cut}")
            return cls(name)
        if not at:
            raise RequestError(f"metric {text!r} has no cut; write how many places, as {name}@10")
        if not (cut.isascii() and cut.isdigit() and int(cut) >= 1):
            raise RequestError(
                f"metric {text!r} is cut at {cut!r}; a cut is a whole number from 1, as {name}@10"
            )
        return cls(name, int(cut))


def lower_is_better(text: str) -> bool:
    """Whether less of a metric ("rmse", "gini@10") is what one wants."""
    return text.partition("@")[0] in _LOWER_IS_BETTER


def parse_metrics(texts: Iterable[str]) -> tuple[MetricName, ...]:
    """Read several names, each once, in the order given.

    Raises RequestError as `MetricName.parse` does, and where there are none.
    """
    if isinstance(texts, str):
        texts = (texts,)
    parsed = tuple(dict.fromkeys(MetricName.parse(text) for text in texts))
    if not parsed:
        raise RequestError("there are no metrics to measure; name at least one, such as 'ndcg@10'")
    return parsed
