"""Tuning on real ratings, and what is said when it can't be done."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest
from click.testing import CliRunner
from penchant import Recipe, Registry
from penchant.cli import main
from penchant.errors import DataError, FitDiverged, RequestError, SettingsError
from penchant.evaluation import compare, make_split
from penchant.settings import Choices, Search
from penchant_tune import tune
from penchant_tune.command import tune as command
from penchant_tune.spaces import dials, turned
from penchant_tune.tuning import _parted

DATA = Path(__file__).parents[3] / "examples" / "data" / "movielens-small"
RECIPE = {
    "data": {
        "interactions": "ratings.csv",
        "user": "userId",
        "item": "movieId",
        "min_value": 4,
    },
    "scorers": [{"use": "cf.item_knn", "neighbours": 3, "similarity": "cosine"}],
}


@pytest.fixture(scope="module")
def registry():
    return Registry.discover(only={"cf", "mf", "hybrid", "content"})


@pytest.fixture(scope="module")
def recipe():
    return Recipe.of(RECIPE, folder=DATA)


@pytest.fixture(scope="module")
def data(recipe, registry):
    whole = recipe.dataset(registry)
    return whole.subset(whole.interactions.user < 150)


@pytest.fixture(scope="module")
def six(recipe, data, registry):
    return tune(recipe, dataset=data, trials=6, parts=1, registry=registry)


def scorer(*scorers):
    return Recipe.of({"scorers": list(scorers)})


# ---- what is searched


def test_settings_of_a_scorer_are_found_by_its_place(registry):
    found = dials(scorer("cf.ease"), registry)
    assert [(dial.name, dial.start) for dial in found] == [("scorers[0].l2", 200.0)]


def test_parts_inside_of_parts_are_found(registry):
    inner = {"use": "hybrid.weighted", "parts": ["cf.ease", {"use": "mf.als", "factors": 32}]}
    recipe = Recipe.of({"recommender": {"use": "base.top_k", "scorer": inner}})
    found = {dial.name: dial for dial in dials(recipe, registry)}
    assert found["recommender.scorer.parts[0].l2"].start == 200.0
    assert found["recommender.scorer.parts[1].factors"].start == 32
    changed = turned(recipe, {found["recommender.scorer.parts[0].l2"].keys: 7.0})
    assert changed.recommender["scorer"]["parts"][0] == {"use": "cf.ease", "l2": 7.0}
    assert changed.recommender["scorer"]["parts"][1] == {"use": "mf.als", "factors": 32}


def test_a_range_is_widened_to_hold_the_start(registry):
    (dial,) = dials(scorer({"use": "cf.ease", "l2": 9000.0}), registry)
    assert (dial.space.low, dial.space.high) == (10.0, 9000.0)


def test_only_and_keep_choose_among_the_settings(registry):
    one = dials(scorer("cf.item_knn"), registry, only=["scorers[0].shrinkage"])
    assert [dial.name for dial in one] == ["scorers[0].shrinkage"]
    kept = dials(scorer("cf.item_knn"), registry, keep=["scorers[0].shrinkage"])
    assert "scorers[0].shrinkage" not in [dial.name for dial in kept]
    assert len(kept) == 4


def test_a_space_may_be_given_where_none_is_declared(registry):
    spaces = {"scorers[0].iterations": Search(2, 8)}
    found = {dial.name: dial.space for dial in dials(scorer("mf.als"), registry, spaces=spaces)}
    assert found["scorers[0].iterations"] == Search(2, 16)


def test_a_setting_without_a_say_is_left_out(six):
    for trial in six.trials:
        bm25 = trial.values["scorers[0].similarity"] == "bm25"
        assert ("scorers[0].bm25_b" in trial.values) == bm25


def test_every_declared_space_can_be_built_at_its_ends(registry):
    """The ranges that components declare are ranges that they accept."""
    from penchant.settings import describe_settings, make_settings

    searched = 0
    for name in registry.names():
        cls = registry.component(name).settings
        settings = describe_settings(cls)
        inside = {"scorer": "base.popular"} if "scorer" in {s.name for s in settings} else {}
        for setting in settings:
            space = setting.search
            if space is None:
                continue
            searched += 1
            values = space.values if isinstance(space, Choices) else (space.low, space.high)
            other = dict([space.when]) if space.when else {}
            for value in values:
                make_settings(cls, {**inside, **other, setting.name: value}, name)
    assert searched > 30


# ---- what comes of it


def test_tuning_finds_better_than_three_neighbours(six):
    assert six.start is not None
    assert six.value > six.start * 1.05
    assert six.best.value == six.value == max(t.value for t in six.trials if t.value is not None)
    assert six.recipe.scorers[0]["neighbours"] == six.best.values["scorers[0].neighbours"]


def test_the_first_trial_is_the_recipe_as_it_is(six):
    assert six.trials[0].values == {
        "scorers[0].similarity": "cosine",
        "scorers[0].neighbours": 3,
        "scorers[0].shrinkage": 5.0,
    }


def test_the_test_part_is_in_no_part_that_is_looked_at(recipe, data):
    test = make_split(data, "user-time").held_out.interactions
    hidden = set(zip(test.user.tolist(), test.item.tolist(), strict=True))
    train, validations = _parted(data, recipe, "ndcg@10", 2)
    assert len(validations) == 2
    for seen in (train, *(part.train for part in validations), *(p.held_out for p in validations)):
        log = seen.interactions
        assert len(log)
        assert not hidden & set(zip(log.user.tolist(), log.item.tolist(), strict=True))


def test_the_digest_is_of_the_train_part(six, data):
    assert six.tuned_on == make_split(data, "user-time").train.fingerprint


def test_the_recipe_says_what_it_was_tuned_on(six):
    assert six.recipe.tuned == {
        "metric": "ndcg@10",
        "trials": 6,
        "split": "user-time",
        "share": 0.2,
        "seed": 42,
        "keep_negatives": True,
        "min_value": 4,
        "train": six.tuned_on,
    }


def test_a_tuned_recipe_is_warned_of_only_where_it_knew_the_answers(six, data, registry):
    told = {"tuned": six.recipe.tuned}
    report = compare(
        {"tuned": six.recipe.scorers[0]},
        data,
        ["user-time", "user-random"],
        tuned=told,
        registry=registry,
    )
    (note,) = [note for note in report.notes() if "tuned on" in note]
    assert note.startswith("user-random: tuned was tuned on ")


def test_ratings_are_tuned_on_all_events_and_said_to_be(data, registry):
    tuned = tune(scorer("cf.slope_one"), dataset=data, metric="rmse", trials=1, registry=registry)
    assert tuned.recipe.tuned["min_value"] is None
    report = compare(
        {"slope": "cf.slope_one"},
        data,
        metrics=["rmse"],
        tuned={"slope": tuned.recipe.tuned},
        registry=registry,
    )
    assert not [note for note in report.notes() if "tuned on" in note]


def test_a_study_that_was_stopped_goes_on_as_if_it_had_not(six, recipe, data, registry, tmp_path):
    journal = tmp_path / "study.journal"
    given = {"dataset": data, "parts": 1, "registry": registry, "storage": journal}
    first = tune(recipe, trials=2, **given)
    assert len(first.trials) == 2
    assert tune(recipe, trials=6, **given).trials == six.trials
    for line in journal.read_text(encoding="utf-8").splitlines():
        assert isinstance(json.loads(line), dict)


def test_an_interrupt_keeps_what_is_complete(six, recipe, data, registry):
    def stop(trial, best):
        if trial.number == 1:
            raise KeyboardInterrupt

    tuned = tune(recipe, dataset=data, trials=6, parts=1, registry=registry, finished=stop)
    assert tuned.interrupted
    assert tuned.trials == six.trials[:2]


def test_a_time_budget_ends_it_after_one_complete_trial(recipe, data, registry):
    tuned = tune(recipe, dataset=data, trials=500, parts=1, time_budget=1e-9, registry=registry)
    assert len(tuned.trials) == 1
    assert not tuned.interrupted


def test_ratings_are_tuned_by_the_error_that_is_least(data, registry):
    recipe = scorer({"use": "cf.slope_one", "shrinkage": 50.0})
    tuned = tune(recipe, dataset=data, metric="rmse", trials=4, parts=1, registry=registry)
    assert tuned.value == min(t.value for t in tuned.trials if t.value is not None)
    assert 0.7 < tuned.value < 1.1


def test_a_trial_that_cannot_be_fitted_is_told_and_passed_over(data, registry):
    recipe = scorer({"use": "mf.als", "factors": 8, "iterations": 2})
    spaces = {"scorers[0].factors": Choices((8, 100_000))}
    tuned = tune(
        recipe,
        dataset=data,
        trials=8,
        parts=1,
        only=["scorers[0].factors"],
        spaces=spaces,
        registry=registry,
    )
    failed = [trial for trial in tuned.trials if trial.outcome == "failed"]
    assert failed
    assert "factors must be from 1 to 512, got 100000" in failed[0].reason
    assert tuned.best.values == {"scorers[0].factors": 8}


def test_the_first_trial_leaves_to_the_data_what_the_recipe_does(data, registry):
    recipe = scorer({"use": "mf.als", "factors": 8, "iterations": 2})
    names = ["scorers[0].factors", "scorers[0].regularization"]
    tuned = tune(recipe, dataset=data, trials=2, parts=1, only=names, registry=registry)
    first, second = (trial.values for trial in tuned.trials)
    assert first == {"scorers[0].factors": 8}
    assert list(second) == names


def test_bad_trials_are_given_up_after_a_part(data, registry):
    recipe = scorer({"use": "cf.item_knn", "neighbours": 200})
    tuned = tune(
        recipe,
        dataset=data,
        trials=14,
        only=["scorers[0].neighbours"],
        spaces={"scorers[0].neighbours": Search(1, 200, log=True)},
        registry=registry,
    )
    pruned = [trial for trial in tuned.trials if trial.outcome == "pruned"]
    assert pruned
    assert all(len(trial.parts) == 1 and trial.value is None for trial in pruned)


def test_optuna_says_nothing_and_its_log_is_as_before(recipe, data, registry, capfd):
    before = logging.getLogger("optuna").level
    tune(recipe, dataset=data, trials=1, parts=1, registry=registry)
    assert logging.getLogger("optuna").level == before
    assert capfd.readouterr() == ("", "")


# ---- what is refused


def test_a_setting_that_is_not_there_is_refused_with_the_one_meant(recipe, data):
    with pytest.raises(SettingsError, match=r"no setting 'scorers\[0\].neighbour'; did you mean"):
        tune(recipe, dataset=data, only=["scorers[0].neighbour"])


def test_the_last_word_of_a_setting_is_understood(recipe, data):
    said = r"no setting 'neighbour'; did you mean 'scorers\[0\]\.neighbours'\?"
    with pytest.raises(SettingsError, match=said):
        tune(recipe, dataset=data, only=["neighbour"])


def test_a_setting_without_a_space_is_refused_with_the_way_out(recipe, data):
    with pytest.raises(SettingsError, match=r"text_weight declares no space to search.*`spaces`"):
        tune(recipe, dataset=data, only=["scorers[0].text_weight"])


def test_a_recipe_with_nothing_to_tune_is_refused(data):
    with pytest.raises(SettingsError, match="nothing to tune: no setting left declares a space"):
        tune(scorer("base.popular"), dataset=data)


def test_auto_is_refused(data):
    with pytest.raises(SettingsError, match="leaves the choice to the data"):
        tune(Recipe.of({}), dataset=data)


def test_an_unknown_metric_is_refused_with_the_one_meant(recipe, data):
    with pytest.raises(RequestError, match="no metric is named 'ndgc'; did you mean 'ndcg'"):
        tune(recipe, dataset=data, metric="ndgc@10")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"trials": 0}, "trials must be at least 1, got 0"),
        ({"parts": 0}, "parts must be at least 1, got 0"),
        ({"time_budget": 0.0}, "time_budget must be a number of seconds above 0, got 0.0"),
    ],
)
def test_counts_are_checked(recipe, given, said):
    with pytest.raises(SettingsError, match=said):
        tune(recipe, **given)


def test_a_storage_that_is_no_journal_is_refused(recipe, data, tmp_path):
    wrong = tmp_path / "notes.txt"
    wrong.write_text("not a journal\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"notes.txt' is no journal of a study; name another file"):
        tune(recipe, dataset=data, storage=wrong)
    assert wrong.read_text(encoding="utf-8") == "not a journal\n"


def test_a_line_that_a_killed_process_left_half_written_is_cut_off(recipe, data, tmp_path):
    journal = tmp_path / "study.journal"
    tune(recipe, dataset=data, trials=2, parts=1, storage=journal)
    whole = journal.read_bytes()
    journal.write_bytes(whole + b'{"op_code":4,"wor')
    resumed = tune(recipe, dataset=data, trials=3, parts=1, storage=journal)
    assert journal.read_bytes().startswith(whole)
    assert all(json.loads(line) for line in journal.read_bytes().splitlines())
    assert resumed.trials == tune(recipe, dataset=data, trials=3, parts=1).trials


def test_a_journal_broken_further_up_is_refused_and_stays_as_it_is(recipe, data, tmp_path):
    journal = tmp_path / "study.journal"
    tune(recipe, dataset=data, trials=1, parts=1, storage=journal)
    first, *others = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(broken := b"".join([first, b"oops\n", *others]))
    with pytest.raises(DataError, match=r"journal' is broken: line 2 is not of a journal; name"):
        tune(recipe, dataset=data, storage=journal)
    assert journal.read_bytes() == broken


def test_a_storage_that_is_a_folder_is_refused(recipe, data, tmp_path):
    with pytest.raises(DataError, match=r"can't be used: "):
        tune(recipe, dataset=data, storage=tmp_path)


def test_where_no_trial_can_be_fitted_its_error_is_raised(data, registry):
    recipe = scorer({"use": "mf.sgd", "learning_rate": 1e6, "epochs": 3})
    with pytest.raises(FitDiverged):
        tune(recipe, dataset=data, metric="rmse", trials=1, registry=registry)


# ---- the command


@pytest.fixture
def folder(tmp_path, recipe):
    lines = (DATA / "ratings.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    few = [line for line in lines[1:] if int(line.split(",")[0]) <= 60]
    (tmp_path / "ratings.csv").write_text(lines[0] + "".join(few), encoding="utf-8")
    (tmp_path / "recipe.toml").write_text(recipe.to_toml(), encoding="utf-8")
    (tmp_path / "out").mkdir()
    return tmp_path


def run(*arguments):
    return CliRunner().invoke(command, [str(one) for one in arguments], catch_exceptions=False)


def test_the_command_writes_a_recipe_that_holds_elsewhere(folder):
    best = folder / "out" / "best.toml"
    told = run(folder / "recipe.toml", "--trials", 3, "-o", best, "--parts", 1)
    assert told.exit_code == 0
    assert told.output.startswith("Best ndcg@10 on validation events 0.")
    written = Recipe.read(best)
    assert written.data["interactions"] == "../ratings.csv"
    assert len(written.dataset(Registry({})).interactions) > 1000
    assert written.tuned["trials"] == 3


def test_evaluate_warns_of_the_written_recipe_under_another_split(folder, capsys):
    best = folder / "best.toml"
    assert run(folder / "recipe.toml", "--trials", 1, "-o", best, "--parts", 1).exit_code == 0
    judged = ["evaluate", str(best), "base.popular", "--metric", "ndcg@10"]
    with pytest.raises(SystemExit):
        main([*judged, "--split", "user-random"])
    assert "Note: user-random: best was tuned on " in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(judged)
    assert "tuned on" not in capsys.readouterr().out


def test_the_command_gives_json(folder):
    told = json.loads(run(folder / "recipe.toml", "--trials", 2, "--parts", 1, "--json").output)
    assert told["metric"] == "ndcg@10"
    assert [trial["outcome"] for trial in told["trials"]] == ["complete", "complete"]


def test_the_command_ends_with_130_and_the_best_where_it_is_interrupted(folder, monkeypatch):
    from penchant_tune import tuning

    measure, calls = tuning._Search._measure, []

    def stopping(self, recipe, split):
        calls.append(recipe)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return measure(self, recipe, split)

    monkeypatch.setattr(tuning._Search, "_measure", stopping)
    best = folder / "best.toml"
    told = run(folder / "recipe.toml", "--trials", 9, "-o", best, "--parts", 1)
    assert told.exit_code == 130
    assert "Interrupted; this is the best so far." in told.output
    assert Recipe.read(best).scorers


def test_a_folder_that_is_not_there_is_told_before_any_work(folder):
    told = run(folder / "recipe.toml", "-o", folder / "missing" / "best.toml")
    assert told.exit_code == 2
    assert "there is no folder" in told.output
