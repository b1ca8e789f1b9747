"""Recipes: what a TOML file says, what is refused, and that nothing is lost on the way back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from penchant import Spec, use
from penchant.errors import SettingsError
from penchant.recipes import Recipe, compose, namespaces, with_encoder
from penchant.registry import Registry

RECIPE = """
seed = 7

[data]
interactions = "ratings.csv"
items = "movies.csv"
min_value = 4

[encoder]
use = "base.hashing"
dim = 64

[[scorers]]
use = "base.popular"
weight = 0.5

[[scorers]]
use = "content.text"

[evaluation]
split = "user-time"
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "recipe.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_recipe_file_is_read_whole(tmp_path: Path) -> None:
    recipe = Recipe.read(write(tmp_path, RECIPE))
    assert recipe.seed == 7
    assert recipe.data["min_value"] == 4
    assert recipe.folder == tmp_path
    assert recipe.namespaces() == {"base", "content", "hybrid"}


def test_a_recipe_survives_the_way_to_toml_and_back(tmp_path: Path) -> None:
    recipe = Recipe.read(write(tmp_path, RECIPE))
    again = Recipe.read(write(tmp_path, recipe.to_toml()))
    assert again == recipe


names = st.text('abcdefghij_-. é"\\\n\x7f\x01', min_size=1, max_size=8)
plain = st.one_of(
    st.booleans(),
    st.integers(-(2**62), 2**62),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(blacklist_categories=["Cs"]), max_size=12),
)
values = st.recursive(
    plain, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3)
)


