"""What all splits promise, and what cannot be split."""

from __future__ import annotations

import pytest
from penchant.errors import DataError, SettingsError
from penchant.evaluation import (
    SPLITS,
    cold_item_split,
    global_time_split,
    make_split,
    user_random_split,
    validation_split,
)

from .events import BAD, BOTH, GOOD, dataset, events, likes, pairs


@pytest.fixture(params=list(SPLITS))
def kind(request) -> str:
    return request.param


def test_train_and_test_never_share_a_pair(kind):
    split = make_split(BOTH, kind, share=0.3)
    train = pairs(split.train.interactions.by_user(), BOTH)
    assert not train & pairs(split.test, BOTH)
    assert pairs(split.held_out.interactions.by_user(), BOTH) == pairs(split.test, BOTH)


def test_vocabularies_stay_whole(kind):
    split = make_split(BOTH, kind, share=0.3)
    assert split.train.items is BOTH.items
    assert split.train.users is BOTH.users
    assert (split.test.rows, split.test.columns) == (len(BOTH.users), len(BOTH.items))


def test_without_negatives_train_is_likings_alone(kind):
    kept = make_split(BOTH, kind, share=0.3)
    bare = make_split(BOTH, kind, share=0.3, keep_negatives=False)
    assert {value for _, value in events(bare.train)} == {GOOD}
    assert pairs(bare.test, BOTH) == pairs(kept.test, BOTH)
    assert pairs(bare.train.positive_csr(), BOTH) == pairs(kept.train.positive_csr(), BOTH)


def test_a_split_is_told_in_a_sentence(kind):
    split = make_split(BOTH, kind, share=0.3)
    assert split.name == split.kind == kind
    assert str(split).startswith(f"{kind}: {len(split.train.interactions)} events to learn from, ")


def test_arrays_of_a_split_are_read_only(kind):
    split = make_split(BOTH, kind, share=0.3)
    assert not split.test.indices.flags.writeable
    assert not split.users.flags.writeable
    assert split.candidates is None or not split.candidates.flags.writeable


def test_a_validation_split_is_carved_out_of_train(kind):
    split = make_split(BOTH, kind, share=0.3)
    inner = validation_split(split, share=0.3)
    outer = pairs(split.train.positive_csr(), BOTH)
    assert pairs(inner.test, BOTH) | pairs(inner.train.positive_csr(), BOTH) <= outer
    assert pairs(inner.test, BOTH)
    assert inner.kind == kind
    assert inner.name == f"{kind}/validation"


def test_without_a_threshold_every_event_is_a_liking(kind):
    data = dataset(*likes("a", "pqrs"), ("b", "p", BAD, 1), ("b", "q", BAD, 2), min_value=None)
    split = make_split(data, kind, share=0.4)
    assert len(split.train.interactions) + split.test.nnz == 6


# ---- what can't be split


def test_data_without_likings_are_refused(kind):
    with pytest.raises(
        DataError, match=r"no likings \(events of 4.0 or more\) among their 1 events"
    ):
        make_split(dataset(("a", "p", BAD, 0)), kind)
    with pytest.raises(DataError, match="the data have no events among their 0 events"):
        make_split(dataset(min_value=None), kind)


@pytest.mark.parametrize("share", [0, 1, -0.1, 1.5, float("nan")])
def test_a_share_outside_of_0_and_1_is_refused(kind, share):
    with pytest.raises(SettingsError, match=rf"share must lie between 0 and 1, .*, got {share}"):
        make_split(BOTH, kind, share=share)


def test_a_negative_seed_is_refused():
    with pytest.raises(SettingsError, match="seed must be a whole number from 0, got -1"):
        user_random_split(BOTH, seed=-1)


@pytest.mark.parametrize("kind", ["user-time", "global-time"])
def test_a_split_in_time_without_times_says_what_to_use(kind):
    with pytest.raises(DataError, match=f"the {kind} split needs the times .*, or use user_random"):
        make_split(dataset(*likes("a", "pq"), times=False), kind)


@pytest.mark.parametrize("kind", ["user-time", "user-random"])
def test_users_with_one_liking_each_leave_no_test(kind):
    data = dataset(*likes("a", "p"), *likes("b", "q"))
    with pytest.raises(
        DataError, match=f"{kind} split leaves its test part empty: none of the use"
    ):
        make_split(data, kind)


def test_likings_of_one_moment_leave_no_train():
    data = dataset(("a", "p", GOOD, 3), ("b", "q", GOOD, 3))
    with pytest.raises(
        DataError, match="leaves its train part empty: all 2 likings lie at its cut"
    ):
        global_time_split(data)


def test_too_few_items_hide_none():
    with pytest.raises(
        DataError, match=r"hides none of 3 liked items at a share of 0\.2; raise the"
    ):
        cold_item_split(dataset(*likes("a", "pqr")))


def test_users_on_one_side_of_the_cut_leave_nobody_to_ask():
    data = dataset(*likes("a", "pqrs"), *likes("b", "p", start=10))
    with pytest.raises(DataError, match="leaves no user with likings in both parts, so nobody can"):
        global_time_split(data)


def test_a_misspelt_split_names_the_one_meant():
    with pytest.raises(
        SettingsError, match="no split is named 'user-tme'; did you mean 'user-time'"
    ):
        make_split(BOTH, "user-tme")
