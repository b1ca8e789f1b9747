"""The leak guard."""

from __future__ import annotations

from dataclasses import replace

import pytest
from penchant.errors import DataError
from penchant.evaluation import (
    SPLITS,
    cold_item_split,
    evaluate_scorer,
    leaks,
    make_split,
    user_random_split,
    user_time_split,
)
from penchant.evaluation.chance import Chance

from .events import BAD, GOOD, dataset, likes


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
