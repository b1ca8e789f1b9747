"""Metrics against their naive twins, on any lists and any tastes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from penchant import metrics
from penchant.metrics import Catalogue, Judged
from penchant.queries import Csr
from penchant.testing import naive

ITEMS = 9
WIDTH = 7

TWINS = {
    "precision": naive.precision,
    "recall": naive.recall,
    "recall_capped": lambda ranked, good, k: len(set(ranked[:k]) & good) / min(k, len(good)),
    "f1": lambda ranked, good, k: 2 * len(set(ranked[:k]) & good) / (k + len(good)),
    "ndcg": naive.ndcg,
    "hit_rate": lambda ranked, good, k: float(bool(set(ranked[:k]) & good)),
    "mrr": naive.reciprocal_rank,
    "map": naive.average_precision,
}

rankings = st.permutations(range(ITEMS)).flatmap(
    lambda items: st.integers(0, WIDTH).map(lambda size: items[:size])
)
tastes = st.sets(st.integers(0, ITEMS - 1))
asked = st.lists(st.tuples(rankings, tastes), max_size=6)


def lists_of(pairs):
    rows = np.full((len(pairs), WIDTH), -1, np.int32)
    for at, (ranked, _) in enumerate(pairs):
        rows[at, : len(ranked)] = ranked
    return rows, np.array([len(ranked) for ranked, _ in pairs], np.int32)


def csr_of(pairs):
    indptr = np.cumsum([0, *(len(good) for _, good in pairs)]).astype(np.int64)
    return Csr(indptr, np.array([i for _, g in pairs for i in sorted(g)], np.int32), None, ITEMS)


def test_every_ranking_metric_has_a_twin():
    assert set(TWINS) == set(metrics.RANKING_METRICS)


@pytest.mark.parametrize("name", TWINS)
@given(pairs=asked, k=st.integers(1, WIDTH))
def test_a_ranking_metric_is_its_naive_twin(name, pairs, k):
    judged = Judged.of(*lists_of(pairs), csr_of(pairs))
    values = metrics.RANKING_METRICS[name](judged, k)
    twins = [TWINS[name](ranked, good, k) for ranked, good in pairs if good]
    assert values.dtype == np.float64
    assert values.tolist() == pytest.approx(twins, rel=1e-12)
    assert ((values >= 0) & (values <= 1 + 1e-12)).all()


@given(pairs=asked, k=st.integers(1, WIDTH))
def test_catalogue_metrics_are_their_naive_twins(pairs, k):
    rows, _ = lists_of(pairs)
    liked = [good for _, good in pairs]
    users = sum(bool(good) for good in liked)
    by = [sum(item in good for good in liked) for item in range(ITEMS)]
    catalogue = Catalogue.of(csr_of(pairs))
    tops = [ranked[:k] for ranked, _ in pairs]

    assert metrics.coverage(rows, catalogue, k) == pytest.approx(len(set().union(*tops)) / ITEMS)

    shown = [sum(item in top for top in tops) for item in range(ITEMS)]
    apart = sum(abs(one - other) for one in shown for other in shown)
    expected = apart / (2 * ITEMS * sum(shown)) if any(shown) else 0.0
    assert metrics.gini(rows, catalogue, k) == pytest.approx(expected, abs=1e-12)

    def mean(top, value):
        return sum(map(value, top)) / len(top) if top else 0.0

    bits = [mean(top, lambda item: -np.log2((by[item] + 1) / (users + 1))) for top in tops]
    share = [mean(top, lambda item: by[item] / max(users, 1)) for top in tops]
    assert metrics.novelty(rows, catalogue, k).tolist() == pytest.approx(bits, abs=1e-12)
    assert metrics.popularity(rows, catalogue, k).tolist() == pytest.approx(share, abs=1e-12)


@given(st.lists(st.tuples(*[st.floats(-1e6, 1e6)] * 2), min_size=1, max_size=20))
def test_rating_errors_are_their_naive_twins(pairs):
    predicted, actual = zip(*pairs, strict=True)
    assert metrics.rmse(predicted, actual) == pytest.approx(naive.rmse(predicted, actual), rel=1e-9)
    mean = sum(abs(p - a) for p, a in pairs) / len(pairs)
    assert metrics.mae(predicted, actual) == pytest.approx(mean, rel=1e-9)
