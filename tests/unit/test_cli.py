"""The command line: what a person types, what comes back, and every mistake in one sentence."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from penchant.cli import main

RATINGS = """user_id,item_id,rating,time
ann,a,5,1
ann,b,4,2
bob,a,4,3
bob,c,5,4
cid,b,5,5
cid,c,4,6
dan,a,1,7
dan,b,5,8
"""
FILMS = """item_id,title,genre,year
a,Alien,sf|horror,1979
b,Brazil,sf,1985
c,Casablanca,drama,1942
d,Dune,sf|drama,2021
"""
RECIPE = """
[data]
interactions = "ratings.csv"
items = "films.csv"
min_value = 4

[[scorers]]
use = "cf.ease"
l2 = 1.0
"""

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command in a folder with data and a recipe; gives exit code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)
    for name, text in (
        ("ratings.csv", RATINGS),
        ("films.csv", FILMS),
        ("recipe.toml", RECIPE),
    ):
        Path(name).write_text(text, "utf-8")

    def call(*args: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as left:
            main(list(args))
        printed = capsys.readouterr()
        code = left.value.code
        return (code if isinstance(code, int) else 1), printed.out, printed.err

    return call


def fitted(run: Run) -> None:
    code, _, err = run("fit", "recipe.toml", "-o", "model")
    assert code == 0, err


# ---- the whole way


def test_a_recipe_becomes_a_model_that_answers(run: Run) -> None:
    code, out, _ = run("fit", "recipe.toml", "-o", "model")
    assert code == 0
    assert "Fitted cf.ease on 8 events (7 likings) of 4 users and 4 items" in out
    assert "penchant recommend model ann" in out
    code, out, _ = run("recommend", "model", "ann", "-k", "1")
    assert code == 0
    assert "Casablanca" in out
    assert "cf.ease" in out


def test_a_table_becomes_a_model_without_a_recipe(run: Run) -> None:
    code, out, err = run("fit", "ratings.csv", "--items", "films.csv", "-o", "model", "--json")
    assert code == 0, err
    assert json.loads(out)["chosen_by"] == "hybrid.auto"
    code, out, _ = run("recommend", "model", "ann", "--json")
    (answer,) = json.loads(out)
    _, told, _ = run("inspect", "model")
    assert "chosen_because:\n  - " in told
    assert answer["source"] in told
    assert answer["items"][0]["name"] == "Casablanca"


def test_several_scorers_are_blended(run: Run) -> None:
    code, _, err = run(
        *("fit", "ratings.csv", "--scorer", "cf.ease", "--scorer", "base.popular", "-o", "model")
    )
    assert code == 0, err
    _, out, _ = run("recommend", "model", "ann", "--json")
    assert json.loads(out)[0]["source"] == "hybrid.weighted"


def test_answers_as_json_have_users_sources_and_ranks(run: Run) -> None:
    fitted(run)
    _, out, _ = run("recommend", "model", "ann", "zoe", "-k", "2", "--json")
    known, stranger = json.loads(out)
    assert known["user_id"] == "ann"
    assert [item["rank"] for item in known["items"]] == [1, 2]
    assert stranger["source"] == "base.popular"


def test_rules_hear_the_context_and_the_command_says_what_they_did(run: Run) -> None:
    Path("recipe.toml").write_text(
        RECIPE
        + """
[recommender]
use = "hybrid.rules"

