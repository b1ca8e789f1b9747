"""Items and users that train knows nothing, or little, of."""

from __future__ import annotations

import pytest
from penchant.errors import DataError, SettingsError
from penchant.evaluation import (
    by_past,
    cold_item_split,
    cold_user_split,
    global_time_split,
    growing_split,
    user_time_split,
)

from .events import BAD, BOTH, dataset, events, likes, pairs

# ---- by item


def test_hidden_items_leave_no_trace_and_are_the_only_candidates():
    data = dataset(*likes("a", "pqrst"), *likes("b", "pqrst"), *[("b", i, BAD, 50) for i in "uvw"])
    split = cold_item_split(data, 0.4)
    hidden = {str(data.items.vocabulary.id(int(row))) for row in split.candidates}
    assert len(hidden) == 2
    assert pairs(split.test, data) == {f"{user}{item}" for user in "ab" for item in hidden}
    assert not [pair for pair, _ in events(split.train) if pair[1] in hidden]
    assert {"bu", "bv", "bw"} <= {pair for pair, _ in events(split.train)}


def test_dislikes_of_a_hidden_item_are_hidden_with_it():
    data = dataset(*likes("a", "pq"), ("b", "p", BAD, 0), ("b", "q", BAD, 0))
    split = cold_item_split(data, 0.5)
    (hidden,) = split.candidates
    assert hidden not in split.train.interactions.item


def test_only_liked_items_are_hidden_by_the_order_of_their_ids():
    straight = dataset(*likes("a", "pqrs"), items="pqrstuvw")
    turned = dataset(*likes("a", "srqp"), items="wvutsrqp")
    hidden = [
        [data.items.vocabulary.id(int(row)) for row in cold_item_split(data, 0.5).candidates]
        for data in (straight, turned)
    ]
    assert set(hidden[0]) == set(hidden[1]) <= set("pqrs")


def test_a_growing_catalogue_hides_items_and_a_share_of_other_likings():
    data = dataset(*likes("a", "pqrstuvw"), *likes("b", "pqrstuvw"))
    split = growing_split(data, 0.25)
    hidden = set("pqrstuvw") - {pair[1] for pair in pairs(split.train.positive_csr(), data)}
    assert {f"{user}{item}" for user in "ab" for item in hidden} <= pairs(split.test, data)
    assert hidden == {
        str(data.items.vocabulary.id(int(row))) for row in cold_item_split(data, 0.25).candidates
    }
    # Of each user's other six likings, ceil(1.5) are held out.
    assert split.test.counts().tolist() == [2 + 2, 2 + 2]
    assert split.candidates is None


def test_a_user_of_new_items_alone_is_not_evaluated_by_a_growing_catalogue():
    data = dataset(*likes("a", "pqrstuvw"), *likes("b", "p"))
    for seed in range(20):
        split = growing_split(data, 0.25, seed)
        assert split.users.tolist() == [0]


# ---- by user


def test_a_cold_user_keeps_the_first_likings_and_others_keep_all():
    data = dataset(*likes("a", "pqrst"), *likes("b", "wvuts"))
    split = cold_user_split(data, 0.5, known=2)
    (row,) = split.users
    first, rest = {0: ("pq", "rst"), 1: ("wv", "uts")}[int(row)]
    name = "ab"[row]
    kept = pairs(split.train.positive_csr(), data)
    assert pairs(split.test, data) == {f"{name}{item}" for item in rest}
    assert {pair for pair in kept if pair[0] == name} == {f"{name}{item}" for item in first}
    assert len(kept) == 2 + 5


def test_only_users_with_more_likings_than_stay_known_turn_cold():
    data = dataset(*likes("a", "pqr"), *likes("b", "pqrs"))
    for seed in range(5):
        assert cold_user_split(data, 0.9, seed, known=3).users.tolist() == [1]


def test_a_cold_user_s_dislikes_from_after_the_known_likings_go():
    data = dataset(("a", "u", BAD, 0), *likes("a", "pqrst", start=1), ("a", "v", BAD, 9))
    kept = {pair for pair, _ in events(cold_user_split(data, known=2).train)}
    assert kept == {"au", "ap", "aq"}


def test_without_times_the_seed_says_which_likings_of_a_cold_user_are_known():
    data = dataset(*likes("a", "pqrstuvw"), times=False)
    found = {frozenset(pairs(cold_user_split(data, seed=seed).test, data)) for seed in range(5)}
    assert len(found) > 1


def test_a_cold_user_needs_a_known_liking_and_one_to_find():
    data = dataset(*likes("a", "pqr"))
    with pytest.raises(SettingsError, match="known must be at least 1, got 0; a user without any"):
        cold_user_split(data, known=0)
    with pytest.raises(DataError, match="no user with more than 3 likings; lower known or give"):
        cold_user_split(data)


# ---- by the past of items


def test_likings_are_parted_by_how_many_users_liked_the_item_in_train():
    data = dataset(
        *likes("a", "pq"), *likes("b", "pqrs"), *likes("c", "pstu"), *likes("d", "p"), users="abcd"
    )
    split = user_time_split(data)  # holds out aq, bs and cu; train likes p 4, q 1, s 1, u 0 times
    parted = by_past(split, (0, 2))
    assert {name: pairs(one.test, data) for name, one in parted.items()} == {
        "0": {"cu"},
        "1-2": {"aq", "bs"},
    }
    assert parted["1-2"].users.tolist() == [0, 1]
    assert parted["0"].name == "user-time/0"
    assert parted["0"].train is split.train


def test_buckets_hold_every_liking_of_the_evaluated_once():
    split = growing_split(BOTH, 0.3)
    parted = by_past(split, (0, 1))
    assert list(parted) == ["0", "1", "2+"][: len(parted)]
    assert sum(one.test.nnz for one in parted.values()) == split.test.nnz


@pytest.mark.parametrize("bounds", [(), (-1,), (0, 0), (5, 1)])
def test_bounds_that_do_not_ascend_are_refused(bounds):
    with pytest.raises(SettingsError, match=r"bounds must ascend, from 0 at the least, got \["):
        by_past(growing_split(BOTH, 0.3), bounds)


# ---- by one moment


def test_train_knows_nothing_from_the_cut_on():
    data = dataset(
        *likes("a", "pqrs"), *likes("b", "pqrs", start=2), ("a", "u", BAD, 1), ("a", "v", BAD, 5)
    )
    split = global_time_split(data, 0.25)  # times 0 1 2 2 3 3 4 5: the cut is at 4
    assert pairs(split.test, data) == {"br", "bs"}
    assert split.train.interactions.time.max() < 4
    assert ("au", BAD) in events(split.train)
    assert ("av", BAD) not in events(split.train)
    assert split.users.tolist() == [1]


def test_few_users_across_a_global_cut_are_warned_of():
    split = global_time_split(dataset(*likes("a", "pq"), *likes("b", "pqrs", 10), users="abc"), 0.2)
    assert "only 1 user is evaluated; their mean is mostly chance" in split.warnings
    three = dataset(*likes("a", "pq"), *likes("b", "rs"), *likes("c", "tuvw", 9), users="abc")
    assert any(
        "2 of 3 users have likings in one part alone" in warning
        for warning in global_time_split(three).warnings
    )


def test_likings_of_items_new_after_the_cut_are_warned_of():
    split = user_time_split(dataset(*likes("a", "pq")))
    assert "100% of the likings to find are of items that nobody likes in train" in split.warnings
