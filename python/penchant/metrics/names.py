"""Metrics by name: "ndcg@10" is the function `ndcg` cut at 10 places.

"rmse" and "auc" have no cut; "diversity:genres@10" goes by the item column "genres".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias

from penchant.errors import RequestError
from penchant.metrics.area import auc
from penchant.metrics.catalogue import coverage, gini, novelty, popularity
from penchant.metrics.likeness import diversity, miscalibration
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
from penchant.metrics.shown import accuracy, popularity_lift, serendipity
from penchant.suggestions import did_you_mean

if TYPE_CHECKING:
    from penchant.metrics.catalogue import Catalogue
    from penchant.metrics.judged import Judged
    from penchant.metrics.ranking import F64
    from penchant.metrics.rating import RatingMetric, Share
    from penchant.metrics.shown import Shown
    from penchant.protocols import I32, I64
    from penchant.queries import Csr, TopK

RankingMetric: TypeAlias = "Callable[[Judged, int], F64]"
CatalogueMetric: TypeAlias = "Callable[[I32, Catalogue, int], F64 | float]"
ShownMetric: TypeAlias = "Callable[[Shown, int], F64 | Share]"
WholeMetric: TypeAlias = "Callable[[TopK, Csr, I64], F64]"

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
SHOWN_METRICS: Mapping[str, ShownMetric] = MappingProxyType(
    {
        "accuracy": accuracy,
        "serendipity": serendipity,
        "popularity_lift": popularity_lift,
        "diversity": diversity,
        "miscalibration": miscalibration,
    }
)
WHOLE_METRICS: Mapping[str, WholeMetric] = MappingProxyType({"auc": auc})
METRICS: Mapping[
    str, RankingMetric | CatalogueMetric | ShownMetric | WholeMetric | RatingMetric
] = MappingProxyType(
    {**RANKING_METRICS, **WHOLE_METRICS, **CATALOGUE_METRICS, **SHOWN_METRICS, **RATING_METRICS}
)
_BY_COLUMN = frozenset({"diversity", "miscalibration"})
_LOWER_IS_BETTER = frozenset(
    {"rmse", "mae", "gini", "popularity", "popularity_lift", "miscalibration"}
)


@dataclass(frozen=True, slots=True)
class MetricName:
    """A metric and where it is cut; `str` gives the form it was read from.

    k: 0 for a metric without a cut: of ratings, or of the whole ranking.
    column: the item column that it goes by; "" leaves the choice to the data.
    """

    name: str
    k: int = 0
    column: str = ""

    def __str__(self) -> str:
        column = f":{self.column}" if self.column else ""
        return f"{self.name}{column}@{self.k}" if self.k else self.name

    @property
    def rates(self) -> bool:
        """Whether it is of predicted ratings, not of rankings."""
        return self.name in RATING_METRICS

    @property
    def by_column(self) -> bool:
        """Whether it goes by what items are like."""
        return self.name in _BY_COLUMN

    @classmethod
    def parse(cls, text: str) -> MetricName:
        """Read "ndcg@10", "rmse" or "diversity:genres@10".

        Raises RequestError for an unknown metric, a cut that is none, missing or out of place, or a
        column where none is asked for.
        """
        head, at, cut = text.rpartition("@") if "@" in text else (text, "", "")
        name, colon, column = head.partition(":")
        if name not in METRICS:
            raise RequestError(
                f"no metric is named {name!r}{did_you_mean(name, METRICS)} "
                f"(metrics: {', '.join(METRICS)})"
            )
        if colon and (name not in _BY_COLUMN or not column):
            raise RequestError(
                f"metric {text!r} names the column {column!r}; a column goes with "
                f"{' or '.join(sorted(_BY_COLUMN))}, as diversity:genres@10"
            )
        if name in RATING_METRICS or name in WHOLE_METRICS:
            if at:
                what = "all predicted ratings" if name in RATING_METRICS else "whole rankings"
                raise RequestError(f"{name} is of {what}; leave out @{cut}")
            return cls(name)
        if not at:
            raise RequestError(f"metric {text!r} has no cut; write how many places, as {head}@10")
        if not (cut.isascii() and cut.isdigit() and int(cut) >= 1):
            raise RequestError(
                f"metric {text!r} is cut at {cut!r}; a cut is a whole number from 1, as {head}@10"
            )
        return cls(name, int(cut), column)


def lower_is_better(text: str) -> bool:
    """Whether less of a metric ("rmse", "gini@10") is what one wants."""
    return text.partition("@")[0].partition(":")[0] in _LOWER_IS_BETTER


def parse_metrics(texts: Iterable[str]) -> tuple[MetricName, ...]:
    """Read several names, each once, in the order given.

    Raises RequestError as `MetricName.parse` does, and where there are none.
    """
    if isinstance(texts, str):
        texts = (texts,)
    listed = tuple(texts) if isinstance(texts, Iterable) else (texts,)
    stranger = next((text for text in listed if not isinstance(text, str)), None)
    if stranger is not None:
        raise RequestError(
            f"metrics are names, such as 'ndcg@10', got {stranger!r}; a metric of your own is "
            "worked out from lists, as docs/evaluation.md shows"
        )
    parsed = tuple(dict.fromkeys(MetricName.parse(text) for text in listed))
    if not parsed:
        raise RequestError("there are no metrics to measure; name at least one, such as 'ndcg@10'")
    return parsed
