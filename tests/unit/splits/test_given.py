"""Parts that somebody else chose."""

from __future__ import annotations

import numpy as np
import pytest
from penchant.errors import DataError
from penchant.evaluation import given_split, validation_split

from .events import BAD, GOOD, dataset, events, likes, pairs


def test_the_likings_chosen_are_held_out() -> None:
    data = dataset(*likes("a", "pqr"), *likes("b", "qrs"))
    split = given_split(data, np.array([False, True, False, False, False, True]), name="ours")
    assert pairs(split.test, data) == {"aq", "bs"}
    assert events(split.train) == [("ap", GOOD), ("ar", GOOD), ("bq", GOOD), ("br", GOOD)]
    assert str(split).startswith("ours: 4 events to learn from, 2 likings to find, 2 users")
    assert pairs(validation_split(split).test, data) <= {"ap", "ar", "bq", "br"}


def test_what_is_held_out_is_never_in_train() -> None:
    data = dataset(*likes("a", "pq"), ("a", "p", GOOD, 9), ("a", "r", BAD, 9), ("a", "s", BAD, 0))
    split = given_split(data, np.array([False, True, True, True, False]))
    assert pairs(split.test, data) == {"aq"}  # "p" was met in train first
    assert events(split.train) == [("ap", GOOD), ("as", BAD)]


def test_all_events_of_a_liking_held_out_leave_train() -> None:
    data = dataset(*likes("a", "pq"), ("a", "p", GOOD, 9))
    split = given_split(data, np.array([True, False, False]))
    assert events(split.train) == [("aq", GOOD)]


@pytest.mark.parametrize(
    ("mask", "said"),
    [
        ([0, 1], r"held_out has dtype int64 and shape \(2,\); wanted a bool .* 2 events, \(2,\)"),
        ([True], r"shape \(1,\); wanted"),
        ([True, True], "leaves the train part empty: it is true for 2 of the 2 likings"),
        ([False, False], "leaves the test part empty: it is true for 0 of the 2 likings"),
    ],
)
def test_a_mask_that_parts_nothing_is_refused(mask: list[bool], said: str) -> None:
    with pytest.raises(DataError, match=said):
        given_split(dataset(*likes("a", "pq")), np.array(mask))
