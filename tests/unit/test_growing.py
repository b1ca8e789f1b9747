"""Rows appended to arrays: the same as by a copy, old arrays unchanged, the others not copied."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from penchant.growing import appended, begins_with
from penchant.protocols import F32


def rows(first: int, count: int) -> F32:
    return np.arange(3 * first, 3 * (first + count), dtype=np.float32).reshape(count, 3)


def test_rows_follow_those_that_are_there() -> None:
    whole = appended(rows(0, 2), rows(2, 1))
    assert whole.tolist() == rows(0, 3).tolist()
    with pytest.raises(ValueError, match="read-only"):
        whole[0] = 1


def test_what_was_appended_to_keeps_its_rows_and_shares_them() -> None:
    first = appended(rows(0, 2), rows(2, 1))
    second = appended(first, rows(3, 2))
    assert np.shares_memory(first, second)
    assert first.tolist() == rows(0, 3).tolist()
    assert second.tolist() == rows(0, 5).tolist()


def test_two_arrays_that_grew_from_one_do_not_meet() -> None:
    first = appended(rows(0, 2), rows(2, 1))
    one, other = appended(first, rows(3, 1)), appended(first, rows(9, 1))
    assert one.tolist() == rows(0, 4).tolist()
    assert other.tolist() == [*rows(0, 3).tolist(), *rows(9, 1).tolist()]
    # Nor does a part of an array write over the rest.
    assert appended(first[:2], rows(7, 1)).tolist() == [*rows(0, 2).tolist(), *rows(7, 1).tolist()]
    assert first.tolist() == rows(0, 3).tolist()


def test_more_rows_than_there_is_room_for_take_new_memory() -> None:
    whole = rows(0, 0)
    for start in range(0, 1000, 10):
        whole = appended(whole, rows(start, 10))
    assert whole.tolist() == rows(0, 1000).tolist()
    assert appended(whole, rows(1000, 500)).tolist() == rows(0, 1500).tolist()


def test_threads_that_append_at_once_each_get_their_rows() -> None:
    first = appended(rows(0, 2), rows(2, 1))
    with ThreadPoolExecutor(8) as pool:
        grown = list(pool.map(lambda at: appended(first, rows(at, 1)), range(64)))
    for at, whole in enumerate(grown):
        assert whole.tolist() == [*rows(0, 3).tolist(), *rows(at, 1).tolist()]


def test_an_array_begins_with_what_it_grew_from_or_equals() -> None:
    first = appended(rows(0, 2), rows(2, 1))
    assert begins_with(appended(first, rows(3, 1)), first)
    plain = rows(0, 3)
    assert begins_with(appended(plain, rows(3, 1)), plain)
    assert begins_with(rows(0, 4), first)
    assert not begins_with(rows(1, 4), first)
    assert not begins_with(rows(0, 2), first)
    # Zeros of another sign are other bits.
    assert not begins_with(-np.zeros((2, 3), np.float32), np.zeros((1, 3), np.float32))
