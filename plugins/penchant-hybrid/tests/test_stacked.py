"""`hybrid.stacked` over parts whose scores a person can see."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from penchant.data import Dataset, Interactions
from penchant.errors import DataError, FitCancelled, SettingsError
from penchant.protocols import Explains, FitContext, State
from penchant.queries import Csr, Queries
from penchant.registry import Registry
from penchant.settings import make_settings
from penchant.testing.data import checkerboard, known
from penchant_hybrid.judging import Judge
from penchant_hybrid.parts import Part
from penchant_hybrid.settings import StackedSettings
from penchant_hybrid.stack import Measure, Stack, rank_worth
from penchant_hybrid.stacked import Stacked, learn_coefficients

USERS, ITEMS = 40, 8
ACTIVE = np.arange(USERS) % 2 == 0


@dataclass
class Table:
    """A scorer that reads its scores off a table, for known rows only; fits to itself."""

    scores: np.ndarray
    seen: list[Dataset] = field(default_factory=list)

    def fit(self, data: Dataset, context: FitContext, /) -> Table:
        self.seen.append(data)
        context.progress("work", 1, 1)
        return self

    def restore(self, state: State, /) -> Table:
        return Table(state.arrays["scores"])

    def score(self, queries: Queries, items: np.ndarray | None, /) -> np.ndarray:
        assert (queries.rows >= 0).all(), "asked for somebody that the part can't answer"
        rows = self.scores[queries.rows].astype(np.float32)
        return rows if items is None else rows[:, items]

    def state(self) -> State:
        return State({"scores": self.scores})


def asks(rows: list[int], met: list[list[int]]) -> Queries:
    """Ask for these rows, who have met these items."""
    indptr = np.cumsum([0, *map(len, met)]).astype(np.int64)
    indices = np.array([item for one in met for item in one], np.int32)
    return Queries(np.array(rows, np.int32), Csr(indptr, indices, None, ITEMS))


def log_of(pairs: list[tuple[int, int]]) -> Dataset:
    """Likings (user, item) without times."""
    user, item = np.array(pairs, np.int32).reshape(-1, 2).T
    values = np.full(len(user), 5, np.float32)
    events = Interactions.of(user.copy(), item.copy(), values, n_users=USERS, n_items=ITEMS)
    return checkerboard(users=USERS, items=ITEMS).with_interactions(events)


# Everybody has met item 0 and every other user also 1 to 3; later all of them like item 7.
BEFORE = log_of([(u, i) for u in range(USERS) for i in range(4 if ACTIVE[u] else 1)])
AFTER = log_of([(u, 7) for u in range(USERS)])


def favours(*items: int) -> np.ndarray:
    """Scores that put one item first: of each user in turn, the next one."""
    scores = np.zeros((USERS, ITEMS), np.float32)
    scores[np.arange(USERS), np.resize(items, USERS)] = 1
    return scores


def stacked(*parts: Any, **settings: Any) -> Stacked:
    names = [f"toy.{place}" for place in range(len(parts))]
    return Stacked(StackedSettings(parts=tuple(names), **settings), names, parts)


def fitted(*parts: Any, **settings: Any) -> Stack:
    context = FitContext(validation=AFTER)
    return stacked(*parts, **{"ridge": 1.0, **settings}).fit(BEFORE, context)


def stack_of(coefficients: list[float], *tables: np.ndarray) -> Stack:
    return Stack(
        [Part(f"toy.{place}", Table(one), 1.0, 2.0) for place, one in enumerate(tables)],
        np.array(coefficients, np.float32),
        np.array([2, 1, 0, 0, 0, 0, 0, -1], np.float32),
        Measure(0.0, float(np.log(2))),
        Measure(0.0, 1.0),
    )


TABLE = np.tile(np.arange(ITEMS, 0, -1, dtype=np.float32) * 2, (USERS, 1))


def test_each_feature_counts_by_its_coefficient() -> None:
    # The part's scores over its spread are 8 to 1; one event is an activity of 1.
    met = asks([0], [[5]])
    first = np.arange(8, 0, -1)
    popular = np.array([2, 1, 0, 0, 0, 0, 0, -1])
    for place, wanted in enumerate((first, first * 1, first * popular)):
        coefficients = [float(at == place) for at in range(6)]
        assert stack_of(coefficients, TABLE).score(met, None)[0].tolist() == wanted.tolist()
    ranked = stack_of([0, 0, 0, 1, 0, 0], TABLE).score(met, None)[0]
    # Item 5 was met and takes no place: it stands with the sixth, so that the last is the seventh.
    assert ranked == pytest.approx(np.log2(18 / (10 + np.array([1, 2, 3, 4, 5, 5, 6, 7]))))
    assert stack_of([0, 0, 0, 0, 1, 0], TABLE).score(met, None)[0].tolist() == popular.tolist()
    twice = asks([0], [[4, 5, 6]])
    assert (
        stack_of([0, 0, 0, 0, 0, 1], TABLE).score(twice, None)[0].tolist() == (popular * 2).tolist()
    )


def test_scores_of_some_items_are_those_of_all() -> None:
    stack = stack_of([1, 0.5, 0.25, 2, 1, -1], TABLE)
    met = asks([0, 3, -1], [[5], [], [1]])
    some = np.array([6, 0], np.int32)
    assert (stack.score(met, some) == stack.score(met, None)[:, some]).all()


def test_a_part_without_evidence_adds_nothing() -> None:
    stack = stack_of([1, 0, 0, 1, 0, 0], TABLE)
    scores = stack.score(asks([-1, 0], [[], []]), None)
    assert not scores[0].any()
    assert scores[1].all()


def test_the_last_of_a_list_is_worth_nothing_by_its_rank() -> None:
    alike = np.zeros((1, ITEMS), np.float32)
    worth = rank_worth(alike, asks([0], [[]]).history)
    assert worth.tolist() == [[0.0] * ITEMS]


def test_counts_are_measured_by_those_that_are_not_zero() -> None:
    measure = Measure.of(np.array([0, 0, 3, 3, 15, 15]))
    assert measure(np.array([3, 15])) == pytest.approx([-1, 1])
    assert measure(np.array([0, 10**9])).tolist() == [-3, 3]
    assert Measure.of(np.array([4, 4]))(np.array([4])).tolist() == [0]
    assert Measure.of(np.zeros(3, np.int64))(np.zeros(1, np.int64)).tolist() == [0]


def test_the_part_that_finds_what_is_liked_later_is_listened_to() -> None:
    stack = fitted(Table(favours(7)), Table(favours(4, 5, 6)))
    queries = known(BEFORE)
    assert (stack.score(queries, None).argmax(axis=1) == 7).all()
    coefficients = stack.coefficients
    assert coefficients["toy.0 1: score"] > 0 > coefficients["toy.1 2: score"]


def test_one_part_is_listened_to_by_the_active_and_another_by_the_others() -> None:
    right, wrong = favours(7), favours(6)
    for_active = Table(np.where(ACTIVE[:, None], right, wrong))
    for_others = Table(np.where(ACTIVE[:, None], wrong, right))
    stack = fitted(for_active, for_others)
    scores = stack.score(known(BEFORE), None)
    assert (scores[:, 7] > scores[:, 6]).all()
    assert stack.coefficients["toy.0 1: score x activity"] > 0
    assert stack.coefficients["toy.1 2: score x activity"] < 0


def test_parts_are_fitted_again_with_what_was_held_out() -> None:
    part = Table(favours(7))
    fitted(part)
    assert [len(data.interactions) for data in part.seen] == [100, 140]
    once = Table(favours(7))
    fitted(once, refit=False)
    assert [len(data.interactions) for data in once.seen] == [100]


def test_a_share_is_held_out_where_no_validation_is_given() -> None:
    whole = log_of([(u, i) for u in range(USERS) for i in (0, 1, 2, 3, 7)])
    part = Table(favours(7))
    stack = stacked(part, share=0.2).fit(whole, FitContext())
    assert [len(data.interactions) for data in part.seen] == [160, 200]
    assert stack.coefficients["toy.0 1: score"] > 0


def test_each_part_counts_alike_where_nothing_can_be_held_out() -> None:
    one_each = log_of([(u, 0) for u in range(USERS)])
    stack = stacked(Table(favours(7)), Table(favours(6))).fit(one_each, FitContext())
    counted = {name: value for name, value in stack.coefficients.items() if value}
    assert counted == {"toy.0 1: score": 1.0, "toy.1 2: score": 1.0}


def test_the_reasons_are_scores_ranks_and_popularity_and_sum_to_the_score() -> None:
    stack = stack_of([1, 0.5, 0.25, 2, 1, 0], TABLE)
    assert isinstance(stack, Explains)
    asked = asks([0], [[5]])
    reasons = stack.explain(asked, 0)
    assert [(r.kind, r.detail, r.source) for r in reasons] == [
        ("score", "toy.0", "toy.0"),
        ("popularity", "", ""),
        ("rank", "rank 1", "toy.0"),
    ]
    # 8 · (1 + 0.5 · 1 + 0.25 · 2), then a popularity of 2, then 2 · log2(18 / 11).
    assert [r.weight for r in reasons] == pytest.approx([16, 2, 2 * np.log2(18 / 11)])
    assert sum(r.weight for r in reasons) == pytest.approx(stack.score(asked, None)[0, 0])


def test_new_items_come_with_the_popularity_of_their_likings() -> None:
    data = checkerboard(users=20, items=12)
    registry = Registry.discover(only={"cf", "hybrid"})
    scorer = registry.scorer({"use": "hybrid.stacked", "parts": ["cf.item_knn"]})
    stack = scorer.fit(data, FitContext())
    wider = checkerboard(users=20, items=14)
    grown = stack.with_items(wider)  # type: ignore[attr-defined]
    was, now = (one.state().arrays["popularity"] for one in (stack, grown))
    assert (now[:12] == was).all()
    assert len(now) == 14


def test_a_saved_stack_comes_back() -> None:
    stack = fitted(Table(favours(7)), Table(favours(4, 5, 6)))
    scorer = stacked(Table(favours(0)), Table(favours(0)))
    again = scorer.restore(stack.state())
    queries = known(BEFORE)
    assert (again.score(queries, None) == stack.score(queries, None)).all()
    assert again.coefficients == stack.coefficients


def test_a_fit_can_be_cancelled_while_it_learns() -> None:
    told: list[str] = []

    def progress(task: str, done: float, total: float, detail: str = "", /) -> None:
        told.append(task)

    context = FitContext(
        validation=AFTER, progress=progress, cancelled=lambda: told[-1:] == ["coefficients"]
    )
    with pytest.raises(FitCancelled, match=r"hybrid\.stacked was cancelled while it learned"):
        stacked(Table(favours(7))).fit(BEFORE, context)


def test_validation_that_teaches_nothing_is_refused() -> None:
    context = FitContext(validation=BEFORE)
    with pytest.raises(DataError) as refused:
        stacked(Table(favours(7))).fit(BEFORE, context)
    assert str(refused.value) == (
        "hybrid.stacked can't learn weights: no user of the data likes anything new in the "
        "validation events; give other events"
    )


def test_a_liking_that_no_part_puts_forward_is_nothing_to_learn_from() -> None:
    scores = np.arange(200, 0, -1, dtype=np.float32)[None]
    relevant = np.zeros((1, 200), np.bool_)
    relevant[0, 150] = True
    nothing, flat = Csr.empty(1, 200), np.zeros(200, np.float32)
    judge = Judge([scores], np.ones(1), nothing, None, relevant, np.ones(1))
    with pytest.raises(DataError) as refused:
        learn_coefficients(judge, Measure(0.0, 1.0), flat, 1.0, FitContext())
    assert str(refused.value) == (
        "hybrid.stacked can't learn: no part has anything among its first 100 that was liked in "
        "the validation events; give other parts, or more events"
    )


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"parts": []}, "hybrid.stacked: parts must name at least one strategy, got none"),
        (
            {"parts": ["cf.ease"], "ridge": 0},
            "hybrid.stacked: ridge must be greater than 0, got 0.0",
        ),
        (
            {"parts": ["cf.ease"], "share": 1},
            "hybrid.stacked: share must be greater than 0 and less than 1, got 1.0",
        ),
    ],
)
def test_settings_that_stack_nothing_are_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError) as refused:
        make_settings(StackedSettings, given, "hybrid.stacked")
    assert str(refused.value) == message
