"""Dirty data: refused with counts and row numbers, or dropped and counted."""

from __future__ import annotations

import json

import numpy as np
import pytest
from penchant.data import CleaningReport, Dataset, Problem
from penchant.errors import DataError

NAN, INF = float("nan"), float("inf")

DIRTY = {
    "user_id": ["u", "", "u", "v", "v", "w", "u", "u"],
    "item_id": ["i", "i", None, "i", "j", "i", "i", "j"],
    "rating": [5.0, 4.0, 3.0, NAN, INF, 99.0, 5.0, 4.0],
    "time": ["2020-01-01", "2020-01-02", "2020-01-03", "2020-01-04", "2020-01-05", "2020-01-06",
             "2020-01-01", "yesterday"],
}  # fmt: skip
REASONS = {
    "user_id is missing": (2,),
    "item_id is missing": (3,),
    "rating is missing or not finite": (4, 5),
    "rating is outside of 1 to 5": (6,),
    "time is missing or no time": (8,),
    "an earlier event is repeated exactly": (7,),
}


def test_one_error_names_all_that_is_wrong():
    with pytest.raises(DataError) as caught:
        Dataset.from_frame(DIRTY, rating_range=(1, 5))
    message = str(caught.value)
    assert "user_id is missing in 1 row (row 2)" in message
    assert "rating is missing or not finite in 2 rows (rows 4, 5)" in message
    assert all(reason in message for reason in REASONS)
    assert 'pass clean="drop"' in message


def test_dropped_rows_are_counted():
    data = Dataset.from_frame(DIRTY, rating_range=(1, 5), clean="drop")
    assert {reason: p.rows for reason, p in data.report.dropped.items()} == REASONS
    assert (data.report.rows_in, data.report.rows_kept) == (8, 1)
    assert data.users.vocabulary.ids() == ["u"]
    assert data.items.vocabulary.ids() == ["i"]
    assert len(data.interactions) == 1


def test_only_the_first_few_rows_are_named():
    users = ["u"] + [""] * 7
    with pytest.raises(DataError, match=r"missing in 7 rows \(rows 2, 3, 4, 5, 6, …\)"):
        Dataset.from_frame({"user_id": users, "item_id": ["i"] * 8})


def test_several_events_of_a_pair_are_no_mistake():
    events = {"user_id": ["u"] * 3, "item_id": ["i"] * 3, "value": [1, 2, 2], "time": [5, 6, 7]}
    assert len(Dataset.from_frame(events).interactions) == 3


def test_equal_rows_without_a_time_may_be_two_events():
    data = Dataset.from_frame({"user_id": ["u", "u"], "item_id": ["i", "i"]})
    assert len(data.interactions) == 2
    assert data.report.notes == {"events of a pair met before, without a time": 1}


def test_events_of_different_kinds_are_no_repetition():
    events = {
        "user_id": ["u"] * 3,
        "item_id": ["i"] * 3,
        "time": [5, 5, 5],
        "k": ["see", "buy"] * 1 + ["see"],
    }
    data = Dataset.from_frame(events, kind="k", clean="drop")
    assert data.interactions.kinds == ("see", "buy")
    assert data.interactions.kind.tolist() == [0, 1]


@pytest.mark.parametrize("clean", ["refuse", "drop"])
def test_nothing_at_all_is_refused(clean):
    with pytest.raises(DataError, match=r"the interactions have no rows; a dataset needs at least"):
        Dataset.from_frame({"user_id": [], "item_id": []}, clean=clean)


def test_nothing_left_is_refused():
    with pytest.raises(
        DataError, match=r"none of the 1 rows of the interactions is left .*: user_id is m"
    ):
        Dataset.from_frame({"user_id": [""], "item_id": ["i"]}, clean="drop")


def test_an_unknown_way_to_clean_is_refused():
    with pytest.raises(DataError, match=r"clean is 'refuse' or 'drop', got 'fix'"):
        Dataset.from_frame({"user_id": ["u"], "item_id": ["i"]}, clean="fix")


def test_text_among_numbers_is_told_apart_from_a_gap():
    events = {"user_id": ["u"] * 3, "item_id": list("ijk"), "value": ["1", "x", ""]}
    report = Dataset.from_frame(events, clean="drop").report
    assert report.dropped["value is no number"].rows == (2,)
    assert report.dropped["value is missing or not finite"].rows == (3,)


def test_a_value_past_float32_is_not_finite():
    with pytest.raises(DataError, match=r"value is missing or not finite in 1 row \(row 1\)"):
        Dataset.from_frame({"user_id": ["u"], "item_id": ["i"], "value": [1e300]})


