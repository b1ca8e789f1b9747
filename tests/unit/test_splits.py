"""Splits of data small enough to follow; test_evaluation.py has those of real data."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from penchant.data import Dataset, Interactions, Items, Users
from penchant.errors import DataError, SettingsError
from penchant.evaluation import (
    SPLITS,
    by_past,
    cold_item_split,
    cold_user_split,
    evaluate_scorer,
    global_time_split,
    growing_split,
    k_fold_splits,
    leaks,
    leave_last_split,
    make_split,
    sliding_time_splits,
    three_way_split,
    user_random_split,
    user_time_split,
    validation_split,
)
from penchant.evaluation.chance import Chance

GOOD, BAD = 5.0, 1.0


def dataset(*events, users="ab", items="pqrstuvw", min_value=4.0, times=True) -> Dataset:
    """Events are (user, item, value, time), in the order of the log."""
    user, item, value, time = zip(*events, strict=True) if events else ((), (), (), ())
    return Dataset(
        users=Users.of(list(users)),
        items=Items.of(list(items)),
        interactions=Interactions.of(
            np.array([users.index(u) for u in user], np.int32),
            np.array([items.index(i) for i in item], np.int32),
            np.array(value, np.float32),
            np.array(time, np.int64) if times else None,
            n_users=len(users),
            n_items=len(items),
        ),
        min_value=min_value,
    )


def likes(user, items, start=0):
    return [(user, item, GOOD, start + at) for at, item in enumerate(items)]


def pairs(csr, data) -> set[str]:
    users, items = data.users.vocabulary, data.items.vocabulary
    return {
        f"{users.id(int(u))}{items.id(int(i))}"
        for u, i in zip(csr.row_of_entry(), csr.indices, strict=True)
    }


def events(data) -> list[tuple[str, float]]:
    users, items, log = data.users.vocabulary, data.items.vocabulary, data.interactions
    return [
        (f"{users.id(int(u))}{items.id(int(i))}", float(v))
        for u, i, v in zip(log.user, log.item, log.value, strict=True)
    ]


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


# ---- all of them


@pytest.fixture(params=list(SPLITS))
def kind(request) -> str:
    return request.param


BOTH = dataset(*likes("a", "pqrstu"), *likes("b", "utsrqp"), ("a", "w", BAD, 2), ("b", "v", BAD, 3))


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


# ---- the leak guard


@pytest.mark.parametrize("kind", SPLITS)
def test_splits_made_here_leak_nothing(kind):
    data = dataset(*likes("a", "pqrst"), *likes("b", "qrstu"), *likes("c", "pqrs"), users="abc")
    assert leaks(make_split(data, kind, share=0.4)) == ()


def test_a_liking_to_find_that_train_has_is_refused():
    split = user_random_split(dataset(*likes("a", "pqrs")), 0.5)
    again = replace(split, train=dataset(*likes("a", "pqrs")))
    with pytest.raises(DataError, match=r"2 likings to find are events of train too, such as that"):
        leaks(again)


def test_a_hidden_item_that_train_knows_is_refused():
    data = dataset(*likes("a", "pqrs"), *likes("b", "pqrs"))
    split = cold_item_split(data, 0.25)
    hidden = data.items.vocabulary.id(int(split.candidates[0]))
    disliked = dataset(
        *[("a", item, GOOD, at) for at, item in enumerate("pqrs") if item != hidden],
        ("b", hidden, BAD, 9),
    )
    only_a = split.test.where(split.test.row_of_entry() == 0)
    with pytest.raises(DataError, match=f"events of 1 items that are to be new.*{hidden}"):
        leaks(replace(split, train=disliked, test=only_a))


def test_parts_of_two_datasets_are_refused():
    split = user_random_split(dataset(*likes("a", "pqrs")), 0.5)
    with pytest.raises(DataError, match="the test part is of 2 users and 8 items but train has 3"):
        leaks(replace(split, train=dataset(*likes("a", "pq"), users="abc")))


def test_a_past_that_comes_after_the_test_is_told():
    split = user_time_split(dataset(*likes("a", "pqrs")), 0.5)
    late = dataset(("a", "p", GOOD, 0), ("a", "t", GOOD, 99))
    (told,) = leaks(replace(split, train=late))
    assert told == (
        "2 of 2 held-out events are older than events in train, although the split is user-time: "
        "the model is told of the future"
    )


def test_nobody_is_evaluated_on_a_split_that_leaks():
    split = user_random_split(dataset(*likes("a", "pqrs")), 0.5)
    again = replace(split, train=dataset(*likes("a", "pqrs")))
    with pytest.raises(DataError, match="likings to find are events of train too"):
        evaluate_scorer(Chance(8), again)
