"""Ranking metrics beside LensKit's, which brings PyTorch; `make lenskit-test` has it."""

from __future__ import annotations

from functools import partial

import pytest

pytest.importorskip("lenskit", reason="needs LensKit, as make lenskit-test has it")

from lenskit.data import ItemList
from lenskit.metrics import NDCG, Hit, ListGini, Precision, Recall, RecipRank
from lenskit.metrics.ranking import AveragePrecision, LogRankWeight
from penchant import metrics

from .asked import ITEMS, WIDTH


@pytest.mark.parametrize("k", [1, 5, WIDTH])
@pytest.mark.parametrize(
    ("metric", "theirs"),
    [
        (metrics.precision, Precision),
        (metrics.recall_capped, Recall),
        (metrics.hit_rate, Hit),
        (metrics.mrr, RecipRank),
        (metrics.average_precision, AveragePrecision),
        (metrics.ndcg, partial(NDCG, weight=LogRankWeight(offset=1))),
    ],
)
def test_a_ranking_metric_is_that_of_lenskit(asked, metric, theirs, k):
    told = [
        theirs(n=k).measure_list(ItemList(item_ids=row, ordered=True), ItemList(item_ids=good))
        for row, good in zip(asked.lists, asked.relevant, strict=True)
    ]
    assert metric(asked.shown().judged, k) == pytest.approx(told, abs=1e-6)


@pytest.mark.parametrize("k", [1, 5, WIDTH])
def test_the_gini_index_is_that_of_lenskit(asked, k):
    theirs = ListGini(n=k, items=ITEMS)
    told = [
        theirs.compute_list_data(ItemList(item_ids=row, ordered=True), None) for row in asked.lists
    ]
    shown = asked.shown()
    expected = theirs.global_aggregate(told)
    assert metrics.gini(shown.rows, shown.catalogue, k) == pytest.approx(expected, abs=1e-9)
