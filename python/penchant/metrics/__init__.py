"""Metrics of rankings, of ratings, and of what is shown of a catalogue.

Each is a plain function over arrays: no state, no registry. A ranking metric takes a `Judged`
(lists held against what was relevant) and gives one float64 a query; means, intervals and tables
are the business of `penchant.evaluation`. Stable for callers.
"""

from penchant.metrics.catalogue import Catalogue, coverage, gini, novelty, popularity
from penchant.metrics.judged import Judged
from penchant.metrics.names import (
    CATALOGUE_METRICS,
    METRICS,
    RANKING_METRICS,
    MetricName,
    lower_is_better,
    parse_metrics,
)
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
from penchant.metrics.rating import RATING_METRICS, Share, fcp, mae, rmse

__all__ = [
    "CATALOGUE_METRICS",
    "METRICS",
    "RANKING_METRICS",
    "RATING_METRICS",
    "Catalogue",
    "Judged",
    "MetricName",
    "Share",
    "average_precision",
    "coverage",
    "f1",
    "fcp",
    "gini",
    "hit_rate",
    "lower_is_better",
    "mae",
    "mrr",
    "ndcg",
    "novelty",
    "parse_metrics",
    "popularity",
    "precision",
    "recall",
    "recall_capped",
    "rmse",
]
