"""Likings held out of each user: the latest, at random, the last ones, folds and windows."""

from __future__ import annotations

import numpy as np
import pytest
from penchant.data import Dataset, Interactions, Items, Users
from penchant.errors import DataError, SettingsError
from penchant.evaluation import (
    k_fold_splits,
    leave_last_split,
    make_split,
    sliding_time_splits,
    three_way_split,
    user_random_split,
    user_time_split,
    validation_split,
)

from .events import BAD, GOOD, dataset, events, likes, pairs

# ---- by a user's time


def test_the_latest_likings_of_each_user_are_held_out():
    data = dataset(*likes("a", "pqrst"), *likes("b", "wvuts", start=100))
    split = user_time_split(data)
    assert pairs(split.test, data) == {"at", "bs"}
    assert pairs(split.train.positive_csr(), data) == {
        "ap",
        "aq",
        "ar",
        "as",
        "bw",
        "bv",
        "bu",
        "bt",
    }
    assert split.users.tolist() == [0, 1]
    assert split.candidates is None


def test_the_share_is_rounded_up_but_one_liking_is_kept():
    data = dataset(*likes("a", "pqr"), *likes("b", "p"))
    assert pairs(user_time_split(data, 0.34).test, data) == {"aq", "ar"}
    assert pairs(user_time_split(data, 0.99).test, data) == {"aq", "ar"}


def test_one_liking_is_no_evaluation_yet_stays_to_learn_from():
    data = dataset(*likes("a", "pqr"), *likes("b", "p"))
    split = user_time_split(data)
    assert split.users.tolist() == [0]
    assert ("bp", GOOD) in events(split.train)


def test_likings_of_one_moment_go_by_id_and_not_by_row():
    data = dataset(*[("a", item, GOOD, 7) for item in "qrp"], items="rpq")
    split = user_time_split(data)
    assert pairs(split.test, data) == {"ar"}
    assert "the cut falls among likings of one moment" in " ".join(split.warnings)


def test_integer_ids_are_in_order_as_numbers():
    log = Interactions.of([0, 0, 0], [0, 1, 2], [5, 5, 5], [7, 7, 7])
    data = Dataset(Users.of([1]), Items.of([10, 9, 2]), log, min_value=4.0)
    assert user_time_split(data).test.indices.tolist() == [0]


def test_dislikes_from_before_the_cut_stay_and_later_ones_go():
    data = dataset(
        ("a", "p", GOOD, 1),
        ("a", "u", BAD, 2),
        ("a", "q", GOOD, 3),
        ("a", "v", BAD, 4),
        ("b", "v", BAD, 9),
    )
    split = user_time_split(data)
    assert pairs(split.test, data) == {"aq"}
    assert events(split.train) == [("ap", GOOD), ("au", BAD), ("bv", BAD)]
    assert events(user_time_split(data, keep_negatives=False).train) == [("ap", GOOD)]


def test_a_dislike_of_the_very_moment_of_the_cut_goes():
    data = dataset(("a", "p", GOOD, 1), ("a", "q", GOOD, 3), ("a", "v", BAD, 3))
    assert events(user_time_split(data).train) == [("ap", GOOD)]


def test_a_repeated_liking_is_dated_by_the_first_and_counts_once():
    data = dataset(
        ("a", "p", GOOD, 1),
        ("a", "q", GOOD, 2),
        ("a", "r", GOOD, 3),
        ("a", "p", GOOD, 9),
        ("a", "r", GOOD, 10),
    )
    split = user_time_split(data)
    assert pairs(split.test, data) == {"ar"}
    assert events(split.train) == [("ap", GOOD), ("aq", GOOD)]
    assert events(split.held_out) == [("ar", GOOD), ("ar", GOOD)]


def test_no_event_of_a_held_out_pair_is_seen_in_train():
    # A dislike that later turned into a liking would take the liking out of the lists.
    data = dataset(("a", "q", BAD, 0), *likes("a", "pq", start=1))
    for split in (user_time_split(data), make_split(data, "user-random")):
        assert not pairs(split.test, data) & pairs(split.train.interactions.by_user(), data)


# ---- at random


def test_a_random_split_holds_out_the_share_of_each_user():
    data = dataset(*likes("a", "pqrstuvw"), *likes("b", "pqr"))
    split = user_random_split(data, 0.25)
    assert split.test.counts().tolist() == [2, 1]
    whole = pairs(split.test, data) | pairs(split.train.positive_csr(), data)
    assert whole == pairs(data.positive_csr(), data)


def test_the_seed_alone_decides_a_random_split():
    data = dataset(*likes("a", "pqrstuvw"), *likes("b", "pqrstuvw"))
    same, again = user_random_split(data, 0.5, 3), user_random_split(data, 0.5, 3)
    assert pairs(same.test, data) == pairs(again.test, data)
    others = {frozenset(pairs(user_random_split(data, 0.5, seed).test, data)) for seed in range(5)}
    assert len(others) > 1


