"""`hybrid.weighted` over parts whose scores a person can see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest
from penchant import kernels, use
from penchant.data import Dataset, Interactions
from penchant.errors import DataError, FitCancelled, SettingsError
from penchant.protocols import (
    Encoder,
    Evidence,
    Explains,
    Factored,
    FitContext,
    FoldsIn,
    ReadsText,
    RelatesItems,
    State,
    Updatable,
)
from penchant.queries import Candidates, Csr, Queries, TopK
from penchant.registry import Registry
from penchant.settings import make_settings
from penchant.testing.data import checkerboard, known, mixed
from penchant_hybrid.blend import Blend, FactoredBlend, blend_of
from penchant_hybrid.learning import learn_weights
from penchant_hybrid.parts import Part
from penchant_hybrid.settings import WeightedSettings
from penchant_hybrid.spread import sample_of, spread_of
from penchant_hybrid.weighted import Weighted

USERS, ITEMS = 6, 4


@dataclass
class Table:
    """A scorer that reads its scores off a table, for known rows only."""

    scores: np.ndarray

    def score(self, queries: Queries, items: np.ndarray | None, /) -> np.ndarray:
        assert (queries.rows >= 0).all(), "asked for somebody that the part can't answer"
        rows = self.scores[queries.rows].astype(np.float32)
        return rows if items is None else rows[:, items]

    def state(self) -> State:
        return State({"scores": self.scores})


@dataclass
class Constant:
    """A scorer that gives everybody the same scores, as a dot product, and folds in."""

    scores: np.ndarray

    @property
    def item_vectors(self) -> np.ndarray:
        return self.scores.astype(np.float32).reshape(-1, 1)

    def query_vectors(self, queries: Queries, /) -> np.ndarray:
        return np.ones((len(queries), 1), np.float32)

    def score(self, queries: Queries, items: np.ndarray | None, /) -> np.ndarray:
        chosen = self.item_vectors if items is None else self.item_vectors[items]
        return kernels.dot(self.query_vectors(queries), chosen)

    def answers(self, queries: Queries, /) -> np.ndarray:
        return np.ones(len(queries), np.bool_)

    def explain(self, queries: Queries, item: int, /) -> Sequence[Evidence]:
        return (Evidence("popularity", float(self.scores[item])),)

    def state(self) -> State:
        return State({"scores": self.scores})


class Reader(Constant):
    """A constant scorer that reads text."""

    def encoders(self) -> Mapping[str, Encoder]:
        return {"word": "the encoder"}  # type: ignore[dict-item]


@dataclass
class Neighbourly(Constant):
    """A constant scorer that names the same similar items for every item."""

    near: tuple[int, ...] = ()

    def similar_items(self, items: np.ndarray, candidates: Candidates, k: int, /) -> TopK:
        rows = np.full((len(items), k), -1, np.int32)
        scores = np.full((len(items), k), -np.inf, np.float32)
        rows[:, : len(self.near)] = self.near
        scores[:, : len(self.near)] = np.arange(len(self.near), 0, -1)
        return TopK(rows, scores, np.full(len(items), len(self.near), np.int32))


@dataclass
class Fits:
    """An unfitted part: gives what it was told to give, and remembers what it was fitted on."""

    fitted: Any
    seen: list[tuple[Dataset, FitContext]] = field(default_factory=list)

    def fit(self, data: Dataset, context: FitContext, /) -> Any:
        self.seen.append((data, context))
        context.progress("work", 1, 1)
        return self.fitted

    def restore(self, state: State, /) -> Any:
        return replace(self.fitted, scores=state.arrays["scores"])


def asks(rows: list[int]) -> Queries:
    """Ask for these rows, nothing known of their past."""
    return Queries(np.array(rows, np.int32), Csr.empty(len(rows), ITEMS))


def log_of(pairs: list[tuple[int, int]]) -> Dataset:
    """Make a dataset of likings (user, item)."""
    user, item = np.array(pairs, np.int32).reshape(-1, 2).T
    board = checkerboard(users=USERS, items=ITEMS)
    return board.with_interactions(
        Interactions.of(
            user.copy(),
            item.copy(),
            np.full(len(user), 5, np.float32),
            n_users=USERS,
            n_items=ITEMS,
        )
    )


def weighted(*fitted: Any, weights: Sequence[float] = (), **settings: Any) -> Weighted:
    names = [f"toy.{place}" for place in range(len(fitted))]
    return Weighted(
        WeightedSettings(parts=tuple(names), **settings),
        names,
        [part if isinstance(part, Fits) else Fits(part) for part in fitted],
        weights or [1.0] * len(fitted),
    )


TABLE = np.arange(USERS * ITEMS, dtype=np.float32).reshape(USERS, ITEMS)
CONSTANT = np.array([4, 0, 2, 2], np.float32)


def test_a_blend_adds_the_parts_by_weight_over_spread() -> None:
    blend = blend_of(
        [Part("toy.table", Table(TABLE), 1.0, 2.0), Part("toy.same", Constant(CONSTANT), 3.0, 1.0)]
    )
    assert type(blend) is Blend
    assert blend.score(asks([0, 1]), None).tolist() == [
        [12.0, 0.5, 7.0, 7.5],
        [14.0, 2.5, 9.0, 9.5],
    ]
    assert blend.score(asks([1]), np.array([3, 0], np.int32)).tolist() == [[9.5, 14.0]]
    assert blend.weights == {"toy.table": 1.0, "toy.same": 3.0}


def test_a_part_without_evidence_adds_nothing() -> None:
    blend = blend_of(
        [Part("toy.table", Table(TABLE), 1.0, 1.0), Part("toy.same", Constant(CONSTANT), 1.0, 1.0)]
    )
    scores = blend.score(asks([-1, 0, -1]), None)
    assert scores.tolist() == [[4, 0, 2, 2], [4, 1, 4, 5], [4, 0, 2, 2]]
    assert blend.answers(asks([-1, 0])).tolist() == [True, True]
    alone = blend_of([Part("toy.table", Table(TABLE), 1.0, 1.0)])
    assert alone.answers(asks([-1, 0])).tolist() == [False, True]
    assert not alone.score(asks([-1]), None).any()


def test_a_part_of_no_weight_neither_scores_nor_answers_nor_explains() -> None:
    blend = blend_of(
        [Part("toy.table", Table(TABLE), 1.0, 1.0), Part("toy.same", Constant(CONSTANT), 0.0, 1.0)]
    )
    assert blend.answers(asks([-1])).tolist() == [False]
    assert (blend.score(asks([2]), None) == TABLE[2]).all()
    assert [reason.source for reason in blend.explain(asks([2]), 1)] == ["toy.table"]


def test_a_blend_of_dot_products_is_one_dot_product() -> None:
    parts = [
        Part("toy.a", Constant(CONSTANT), 1.0, 2.0),
        Part("toy.b", Constant(CONSTANT[::-1]), 3.0, 1.0),
    ]
    blend = blend_of(parts)
    assert isinstance(blend, FactoredBlend)
    assert isinstance(blend, Factored)
    assert blend.item_vectors.tolist() == [[2, 6], [0, 6], [1, 0], [1, 12]]
    scores = blend.score(asks([0, -1]), None)
    assert scores.tolist() == [[8, 6, 1, 13], [8, 6, 1, 13]]
    assert (Blend(parts).score(asks([0, -1]), None) == scores).all()
    assert (blend.score(asks([0]), np.array([3], np.int32)) == scores[:1, 3:]).all()


def test_both_forms_score_real_parts_alike() -> None:
    data = checkerboard(users=20, items=12)
    registry = Registry.discover(only={"mf", "hybrid"})
    parts = ({"use": "mf.sgd", "factors": 8, "epochs": 5}, {"use": "base.popular", "weight": 0.3})
    fitted = registry.scorer(use("hybrid.weighted", parts=parts)).fit(data, FitContext())
    assert isinstance(fitted, FactoredBlend)
    for queries in (known(data), mixed(data)):
        assert fitted.score(queries, None) == pytest.approx(
            Blend(fitted._parts).score(queries, None), rel=1e-5, abs=1e-5
        )


def test_reasons_are_in_the_units_of_the_blend_and_signed() -> None:
    blend = blend_of(
        [Part("toy.table", Table(TABLE), 1.0, 2.0), Part("toy.same", Constant(CONSTANT), 3.0, 1.0)]
    )
    assert isinstance(blend, Explains)
    reasons = blend.explain(asks([1]), 0)
    assert [(r.kind, r.weight, r.source) for r in reasons] == [
        ("popularity", 12.0, "toy.same"),
        ("score", 2.0, "toy.table"),
    ]
    assert sum(r.weight for r in reasons) == blend.score(asks([1]), None)[0, 0]
    assert [r.source for r in blend.explain(asks([-1]), 0)] == ["toy.same"]


def test_abilities_come_from_the_parts() -> None:
    plain = blend_of([Part("toy.same", Constant(CONSTANT), 1.0, 1.0)])
    assert isinstance(plain, FoldsIn)
    assert not isinstance(plain, ReadsText | RelatesItems | Updatable)
    reader = blend_of([Part("toy.reader", Reader(CONSTANT), 1.0, 1.0)])
    assert isinstance(reader, ReadsText)
    assert reader.encoders() == {"word": "the encoder"}


def test_similar_items_fuse_the_parts_lists_by_reciprocal_rank() -> None:
    blend = blend_of(
        [
            Part("toy.a", Neighbourly(CONSTANT, near=(1, 2)), 1.0, 1.0),
            Part("toy.b", Neighbourly(CONSTANT, near=(3, 2)), 1.0, 1.0),
            Part("toy.same", Constant(CONSTANT), 9.0, 1.0),
        ]
    )
    assert isinstance(blend, RelatesItems)
    top = blend.similar_items(np.array([0], np.int32), Candidates(ITEMS), 4)
    assert top.rows.tolist() == [[2, 1, 3, -1]]
    assert top.scores[0, :3].tolist() == pytest.approx([2 / 62, 1 / 61, 1 / 61])
    assert top.counts.tolist() == [3]


def test_a_fit_brings_parts_of_any_scale_to_one_spread() -> None:
    data = log_of([(user, 0) for user in range(USERS)])
    varied = np.tile(np.array([9, -1, 0, 1], np.float32), (USERS, 1))
    fitted = weighted(Table(varied), Table(varied * 1000)).fit(data, FitContext())
    # Item 0 is seen, so the spread is that of -1, 0 and 1.
    one = varied[0] / np.sqrt(2 / 3)
    assert fitted.score(asks([0]), None)[0] == pytest.approx(2 * one, rel=1e-5)


def test_the_spread_ignores_differences_between_users_and_is_one_for_the_flat() -> None:
    data = log_of([(user, 0) for user in range(USERS)])
    users = sample_of(data, 0)
    shifted = np.array([[0, -1, 0, 1]], np.float32) + 100 * np.arange(USERS)[:, None]
    assert spread_of(Part("t", Table(shifted), 1, 1), data, users) == pytest.approx(
        np.sqrt(2 / 3), rel=1e-5
    )
    flat = Part("t", Constant(np.full(ITEMS, 7.0)), 1, 1)
    assert spread_of(flat, data, users) == 1.0
    assert spread_of(flat, data, users[:0]) == 1.0


def test_the_sample_is_of_users_with_events_and_fixed_by_the_seed() -> None:
    data = log_of([(1, 0), (3, 1), (4, 2)])
    assert sample_of(data, 0).tolist() == [1, 3, 4]
    assert len(sample_of(data, 0, 2)) == 2
    assert sample_of(data, 5, 2).tolist() == sample_of(data, 5, 2).tolist()
    assert set(sample_of(data, 5, 2).tolist()) < {1, 3, 4}


TRAIN = [(user, 0) for user in range(USERS)]
LIKED_LATER = [(user, 1 + user % 3) for user in range(USERS)]


def right_and_wrong() -> tuple[Table, Table]:
    """Two parts: one scores what is liked later highest, the other lowest."""
    right = np.zeros((USERS, ITEMS), np.float32)
    for user, item in LIKED_LATER:
        right[user, item] = 1
    return Table(right), Table(-right)


def test_weights_are_learned_from_validation() -> None:
    right, wrong = right_and_wrong()
    fitted = weighted(wrong, right, refit=False).fit(
        log_of(TRAIN), FitContext(validation=log_of(LIKED_LATER))
    )
    weights = list(fitted.weights.values())
    assert weights[1] == 1.0
    assert weights[0] < 1.0
    scores = fitted.score(asks(list(range(USERS))), None)
    for user, item in LIKED_LATER:
        assert scores[user].argmax() == item


def test_a_part_that_says_nothing_of_likings_gets_no_weight_and_one_that_does_keeps_some() -> None:
    # Each of two parts knows half of what every user will like; the third one knows nothing.
    users, items = 60, 40
    draw = np.random.default_rng(5)
    liked = np.array([draw.permutation(items - 1)[:4] + 1 for _ in range(users)])
    halves = np.zeros((2, users, items), np.float32)
    for half, told in zip(halves, (liked[:, :2], liked[:, 2:]), strict=True):
        np.put_along_axis(half, told, 1.0, axis=1)
        half += draw.normal(scale=0.2, size=half.shape)
    junk = draw.normal(size=(users, items))
    board = checkerboard(users=users, items=items)

    def likings(pairs: list[tuple[int, int]]) -> Dataset:
        user, item = np.array(pairs, np.int32).T
        log = Interactions.of(
            user.copy(),
            item.copy(),
            np.full(len(user), 5, np.float32),
            n_users=users,
            n_items=items,
        )
        return board.with_interactions(log)

    parts = [
        Part(f"toy.{place}", Table(table.astype(np.float32)), 1.0, 1.0)
        for place, table in enumerate((junk, *halves))
    ]
    train = likings([(user, 0) for user in range(users)])
    later = likings([(user, item) for user in range(users) for item in liked[user].tolist()])
    weights = learn_weights(parts, train, later, FitContext(seed=1))
    assert weights[0] == 0.0
    assert min(weights[1:]) > 0.5
    assert max(weights) == 1.0
    assert learn_weights(parts, train, later, FitContext(seed=1, threads=4)) == weights


def test_a_part_that_is_given_no_weight_stays_out() -> None:
    right, wrong = (Part("toy", table, 1.0, 1.0) for table in right_and_wrong())
    data, later = log_of(TRAIN), log_of(LIKED_LATER)
    unwanted = replace(right, weight=0.0)
    assert learn_weights([unwanted, wrong], data, later, FitContext()) == [0.0, 1.0]


def test_of_two_parts_that_say_the_same_the_first_counts() -> None:
    right = Part("toy", right_and_wrong()[0], 1.0, 1.0)
    weights = learn_weights([right, right], log_of(TRAIN), log_of(LIKED_LATER), FitContext())
    assert weights == [1.0, 0.0]


def test_weights_stay_as_given_where_learning_is_off_or_there_is_nothing_to_learn_from() -> None:
    parts = right_and_wrong()
    for validation, settings in ((log_of(LIKED_LATER), {"learn": False}), (None, {})):
        fitted = weighted(*parts, weights=[1.0, 0.25], **settings).fit(
            log_of(TRAIN), FitContext(validation=validation)
        )
        assert list(fitted.weights.values()) == [1.0, 0.25]


def test_after_learning_the_parts_are_fitted_again_on_all_events() -> None:
    parts = [Fits(table) for table in right_and_wrong()]
    validation = log_of(LIKED_LATER)
    told: list[str] = []
    weighted(*parts).fit(
        log_of(TRAIN),
        FitContext(validation=validation, progress=lambda *step: told.append(step[0])),
    )
    for part in parts:
        (first, learning), (second, last) = part.seen
        assert learning.validation is validation
        assert last.validation is None
        assert len(first.interactions) == len(TRAIN)
        assert len(second.interactions) == len(TRAIN) + len(LIKED_LATER)
    assert told[0] == "toy.0 (1 of 2): work"
    assert told[-1] == "again, toy.1 (2 of 2): work"
    assert "weights" in told


def test_an_event_that_the_data_hold_already_is_no_test_of_weights() -> None:
    right, _ = right_and_wrong()
    parts = [Part("toy.right", right, 1.0, 1.0)]
    with pytest.raises(DataError) as refused:
        learn_weights(parts, log_of(TRAIN), log_of(TRAIN), FitContext())
    assert str(refused.value) == (
        "hybrid.weighted can't learn weights: no user of the data likes anything new in the "
        "validation events; give other events, or set learn to false"
    )


def test_among_new_items_a_part_is_judged_by_those_alone() -> None:
    # Item 1 is known already, 2 and 3 are new. One part knows who likes 1 and takes 2 for 3; the
    # other can tell 2 and 3 apart, and likes 1 the least.
    later = [(0, 1), (1, 1), (2, 1), (3, 1), (4, 2), (5, 3)]
    of_old, of_new = np.zeros((2, USERS, ITEMS), np.float32)
    of_new[:, 1] = -2
    for user, item in later:
        of_old[user, {1: 1, 2: 3, 3: 2}[item]] = 1
        of_new[user, item] += item > 1
    parts = [Part("toy.old", Table(of_old), 1, 1), Part("toy.new", Table(of_new), 1, 1)]
    data = log_of([*TRAIN, (5, 1)])
    old, new = learn_weights(parts, data, log_of(later), FitContext(), "new")
    assert old < new
    old, new = learn_weights(parts, data, log_of(later), FitContext(), "all")
    assert old > new


def test_an_item_that_nobody_ever_likes_is_no_test_of_new_items() -> None:
    # Item 3 stays without likings. One part puts it first and is right otherwise; the other puts it
    # last and is wrong for one user of three.
    later = [(user, 1 + user % 2) for user in range(USERS)]
    muddled, distracted = np.zeros((2, USERS, ITEMS), np.float32)
    distracted[:, 3] = 2
    muddled[:, 3] = -1
    for user, item in later:
        distracted[user, item] = 1
        muddled[user, item] = 1 if user % 3 else -0.5
    parts = [
        Part(f"toy.{at}", Table(table), 1, 1) for at, table in enumerate((muddled, distracted))
    ]
    assert learn_weights(parts, log_of(TRAIN), log_of(later), FitContext(), "new") == [0.0, 1.0]
    assert learn_weights(parts, log_of(TRAIN), log_of(later), FitContext(), "all")[0] == 1.0


def test_without_likings_of_new_items_there_is_no_learning_to_rank_them() -> None:
    part = Part("toy.right", right_and_wrong()[0], 1.0, 1.0)
    data = log_of([*TRAIN, (0, 2), (1, 3), (2, 1)])
    with pytest.raises(DataError) as refused:
        learn_weights([part], data, log_of(LIKED_LATER), FitContext(), "new")
    assert str(refused.value) == (
        "hybrid.weighted can't learn to rank new items: no user of the data likes an item in the "
        "validation events that nobody likes in the data; hold whole items out, as "
        "cold_item_split does, or set among to 'all'"
    )


def test_validation_of_other_rows_is_refused() -> None:
    other = checkerboard(users=USERS + 1, items=ITEMS)
    with pytest.raises(DataError) as refused:
        weighted(*right_and_wrong()).fit(log_of(TRAIN), FitContext(validation=other))
    assert str(refused.value) == (
        "validation has 7 users and 4 items but the data have 6 and 4; cut both from one dataset, "
        "as dataset.subset does"
    )


def held_out(part: Fits, data: Dataset) -> list[set[tuple[int, int]]]:
    """What each fit of the part was not told of."""
    return [pairs(data) - pairs(told) for told, _ in part.seen]


def pairs(data: Dataset) -> set[tuple[int, int]]:
    log = data.interactions
    return set(zip(log.user.tolist(), log.item.tolist(), strict=True))


def test_without_validation_the_latest_likings_teach_then_those_before() -> None:
    user, item = np.divmod(np.arange(USERS * ITEMS, dtype=np.int32), ITEMS)
    # Each user likes item 0 first, then 1, 2 and 3.
    data = Dataset.from_frame({"user_id": user, "item_id": item, "time": item.astype(np.int64)})
    late = np.tile(np.arange(ITEMS, dtype=np.float32), (USERS, 1))
    parts = [Fits(Table(late)), Fits(Table(-late))]
    fitted = weighted(*parts, learn=True, share=0.25).fit(data, FitContext())
    latest, before, first, nothing = held_out(parts[0], data)
    assert latest == {(user, 3) for user in range(USERS)}
    assert before == latest | {(user, 2) for user in range(USERS)}
    assert first == before | {(user, 1) for user in range(USERS)}
    assert not nothing
    assert list(fitted.weights.values()) == [0.0, 1.0]


def test_without_validation_or_times_likings_are_drawn() -> None:
    data = log_of([(user, item) for user in range(USERS) for item in range(ITEMS)])
    part = Fits(Table(TABLE))
    told: list[str] = []
    context = FitContext(progress=lambda *step: told.append(step[0]))
    weighted(part, learn=True, share=0.25).fit(data, context)
    *drawn, nothing = held_out(part, data)
    assert [len(some) for some in drawn] == [USERS] * 3
    assert len({frozenset(some) for some in drawn}) == 3
    assert not nothing
    assert told[0] == "cut 1 of 3, toy.0 (1 of 1): work"
    assert told[-1] == "again, toy.0 (1 of 1): work"


def test_without_validation_new_items_are_items_held_out_wholly() -> None:
    data = log_of([(user, item) for user in range(USERS) for item in range(ITEMS)])
    part = Fits(Table(TABLE))
    weighted(part, learn=True, among="new", share=0.25).fit(data, FitContext())
    for some in held_out(part, data)[:-1]:
        (new,) = {item for _, item in some}
        assert some == {(user, new) for user in range(USERS)}


def test_without_validation_newcomers_are_users_cut_down_to_their_first_likings() -> None:
    user, item = np.divmod(np.arange(USERS * ITEMS, dtype=np.int32), ITEMS)
    data = Dataset.from_frame({"user_id": user, "item_id": item, "time": item.astype(np.int64)})
    part = Fits(Table(TABLE))
    weighted(part, learn=True, known=3, share=0.5).fit(data, FitContext())
    *drawn, nothing = held_out(part, data)
    assert [len(some) for some in drawn] == [USERS // 2] * 3
    assert all(item == 3 for some in drawn for _, item in some)
    assert len({frozenset(some) for some in drawn}) > 1
    assert not nothing


def test_weights_for_newcomers_are_learned_from_newcomers_alone() -> None:
    data = log_of([(user, item) for user in range(USERS) for item in range(ITEMS)])
    part = Fits(Table(TABLE))
    told: list[str] = []
    context = FitContext(progress=lambda *step: told.append(step[0]))
    weighted(part, learn=True, known=1, share=0.25).fit(data, context)
    for some in held_out(part, data)[:-1]:
        newcomers = [user for user, _ in some]
        assert sorted(np.bincount(newcomers)) == [0] * (max(newcomers) - 1) + [ITEMS - 1] * 2
    assert told[0] == "cut 1 of 3, toy.0 (1 of 1): work"


def test_newcomers_of_more_likings_than_anybody_has_are_refused() -> None:
    data = log_of([(user, item) for user in range(USERS) for item in range(ITEMS)])
    with pytest.raises(DataError) as refused:
        weighted(*right_and_wrong(), learn=True, known=4).fit(data, FitContext())
    assert str(refused.value) == (
        "hybrid.weighted can't hold out likings to learn weights from, give validation=... or set "
        "learn to false: the cold-user split finds no user with more than 4 likings; lower known "
        "or give more events a user"
    )


def test_learning_from_data_of_which_nothing_can_be_held_out_is_refused() -> None:
    with pytest.raises(DataError) as refused:
        weighted(*right_and_wrong(), learn=True).fit(log_of(TRAIN), FitContext())
    assert str(refused.value) == (
        "hybrid.weighted can't hold out likings to learn weights from, give validation=... or set "
        "learn to false: the user-random split leaves its test part empty: none of the users has "
        "two likings or more, and one is kept to learn from"
    )


def test_cancelling_is_heard_before_each_part_and_while_weighing() -> None:
    with pytest.raises(FitCancelled, match=r"hybrid\.weighted was cancelled before toy\.0"):
        weighted(*right_and_wrong()).fit(log_of(TRAIN), FitContext(cancelled=lambda: True))
    asked: list[int] = []

    def third_time() -> bool:
        asked.append(1)
        return len(asked) == 3

    with pytest.raises(FitCancelled, match=r"hybrid\.weighted was cancelled while it weighed"):
        weighted(*right_and_wrong()).fit(
            log_of(TRAIN),
            FitContext(validation=log_of(LIKED_LATER), cancelled=third_time),
        )


def test_a_restored_dot_product_uses_the_stored_vectors() -> None:
    parts = (Constant(CONSTANT), Constant(CONSTANT[::-1]))
    made = weighted(*parts)
    fitted = made.fit(log_of(TRAIN), FitContext())
    state = fitted.state()
    restored = made.restore(state)
    assert isinstance(restored, FactoredBlend)
    assert restored.item_vectors is state.arrays["item_vectors"]
    assert (restored.score(asks([0]), None) == fitted.score(asks([0]), None)).all()


def test_parts_with_one_name_are_told_apart_by_position() -> None:
    same = Part("toy.same", Constant(CONSTANT), 1.0, 1.0)
    assert blend_of([same, replace(same, weight=0.5)]).weights == {
        "toy.same 1": 1.0,
        "toy.same 2": 0.5,
    }


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "hybrid.weighted: the setting 'parts' is missing; it has no default"),
        ({"parts": []}, "hybrid.weighted: parts must name at least one strategy, got none"),
        (
            {"parts": [{"use": "cf.ease", "weight": -1}]},
            "hybrid.weighted: the weight of part cf.ease must be a number of at least 0, got -1",
        ),
        (
            {"parts": [{"use": "cf.ease", "weight": "much"}]},
            "hybrid.weighted: the weight of part cf.ease must be a number of at least 0, "
            "got 'much'",
        ),
        (
            {"parts": [{"use": "cf.ease", "weight": 0}]},
            "hybrid.weighted: at least one part must have a weight greater than 0",
        ),
        (
            {"parts": ["cf.ease"], "among": "old"},
            "hybrid.weighted: among must be one of 'all', 'new', got 'old' (str)",
        ),
        (
            {"parts": ["cf.ease"], "known": 0},
            "hybrid.weighted: known must be at least 1, or left out, got 0",
        ),
        (
            {"parts": ["cf.ease"], "known": 3, "among": "new"},
            "hybrid.weighted: weights are learned for newcomers or for new items, got known = 3 "
            "and among = 'new'; leave one of them out",
        ),
        (
            {"parts": ["cf.ease"], "share": 1},
            "hybrid.weighted: share must be greater than 0 and less than 1, got 1.0",
        ),
        (
            {"parts": [{"weight": 1}]},
            "hybrid.weighted: a component is a name, or a table with the key 'use' and its "
            "settings, got {'weight': 1}",
        ),
    ],
)
def test_settings_that_make_no_blend_are_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError) as refused:
        make_settings(WeightedSettings, given, "hybrid.weighted")
    assert str(refused.value) == message


def test_settings_made_without_a_registry_are_checked_too() -> None:
    with pytest.raises(ValueError, match="among must be one of 'all', 'new', got 'old'"):
        WeightedSettings(parts=("cf.ease",), among="old")  # type: ignore[arg-type]


def test_a_part_never_sees_its_weight() -> None:
    settings = WeightedSettings(
        parts=("cf.ease", {"use": "cf.ease", "l2": 5, "weight": 2}, use("mf.sgd", weight=0.5))
    )
    assert settings.split() == (
        (use("cf.ease"), 1.0),
        (use("cf.ease", l2=5), 2.0),
        (use("mf.sgd"), 0.5),
    )
