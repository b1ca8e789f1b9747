"""Weights of `hybrid.weighted`: learned from validation events, or from likings held out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from penchant.data import Dataset, Interactions
from penchant.errors import DataError, FitCancelled
from penchant.protocols import FitContext
from penchant.testing.data import checkerboard
from penchant_hybrid.learning import learn_weights
from penchant_hybrid.parts import Part

from .toys import ITEMS, LIKED_LATER, TABLE, TRAIN, USERS, Fits, Table, asks, log_of, weighted


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