@pytest.mark.parametrize(
    ("times", "unit", "microseconds"),
    [
        ([10, -1], "s", [10_000_000, -1_000_000]),
        ([10, -1], "ms", [10_000, -1_000]),
        ([10, -1], "us", [10, -1]),
        ([10_000, -1_000], "ns", [10, -1]),
        ([1.5, 0.0], "s", [1_500_000, 0]),
        (["1970-01-01T00:00:01", "1970-01-01T01:00:00.000001+01:00"], "s", [1_000_000, 1]),
        (["1970-01-02", "1970-01-01T00:00:00Z"], "s", [86_400_000_000, 0]),
    ],
)
def test_times_are_microseconds_in_utc(times, unit, microseconds):
    events = {"user_id": ["u", "u"], "item_id": ["i", "j"], "time": times}
    assert Dataset.from_frame(events, time_unit=unit).interactions.time.tolist() == microseconds


@pytest.mark.parametrize("time", ["tomorrow", "", None, "2020-13-01", 2**62, NAN])
def test_what_is_no_time_is_told(time):
    events = {"user_id": ["u", "u"], "item_id": ["i", "j"], "time": ["2020-01-01", time]}
    with pytest.raises(DataError, match=r"time is missing or no time in 1 row \(row 2\)"):
        Dataset.from_frame(events)


def test_an_unknown_unit_is_refused():
    with pytest.raises(DataError, match=r"time_unit is one of s, ms, us, ns, got 'h'"):
        Dataset.from_frame({"user_id": ["u"], "item_id": ["i"], "time": [1]}, time_unit="h")


def test_mixed_ids_are_refused_even_when_dropping():
    events = {"user_id": ["u", 3], "item_id": ["i", "j"]}
    with pytest.raises(
        DataError, match=r"'user_id' holds both text and integers: 'u' in row 1, 3 in row 2"
    ):
        Dataset.from_frame(events, clean="drop")


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        (np.array([1.5, 2.0]), r"'user_id' holds floats; ids are text or integers, so cast"),
        (np.array([1.0, 2.0]), r"'user_id' holds floats"),
        (np.array([True, False]), r"'user_id' holds bool; ids are text or integers"),
        ([("a",), ("b",)], r"'user_id' holds \('a',\) in row 1; ids are text or integers"),
        ([2**70, 1], r"'user_id' holds integers past 64 bits; use text ids"),
    ],
)
def test_what_is_no_id_is_refused(ids, message):
    with pytest.raises(DataError, match=message):
        Dataset.from_frame({"user_id": ids, "item_id": ["i", "j"]})


def test_tables_are_cleaned_too():
    events = {"user_id": ["u"], "item_id": ["i"]}
    items = {"item_id": ["i", "j", "i", ""], "year": [1.0, INF, 2.0, 3.0]}
    with pytest.raises(DataError) as caught:
        Dataset.from_frame(events, items=items)
    assert "items: item_id is missing in 1 row (row 4)" in str(caught.value)
    assert "items: item_id is repeated in 1 row (row 3)" in str(caught.value)
    assert "items: year is no number in 1 row (row 2)" in str(caught.value)
    data = Dataset.from_frame(events, items=items, clean="drop")
    assert data.items.vocabulary.ids() == ["i", "j"]
    assert data.items.number("year")[0] == 1.0
    assert np.isnan(data.items.number("year")[1])


def test_relations_are_cleaned_too():
    events = {"user_id": ["u", "v"], "item_id": ["i", "i"]}
    ties = {
        "source": ["u", "", "u", "u"],
        "target": ["v", "v", "zoe", "v"],
        "weight": [1, 1, 1, NAN],
    }
    with pytest.raises(
        DataError, match=r"relations: a user is missing in 1 row \(row 2\); relations"
    ):
        Dataset.from_frame(events, relations=ties)
    data = Dataset.from_frame(events, relations=ties, clean="drop")
    assert data.relations.by_source.to_dense().tolist() == [[0, 1], [0, 0]]
    assert data.report.notes["relations with a user of no event"] == 1


def test_a_report_reads_well_and_is_json():
    report = CleaningReport(10, 7, {"x is missing": Problem(3, (1, 2, 5))}, {"odd things": 2})
    assert str(report) == (
        "7 of 10 rows kept\n  dropped: x is missing in 3 rows (rows 1, 2, 5)\n  note: odd things: 2"
    )
    assert json.loads(json.dumps(report.to_json())) == {
        "rows_in": 10,
        "rows_kept": 7,
        "dropped": {"x is missing": {"count": 3, "rows": [1, 2, 5]}},
        "notes": {"odd things": 2},
        "unused": [],
    }
