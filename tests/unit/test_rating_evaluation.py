"""Ratings predicted for held-out events: what is measured, of whom, and who can't be asked."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from penchant.data import Dataset, Interactions, Items, Users
from penchant.errors import DataError, RequestError
from penchant.evaluation import (
    compare,
    compare_on,
    evaluate_ratings,
    evaluate_scorer,
    make_split,
    paired_shares,
    share_interval,
    user_random_split,
)
from penchant.evaluation.parting import Split
from penchant.evaluation.ratings import predict_ratings
from penchant.metrics import Share
from penchant.protocols import State

RATES = {"sgd": {"use": "mf.sgd", "epochs": 5}, "slope one": "cf.slope_one"}


def rated(users: int = 30, items: int = 12, *, min_value: float | None = None) -> Dataset:
    """Everybody rates eight items from 1 to 5 by a taste of users and of items."""
    draw = np.random.default_rng(5)
    user = np.repeat(np.arange(users), 8)
    item = np.concatenate([draw.permutation(items)[:8] for _ in range(users)])
    taste = user % 3 + item % 3
    value = np.clip(np.rint(taste + draw.normal(0, 0.4, len(user)) + 1), 1, 5)
    log = Interactions.of(user, item, value, np.arange(len(user)), n_users=users, n_items=items)
    ids = Users.of([f"u{n}" for n in range(users)]), Items.of([f"i{n}" for n in range(items)])
    return Dataset(*ids, log, min_value=min_value)


class Says:
    """Predicts the same for every pair."""

    predicts_ratings = True

    def __init__(self, value: float) -> None:
        self.value = value

    def score(self, queries, items):
        return np.full((len(queries), 12 if items is None else len(items)), self.value, np.float32)

    def state(self):
        return State()


class Ranks(Says):
    """Predicts nothing, it only scores."""

    predicts_ratings = False


@pytest.fixture(scope="module")
def split() -> Split:
    return user_random_split(rated(), share=0.25)


def test_every_held_out_event_is_compared_with_what_was_predicted(split):
    told = evaluate_ratings(Says(3.0), split, metrics=["mae", "rmse"])
    errors = split.held_out.interactions.value - 3.0
    assert told.values["rmse"] == pytest.approx(np.sqrt(np.mean(errors**2)))
    assert told.values["mae"] == pytest.approx(np.abs(errors).mean())
    assert list(told.values) == ["mae", "rmse"]
    assert told.users.tolist() == list(range(30))
    assert told.shares["mae"].weights.tolist() == [2.0] * 30


def test_predictions_are_cut_to_the_values_learned_from(split):
    log = split.held_out.interactions
    assert predict_ratings(Says(9.0), split.train, log.user, log.item).max() == 5
    assert predict_ratings(Says(-9.0), split.train, log.user, log.item).min() == 1


def test_each_pair_gets_its_own_prediction(split):
    class Knows(Says):
        def score(self, queries, items):
            return (queries.rows[:, None] / 10 + items / 100 + 1).astype(np.float32)

    users, items = np.array([7, 2, 7], np.int32), np.array([3, 0, 1], np.int32)
    found = predict_ratings(Knows(0.0), split.train, users, items)
    assert found.tolist() == pytest.approx([1.73, 1.2, 1.71])


def test_the_figure_of_a_share_is_that_of_all_events():
    share = Share(np.array([1, 5]), np.array([4.0, 0.0]), np.array([1.0, 3.0]), rooted=True)
    assert share.value == 1.0
    found = share_interval(share)
    assert (found.difference, found.low, found.high) == (1.0, 0.0, 2.0)


def test_shares_are_compared_on_the_same_draws_of_users():
    draw = np.random.default_rng(1)
    parts = draw.random(200)
    one = Share(np.arange(200), parts, np.ones(200))
    other = Share(np.arange(200), parts + 0.01, np.ones(200))
    found = paired_shares(one, other)
    assert found.low == pytest.approx(0.01)
    assert found.high == pytest.approx(0.01)
    with pytest.raises(ValueError, match="two sets of users"):
        paired_shares(one, Share(np.arange(1, 201), parts, np.ones(200)))


# ---- in a comparison


def test_strategies_are_compared_by_the_ratings_they_predict():
    report = compare(RATES, rated(), metrics=["rmse", "mae", "fcp"])
    (part,) = report.sections
    sgd, slope = part.comparison.rows
    (cell, _) = report.cells
    assert sgd.metrics["rmse"] == pytest.approx(cell.evaluation.values["rmse"])
    assert 0 < sgd.metrics["mae"] <= sgd.metrics["rmse"]
    assert sgd.intervals["rmse"].low < sgd.metrics["rmse"] < sgd.intervals["rmse"].high
    change = slope.metrics["rmse"] - sgd.metrics["rmse"]
    assert slope.differences["rmse"].difference == pytest.approx(change)


def test_a_recipe_that_predicts_no_ratings_is_a_row_that_says_so(tmp_path):
    report = compare({**RATES, "ease": "cf.ease"}, rated(), metrics=["rmse"])
    assert [row.name for row in report.sections[0].comparison.rows] == ["sgd", "slope one"]
    assert report.missing == 0
    assert "ease failed: it predicts no ratings, its scores only rank" in report.to_text()
    assert "predicts no ratings" in json.loads(json.dumps(report.to_json()))["sections"][0][
        "failed"
    ].pop("ease")
    assert report.to_csv().splitlines()[-1].startswith("user-time,ease,,")
    report.to_html(tmp_path / "report.html")
    assert "failed: it predicts no ratings" in (tmp_path / "report.html").read_text()


def test_where_all_fail_the_error_is_raised():
    with pytest.raises(RequestError, match="predicts no ratings"):
        compare(["cf.ease", "base.popular"], rated(), metrics=["rmse"])


def test_a_fit_that_fails_on_one_split_leaves_a_row_on_the_other():
    report = compare(
        {"ease": "cf.ease", "small": {"use": "cf.slope_one", "max_items": 1}},
        rated(),
        ["user-time", "user-random"],
        metrics=["ndcg@3"],
    )
    for part in report.sections:
        assert "max_items" in part.failed["small"]
        assert [row.name for row in part.comparison.rows] == ["ease"]


def test_without_rankings_all_ratings_are_parted_whatever_a_liking_is():
    low = compare(RATES, rated(min_value=4.0), metrics=["rmse"])
    everything = compare(RATES, rated(), metrics=["rmse"])
    assert low.cells[0].evaluation.values == everything.cells[0].evaluation.values


def test_rankings_and_ratings_stand_in_one_table_where_all_events_are_likings():
    report = compare(RATES, rated(), metrics=["ndcg@3", "rmse"])
    row = report.sections[0].comparison.rows[0]
    assert list(row.metrics) == ["ndcg@3", "rmse"]
    assert "rmse" in row.intervals
    assert report.sections[0].segments["items"] is not None


def test_finished_cells_of_ratings_are_not_measured_again(tmp_path: Path):
    first = compare(RATES, rated(), metrics=["rmse", "fcp"], resume=tmp_path / "cells.jsonl")
    again = compare(RATES, rated(), metrics=["rmse", "fcp"], resume=tmp_path / "cells.jsonl")
    assert again.to_json()["sections"] == first.to_json()["sections"]


# ---- mistakes


def test_likings_alone_can_not_judge_ratings():
    split = make_split(rated(min_value=4.0), "user-random")
    with pytest.raises(RequestError, match=r"holds out likings \(events of 4 or more\) alone"):
        evaluate_ratings(Says(3.0), split)
    with pytest.raises(RequestError, match="split data without min_value, and measure rankings"):
        compare_on(RATES, [(split, 0)], metrics=["ndcg@3", "rmse"])


def test_metrics_of_rankings_and_of_ratings_are_not_mixed_up(split):
    with pytest.raises(RequestError, match="ndcg@10 is of rankings, not of predicted ratings"):
        evaluate_ratings(Says(3.0), split, metrics=["ndcg@10"])
    with pytest.raises(RequestError, match="rmse is of predicted ratings, not of rankings; ask"):
        evaluate_scorer(Says(3.0), split, metrics=["rmse"])


def test_scores_that_only_rank_are_no_ratings(split):
    with pytest.raises(
        RequestError, match=r"predicts no ratings, its scores only rank; .* mf\.sgd"
    ):
        evaluate_ratings(Ranks(3.0), split)


def test_a_prediction_that_is_no_number_is_refused(split):
    with pytest.raises(DataError, match="predicted rating at position 0 is nan"):
        evaluate_ratings(Says(float("nan")), split)
