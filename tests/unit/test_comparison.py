"""Comparing recipes: cells, pooling over seeds, going on after an interruption, and the forms."""

from __future__ import annotations

import csv
import io
import json
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import penchant
import pytest
from penchant.data import Dataset, Interactions, Items, Users
from penchant.errors import DataError, FitCancelled, RequestError, SettingsError, UnknownComponent
from penchant.evaluation import (
    Evaluation,
    Report,
    compare,
    compare_on,
    global_time_split,
    k_fold_splits,
    make_split,
    user_random_split,
    user_time_split,
)
from penchant.evaluation.journal import Journal
from penchant.evaluation.measuring import Cell, measure
from penchant.evaluation.pooling import difference, pooled, section
from penchant.evaluation.segments import by_item_past, by_user_past

METRICS = ("ndcg@3", "coverage@3")
RECIPES = {"popular": "base.popular", "ease": {"use": "cf.ease", "l2": 1.0}}


def toy(users: int = 40, items: int = 20, *, timed: bool = True) -> Dataset:
    """Users of two tastes: even ones like even items, odd ones odd items, in an order of theirs."""
    draw = np.random.default_rng(3)
    user = np.repeat(np.arange(users), 5)
    item = np.concatenate([draw.permutation(items // 2)[:5] * 2 + u % 2 for u in range(users)])
    time = np.tile(np.arange(5), users) if timed else None
    log = Interactions.of(
        user, item, 4.0 + draw.integers(0, 2, len(user)), time, n_users=users, n_items=items
    )
    names = [f"item {n}" for n in range(items)]
    return Dataset(Users.of([f"u{n}" for n in range(users)]), Items.of(names), log, min_value=4.0)


def cell(name: str, seed: int, users: list[int], values: list[float]) -> Cell:
    per_user = {"ndcg@3": np.array(values)}
    told = Evaluation({"ndcg@3": float(np.mean(values))}, per_user, np.array(users, np.int32))
    return Cell(name, "user-time", seed, told, {}, 1.0, 10.0, 20.0, 0.5, place=seed)


def test_a_report_has_a_row_a_recipe_and_all_its_costs() -> None:
    report = compare(RECIPES, toy(), metrics=METRICS)
    (part,) = report.sections
    assert part.split == "user-time"
    assert [row.name for row in part.comparison.rows] == ["popular", "ease"]
    popular, ease = part.comparison.rows
    assert ease.metrics["ndcg@3"] > popular.metrics["ndcg@3"]
    assert ease.mark("ndcg@3") == "+"
    assert popular.differences == {}
    for row in (popular, ease):
        assert row.p99_us is not None
        assert row.p50_us is not None
        assert 0 < row.p50_us <= row.p99_us
        assert row.megabytes is not None
        assert row.megabytes > 0
        assert row.fit_megabytes is None or row.fit_megabytes >= 0
        assert row.intervals["ndcg@3"].low <= row.metrics["ndcg@3"] <= row.intervals["ndcg@3"].high
    assert report.missing == 0


def test_without_times_the_split_is_random_and_names_alone_will_do() -> None:
    report = compare(["cf.ease", "base.popular"], toy(timed=False), metrics=METRICS)
    assert report.sections[0].split == "user-random"
    assert report.base == "cf.ease"
    assert report.recipes["cf.ease"] == {"use": "base.top_k", "scorer": {"use": "cf.ease"}}


def test_auto_and_its_full_name_are_one_recipe() -> None:
    report = compare(["auto", "hybrid.auto"], toy(), metrics=["ndcg@5"])
    first, second = report.sections[0].comparison.rows
    assert first.metrics == second.metrics


def test_cold_items_are_held_beside_chance() -> None:
    report = compare(
        ["base.popular"], toy(), ["cold-item", "user-random"], metrics=METRICS, share=0.4
    )
    rows = [[row.name for row in part.comparison.rows] for part in report.sections]
    assert rows == [["chance", "base.popular"], ["base.popular"]]


def test_who_can_t_tell_new_items_apart_is_named() -> None:
    recipes = {"popular": "base.popular", "ease": RECIPES["ease"], "random": "base.random"}
    report = compare(recipes, toy(), ["cold-item", "user-random"], metrics=METRICS, share=0.4)
    (note,) = [note for note in report.notes() if "apart" in note]
    assert note == (
        "cold-item: popular, ease can't tell these items apart and list them in the order of the "
        "table of items, which is no answer even where it beats chance"
    )


def test_a_user_asked_with_two_seeds_is_one_witness() -> None:
    told = [cell("a", seed, [4, 7], values) for seed, values in ((1, [0.0, 1.0]), (2, [1.0, 1.0]))]
    users, values = pooled([one.evaluation for one in told], "ndcg@3")
    assert users.tolist() == [4, 7]
    assert values.tolist() == [0.5, 1.0]


def test_a_difference_counts_the_splits_that_both_sides_have() -> None:
    mine = [cell("a", 1, [0, 1], [1.0, 1.0])]
    theirs = [cell("b", 1, [0, 1], [0.5, 0.5]), cell("b", 2, [0, 1], [0.0, 0.0])]
    found = difference(mine, theirs, "ndcg@3")
    assert found is not None
    assert (found.difference, found.low, found.high) == (0.5, 0.5, 0.5)
    assert difference(mine, [cell("b", 2, [0, 1], [0.0, 0.0])], "ndcg@3") is None


def test_seeds_make_one_row_with_the_mean_of_both() -> None:
    split = user_time_split(toy())
    told = [cell("a", 1, [0, 1], [1.0, 0.0]), cell("a", 2, [0, 1], [0.0, 0.0])]
    part = section(told, [split, split], "a")
    (row,) = part.comparison.rows
    assert row.metrics["ndcg@3"] == 0.25
    assert part.seeds == (1, 2)
    assert part.comparison.title.endswith("(the first of 2, whose mean is shown)")


def test_items_to_be_found_are_parted_by_their_likings_in_train() -> None:
    # In train a has 3 likings, b and c have 1 each, d has none.
    user, item = [0, 1, 2, 0, 1, 2, 3, 3, 3], [0, 0, 0, 1, 2, 3, 0, 1, 3]
    time = [1, 1, 1, 1, 1, 2, 3, 1, 4]
    log = Interactions.of(user, item, np.full(9, 5.0), time, n_users=4, n_items=4)
    split = global_time_split(Dataset(Users.of(list("wxyz")), Items.of(list("abcd")), log), 0.3)
    parts = by_item_past(split)
    found = {label: part.test.indices.tolist() for label, part in parts.items()}
    assert found == {"new items": [3, 3], "head items": [0]}
    assert parts["head items"].users.tolist() == [3]
    assert parts["new items"].users.tolist() == [2, 3]


def test_users_are_parted_by_their_likings_in_train() -> None:
    user = np.repeat([0, 1, 2], [4, 12, 40])
    item = np.concatenate([np.arange(n) for n in (4, 12, 40)])
    log = Interactions.of(user, item, np.full(56, 5.0), np.arange(56), n_users=3, n_items=40)
    split = user_time_split(Dataset(Users.of(list("xyz")), Items.of(list(range(40))), log))
    users = {label: part.users.tolist() for label, part in by_user_past(split).items()}
    assert users == {"new users": [0], "light users": [1], "heavy users": [2]}


def test_what_a_fit_tells_of_its_progress_is_its_learning_curve() -> None:
    spec = {"use": "base.top_k", "scorer": {"use": "mf.sgd", "epochs": 4}}
    found = measure("sgd", spec, user_time_split(toy()), metrics=METRICS)
    ((label, points),) = found.curves.items()
    assert "RMSE" in label
    assert [step for step, _ in points] == [1, 2, 3, 4]
    assert points[-1][1] < points[0][1]


def tuned_for(data: Dataset, kind: str = "user-time", **settings: Any) -> dict[str, Any]:
    """What `penchant tune` would write beside a recipe."""
    told = {"share": 0.2, "seed": 42, "keep_negatives": True, **settings}
    train = make_split(data, kind, **told).train.fingerprint
    return {
        "metric": "ndcg@3",
        "trials": 9,
        "split": kind,
        **told,
        "min_value": 4.0,
        "train": train,
    }


def notes_of(data: Dataset, tuned: dict[str, Any], *splits: str, **how: Any) -> list[str]:
    report = compare(
        ["base.popular"], data, splits, metrics=METRICS, tuned={"base.popular": tuned}, **how
    )
    return [note for note in report.notes() if "tuned" in note]


def test_a_recipe_judged_beside_what_it_was_tuned_on_is_clean() -> None:
    assert notes_of(toy(), tuned_for(toy()), "user-time") == []


def test_a_recipe_tuned_on_what_it_is_asked_for_is_told_of_under_that_split() -> None:
    (note,) = notes_of(toy(), tuned_for(toy()), "user-time", "user-random")
    assert note.startswith("user-random: base.popular was tuned on ")
    assert note.endswith(
        " of the 40 likings that it is asked for here, so its figures flatter; judge it by the "
        "split of its [tuned] (user-time, share 0.2, seed 42), or tune it for this one"
    )


def test_likings_of_several_seeds_are_counted_together() -> None:
    (note,) = notes_of(toy(), tuned_for(toy(), "user-random"), "user-random", seeds=[42, 1])
    known = user_random_split(toy(), seed=42).test, user_random_split(toy(), seed=1).test
    both = known[1].to_dense().astype(bool) & ~known[0].to_dense().astype(bool)
    assert f" was tuned on {both.sum()} of the 80 likings " in note


def test_folds_ask_for_what_a_recipe_was_tuned_on() -> None:
    folds = [(split, 1) for split in k_fold_splits(toy(), 2)]
    told = {"base.popular": tuned_for(toy())}
    report = compare_on(["base.popular"], folds, metrics=METRICS, tuned=told)
    assert any("was tuned on 160 of the 200 likings" in note for note in report.notes())


def test_a_recipe_tuned_on_other_data_is_told_to_be_in_doubt() -> None:
    (note,) = notes_of(toy(), tuned_for(toy(users=30)), "user-time")
    assert "base.popular was tuned on other data, which may hold the likings" in note
    (note,) = notes_of(toy(timed=False), tuned_for(toy()), "user-random")
    assert "base.popular was tuned on other data" in note


def test_folds_are_pooled_into_one_table() -> None:
    folds = k_fold_splits(toy(), 3)
    report = compare_on(RECIPES, [(fold, 0) for fold in folds], metrics=METRICS)
    (part,) = report.sections
    means = [c.evaluation.per_user["ndcg@3"].mean() for c in report.cells if c.name == "ease"]
    assert len(means) == 3
    assert part.comparison.rows[1].metrics["ndcg@3"] == pytest.approx(np.mean(means), abs=0.05)


def test_a_split_that_leaks_is_refused_before_anything_is_fitted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    measured = counted(monkeypatch)
    split = replace(user_time_split(toy()), train=toy())
    with pytest.raises(DataError, match="likings to find are events of train too"):
        compare_on(RECIPES, [(split, 0)], metrics=METRICS)
    assert measured == []


# ---- going on


def counted(monkeypatch: pytest.MonkeyPatch, *, stop_at: int | None = None) -> list[str]:
    """Count what is measured; the `stop_at`-th is interrupted as Ctrl-C does."""
    measured: list[str] = []

    def counting(name: str, *args: Any, **settings: Any) -> Cell:
        if len(measured) == stop_at:
            raise KeyboardInterrupt
        measured.append(name)
        return measure(name, *args, **settings)

    monkeypatch.setattr("penchant.evaluation.grid.measure", counting)
    return measured


def test_an_interruption_keeps_what_is_done_and_the_next_run_does_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = tmp_path / "cells.jsonl"
    counted(monkeypatch, stop_at=1)
    report = compare(RECIPES, toy(), metrics=METRICS, resume=kept)
    assert [row.name for row in report.sections[0].comparison.rows] == ["popular"]
    assert report.missing == 1
    assert "Note: interrupted: 1 of 2 fits is missing" in report.to_text()

    with kept.open("a") as file:
        file.write('{"key": "broken off')
    again = counted(monkeypatch)
    whole = compare(RECIPES, toy(), metrics=METRICS, resume=kept)
    assert again == ["ease"]
    fresh = compare(RECIPES, toy(), metrics=METRICS)
    for mine, theirs in zip(whole.cells, fresh.cells, strict=True):
        assert dict(mine.evaluation.values) == dict(theirs.evaluation.values)
    again.clear()
    assert compare(RECIPES, toy(), metrics=METRICS, resume=kept).missing == 0
    assert again == []


@pytest.mark.parametrize(
    "other",
    [
        {"seeds": [7]},
        {"metrics": ["recall@3"]},
        {"splits": ["user-random"]},
        {"share": 0.5},
        {"fit_seed": 3},
        {"recipes": {"popular": "base.popular", "ease": {"use": "cf.ease", "l2": 2.0}}},
        {"data": toy(users=41)},
    ],
    ids=lambda other: next(iter(other)),
)
def test_a_cell_of_anything_else_is_measured_anew(
    other: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings: dict[str, Any] = {"recipes": RECIPES, "data": toy(), "metrics": METRICS}
    settings["resume"] = tmp_path / "cells.jsonl"
    compare(**settings)
    measured = counted(monkeypatch)
    compare(**{**settings, **other})
    assert "ease" in measured


KILLED = """
import os, signal, sys
from penchant.evaluation import compare, grid
from tests.unit.test_comparison import METRICS, RECIPES, toy

measure, measured = grid.measure, []

def once(name, *args, **settings):
    if measured:
        os.kill(os.getpid(), signal.SIGKILL)
    measured.append(name)
    return measure(name, *args, **settings)

grid.measure = once
compare(RECIPES, toy(), metrics=METRICS, resume=sys.argv[1])
"""


def test_what_was_finished_outlives_a_process_that_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = tmp_path / "cells.jsonl"
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(kept)], cwd=Path(__file__).parents[2], check=False
    )
    assert done.returncode == -signal.SIGKILL
    again = counted(monkeypatch)
    assert compare(RECIPES, toy(), metrics=METRICS, resume=kept).missing == 0
    assert again == ["ease"]


def test_side_by_side_the_figures_are_the_same(tmp_path: Path) -> None:
    recipes = {**RECIPES, "als": {"use": "mf.als", "factors": 4}, "random": "base.random"}
    settings: dict[str, Any] = {"splits": ["user-time", "cold-item"], "metrics": METRICS}
    alone = compare(recipes, toy(), seeds=[1, 2], **settings)
    told: list[tuple[float, float]] = []
    both = compare(
        recipes,
        toy(),
        seeds=[1, 2],
        workers=3,
        resume=tmp_path / "cells.jsonl",
        progress=lambda _, done, total, __="": told.append((done, total)),
        **settings,
    )
    assert [(c.name, c.split, c.seed) for c in both.cells] == [
        (c.name, c.split, c.seed) for c in alone.cells
    ]
    for mine, theirs in zip(both.cells, alone.cells, strict=True):
        assert dict(mine.evaluation.values) == dict(theirs.evaluation.values)
        assert mine.fit_megabytes is None
    assert told[-1] == (16, 16)
    assert "Note: times were taken with 3 fits side by side" in both.to_text()
    assert "side by side" not in alone.to_text()


def test_an_interruption_of_fits_side_by_side_keeps_what_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = tmp_path / "cells.jsonl"
    finished = Event()

    def stopped(name: str, *args: Any, **settings: Any) -> Cell:
        if name == "ease":
            finished.wait(30)
            raise KeyboardInterrupt
        cell = measure(name, *args, **settings)
        finished.set()
        return cell

    monkeypatch.setattr("penchant.evaluation.grid.measure", stopped)
    report = compare(RECIPES, toy(), metrics=METRICS, workers=2, resume=kept)
    assert [cell.name for cell in report.cells] == ["popular"]
    assert report.missing == 1
    again = counted(monkeypatch)
    assert compare(RECIPES, toy(), metrics=METRICS, workers=2, resume=kept).missing == 0
    assert again == ["ease"]


def test_a_fit_side_by_side_is_asked_to_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bool] = []
    started = Event()

    def stopped(name: str, *args: Any, **settings: Any) -> Cell:
        if name == "popular":
            started.wait(30)
            raise KeyboardInterrupt
        started.set()
        while not settings["cancelled"]():
            pass
        asked.append(True)
        raise FitCancelled("stopped")

    monkeypatch.setattr("penchant.evaluation.grid.measure", stopped)
    with pytest.raises(KeyboardInterrupt):
        compare(RECIPES, toy(), metrics=METRICS, workers=2)
    assert asked == [True]


def test_an_interruption_with_nothing_done_is_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    counted(monkeypatch, stop_at=0)
    with pytest.raises(KeyboardInterrupt):
        compare(RECIPES, toy(), metrics=METRICS)


def test_a_file_that_is_no_journal_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "recipe.toml"
    other.write_text("[data]\n")
    with pytest.raises(DataError, match=r"line 1 of .* is no finished cell of a comparison"):
        Journal(other)
    assert other.read_text() == "[data]\n"


def test_a_file_of_another_kind_stays_as_it_is(tmp_path: Path) -> None:
    other = tmp_path / "precious.txt"
    other.write_text("no line end")
    with pytest.raises(DataError, match="is no finished cell"):
        Journal(other)
    assert other.read_text() == "no line end"


# ---- mistakes


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"splits": ["user-tim"]}, SettingsError, "did you mean 'user-time'"),
        ({"splits": "user-time"}, SettingsError, "splits is a list of names"),
        ({"workers": 0}, SettingsError, "workers must be a whole number from 1, got 0"),
        ({"metrics": ["ndgc@3"]}, RequestError, "did you mean 'ndcg'"),
        ({"recipes": ["cf.eas"]}, UnknownComponent, "did you mean 'cf.ease'"),
        ({"recipes": []}, SettingsError, "there is nothing to compare"),
        ({"recipes": "cf.ease"}, SettingsError, "recipes is a list of names or a mapping"),
        ({"recipes": {"chance": "cf.ease"}}, SettingsError, "a recipe can't be named 'chance'"),
        ({"base": "eas"}, SettingsError, "did you mean 'ease'"),
        ({"seeds": []}, SettingsError, "give at least one split"),
    ],
)
def test_a_mistake_is_told_before_anything_is_fitted(
    change: dict[str, Any], error: type[Exception], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured = counted(monkeypatch)
    with pytest.raises(error, match=message):
        compare(**{"recipes": RECIPES, "data": toy(), "metrics": METRICS, **change})
    assert measured == []


# ---- forms


@pytest.fixture(scope="module")
def report() -> Report:
    recipes = {**RECIPES, '<b>"odd" & co</b>': {"use": "mf.sgd", "epochs": 3}}
    return compare(recipes, toy(), ["user-time", "user-random"], metrics=METRICS, base="ease")


def test_the_text_has_a_table_a_split_and_differences_in_words(report: Report) -> None:
    text = str(report)
    assert text.count("p99 us") == 2
    assert "popular against ease: ndcg@3 -0." in text
    assert "Note: + and - mark what lies above and below ease" in text


def test_the_json_is_valid_and_has_settings_and_environment(report: Report) -> None:
    told = json.loads(json.dumps(report.to_json(), allow_nan=False))
    assert [part["split"] for part in told["sections"]] == ["user-time", "user-random"]
    assert told["recipes"]["ease"]["scorer"]["l2"] == 1.0
    assert told["data"]["users"] == 40
    assert told["environment"]["penchant"]
    assert "low" in told["sections"][0]["rows"][0]["differences"]["ndcg@3"]


def test_the_csv_is_one_table_with_the_split_first(report: Report) -> None:
    rows = list(csv.DictReader(io.StringIO(report.to_csv())))
    assert [row["split"] for row in rows] == ["user-time"] * 3 + ["user-random"] * 3
    assert rows[2]["name"] == '<b>"odd" & co</b>'
    assert float(rows[0]["ndcg@3 high"]) < 0
    assert rows[1]["ndcg@3 high"] == ""


def test_splits_may_be_given_without_seeds() -> None:
    split = user_random_split(toy())
    report = compare_on(RECIPES, [split], metrics=METRICS)
    assert report.to_csv().splitlines()[1].startswith("user-random,popular,")
    assert [part.seeds for part in report.sections] == [(0,)]
    assert repr(report) == str(report)
    table = report.to_frame("pandas")
    assert table["name"].tolist() == ["popular", "ease"]
    assert table["ndcg@3"].tolist() == [
        row.metrics["ndcg@3"] for row in report.sections[0].comparison.rows
    ]
    assert table["ndcg@3 low"].isna().tolist() == [True, False]


def test_splits_and_models_in_the_wrong_place_are_sent_to_the_right_one() -> None:
    data = toy()
    split = user_random_split(data)
    for call, said in (
        (lambda: compare_on(RECIPES, split), r"got a single one; write \[split\]"),  # type: ignore[arg-type]
        (lambda: compare_on(RECIPES, ["user-time"]), "got 'user-time'; names of splits go to"),  # type: ignore[list-item]
        (lambda: compare(data, RECIPES), "recipes and then a Dataset .*, got a dict in its place"),  # type: ignore[arg-type]
        (lambda: compare(RECIPES, data, [split]), r"splits made already go to compare_on\(recipes"),  # type: ignore[list-item]
        (
            lambda: compare({"mine": penchant.fit(split.train, scorers=["base.popular"])}, data),  # type: ignore[dict-item]
            r"'mine' is a fitted model.* or measure it by evaluate_recommender\(model, split\)",
        ),
    ):
        with pytest.raises(SettingsError, match=said):
            call()
