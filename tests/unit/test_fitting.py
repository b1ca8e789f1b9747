"""Fitting: what takes the place of what, what is refused beforehand, and the same bits again."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import penchant
import pytest
from penchant import Component, Dataset, Recipe, Registry, hookimpl, use
from penchant.builtin.settings import PopularSettings
from penchant.errors import (
    DataError,
    FitCancelled,
    ModelFileError,
    PluginError,
    SettingsError,
    ShapeError,
    UnknownComponent,
)
from penchant.protocols import State
from penchant.testing.data import checkerboard, one_item, one_user, toy_dataset

EVENTS = {"user_id": [1, 1, 2, 2, 3], "item_id": ["a", "b", "a", "c", "b"]}


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    (tmp_path / "events.csv").write_text("user_id,item_id\n1,a\n1,b\n2,a\n", "utf-8")
    path = tmp_path / "recipe.toml"
    path.write_text(
        'seed = 3\n[data]\ninteractions = "events.csv"\n[[scorers]]\nuse = "cf.ease"\nl2 = 1.0\n',
        "utf-8",
    )
    return path


def test_a_recipe_is_fitted_from_its_path_or_its_value(recipe: Path) -> None:
    for source in (recipe, str(recipe), Recipe.read(recipe)):
        model = penchant.fit(source)
        assert model.recommend(2).ids == ["b"]
        assert model.facts["seed"] == 3
        assert model.spec.settings["scorer"] == {"use": "cf.ease", "l2": 1.0}


def test_what_is_given_besides_takes_the_place_of_what_the_recipe_says(recipe: Path) -> None:
    model = penchant.fit(recipe, scorers=["base.popular"], seed=5)
    assert model.recommend(2).source == "base.popular"
    assert model.facts["seed"] == 5


def test_the_facts_of_a_fit_are_kept() -> None:
    facts = penchant.fit(Dataset.from_frame(EVENTS), scorers=["cf.ease"]).facts
    assert (facts["users"], facts["items"], facts["events"]) == (3, 3, 5)
    assert facts["data_fingerprint"] == Dataset.from_frame(EVENTS).fingerprint
    assert set(facts["plugins"]) == {"base", "cf"}  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("scorers", "error", "message"),
    [
        (["cf.eas"], UnknownComponent, r"no scorer named 'cf\.eas'; did you mean 'cf\.ease'\?"),
        (["cf.ease", "mf.sdg"], UnknownComponent, r"did you mean 'mf\.sgd'\?"),
        ([use("cf.ease", l3=1)], SettingsError, r"cf\.ease: unknown setting 'l3'"),
        ([use("cf.ease", l2=-1)], SettingsError, r"cf\.ease: l2 must be"),
        ([use("cf.ease", l2="much")], SettingsError, r"cf\.ease: .*'much'"),
        (["base.hashing"], UnknownComponent, "is an encoder, not a scorer; name it as the encoder"),
        (["nowhere.thing"], UnknownComponent, "no plugin 'nowhere' is installed"),
    ],
)
def test_a_wrong_component_is_refused_before_anything_is_fitted(
    scorers: list[Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        penchant.fit(Dataset.from_frame(EVENTS), scorers=scorers)


def test_a_source_that_is_neither_data_nor_recipe_is_refused() -> None:
    with pytest.raises(SettingsError, match="fit takes a dataset or a recipe, got int"):
        penchant.fit(3, scorers=["base.popular"])  # type: ignore[arg-type]


def test_no_events_are_refused() -> None:
    data = toy_dataset()
    nothing = data.subset(np.zeros(len(data.interactions), np.bool_))
    with pytest.raises(DataError, match="the data have no interactions; a fit needs at least one"):
        penchant.fit(nothing, scorers=["base.popular"])
    with pytest.raises(DataError, match="no rows"):
        Dataset.from_frame({"user_id": [], "item_id": []})


@pytest.mark.parametrize("data", [one_user(), one_item()], ids=["one user", "one item"])
@pytest.mark.parametrize("scorer", ["base.popular", "cf.ease", "cf.item_knn", "content.text"])
def test_the_smallest_data_are_fitted_and_answered(data: Dataset, scorer: str) -> None:
    model = penchant.fit(data, scorers=[scorer])
    for user in model.users.ids():
        answer = model.recommend(user, k=50)
        seen = model.past.of(model.users.row(user))[0].nnz
        assert len(answer) == len(model.items) - seen
        assert np.isfinite(answer.scores).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seed": -1}, "seed must be a whole number from 0, got -1"),
        ({"seed": 2**64}, "seed must be a whole number from 0"),
        ({"threads": 0}, "threads must be a whole number from 1, got 0"),
        ({"threads": "two"}, "threads must be a whole number from 1, got 'two'"),
    ],
)
def test_a_wrong_seed_or_number_of_threads_is_refused(
    options: dict[str, Any], message: str
) -> None:
    with pytest.raises(SettingsError, match=message):
        penchant.fit(Dataset.from_frame(EVENTS), scorers=["base.popular"], **options)


def test_data_without_a_liking_are_refused_with_the_way_out() -> None:
    with pytest.raises(DataError, match="none of the 5 events is a liking, for that is"):
        penchant.fit(Dataset.from_frame(EVENTS, min_value=4), scorers=["base.popular"])


def test_validation_of_other_users_or_items_is_refused() -> None:
    data = Dataset.from_frame(EVENTS)
    other = Dataset.from_frame({"user_id": [1, 2, 4], "item_id": ["a", "b", "c"]})
    with pytest.raises(DataError, match=r"validation has other users than the data \(3 and 3\)"):
        penchant.fit(data, scorers=["base.popular"], validation=other)
    with pytest.raises(DataError, match="validation must be a dataset, got dict"):
        penchant.fit(data, scorers=["base.popular"], validation={})  # type: ignore[arg-type]


@pytest.mark.parametrize("wrong", [{"min_value": "4"}, {"min_value": True}])
def test_a_threshold_that_is_no_number_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(DataError, match="min_value must be a finite number or None"):
        Dataset.from_frame(EVENTS, **wrong)


def test_columns_are_named_and_differ() -> None:
    with pytest.raises(DataError, match="user must be the name of a column, got 3"):
        Dataset.from_frame(EVENTS, user=3)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="user and item must be different columns, got 'item_id'"):
        Dataset.from_frame(EVENTS, user="item_id")


@pytest.mark.parametrize(("scale", "tolerance"), [(2.0**-9, 1e-3), (1024.0, 1e-3), (1000.0, 1.0)])
def test_ratings_of_any_scale_are_learned_alike(scale: float, tolerance: float) -> None:
    draw = np.random.default_rng(0)
    pairs = draw.permutation(60 * 80)[:2000]
    users, items, values = pairs % 60, pairs // 60, draw.integers(1, 6, 2000).astype(float)
    sgd = [use("mf.sgd", factors=8, epochs=10)]

    def foretold(factor: float) -> np.ndarray:
        events = {"user_id": users, "item_id": items, "rating": values * factor}
        model = penchant.fit(Dataset.from_frame(events), scorers=sgd)
        return model.predict(users[:50], items[:50]) / factor

    assert foretold(scale) == pytest.approx(foretold(1.0), abs=tolerance)


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_the_same_seed_gives_the_same_bits_for_any_threads(threads: int) -> None:
    draw = np.random.default_rng(0)
    events = {
        "user_id": draw.integers(0, 60, 3000),
        "item_id": draw.integers(0, 80, 3000),
        "rating": draw.integers(1, 6, 3000).astype(float),
    }
    data = Dataset.from_frame(events)
    sgd = [use("mf.sgd", factors=16, epochs=5)]
    one = penchant.fit(data, scorers=sgd, seed=4)
    again = penchant.fit(data, scorers=sgd, seed=4, threads=threads)
    other = penchant.fit(data, scorers=sgd, seed=5)
    for user in one.users.ids()[:10]:
        expected = one.recommend(user).scores.tobytes()
        assert again.recommend(user).scores.tobytes() == expected
        assert other.recommend(user).scores.tobytes() != expected


def test_a_fit_tells_its_progress_and_can_be_cancelled() -> None:
    told: list[tuple[Any, ...]] = []
    events = {**EVENTS, "rating": [1.0, 2.0, 3.0, 4.0, 5.0]}
    sgd = [use("mf.sgd", factors=4, epochs=4)]
    penchant.fit(Dataset.from_frame(events), scorers=sgd, progress=lambda *step: told.append(step))
    assert told[-1][1:3] == (4, 4)
    with pytest.raises(FitCancelled):
        penchant.fit(Dataset.from_frame(events), scorers=sgd, cancelled=lambda: True)


def test_an_observer_hears_of_a_fit_and_can_not_break_it() -> None:
    heard = []

    def penchant_fitted(report: Any) -> None:
        heard.append(report)
        raise RuntimeError("the observer is broken")

    plugin = SimpleNamespace(PENCHANT_API=1, penchant_fitted=hookimpl(penchant_fitted))
    model = penchant.fit(
        Dataset.from_frame(EVENTS), scorers=["base.popular"], registry=Registry({"spy": plugin})
    )
    (report,) = heard
    assert (report.users, report.items, report.events) == (3, 3, 5)
    assert report.recommender == model.spec


def test_a_wrapper_is_folded_around_the_recommender() -> None:
    class Reversed:
        def __init__(self, inner: Any) -> None:
            self.inner = inner

        def recommend(self, queries: Any, candidates: Any, k: int, /) -> Any:
            top = self.inner.recommend(queries, candidates, k)
            return type(top)(top.rows[:, ::-1].copy(), top.scores[:, ::-1].copy(), top.counts)

        def state(self) -> Any:
            return self.inner.state()

    def penchant_wrap_recommender(name: str) -> Any:
        return Reversed if name == "base.top_k" else None

    plugin = SimpleNamespace(
        PENCHANT_API=1, penchant_wrap_recommender=hookimpl(penchant_wrap_recommender)
    )
    data = Dataset.from_frame(EVENTS)
    plain = penchant.fit(data, scorers=["base.popular"])
    wrapped = penchant.fit(data, scorers=["base.popular"], registry=Registry({"w": plugin}))
    assert wrapped.recommend(9, k=3).ids == plain.recommend(9, k=3).ids[::-1]
    assert wrapped.explain(1, "c").score == plain.explain(1, "c").score  # abilities shine through


def test_two_plugins_of_one_name_and_one_that_fails_are_named_together() -> None:
    def penchant_scorers() -> Any:
        raise ImportError("no module named 'missing'")

    broken = SimpleNamespace(PENCHANT_API=1, penchant_scorers=hookimpl(penchant_scorers))
    old = SimpleNamespace(PENCHANT_API=0)
    with pytest.raises(PluginError) as caught:
        Registry({"broken": broken, "old": old})
    message = str(caught.value)
    assert "2 problems with plugins" in message
    assert "no module named 'missing'" in message
    assert "written for plugin API 0, this penchant speaks 1" in message


# ---- what a plugin's beginner forgets, and who says so


def _one(fitted: Any) -> Registry:
    class Scorer:
        def __init__(self, *_: Any) -> None: ...

        def fit(self, data: Any, context: Any, /) -> Any:
            return fitted

        def restore(self, state: Any, /) -> Any: ...

    declared = [Component("one", Scorer, PopularSettings, "")]
    hook = hookimpl(lambda: declared)
    return Registry({"my": SimpleNamespace(PENCHANT_API=1, penchant_scorers=hook)})


def _scoring(shape: tuple[int, ...]) -> Any:
    return SimpleNamespace(score=lambda *_: np.zeros(shape, np.float32), state=State)


@pytest.mark.parametrize(
    ("fitted", "said"),
    [
        (None, "my.one: fit and restore must give .* got a NoneType without score and state"),
        (SimpleNamespace(score=len), "got a SimpleNamespace without state"),
    ],
)
def test_what_a_fit_gives_must_score(fitted: Any, said: str) -> None:
    with pytest.raises(PluginError, match=said):
        penchant.fit(checkerboard(), scorers=["my.one"], registry=_one(fitted))


def test_scores_of_another_shape_are_refused() -> None:
    data = checkerboard()
    items = len(data.items)
    for shape in ((items, 1), (1, items - 1), (items,)):
        model = penchant.fit(data, scorers=["my.one"], registry=_one(_scoring(shape)))
        with pytest.raises(ShapeError, match=rf"catalogue of {items} items need \(1, {items}\)"):
            model.recommend("user-0")


def test_a_state_that_is_none_is_not_saved(tmp_path: Path) -> None:
    odd = SimpleNamespace(score=len, state=dict)
    model = penchant.fit(checkerboard(), scorers=["my.one"], registry=_one(odd))
    with pytest.raises(
        ModelFileError, match=r"'recommender/scorer' is a dict; wanted a penchant\.p"
    ):
        model.save(tmp_path / "model")
