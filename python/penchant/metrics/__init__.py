"""Metrics of rankings, of ratings, and of what is shown of a catalogue.

Each is a plain function over arrays: no state, no registry. A ranking metric takes a `Judged`
(lists held against what was relevant) and gives one float64 a query; a metric of what was shown
takes a `Shown` (lists beside who got them), and `auc` whole rankings. Means, intervals and tables
are the business of `penchant.evaluation`. Stable for callers.
"""

from penchant.metrics.area import auc
from penchant.metrics.catalogue import Catalogue, coverage, gini, novelty, popularity
from penchant.metrics.judged import Judged
from penchant.metrics.likeness import diversity, miscalibration
from penchant.metrics.names import (
    CATALOGUE_METRICS,
    METRICS,
    RANKING_METRICS,
    SHOWN_METRICS,
    WHOLE_METRICS,
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
from penchant.metrics.shown import Shown, accuracy, popularity_lift, serendipity

__all__ = [
    "CATALOGUE_METRICS",
    "METRICS",
    "RANKING_METRICS",
    "RATING_METRICS",
    "SHOWN_METRICS",
    "WHOLE_METRICS",
    "Catalogue",
    "Judged",
    "MetricName",
    "Share",
    "Shown",
    "accuracy",
    "auc",
    "average_precision",
    "coverage",
    "diversity",
    "f1",
    "fcp",
    "gini",
    "hit_rate",
    "lower_is_better",
    "mae",
    "miscalibration",
    "mrr",
    "ndcg",
    "novelty",
    "parse_metrics",
    "popularity",
    "popularity_lift",
    "precision",
    "recall",
    "recall_capped",
    "rmse",
    "serendipity",
]
