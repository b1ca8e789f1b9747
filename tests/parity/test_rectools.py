"""Ranking and catalogue metrics beside those of RecTools; `make parity-test` has it."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

pytest.importorskip("rectools", reason="needs RecTools, as make parity-test has it")

import pandas as pd
from penchant import metrics
from rectools import Columns
from rectools.metrics import (
    MAP,
    MRR,
    NDCG,
    Accuracy,
    AvgRecPopularity,
    CatalogCoverage,
    F1Beta,
    HitRate,
    IntraListDiversity,
    MeanInvUserFreq,
    Precision,
    Recall,
    Serendipity,
)
from rectools.metrics.distances import PairwiseDistanceCalculator

from .asked import ITEMS, USERS, WIDTH

CATALOGUE = range(ITEMS)
CUTS = (1, 5, WIDTH)


def pairs(rows):
    """A table of users and items."""
    told = [(user, item) for user, row in enumerate(rows) for item in row]
    return pd.DataFrame(told, columns=[Columns.User, Columns.Item])


def listed(asked):
    table = pairs(asked.lists)
    return table.assign(**{Columns.Rank: np.tile(np.arange(1, WIDTH + 1), USERS)})


def ours(metric, asked, k):
    return metric(asked.shown().judged, k)


@pytest.mark.parametrize("k", CUTS)
@pytest.mark.parametrize(
    ("metric", "theirs"),
    [
        (metrics.precision, Precision),
        (metrics.recall, Recall),
        (metrics.f1, F1Beta),
        (metrics.hit_rate, HitRate),
        (metrics.mrr, MRR),
        (metrics.ndcg, partial(NDCG, divide_by_achievable=True)),
    ],
)
def test_a_ranking_metric_is_that_of_rectools(asked, metric, theirs, k):
    expected = theirs(k=k).calc_per_user(listed(asked), pairs(asked.relevant)).sort_index()
    assert ours(metric, asked, k) == pytest.approx(expected.to_numpy(), abs=1e-9)


@pytest.mark.parametrize("k", CUTS)
def test_average_precision_differs_by_its_divisor_alone(asked, k):
    expected = MAP(k=k).calc_per_user(listed(asked), pairs(asked.relevant)).sort_index()
    found = np.array([len(row) for row in asked.relevant])
    same = ours(metrics.average_precision, asked, k) * np.minimum(k, found) / found
    assert same == pytest.approx(expected.to_numpy(), abs=1e-9)


@pytest.mark.parametrize("k", CUTS)
def test_ndcg_differs_where_the_ideal_is_a_full_list(asked, k):
    expected = NDCG(k=k).calc_per_user(listed(asked), pairs(asked.relevant)).sort_index()
    gains = 1 / np.log2(np.arange(k) + 2)
    found = np.array([len(row) for row in asked.relevant])
    ideal = np.cumsum(gains)[np.minimum(k, found) - 1]
    same = ours(metrics.ndcg, asked, k) * ideal / gains.sum()
    assert same == pytest.approx(expected.to_numpy(), abs=1e-9)


@pytest.mark.parametrize("k", CUTS)
def test_accuracy_is_that_of_rectools(asked, k):
    told = Accuracy(k=k).calc_per_user(listed(asked), pairs(asked.relevant), CATALOGUE)
    expected = told.sort_index().to_numpy()
    assert metrics.accuracy(asked.shown(), k) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("k", CUTS)
def test_serendipity_is_that_of_rectools(asked, k):
    told = Serendipity(k=k).calc_per_user(
        listed(asked), pairs(asked.relevant), pairs(asked.liked), CATALOGUE
    )
    expected = told.sort_index().to_numpy()
    assert metrics.serendipity(asked.shown(), k) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("k", CUTS)
def test_popularity_is_that_of_rectools_over_the_users(asked, k):
    told = AvgRecPopularity(k=k).calc_per_user(listed(asked), pairs(asked.liked)).sort_index()
    shown = asked.shown()
    same = metrics.popularity(shown.rows, shown.catalogue, k) * USERS
    assert same == pytest.approx(told.to_numpy(), abs=1e-9)


@pytest.mark.parametrize("k", CUTS)
def test_novelty_differs_by_one_added_liking_and_user(asked, k):
    # With one more user who likes everything, theirs has the added ones of ours.
    everybody = pairs([*asked.liked, range(ITEMS)])
    told = MeanInvUserFreq(k=k).calc_per_user(listed(asked), everybody).sort_index()
    shown = asked.shown()
    same = metrics.novelty(shown.rows, shown.catalogue, k)
    assert same == pytest.approx(told.to_numpy(), abs=1e-9)


@pytest.mark.parametrize("k", CUTS)
def test_coverage_is_that_of_rectools(asked, k):
    shown = asked.shown()
    told = CatalogCoverage(k=k, normalize=True).calc(listed(asked), CATALOGUE)
    assert metrics.coverage(shown.rows, shown.catalogue, k) == pytest.approx(told, abs=1e-9)


class Cosine(PairwiseDistanceCalculator):
    """1 less the cosine of labels."""

    def __init__(self, labels):
        self.unit = labels / np.sqrt(labels.sum(axis=1, keepdims=True))

    def _get_distances_for_item_pairs(self, items_0, items_1):
        one, other = self.unit[np.asarray(items_0)], self.unit[np.asarray(items_1)]
        return 1 - (one * other).sum(axis=1)


@pytest.mark.parametrize("k", CUTS)
def test_diversity_is_that_of_rectools_by_the_same_distances(asked, k):
    theirs = IntraListDiversity(k=k, distance_calculator=Cosine(asked.genres))
    told = theirs.calc_per_user(listed(asked)).sort_index()
    assert metrics.diversity(asked.shown(), k) == pytest.approx(told.to_numpy(), abs=1e-9)
