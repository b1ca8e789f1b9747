"""Metrics of lists, and of whole rankings, against the plainest code that can be right."""

from __future__ import annotations

from itertools import combinations
from math import log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from penchant import metrics
from penchant.metrics import Catalogue, Judged, Shown
from penchant.queries import Csr, TopK

ITEMS = 8
KINDS = 4
WIDTH = 6

rankings = st.permutations(range(ITEMS)).flatmap(
    lambda items: st.integers(0, WIDTH).map(lambda size: items[:size])
)
sets = st.sets(st.integers(0, ITEMS - 1))
asked = st.lists(st.tuples(rankings, sets, sets), min_size=1, max_size=5)
kinds = st.lists(st.sets(st.integers(0, KINDS - 1)), min_size=ITEMS, max_size=ITEMS)
eligible = st.lists(st.booleans(), min_size=ITEMS, max_size=ITEMS)


def csr_of(rows, columns):
    indptr = np.cumsum([0, *map(len, rows)]).astype(np.int64)
    return Csr(indptr, np.array([i for row in rows for i in sorted(row)], np.int32), None, columns)


def shown_of(told, of_kind, allowed):
    rows = np.full((len(told), WIDTH), -1, np.int32)
    for at, (ranked, _, _) in enumerate(told):
        rows[at, : len(ranked)] = ranked
    counts = np.array([len(ranked) for ranked, _, _ in told], np.int32)
    liked = csr_of([liked for _, liked, _ in told], ITEMS)
    judged = Judged.of(rows, counts, csr_of([good for _, _, good in told], ITEMS))
    mark = None if allowed is None else np.array(allowed)
    return Shown(rows, judged, Catalogue.of(liked, mark), liked, csr_of(of_kind, KINDS))


def distance(one, other):
    return 1 - len(one & other) / (len(one) * len(other)) ** 0.5


def proportions(items, of_kind):
    """What share of the items each kind has; all 0 where nothing is known."""
    known = [of_kind[item] for item in items if of_kind[item]]
    weight = [sum(1 / len(labels) for labels in known if kind in labels) for kind in range(KINDS)]
    return [one / len(known) if known else 0.0 for one in weight]


@given(told=asked, of_kind=kinds, k=st.integers(1, WIDTH))
def test_diversity_is_the_mean_over_all_pairs(told, of_kind, k):
    twins = []
    for ranked, _, _ in told:
        known = [of_kind[item] for item in ranked[:k] if of_kind[item]]
        apart = [distance(*pair) for pair in combinations(known, 2)]
        twins.append(sum(apart) / len(apart) if apart else 0.0)
    values = metrics.diversity(shown_of(told, of_kind, None), k)
    assert values.tolist() == pytest.approx(twins, abs=1e-9)


@given(told=asked, of_kind=kinds, k=st.integers(1, WIDTH))
def test_miscalibration_is_a_divergence(told, of_kind, k):
    twins = []
    for ranked, liked, _ in told:
        p, q = proportions(liked, of_kind), proportions(ranked[:k], of_kind)
        mixed = [0.99 * there + 0.01 * here for here, there in zip(p, q, strict=True)]
        twins.append(sum(a * log(a / b) for a, b in zip(p, mixed, strict=True) if a))
    values = metrics.miscalibration(shown_of(told, of_kind, None), k)
    assert values.tolist() == pytest.approx(twins, abs=1e-9)
    assert (values >= 0).all()


@given(told=asked, allowed=eligible, k=st.integers(1, WIDTH))
def test_accuracy_and_serendipity_are_their_naive_twins(told, allowed, k):
    by = [sum(item in liked for _, liked, _ in told) for item in range(ITEMS)]
    steps = sorted({count for count in by if count}, reverse=True)
    size = sum(allowed)
    right, surprise = [], []
    for ranked, _, good in told:
        if not good:
            continue
        top = ranked[:k]
        wrong = len(set(top) - good) + len(good - set(top))
        right.append(max(size - wrong, 0) / max(size, 1))
        total = 0.0
        for place, item in enumerate(top, 1):
            worth = max((size + 1 - place) / max(size, 1), 0)
            rank = steps.index(by[item]) + 1 if by[item] else None
            expected = 0 if rank is None else max((size + 1 - rank) / max(size, 1), 0)
            total += max(worth - expected, 0) * (item in good) if size else 0
        surprise.append(total / k)
    shown = shown_of(told, [set()] * ITEMS, allowed)
    assert metrics.accuracy(shown, k).tolist() == pytest.approx(right, abs=1e-9)
    if size:
        assert metrics.serendipity(shown, k).tolist() == pytest.approx(surprise, abs=1e-9)


@given(told=asked, k=st.integers(1, WIDTH))
def test_the_lift_is_of_the_mean_popularity_of_lists_and_of_tastes(told, k):
    by = [sum(item in liked for _, liked, _ in told) for item in range(ITEMS)]

    def mean(items):
        return sum(by[item] for item in items) / len(items) if items else 0.0

    before = [mean(liked) for _, liked, _ in told if liked]
    after = [mean(ranked[:k]) for ranked, liked, _ in told if liked]
    share = metrics.popularity_lift(shown_of(told, [set()] * ITEMS, None), k)
    assert len(share.users) == len(before)
    if before:
        assert share.value == pytest.approx((sum(after) - sum(before)) / sum(before), abs=1e-9)


@given(
    scores=st.lists(st.integers(0, 3), min_size=ITEMS, max_size=ITEMS),
    listed=st.integers(0, ITEMS),
    good=sets,
)
def test_the_area_is_that_of_all_pairs(scores, listed, good):
    order = sorted(range(ITEMS), key=lambda item: (-scores[item], item))[:listed]
    # What the list leaves out stands at its end, all tied.
    score = {item: scores[item] if item in order else -1 for item in range(ITEMS)}
    pad = [-1] * (ITEMS - listed)
    top = TopK(
        np.array([[*order, *pad]], np.int32),
        np.array([[*(scores[item] for item in order), *pad]], np.float32),
        np.array([listed], np.int32),
    )
    pairs = [
        (score[a] > score[b]) + (score[a] == score[b]) / 2
        for a in good
        for b in set(range(ITEMS)) - good
    ]
    twin = [sum(pairs) / len(pairs) if pairs else 0.5] if good else []
    values = metrics.auc(top, csr_of([good], ITEMS), np.array([ITEMS]))
    assert values.tolist() == pytest.approx(twin, abs=1e-9)
