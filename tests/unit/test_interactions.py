"""The event log: folding of repeated pairs, joining of logs, and what it refuses."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from penchant.data import Interactions
from penchant.errors import DataError, RequestError, ShapeError

# User 0 meets item 1 three times (the last in time stands first in the log), user 1 item 0 once.
LOG = Interactions.of(
    [0, 1, 0, 0], [1, 0, 1, 1], [5.0, 2.0, 1.0, 3.0], [900, 100, 300, 300], n_users=3, n_items=2
)


@pytest.mark.parametrize(
    ("aggregate", "value"), [("last", 5.0), ("sum", 9.0), ("max", 5.0), ("count", 3.0)]
)
def test_events_of_a_pair_become_one_value(aggregate, value):
    view = LOG.by_user(aggregate)
    assert view.to_dense().tolist() == [
        [0.0, value],
        [2.0 if aggregate != "count" else 1.0, 0.0],
        [0.0, 0.0],
    ]
    assert np.array_equal(LOG.by_item(aggregate).to_dense(), view.to_dense().T)


def test_equal_times_and_no_times_leave_it_to_the_log():
    assert Interactions.of([0, 0], [0, 0], [1, 2], [7, 7]).by_user().to_dense().tolist() == [[2.0]]
    assert Interactions.of([0, 0], [0, 0], [1, 2]).by_user().to_dense().tolist() == [[2.0]]


def test_times_go_with_the_pairs():
    assert LOG.times_by_user().tolist() == [900, 100]
    assert LOG.by_user().indices.tolist() == [1, 0]
    assert LOG.has_times
    assert Interactions.of([0], [0]).times_by_user() is None
    assert not Interactions.of([0], [0]).has_times


def test_values_default_to_one():
    assert Interactions.of([0, 1], [0, 0]).value.tolist() == [1.0, 1.0]


def test_a_view_is_built_once_and_read_only():
    log = LOG.take(np.arange(4))
    assert log.by_user() is log.by_user()
    assert log.by_item("sum") is log.by_item("sum")
    for view in (log.by_user("max"), log.by_item("max")):
        for array in (view.indptr, view.indices, view.values):
            with pytest.raises(ValueError, match="read-only"):
                array[0] = 0


def test_many_threads_get_equal_views():
    log = LOG.take(np.arange(4))
    views = []
    threads = [threading.Thread(target=lambda: views.append(log.by_item())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(views) == 8
    assert all(np.array_equal(view.indices, views[0].indices) for view in views)


def test_an_empty_log_has_empty_views():
    log = Interactions.of([], [], n_users=2, n_items=3)
    for aggregate in ("last", "sum", "max", "count"):
        assert log.by_user(aggregate).to_dense().shape == (2, 3)
        assert log.by_item(aggregate).nnz == 0


def test_an_unknown_aggregate_is_refused():
    with pytest.raises(
        RequestError, match=r"aggregate is one of last, sum, max, count, got 'mean'"
    ):
        LOG.by_user("mean")


def test_filtering_keeps_the_order_and_the_sizes():
    kept = LOG.filtered(LOG.value > 1.5)
    assert kept.value.tolist() == [5.0, 2.0, 3.0]
    assert kept.time.tolist() == [900, 100, 300]
    assert (kept.n_users, kept.n_items) == (3, 2)
    assert LOG.take(np.array([2, 0])).value.tolist() == [1.0, 5.0]


def test_a_mask_of_another_length_is_refused():
    with pytest.raises(
        ShapeError, match=r"a mask over 4 events is 4 bools, got bool of shape \(2,"
    ):
        LOG.filtered(np.array([True, False]))
    with pytest.raises(ShapeError, match=r"got int64 of shape \(4,\)"):
        LOG.filtered(np.array([0, 1, 1, 0]))


def test_logs_are_joined_with_kinds_by_name():
    first = Interactions.of([0], [0], kind=[0], kinds=("view",))
    second = Interactions.of([1, 1], [0, 2], kind=[0, 1], kinds=("buy", "view"))
    both = first.concat(second)
    assert both.kinds == ("view", "buy")
    assert both.kind.tolist() == [0, 1, 0]
    assert both.user.tolist() == [0, 1, 1]
    assert (both.n_users, both.n_items) == (2, 3)


def test_an_empty_log_joins_anything():
    empty = Interactions.of([], [], n_users=9, n_items=1)
    assert LOG.concat(empty).n_users == 9
    assert len(empty.concat(LOG)) == 4
    assert empty.concat(LOG).time.tolist() == LOG.time.tolist()


def test_logs_with_and_without_times_are_not_joined():
    with pytest.raises(DataError, match=r"the first log has a time an event but the second has no"):
        LOG.concat(Interactions.of([0], [0]))
    with pytest.raises(DataError, match=r"the second log has a kind an event but the first has no"):
        Interactions.of([0], [0]).concat(Interactions.of([0], [0], kind=[0], kinds=("view",)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"user": [0, 9]}, r"user 9 at event 1 is out of range; there are 2"),
        ({"item": [0, -1]}, r"item -1 at event 1 is out of range; there are 2"),
        ({"kind": [0, 3], "kinds": ("view",)}, r"kind 3 at event 1 is out of range; there are 1"),
    ],
)
def test_rows_out_of_range_are_refused(change, message):
    with pytest.raises(DataError, match=message):
        Interactions.of(**{"user": [0, 1], "item": [0, 1], "n_users": 2, "n_items": 2, **change})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"item": [0]}, r"item has 1 events but user has 2"),
        ({"time": [1]}, r"time has 1 events but user has 2"),
        ({"user": [0.5, 1.0]}, r"user is float64, wanted int32"),
        ({"user": [[0, 1]]}, r"user has 2 axes, wanted 1"),
        ({"user": [0, 2**40]}, r"user holds values that int32 can't hold"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(change, message):
    with pytest.raises(ShapeError, match=message):
        Interactions.of(**{"user": [0, 1], "item": [0, 1], **change})


def test_the_callers_arrays_stay_the_callers():
    users = np.array([0, 1], np.int32)
    log = Interactions.of(users, [0, 0])
    users[0] = 1
    assert log.user.tolist() == [0, 1]
    assert not log.user.flags.writeable
    users.setflags(write=False)
    assert np.shares_memory(Interactions.of(users, [0, 0]).user, users)
