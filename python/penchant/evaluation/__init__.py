"""Honest comparison: splits, measurements, intervals and a table.

    split = user_time_split(dataset)
    fitted = recommender.fit(split.train, FitContext())
    evaluate_recommender(fitted, split).values["ndcg@10"]

A component is measured through the protocol it is served by; nothing here knows any by name. Stable
for callers.

`compare` does all of that for several recipes and gives a `Report`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from penchant.evaluation.bootstrap import (
    Interval,
    mean_interval,
    paired_bootstrap,
    paired_shares,
    share_interval,
)
from penchant.evaluation.buckets import by_past
from penchant.evaluation.judging import Evaluation
from penchant.evaluation.leaks import leaks
from penchant.evaluation.newcomers import cold_item_split, cold_user_split, growing_split
from penchant.evaluation.parting import Split, SplitKind
from penchant.evaluation.ranking import (
    DEFAULT_METRICS,
    evaluate_recommender,
    evaluate_scorer,
)
from penchant.evaluation.ratings import evaluate_ratings
from penchant.evaluation.splits import (
    SPLITS,
    given_split,
    global_time_split,
    k_fold_splits,
    leave_last_split,
    make_split,
    sliding_time_splits,
    three_way_split,
    user_random_split,
    user_time_split,
    validation_split,
)
from penchant.evaluation.table import Comparison, Contestant

if TYPE_CHECKING:
    from penchant.evaluation.comparison import compare as compare
    from penchant.evaluation.comparison import compare_on as compare_on
    from penchant.evaluation.comparison import default_split as default_split
    from penchant.evaluation.cross_validation import cross_validate as cross_validate
    from penchant.evaluation.report import Report as Report

__all__ = [
    "DEFAULT_METRICS",
    "SPLITS",
    "Comparison",
    "Contestant",
    "Evaluation",
    "Interval",
    "Report",
    "Split",
    "SplitKind",
    "by_past",
    "cold_item_split",
    "cold_user_split",
    "compare",
    "compare_on",
    "cross_validate",
    "default_split",
    "evaluate_ratings",
    "evaluate_recommender",
    "evaluate_scorer",
    "given_split",
    "global_time_split",
    "growing_split",
    "k_fold_splits",
    "leaks",
    "leave_last_split",
    "make_split",
    "mean_interval",
    "paired_bootstrap",
    "paired_shares",
    "share_interval",
    "sliding_time_splits",
    "three_way_split",
    "user_random_split",
    "user_time_split",
    "validation_split",
]


def __getattr__(name: str) -> Any:
    """Import late what fits models: plugins import this package, and a fit imports plugins."""
    if name in ("compare", "compare_on", "default_split"):
        from penchant.evaluation import comparison

        return getattr(comparison, name)
    if name == "cross_validate":
        from penchant.evaluation.cross_validation import cross_validate

        return cross_validate
    if name == "Report":
        from penchant.evaluation.report import Report

        return Report
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