[[recommender.rules]]
name = "campaign"
action = "pin"
ids = ["d"]
context = { page = "home", slots = 2, logged_in = true }
""",
        "utf-8",
    )
    fitted(run)
    told = ["--context", "page=home", "--context", "slots=2", "--context", "logged_in=true"]
    _, out, _ = run("recommend", "model", "ann", "-k", "1", "--json", *told, "--explain")
    (item,) = json.loads(out)[0]["items"]
    assert item["item_id"] == "d"
    assert item["reasons"][0]["detail"] == "campaign: pinned to place 1"
    _, out, _ = run("recommend", "model", "ann", "-k", "1", "--json", "--context", "page=home")
    (item,) = json.loads(out)[0]["items"]
    assert item["item_id"] == "c"
    assert "reasons" not in item
    _, out, _ = run("recommend", "model", "ann", "-k", "2", *told, "--explain")
    assert "campaign: pinned to place 1" in " ".join(out.split())
    assert "Brazil" in out, "what Casablanca is for"


def test_filters_of_the_command_line_are_the_models(run: Run) -> None:
    fitted(run)

    def ids(*args: str) -> list[str]:
        code, out, err = run("recommend", "model", *args, "--json")
        assert code == 0, err
        return [item["item_id"] for item in json.loads(out)[0]["items"]]

    assert ids("ann") == ["c", "d"]
    assert ids("ann", "--deny", "c") == ["d"]
    assert ids("ann", "--where", "genre=drama") == ["c", "d"]
    assert ids("ann", "--where", "year=1980..") == ["d"]
    assert ids("ann", "--where", "year=1942") == ["c"]
    assert set(ids("ann", "--include-seen")) == {"a", "b", "c", "d"}
    assert ids("--history", "a, b") == ids("ann")
    assert len(ids()) == 4


def test_digits_are_integers_where_the_ids_are(run: Run) -> None:
    Path("numbers.csv").write_text("user_id,item_id\n1,10\n1,20\n2,10\n", "utf-8")
    run("fit", "numbers.csv", "-o", "model")
    _, out, _ = run("recommend", "model", "2", "--json")
    assert json.loads(out)[0]["items"][0]["item_id"] == 20


def test_similar_items_have_names(run: Run) -> None:
    fitted(run)
    code, out, _ = run("similar", "model", "a", "-k", "2", "--json")
    assert code == 0
    assert {item["name"] for item in json.loads(out)[0]["items"]} <= {
        "Brazil",
        "Casablanca",
        "Dune",
    }


def test_inspect_shows_components_facts_and_files(run: Run) -> None:
    fitted(run)
    code, out, _ = run("inspect", "model")
    assert code == 0
    assert "cf.ease (l2=1.0)" in out
    assert "users: 4" in out
    assert re.search(r"plugins: base [0-9.]+, cf [0-9.]+\n", out)
    assert ".npy" in out
    _, out, _ = run("inspect", "model", "--json")
    assert json.loads(out)["model"]["recommender"]["use"] == "base.top_k"


def test_a_folder_that_can_not_be_written_is_refused_before_the_fit(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A user that may write everywhere runs the tests of CI.
    monkeypatch.setattr(os, "access", lambda path, _: "closed" not in str(path))
    Path("closed").mkdir()
    code, _, err = run("fit", "recipe.toml", "-o", "closed/deep/model")
    assert code == 1
    assert "'closed/deep/model' can't be written: " in err
    assert "closed' lets this user write nothing; name another folder" in err
    assert not any(Path("closed").iterdir())


def test_a_fit_says_that_it_took_the_place_of_another_model(run: Run) -> None:
    _, first, _ = run("fit", "recipe.toml", "-o", "model")
    code, second, _ = run("fit", "recipe.toml", "-o", "model")
    assert code == 0
    assert "in place of" not in first
    assert "saved in model, in place of the model that was there" in second


def test_one_seed_judges_by_one_split(run: Run) -> None:
    def judged(seed: str) -> dict[str, Any]:
        code, out, err = run(
            *("evaluate", "recipe.toml", "--split", "user-random", "--share", "0.5"),
            *("--seed", seed, "--threads", "2", "--json"),
        )
        assert code == 0, err
        found: dict[str, Any] = json.loads(out)
        return found

    values = [
        [row["metrics"] for row in judged(seed)["sections"][0]["rows"]]
        for seed in ("1", "1", "2", "3")
    ]
    assert values[0] == values[1]
    assert values[1:] != [values[1]] * 3


def test_evaluate_judges_beside_the_baselines(run: Run) -> None:
    code, out, err = run("evaluate", "recipe.toml", "--split", "user-time")
    assert code == 0, err
    for name in ("popular", "item-kNN", "TF-IDF", "cf.ease (yours)", "95 % interval"):
        assert name in out
    code, out, _ = run("evaluate", "recipe.toml", "--metric", "ndcg@3", "--json")
    document = json.loads(out)
    (part,) = document["sections"]
    rows = part["rows"]
    assert [row["name"] for row in rows][-1] == "cf.ease (yours)"
    assert set(rows[0]["metrics"]) == {"ndcg@3"}
    assert set(rows[0]["differences"]) == {"ndcg@3"}
    assert document["base"] == "cf.ease (yours)"
    code, out, _ = run("evaluate", "recipe.toml", "--csv")
    assert out.splitlines()[0].startswith("split,name,ndcg@10")


def test_evaluate_compares_strategies_and_writes_a_report(run: Run) -> None:
    code, out, err = run(
        *("evaluate", "ratings.csv", "cf.ease", "mf.als", "base.popular"),
        *("--html", "report.html", "--resume", "cells.jsonl"),
    )
    assert code == 0, err
    for name in ("\ncf.ease ", "\nmf.als ", "\nbase.popular ", "mf.als against cf.ease"):
        assert name in out
    assert "item-kNN" not in out
    assert "The report with charts is report.html" in out
    assert "<svg" in Path("report.html").read_text("utf-8")
    assert len(Path("cells.jsonl").read_text("utf-8").splitlines()) == 3


@pytest.mark.parametrize("name", ["auto", "hybrid.auto"])
def test_what_the_data_choose_is_judged_beside_strategies(run: Run, name: str) -> None:
    code, out, err = run("evaluate", "ratings.csv", name, "base.popular", "--json")
    assert code == 0, err
    (part,) = json.loads(out)["sections"]
    assert [row["name"] for row in part["rows"]] == [name, "base.popular"]


def test_evaluate_asks_for_every_liking_once_in_folds(run: Run) -> None:
    code, out, _ = run(
        *("evaluate", "ratings.csv", "cf.ease", "base.popular", "--folds", "2", "--json"),
        *("--metric", "ndcg@3"),
    )
    assert code == 0
    (section,) = json.loads(out)["sections"]
    assert section["split"] == "k-fold"
    code, _, err = run("evaluate", "ratings.csv", "cf.ease", "--folds", "2", "--share", "0.5")
    assert code == 2
    assert "--folds parts the data itself; leave out --split and --share" in err


def test_evaluate_takes_several_recipes_splits_and_seeds(run: Run) -> None:
    Path("other.toml").write_text(RECIPE.replace("1.0", "50.0").replace("films", "other"), "utf-8")
    code, out, err = run(
        *("evaluate", "recipe.toml", "other.toml", "--split", "user-time", "--base", "other"),
        *("--split", "user-random", "--seed", "1", "--seed", "2", "--json"),
    )
    assert code == 0, err
    assert "other names other data; it is judged on those of recipe.toml" in err
    document = json.loads(out)
    assert [part["split"] for part in document["sections"]] == ["user-time", "user-random"]
    assert [part["seeds"] for part in document["sections"]] == [[1, 2], [1, 2]]
    assert [row["name"] for row in document["sections"][0]["rows"]] == ["recipe", "other"]
    assert document["base"] == "other"


def test_an_interrupted_evaluation_prints_what_is_done(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    from penchant.evaluation import grid

    measure = grid.measure

    def until_mf(name: str, *args: Any, **settings: Any) -> Any:
        if name == "mf.als":
            raise KeyboardInterrupt
        return measure(name, *args, **settings)

    monkeypatch.setattr(grid, "measure", until_mf)
    code, out, _ = run("evaluate", "ratings.csv", "cf.ease", "mf.als")
    assert code == 130
    assert "\ncf.ease " in out
    assert "Note: interrupted: 1 of 2 fits is missing" in out


def test_cold_items_are_judged_beside_chance_and_not_beside_popularity(run: Run) -> None:
    code, out, err = run(
        *("evaluate", "ratings.csv", "--items", "films.csv", "--scorer", "content.text"),
        *("--encoder", "base.hashing", "--split", "cold-item", "--share", "0.5"),
    )
    assert code == 0, err
    assert "chance" in out
    assert "popular" not in out


def test_words_are_answered_where_an_encoder_was_named(run: Run) -> None:
    code, _, err = run(
        *("fit", "ratings.csv", "--items", "films.csv", "--scorer", "content.text"),
        *("--encoder", "base.hashing", "-o", "model"),
    )
    assert code == 0, err
    _, out, _ = run("recommend", "model", "--text", "alien", "-k", "1", "--json")
    assert json.loads(out)[0]["items"][0]["name"] == "Alien"


def test_an_unknown_item_of_the_command_line_is_told(run: Run) -> None:
    fitted(run)
    _, _, err = run("recommend", "model", "--history", "a,x")
    assert "Note: item 'x' is not in the model and is left out" in err


def test_an_unknown_user_of_the_command_line_is_told(run: Run) -> None:
    fitted(run)
    _, _, err = run("recommend", "model", "ann", "zoe")
    assert err == "Note: user 'zoe' is not in the model and is a stranger to it\n"


def test_dirty_rows_are_dropped_where_asked(run: Run) -> None:
    Path("dirty.csv").write_text(RATINGS + ",a,5,9\n", "utf-8")
    assert run("fit", "dirty.csv", "-o", "model")[0] == 1
    assert run("fit", "dirty.csv", "--clean", "drop", "-o", "model")[0] == 0


def test_plugins_lists_every_component_by_its_full_name(run: Run) -> None:
    code, out, _ = run("plugins", "--json")
    document = json.loads(out)
    assert code == 0
    kinds = {component["name"]: component["kind"] for component in document["components"]}
    assert kinds["base.top_k"] == "recommender"
    assert kinds["cf.ease"] == "scorer"
    assert kinds["onnx.text"] == "encoder"
    assert {plugin["namespace"] for plugin in document["plugins"]} >= {"base", "cf", "mf"}
    assert document["problems"] == []
    _, out, _ = run("plugins")
    assert "base.template" in out


def test_plugins_tells_the_settings_of_one_component(run: Run) -> None:
    code, out, _ = run("plugins", "cf.ease", "--json")
    told = json.loads(out)
    assert (code, told["name"], told["kind"]) == (0, "cf.ease", "scorer")
    l2 = told["settings"][0]
    assert (l2["name"], l2["type"], l2["default"], l2["required"]) == ("l2", "float", 200.0, False)
    assert l2["search"]["log"] is True
    assert "regularization" in l2["help"]
    _, out, _ = run("plugins", "content.tfidf")
    assert out.startswith("content.tfidf, an extractor: Terms of an item's text")
    assert "[1, 2]" in out
    _, out, _ = run("plugins", "hybrid.switch")
    assert "(required)" in out
    _, out, _ = run("plugins", "base.popular")
    assert out.endswith("It has no settings.\n")


def test_doctor_finds_a_healthy_installation_well(run: Run) -> None:
    code, out, _ = run("doctor")
    assert code == 0
    assert "All well." in out
    _, out, _ = run("doctor", "--json")
    assert "scalar" in json.loads(out)["instruction_sets"]


# ---- mistakes, each in one sentence on stderr


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["recomend"], "no command 'recomend'; did you mean 'recommend'?"),
        (["plugins", "cf.eas"], "no component named 'cf.eas'; did you mean 'cf.ease'?"),
        (["fit", "no.toml", "-o", "m"], "recipe 'no.toml' can't be read: No such file"),
        (["fit", "no.csv", "-o", "m"], "no.csv"),
        (["fit", "ratings.csv", "--user", "usr", "-o", "m"], "'usr'"),
        (["fit", "ratings.csv", "--scorer", "cf.eas", "-o", "m"], "did you mean 'cf.ease'?"),
        (
            ["fit", "recipe.toml", "--scorer", "cf.ease", "-o", "m"],
            "--scorer can't be given besides a recipe",
        ),
        (["recommend", "nowhere", "ann"], "nowhere"),
        (["inspect", "nowhere"], "nowhere"),
        (["fit", "films.xlsx", "-o", "m"], "'films.xlsx' is no recipe and no table of events"),
        (["fit", "recipe.toml", "-o", "."], "'.' is there and is no model"),
        (["fit", "ratings.csv", "--min-value", "9", "-o", "m"], "none of the 8 events is a liking"),
        (["evaluate", "recipe.toml", "--split", "user-tim"], "did you mean 'user-time'?"),
        (["evaluate", "recipe.toml", "--metric", "ndgc@10"], "did you mean"),
        (["evaluate", "ratings.csv", "cf.eas", "mf.als"], "did you mean 'cf.ease'?"),
        (["evaluate", "ratings.csv", "cf.ease", "mf.als", "--base", "mf.al"], "'mf.als'?"),
        (["evaluate", "ratings.csv", "mf.als", "mf.als"], "a name of its own, got mf.als, mf.als"),
        (["evaluate", "recipe.toml", "./recipe.toml"], "name of its own, got recipe, recipe"),
        (["evaluate", "recipe.toml", "--html", "no/report.html"], "there is no folder 'no'"),
        (["demo", "--data", "nowhere"], "'nowhere' holds neither ratings.csv and movies.csv"),
    ],
)
def test_a_mistake_is_one_sentence_and_a_failure(run: Run, args: list[str], message: str) -> None:
    code, _, err = run(*args)
    assert code != 0
    assert message in err
    assert "Traceback" not in err
    assert not Path("m").exists()


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["ann", "-k", "0"], "k is how many items to recommend"),
        (["ann", "--where", "genre"], "a condition is COLUMN=VALUE"),
        (["ann", "--context", "home"], "is NAME=VALUE, got 'home'"),
        (["ann", "--where", "year=a..b"], "a range is LOW..HIGH in numbers, got 'a'"),
        (["ann", "--where", "gnre=sf"], "did you mean 'genre'?"),
        (["--text", "space"], "cf.ease was fitted without an encoder, so it reads no text"),
    ],
)
def test_a_mistaken_question_is_refused(run: Run, args: list[str], message: str) -> None:
    fitted(run)
    code, _, err = run("recommend", "model", *args)
    assert code != 0
    assert message in err


def test_a_half_done_fit_that_is_interrupted_leaves_nothing(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    from penchant_cf import ease

    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(ease.Ease, "fit", interrupted)
    code, _, err = run("fit", "recipe.toml", "-o", "model")
    assert code == 130
    assert "Interrupted; nothing was left half written." in err
    assert not Path("model").exists()


def test_help_names_every_command(run: Run) -> None:
    code, out, _ = run("--help")
    assert code == 0
    names = ("demo", "fit", "recommend", "similar", "evaluate", "plugins", "doctor", "inspect")
    for name in (*names, "bench"):
        assert f"\n  {name} " in out
        assert run(name, "--help")[0] == 0


def test_the_version_is_the_packages(run: Run) -> None:
    import penchant

    assert run("--version")[1] == f"penchant {penchant.__version__}\n"