def test_random_numbers_are_drawn_in_the_order_of_the_log():
    log = "srqp"
    least = np.argsort(np.random.default_rng(42).random(len(log)))[:2]
    data = dataset(*likes("a", log))
    assert pairs(user_random_split(data, 0.5).test, data) == {f"a{log[at]}" for at in least}


def test_a_random_split_needs_no_times_and_keeps_dislikes():
    data = dataset(*likes("a", "pq"), ("b", "r", BAD, 0), times=False)
    split = user_random_split(data)
    assert ("br", BAD) in events(split.train)
    assert ("br", BAD) not in events(user_random_split(data, keep_negatives=False).train)


# ---- the last ones, folds and windows


def test_the_last_likings_are_held_out_of_those_who_have_more():
    data = dataset(*likes("a", "pqr"), *likes("b", "p"))
    split = leave_last_split(data)
    assert pairs(split.test, data) == {"ar"}
    assert pairs(split.train.positive_csr(), data) == {"ap", "aq", "bp"}
    assert pairs(leave_last_split(data, n=2).test, data) == {"aq", "ar"}


def test_a_number_of_last_likings_below_1_is_refused():
    with pytest.raises(SettingsError, match="n must be at least 1, the likings held out of each"):
        leave_last_split(dataset(*likes("a", "pq")), n=0)


def test_folds_hold_out_each_liking_once_and_no_user_s_only_one():
    data = dataset(*likes("a", "pqrst"), *likes("b", "pqr"), *likes("c", "p"), users="abc")
    splits = k_fold_splits(data, folds=3, seed=1)
    found = [pair for split in splits for pair in pairs(split.test, data)]
    assert sorted(found) == sorted({"ap", "aq", "ar", "as", "at", "bp", "bq", "br"})
    assert [split.name for split in splits] == ["k-fold 1/3", "k-fold 2/3", "k-fold 3/3"]
    assert all(split.test.counts()[0] in (1, 2) for split in splits)
    assert validation_split(splits[0]).kind == "user-random"


def test_the_seed_alone_decides_folds():
    data = dataset(*likes("a", "pqrst"), *likes("b", "pqrst"))
    one, same, other = (
        [pairs(split.test, data) for split in k_fold_splits(data, 2, seed)] for seed in (1, 1, 2)
    )
    assert one == same != other


def test_a_single_fold_is_refused():
    with pytest.raises(SettingsError, match="folds must be at least 2, got 1"):
        k_fold_splits(dataset(*likes("a", "pq")), folds=1)


def test_folds_that_stay_empty_are_told_of():
    data = dataset(*likes("a", "pqrs"), *likes("b", "pq"))
    with pytest.raises(DataError, match=r"of 9 folds are empty, for 6 likings of 2 users can't"):
        k_fold_splits(data, 9)
    with pytest.raises(DataError, match="k-fold split leaves its test part empty: none of the"):
        k_fold_splits(dataset(*likes("a", "p"), *likes("b", "q")), 2)


def test_a_validation_part_that_stays_empty_is_told_of_by_its_name():
    data = dataset(*likes("a", "pq"), *likes("b", "qr"))
    with pytest.raises(
        DataError, match="no validation part can be cut from the train part of user"
    ):
        validation_split(user_random_split(data))
    with pytest.raises(
        DataError, match=r"no validation part .* user-time: the user-time split leav"
    ):
        three_way_split(data, "user-time")


def test_a_window_learns_from_what_was_before_it_and_knows_nothing_after():
    data = dataset(*likes("a", "pqrst"), *likes("b", "pqrst"))
    early, late = sliding_time_splits(data, windows=2, share=0.2)
    assert pairs(early.train.positive_csr(), data) == {"ap", "aq", "ar", "bp", "bq", "br"}
    assert pairs(early.test, data) == {"as", "bs"}
    assert pairs(late.test, data) == {"at", "bt"}
    assert pairs(late.train.positive_csr(), data) == {u + i for u in "ab" for i in "pqrs"}
    assert late.name == "sliding-time 2/2"
    assert validation_split(late).kind == "global-time"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"windows": 0}, "windows must be at least 1, got 0"),
        ({"windows": 5, "share": 0.2}, "5 windows of 0.2 each leave nothing to learn from"),
    ],
)
def test_windows_that_leave_nothing_are_refused(settings, message):
    with pytest.raises(SettingsError, match=message):
        sliding_time_splits(dataset(*likes("a", "pq")), **settings)


def test_windows_of_one_moment_are_refused():
    data = dataset(*[("a", item, GOOD, 0) for item in "pqrst"])
    with pytest.raises(DataError, match="window 1 of 2 is empty: too many likings share one time"):
        sliding_time_splits(data, windows=2, share=0.2)
