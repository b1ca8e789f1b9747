"""Bootstrap intervals and the table of contestants."""

from __future__ import annotations

import csv
import io
import json

import numpy as np
import pytest
from penchant.errors import DataError, RequestError, ShapeError
from penchant.evaluation import Comparison, Contestant, Interval, mean_interval, paired_bootstrap
from penchant.evaluation import bootstrap as module

# ---- intervals


def test_the_difference_is_that_of_the_second_over_the_first():
    better = paired_bootstrap([0.0, 0.2, 0.4], [0.5, 0.7, 0.9])
    assert better == Interval(pytest.approx(0.5), pytest.approx(0.5), pytest.approx(0.5))
    assert paired_bootstrap([0.5], [0.0]).difference == -0.5


def test_pairing_removes_what_users_have_in_common():
    generator = np.random.default_rng(0)
    users = generator.random(300)
    gain = 0.01 + 0.001 * generator.standard_normal(300)
    paired = paired_bootstrap(users, users + gain)
    assert not paired.holds_zero
    assert paired.high - paired.low < 0.001
    alone = mean_interval(users)
    assert alone.high - alone.low > 0.05


def test_a_wide_interval_holds_zero():
    assert paired_bootstrap([0, 1, 0, 1], [1, 0, 1, 0]).holds_zero


def test_an_interval_is_about_two_standard_errors_to_each_side():
    values = np.random.default_rng(1).standard_normal(2000)
    interval = mean_interval(values)
    error = values.std() / np.sqrt(len(values))
    assert interval.difference == values.mean()
    assert interval.high - interval.difference == pytest.approx(1.96 * error, rel=0.1)
    assert interval.difference - interval.low == pytest.approx(1.96 * error, rel=0.1)


def test_the_seed_decides_the_draws():
    values = np.arange(50.0)
    assert mean_interval(values, seed=3) == mean_interval(values, seed=3)
    assert mean_interval(values, seed=3) != mean_interval(values, seed=4)


def test_the_draws_do_not_depend_on_how_many_are_held_at_once(monkeypatch):
    values = np.random.default_rng(5).random(37)
    whole = mean_interval(values, samples=101)
    monkeypatch.setattr(module, "_DRAWS_AT_ONCE", 3 * len(values))
    assert mean_interval(values, samples=101) == whole
    drawn = np.random.default_rng(0).integers(0, 37, (101, 37))
    low, high = np.quantile(values[drawn].mean(axis=1), (0.025, 0.975))
    assert whole == Interval(float(values.mean()), float(low), float(high))


def test_an_interval_reads_as_a_sentence_would():
    assert str(Interval(-0.007, -0.0132, -0.0009)) == "-0.0070 [-0.0132, -0.0009]"


def test_values_that_have_no_mean_are_refused():
    with pytest.raises(ShapeError, match=r"of \(2,\) and \(1,\) users; compare two evaluations of"):
        paired_bootstrap([1.0, 2.0], [1.0])
    with pytest.raises(ShapeError, match=r"one axis, got an array of shape \(1, 1\)"):
        mean_interval([[1.0]])
    with pytest.raises(DataError, match="no users to take a mean over"):
        mean_interval([])
    with pytest.raises(DataError, match="hold one that isn't finite"):
        mean_interval([1.0, np.nan])
    with pytest.raises(RequestError, match="samples must be at least 1, got 0"):
        mean_interval([1.0], samples=0)


# ---- tables

TABLE = Comparison(
    (
        Contestant("popular", {"ndcg@10": 0.068013}, fit_seconds=0.0041, p50_us=12.4),
        Contestant("cf.ease", {"ndcg@10": 0.1047, "coverage@10": 0.05}, fit_seconds=1.9),
    ),
    title="user-time",
)


def test_the_text_is_aligned_and_leaves_unmeasured_cells_empty():
    assert str(TABLE).splitlines() == [
        "user-time",
        "         ndcg@10  coverage@10  fit s  p50 us",
        "popular   0.0680                0.00      12",
        "cf.ease   0.1047       0.0500   1.90",
    ]


def test_a_column_that_nobody_measured_is_left_out():
    bare = Comparison((Contestant("popular", {"mrr@5": 0.25}),))
    assert bare.to_text() == "          mrr@5\npopular  0.2500"
    assert bare.to_csv() == "name,mrr@5\npopular,0.25\n"


def test_an_empty_table_is_a_header():
    assert Comparison(()).to_text() == ""
    assert Comparison(()).to_csv() == "name\n"
    assert Comparison(()).to_json() == {"title": "", "rows": []}


def test_the_json_has_all_digits_and_no_nan():
    told = json.loads(json.dumps(TABLE.to_json(), allow_nan=False))
    assert told["title"] == "user-time"
    assert told["rows"][0] == {
        "name": "popular",
        "metrics": {"ndcg@10": 0.068013},
        "fit_seconds": 0.0041,
        "p50_us": 12.4,
        "p99_us": None,
        "megabytes": None,
        "fit_megabytes": None,
        "intervals": {},
        "differences": {},
    }
    assert told["rows"][1]["p50_us"] is None


def test_the_csv_survives_commas_in_names():
    odd = Comparison((Contestant('ease, "dense"', {"ndcg@10": 0.1}),))
    assert list(csv.reader(io.StringIO(odd.to_csv()))) == [
        ["name", "ndcg@10"],
        ['ease, "dense"', "0.1"],
    ]
    assert TABLE.to_csv().splitlines()[2] == "cf.ease,0.1047,0.05,1.9,"


def test_what_differs_from_the_base_is_marked_and_digits_stay_below_digits():
    def less(low, high):
        return {"ndcg@10": Interval((low + high) / 2, low, high)}

    marked = Comparison(
        (
            Contestant("base", {"ndcg@10": 0.2}),
            Contestant("above", {"ndcg@10": 0.3}, differences=less(0.05, 0.15)),
            Contestant("below", {"ndcg@10": 0.1}, differences=less(-0.15, -0.05)),
            Contestant("same", {"ndcg@10": 0.21}, differences=less(-0.01, 0.03)),
        )
    )
    assert str(marked).splitlines() == [
        "       ndcg@10",
        "base    0.2000",
        "above   0.3000+",
        "below   0.1000-",
        "same    0.2100",
    ]
    assert marked.to_csv().splitlines()[2] == "above,0.3,0.1,0.05,0.15"


def test_rows_are_sorted_by_a_metric_greatest_first():
    assert [row.name for row in TABLE.sorted_by("ndcg@10").rows] == ["cf.ease", "popular"]
    assert [row.name for row in TABLE.sorted_by("coverage@10").rows] == ["cf.ease", "popular"]
    assert TABLE.sorted_by("ndcg@10").title == "user-time"
