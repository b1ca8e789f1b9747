"""Columns worked out from the events to be found are named; honest ones, made up or real, never."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from penchant import Component, Registry, hookimpl
from penchant.data import Dataset, Interactions, Items, Users
from penchant.data.columns import CategoryColumn, NumberColumn, TextColumn, VectorColumn
from penchant.evaluation import (
    SPLITS,
    compare,
    cross_validate,
    leaks,
    make_split,
    user_random_split,
)
from penchant.evaluation.measuring import measure
from penchant.protocols import Features, State

MOVIES = Path(__file__).parents[2] / "examples" / "data" / "movielens-small"


def log_of(users: int = 80, items: int = 60) -> Dataset:
    """Ratings of items of very different popularity."""
    draw = np.random.default_rng(5)
    liked = draw.random((users, items)) < np.linspace(0.6, 0.1, items)
    user, item = np.nonzero(liked)
    value = draw.integers(1, 6, len(user))
    time = draw.permutation(len(user))
    log = Interactions.of(user, item, value, time, n_users=users, n_items=items)
    return Dataset(Users.of(list(range(users))), Items.of(list(range(items))), log, min_value=3.0)


def figures(data: Dataset) -> dict[str, np.ndarray]:
    """What people work out of a log, item by item."""
    log, size = data.interactions, len(data.items)
    count = np.bincount(log.item, minlength=size).astype(np.float64)
    total = np.bincount(log.item, log.value, size)
    mean = total / np.maximum(count, 1)
    liked = np.bincount(data.positive_csr().indices, minlength=size)
    return {
        "count": count,
        "negative_rank": -count,
        "log_count": np.log1p(count),
        "share": count / count.max(),
        "sum": total,
        "mean": mean,
        "stars": np.round(mean, 1),
        "likings": liked.astype(np.float64),
    }


def named(told: tuple[str, ...]) -> set[str]:
    return {sentence.split("'")[1] for sentence in told}


def with_columns(data: Dataset, columns) -> Dataset:
    return replace(data, items=Items(data.items.vocabulary, columns))


@pytest.mark.parametrize("kind", SPLITS)
def test_figures_of_all_events_are_named_and_those_of_train_are_not(kind):
    data = log_of()
    leaky = {name: NumberColumn(values) for name, values in figures(data).items()}
    split = make_split(with_columns(data, leaky), kind, share=0.5)
    # A rounded mean differs too rarely from that of train where few events are held out.
    rare = {"stars"} if kind == "leave-last" else set()
    assert named(leaks(split)) | rare == set(leaky)
    honest = {name: NumberColumn(values) for name, values in figures(split.train).items()}
    assert leaks(replace(split, train=with_columns(split.train, honest))) == ()


def test_figures_of_train_are_not_accused_where_little_is_held_out():
    """There the order of all events is nearly that of train."""
    split = user_random_split(log_of(users=800), share=0.05)
    honest = {name: NumberColumn(values) for name, values in figures(split.train).items()}
    assert leaks(replace(split, train=with_columns(split.train, honest))) == ()


def test_a_column_is_told_of_in_a_sentence():
    data = log_of()
    split = user_random_split(with_columns(data, {"votes": NumberColumn(figures(data)["count"])}))
    assert leaks(split) == (
        "column 'votes' of the items goes by the number of events of each in all the data, the "
        "events to be found included, and not by that in train: a model that reads it is told; "
        "work it out from train alone, or ignore it",
    )


def test_numbers_in_words_are_read():
    data = log_of()
    words = [f"rated {int(count)} times" for count in figures(data)["count"]]
    columns = {"said": TextColumn.of(words), "kind": CategoryColumn.of(words)}
    assert named(leaks(user_random_split(with_columns(data, columns)))) == {"said", "kind"}


def test_each_number_of_a_short_vector_is_looked_at():
    data, draw = log_of(), np.random.default_rng(3)
    told = figures(data)
    made = np.stack([draw.random(len(data.items)), told["mean"], told["log_count"]], axis=1)
    vectors = made.astype(np.float32)
    split = user_random_split(with_columns(data, {"stats": VectorColumn(vectors)}))
    assert named(leaks(split)) == {"stats[1]", "stats[2]"}
    of_train = np.stack([*figures(split.train).values()], axis=1).astype(np.float32)
    honest = with_columns(split.train, {"stats": VectorColumn(of_train)})
    assert leaks(replace(split, train=honest)) == ()


def test_columns_of_users_are_looked_at_too():
    data = log_of()
    count = np.bincount(data.interactions.user, minlength=len(data.users)).astype(np.float64)
    users = Users(data.users.vocabulary, {"activity": NumberColumn(count)})
    (told,) = leaks(user_random_split(replace(data, users=users)))
    assert told.startswith("column 'activity' of the users goes by the number of events of each")


def test_what_few_rows_agree_in_is_no_proof():
    data = log_of(items=15)
    leaky = {"votes": NumberColumn(figures(data)["count"])}
    assert leaks(user_random_split(with_columns(data, leaky))) == ()


def test_numbers_of_another_origin_are_not_accused():
    data, draw = log_of(), np.random.default_rng(8)
    count = figures(data)["count"]
    others = {
        "year": draw.integers(1950, 2020, len(count)).astype(np.float64),
        "elsewhere": draw.binomial(count.astype(int) * 3, 0.3).astype(np.float64),
        "constant": np.ones(len(count)),
        "missing": np.full(len(count), np.nan),
        "flag": (np.arange(len(count)) % 2).astype(np.float64),
    }
    columns = {name: NumberColumn(values) for name, values in others.items()}
    for kind in SPLITS:
        assert leaks(make_split(with_columns(data, columns), kind)) == ()


def test_a_report_warns_of_the_column():
    data = log_of()
    leaky = with_columns(data, {"votes": NumberColumn(figures(data)["count"])})
    report = compare(["base.popular"], leaky, ["user-random"], metrics=["ndcg@3"])
    assert any("column 'votes'" in note for note in report.notes())


@dataclass(frozen=True, kw_only=True)
class NoSettings:
    """Nothing to set."""


def test_folds_are_looked_through_too(capsys):
    data = log_of()
    leaky = with_columns(data, {"votes": NumberColumn(figures(data)["count"])})
    cross_validate("mf.sgd", leaky, ["rmse"], cv=2, verbose=True)
    assert capsys.readouterr().out.count("\nNote: column 'votes' of the items goes by") == 1


class Famous:
    """Labels items by whether many events touch them; remembers every log that it learned from."""

    side = "items"

    def __init__(self, logs: list[Dataset]) -> None:
        self.logs = logs

    def fit(self, data, context, /):
        self.logs.append(data)
        return self

    def extract(self, data, rows, /):
        many = np.bincount(self.logs[-1].interactions.item, minlength=len(data.items)) >= 10
        return Features(many[rows].astype(np.float32).reshape(-1, 1), ("famous",))

    def state(self):
        return State()

    def restore(self, state, /):
        return self


def test_derived_columns_are_worked_out_from_train_alone(monkeypatch):
    logs: list[Dataset] = []
    component = Component("famous", lambda made, registry: Famous(logs), NoSettings, "For tests.")
    plugin = SimpleNamespace(PENCHANT_API=1, penchant_extractors=hookimpl(lambda: [component]))
    registry = Registry({"my": plugin})
    learned: list[Dataset] = []

    def seen(name, spec, split, **settings):
        learned.append(split.train)
        return measure(name, spec, split, **settings)

    monkeypatch.setattr("penchant.evaluation.grid.measure", seen)
    compare(
        ["base.popular"],
        data := log_of(),
        ["user-random", "cold-item"],
        metrics=["ndcg@3"],
        derive={"fame": "my.famous"},
        registry=registry,
    )
    splits = [make_split(data, kind) for kind in ("user-random", "cold-item")]
    assert [log.fingerprint for log in logs] == [split.train.fingerprint for split in splits]
    for train, split in zip(learned, splits, strict=True):
        count = np.bincount(split.train.interactions.item, minlength=len(data.items))
        assert [bool(word) for word in train.items.columns["fame"].words()] == list(count >= 10)


# ---- real data


def films() -> Dataset:
    return Dataset.from_frame(
        MOVIES / "ratings.csv",
        items=MOVIES / "movies.csv",
        user="userId",
        item="movieId",
        min_value=4,
    )


def hundred(folder: Path) -> Dataset:
    genres = [f"genre {number}" for number in range(19)]
    return Dataset.from_frame(
        folder / "ml-100k" / "u.data",
        columns=["user_id", "item_id", "rating", "timestamp"],
        items={
            "path": folder / "ml-100k" / "u.item",
            "delimiter": "|",
            "encoding": "latin-1",
            "columns": ["item_id", "title", "date", "video", "url", *genres],
        },
        min_value=4,
    )


def artists(folder: Path) -> Dataset:
    return Dataset.from_frame(
        {"path": folder / "lastfm-hetrec" / "user_artists.dat", "delimiter": "\t"},
        items={"path": folder / "lastfm-hetrec" / "artists.dat", "delimiter": "\t"},
        user="userID",
        item="artistID",
        item_id="id",
        value="weight",
        clean="drop",
    )


def links(folder: Path) -> Dataset:
    return Dataset.from_frame(
        folder / "ml-latest-small" / "ratings.csv",
        items=folder / "ml-latest-small" / "links.csv",
        user="userId",
        item="movieId",
    )


def check_honest(data: Dataset) -> None:
    timed = data.interactions.time is not None
    tried = 0
    for kind in SPLITS:
        if timed or kind in ("user-random", "cold-item", "cold-user", "growing"):
            assert leaks(make_split(data, kind)) == ()
            tried += 1
    assert tried >= 4


def test_the_films_of_the_examples_are_honest():
    check_honest(films())


@pytest.mark.parametrize("load", [hundred, artists, links])
def test_columns_of_real_data_are_honest(load, data_folder):
    check_honest(load(data_folder))
