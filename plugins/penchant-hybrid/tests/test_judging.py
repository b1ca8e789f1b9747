"""Judges: what a sum of parts is worth, on whole catalogues and in pools."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from penchant import kernels
from penchant.data import Dataset
from penchant.errors import FitCancelled
from penchant.protocols import F32, I32, FitContext
from penchant.queries import Csr, Queries
from penchant_hybrid import judging
from penchant_hybrid.judging import Judge, Panel, judge_of, judge_of_pools
from penchant_hybrid.learning import shares_by
from penchant_hybrid.parts import Part

USERS, ITEMS = 4, 9


@dataclass(frozen=True)
class Table:
    """Scores by heart."""

    scores: F32

    def score(self, queries: Queries, items: I32 | None, /) -> F32:
        rows = self.scores[queries.rows]
        return rows if items is None else rows[:, items]


def judge(scores: F32, seen: np.ndarray, relevant: np.ndarray) -> Judge:
    """(parts, users, items) scores, and bits of (users, items)."""
    rows, columns = np.nonzero(seen)
    indptr = np.searchsorted(rows, np.arange(len(seen) + 1)).astype(np.int64)
    met = Csr(indptr, columns.astype(np.int32), None, seen.shape[1])
    ideal = np.cumsum(1 / np.log2(np.arange(10) + 2))[np.minimum(10, relevant.sum(1)) - 1]
    return Judge(list(scores), np.ones(len(scores)), met, None, relevant, ideal)


@st.composite
def judges(draw: st.DrawFn) -> Judge:
    """Scores with ties, items met, and at least one liking of each user among the others."""
    many = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    scores = many.integers(0, draw(st.integers(1, 9)), (2, USERS, ITEMS)).astype(np.float32)
    relevant = many.random((USERS, ITEMS)) < 0.3
    relevant[:, 0] = True
    seen = (many.random((USERS, ITEMS)) < 0.4) & ~relevant
    allowed = np.flatnonzero(many.random(ITEMS) < 0.8).astype(np.int32)
    allow = draw(st.sampled_from([None, kernels.bitset(allowed, ITEMS)]))
    return replace(judge(scores, seen, relevant), allow=allow)


def naive(judge: Judge, weights: tuple[float, float]) -> list[float]:
    """NDCG@10, one user and one item at a time."""
    found = []
    allow = range(ITEMS) if judge.allow is None else [i for i in range(ITEMS) if _bit(judge, i)]
    for user in range(USERS):
        total = weights[0] * judge.scores[0][user] + weights[1] * judge.scores[1][user]
        met = set(judge.seen.row(user).tolist())
        ranked = sorted(set(allow) - met, key=lambda item: (-total[item], item))[:10]
        gains = [1 / np.log2(place + 2) for place in range(10)]
        hits = [bool(judge.relevant[user, item]) for item in ranked]
        ideal = sum(gains[: judge.relevant[user].sum()])
        found.append(sum(g for g, hit in zip(gains, hits, strict=False) if hit) / ideal)
    return found


def _bit(judge: Judge, item: int) -> bool:
    return judge.allow is not None and bool(int(judge.allow[item // 64]) >> item % 64 & 1)


@given(judges(), st.sampled_from([(1.0, 0.0), (0.0, 1.0), (1.0, 2.0), (0.5, 0.25)]))
def test_a_judge_and_its_pools_say_what_a_naive_one_does(
    whole: Judge, weights: tuple[float, float]
) -> None:
    expected = pytest.approx(naive(whole, weights))
    assert whole.ndcg_of(weights) == expected
    assert whole.pooled(ITEMS).ndcg_of(weights) == expected


@given(judges(), st.sampled_from([(0, 0), (1, 0), (2, 3)]))
def test_each_part_counted_once_more_is_what_these_counts_find(
    whole: Judge, counts: tuple[int, int]
) -> None:
    first, second = whole.pooled(ITEMS).raised(counts)
    assert first == pytest.approx(naive(whole, (counts[0] + 1, counts[1])))
    assert second == pytest.approx(naive(whole, (counts[0], counts[1] + 1)))


@given(judges())
def test_pools_as_deep_as_a_list_judge_each_part_alone_as_before(whole: Judge) -> None:
    assert whole.pooled(10).alone() == pytest.approx(whole.alone())


def test_a_pool_holds_what_any_part_puts_first_and_nothing_met() -> None:
    scores = np.array([[[5, 4, 3, 2, 1, 0]], [[0, 1, 2, 3, 4, 5]]], np.float32)
    seen, relevant = np.zeros((2, 1, 6), np.bool_)
    seen[0, 5] = relevant[0, 4] = relevant[0, 2] = True
    pool = judge(scores, seen, relevant).pooled(2)
    # Items 0 and 1 of the first part, 4 and 3 of the second, which would put 5 before them.
    assert pool.scores[0].tolist() == [[5, 4, 2, 1]]
    assert pool.relevant.tolist() == [[False, False, False, True]]
    assert pool.of([1]).scores[0].tolist() == [[0, 1, 3, 4]]


def test_users_taken_by_batches_are_judged_as_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    many = np.random.default_rng(3)
    whole = Dataset.from_frame(
        {"user_id": np.repeat(np.arange(12), 5), "item_id": many.integers(0, 30, 60)}
    )
    held = np.arange(60) % 5 < 2
    train, later = whole.subset(~held), whole.subset(held)
    parts = [
        Part(name, Table(many.random((12, len(whole.items)), np.float32)), 1.0, 1.0)
        for name in "ab"
    ]
    monkeypatch.setattr(judging, "_BATCH", 2 * len(whole.items) * 5)
    at_once = judge_of(parts, train, later, FitContext())
    by_batches = judge_of_pools(parts, train, later, FitContext())
    assert by_batches.ndcg_of([1.0, 0.5]) == pytest.approx(at_once.ndcg_of([1.0, 0.5]))
    shallow = judge_of_pools(parts, train, later, FitContext(), depth=10)
    assert shallow.alone() == pytest.approx(at_once.alone())


def test_a_panel_counts_the_users_of_each_judge_for_what_they_are_worth() -> None:
    scores = np.array([[[1, 0]], [[0, 1]]], np.float32)
    nothing, first = np.zeros((1, 2), np.bool_), np.array([[True, False]])
    one = judge(scores, nothing, first)
    panel = Panel([one, judge(scores, nothing, ~first)], [3.0, 0.5])
    assert panel.users == 2
    assert panel.ndcg((1, 0)) == pytest.approx([3.0, 0.5 / np.log2(3)])
    # What is right for the user who counts more is let in.
    assert shares_by(panel, FitContext()).mean(axis=0)[0] > 0.5


def test_who_weighs_is_named_where_that_is_cancelled() -> None:
    scores = np.ones((1, 1, 2), np.float32)
    panel = Panel([judge(scores, np.zeros((1, 2), bool), np.ones((1, 2), bool))], [1.0])
    context = FitContext(cancelled=lambda: True)
    with pytest.raises(FitCancelled) as cancelled:
        shares_by(panel, context, "hybrid.auto")
    assert str(cancelled.value) == "the fit of hybrid.auto was cancelled while it weighed"