@given(st.dictionaries(names, values, max_size=4))
def test_any_settings_survive_the_way_to_toml_and_back(
    tmp_path_factory: pytest.TempPathFactory, settings: dict[str, Any]
) -> None:
    settings.pop("use", None)
    recipe = Recipe.of({"scorers": [{"use": "base.popular", **settings}]})
    again = Recipe.read(write(tmp_path_factory.mktemp("recipe"), recipe.to_toml()))
    assert Spec.of(again.scorers[0]) == Spec.of(recipe.scorers[0])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sed = 1", "unknown key 'sed'; did you mean 'seed'?"),
        ("seed = -1", "seed must be a whole number from 0, got -1"),
        ("seed = true", "seed must be a whole number from 0, got True"),
        ("data = 3", "data must be a table, got 3"),
        ('scorers = "cf.ease"', "scorers must be a list of components, got 'cf.ease'"),
        ("[[scorers]]\nname = 'x'", "a component is a name, or a table with the key 'use'"),
        (
            "[evaluation]\nsplti = 'x'",
            "unknown key of [evaluation] 'splti'; did you mean 'split'?",
        ),
        ("seed = ", "is not valid TOML"),
    ],
)
def test_a_mistake_is_named_with_its_file(tmp_path: Path, text: str, message: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(SettingsError) as caught:
        Recipe.read(path)
    assert message in str(caught.value)
    assert "recipe.toml" in str(caught.value)


def test_a_table_in_the_place_of_a_recipe_is_told_its_own_place(tmp_path: Path) -> None:
    table = tmp_path / "ratings.csv"
    table.write_text("user,item\n1,2\n")
    with pytest.raises(SettingsError, match=r"ratings\.csv' is no recipe, .*Dataset\.from_frame"):
        Recipe.read(table)


def test_a_missing_file_is_named() -> None:
    with pytest.raises(SettingsError, match=r"recipe 'no\.toml' can't be read: No such file"):
        Recipe.read("no.toml")


def test_an_unknown_key_of_data_is_refused_with_the_near_one() -> None:
    recipe = Recipe.of({"data": {"interactions": "x.csv", "min_valeu": 4}, "scorers": ["a.b"]})
    with pytest.raises(SettingsError, match=r"'min_valeu'; did you mean 'min_value'\?"):
        recipe.dataset(Registry({}))


def test_data_without_interactions_are_refused() -> None:
    with pytest.raises(SettingsError, match=r"\[data\] must name its interactions"):
        Recipe.of({"data": {"items": "x.csv"}}).dataset(Registry({}))


def test_one_scorer_is_ranked_by_top_k_and_several_are_blended() -> None:
    one = compose(None, ["cf.ease"])
    assert one.to_json() == {"use": "base.top_k", "scorer": {"use": "cf.ease"}}
    two = compose(None, ["cf.ease", use("base.popular", weight=0.1)])
    assert two.settings["scorer"] == {
        "use": "hybrid.weighted",
        "parts": [{"use": "cf.ease"}, {"use": "base.popular", "weight": 0.1}],
    }


def test_the_weight_of_a_lone_scorer_means_nothing() -> None:
    spec = compose(None, [use("cf.ease", weight=3)])
    assert spec.settings["scorer"] == {"use": "cf.ease"}


def test_nothing_named_is_left_to_the_data() -> None:
    assert compose(None) == use("auto")
    assert compose("auto") == use("auto")


def test_auto_takes_no_scorers() -> None:
    with pytest.raises(SettingsError, match="auto chooses the scorers itself; leave out scorers"):
        compose("auto", ["cf.ease"])


def test_scorers_beside_a_recommender_that_has_one_are_refused() -> None:
    with pytest.raises(SettingsError, match=r"base\.top_k has a scorer of its own"):
        compose(use("base.top_k", scorer="cf.ease"), ["base.popular"])


def test_namespaces_are_found_at_any_depth() -> None:
    spec = compose(None, ["cf.ease", use("content.text", encoder={"use": "onnx.text"})])
    assert namespaces(spec) >= {"base", "hybrid", "cf", "content", "onnx"}


def test_an_encoder_goes_to_those_that_take_one_and_name_none() -> None:
    content = pytest.importorskip("penchant_content", reason="needs penchant-content")
    hybrid = pytest.importorskip("penchant_hybrid", reason="needs penchant-hybrid")
    registry = Registry({"content": content, "hybrid": hybrid})
    spec = compose(
        None,
        ["content.text", use("content.text", extractor="content.tfidf"), "base.popular"],
    )
    given_encoder = with_encoder(spec, "base.hashing", registry)
    first, second, third = given_encoder.settings["scorer"]["parts"]
    assert first["encoder"] == {"use": "base.hashing"}
    assert "encoder" not in second
    assert third in ("base.popular", {"use": "base.popular"})


# ---- what was tuned

TUNED = {
    "metric": "ndcg@10",
    "trials": 20,
    "split": "user-time",
    "share": 0.2,
    "seed": 42,
    "keep_negatives": True,
    "train": "d1",
}


def test_what_a_recipe_was_tuned_on_survives_the_way_to_toml_and_back(tmp_path: Path) -> None:
    recipe = Recipe.of({"scorers": ["cf.ease"], "tuned": {**TUNED, "min_value": 4}})
    assert Recipe.read(write(tmp_path, recipe.to_toml())).tuned == {**TUNED, "min_value": 4}


@pytest.mark.parametrize(
    ("tuned", "said"),
    [
        ({"trial": 3}, r"unknown key of \[tuned\] 'trial'; did you mean 'trials'"),
        ({"metric": "ndcg@10"}, r"\[tuned\] lacks 'trials'; leave it as penchant tune wrote it"),
        ({**TUNED, "seed": "x"}, r"seed of \[tuned\] must be as penchant tune wrote it, got 'x'"),
        (3, "tuned must be a table, got 3"),
    ],
)
def test_a_changed_table_of_tuning_is_refused(tuned: Any, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        Recipe.of({"scorers": ["cf.ease"], "tuned": tuned})


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"splt": "user-time"}, r"unknown key of \[evaluation\] 'splt'; did you mean 'split'\?"),
        ({"split": 3}, "split must be a name such as 'user-time', got 3"),
        ({"share": "half"}, "share must lie between 0 and 1, both left out, got 'half'"),
        ({"share": 1}, "share must lie between 0 and 1, both left out, got 1"),
        ({"seed": "one"}, r"seed of \[evaluation\] must be a whole number from 0, got 'one'"),
        ({"seed": True}, r"seed of \[evaluation\] must be a whole number from 0, got True"),
        ({"keep_negatives": "no"}, "keep_negatives must be true or false, got 'no'"),
        ({"metrics": "ndcg@10"}, r"metrics must be a list such as \['ndcg@10'\], got 'ndcg@10'"),
        ({"metrics": [10]}, r"metrics must be a list such as \['ndcg@10'\], got \[10\]"),
    ],
)
def test_what_is_asked_of_an_evaluation_is_checked_on_reading(asked: Any, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        Recipe.of({"scorers": ["cf.ease"], "evaluation": asked})
