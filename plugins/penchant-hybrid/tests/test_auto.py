"""`hybrid.auto`: what it tries, what it lets in, and the plain recipe that it answers with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import penchant
import pytest
from penchant import Component, Dataset, Registry, hookimpl, use
from penchant.errors import FitCancelled, SettingsError, UnknownComponent
from penchant.protocols import FitContext, State
from penchant.queries import Queries
from penchant.testing import ChooserContract
from penchant.testing.data import checkerboard
from penchant_hybrid.auto import Auto, _worth_a_fit
from penchant_hybrid.candidates import families_for
from penchant_hybrid.settings import AutoSettings


@dataclass(frozen=True, kw_only=True)
class ParitySettings:
    """Settings of `my.parity`."""

    sign: float = 1.0


@dataclass(frozen=True)
class Parity:
    """Users of the checkerboard like items of their own parity; `sign` -1 turns that round."""

    sign: float

    def fit(self, data: Dataset, context: FitContext, /) -> Parity:
        return self

    def restore(self, state: State, /) -> Parity:
        return self

    def state(self) -> State:
        return State()

    def score(self, queries: Queries, items: np.ndarray | None, /) -> np.ndarray:
        columns = np.arange(queries.history.columns) if items is None else items
        alike = (queries.rows[:, None] % 2) == (columns[None, :] % 2)
        return (self.sign * alike).astype(np.float32)


class Plugin:
    """Offers `my.parity`."""

    PENCHANT_API = 1

    @hookimpl
    def penchant_scorers(self) -> Any:
        built = lambda settings, registry: Parity(settings.sign)  # noqa: E731
        return [Component("parity", built, ParitySettings, "Items of the users' own parity")]


class TestAuto(ChooserContract):
    name = "hybrid.auto"


def registry() -> Registry:
    import penchant_hybrid

    return Registry({"hybrid": penchant_hybrid, "my": Plugin()})


def test_the_strategy_that_finds_what_was_held_out_gets_the_greatest_weight() -> None:
    auto = use("hybrid.auto", candidates=["base.popular", "my.parity"])
    model = penchant.fit(checkerboard(12, 10), recommender=auto, registry=registry())
    weights = {part["use"]: part["weight"] for part in model.spec.settings["scorer"]["parts"]}
    assert weights["my.parity"] == 1.0
    assert weights["base.popular"] < 1.0


def test_parts_of_a_tenth_of_the_greatest_weight_stay_and_lesser_ones_go() -> None:
    assert _worth_a_fit([0.09, 1.0, 0.1]) == [0.0, 1.0, 0.1]


def test_of_one_strategy_the_best_settings_take_part() -> None:
    candidates = [use("my.parity", sign=-1.0), use("my.parity", sign=2.0)]
    auto = use("hybrid.auto", candidates=candidates)
    model = penchant.fit(checkerboard(12, 10), recommender=auto, registry=registry())
    assert model.spec.settings["scorer"] == {"use": "my.parity", "sign": 2.0}


def test_the_model_says_who_chose_and_why() -> None:
    auto = use("hybrid.auto", candidates=["base.popular", "my.parity"])
    model = penchant.fit(checkerboard(12, 10), recommender=auto, registry=registry())
    assert model.facts["chosen_by"] == "hybrid.auto"
    reasons = model.facts["chosen_because"]
    assert isinstance(reasons, list)
    told = {str(reason).partition(":")[0]: str(reason) for reason in reasons}
    assert told["my.parity"].endswith("alone, weight 1.00")
    assert "alone, weight 0." in told["base.popular"]
    assert told["blended"].startswith("blended: ")


def test_the_recipe_chosen_fitted_by_hand_gives_the_same_answers() -> None:
    data = checkerboard(40, 30)
    chosen = penchant.fit(data)
    by_hand = penchant.fit(data, recommender=chosen.spec)
    for user in chosen.users.ids():
        assert list(chosen.recommend(user).ids) == list(by_hand.recommend(user).ids)


def test_a_chosen_model_comes_back_from_its_folder(tmp_path: Path) -> None:
    model = penchant.fit(checkerboard(40, 30))
    model.save(tmp_path / "model")
    loaded = penchant.load(tmp_path / "model")
    assert loaded.spec.to_json() == model.spec.to_json()
    assert loaded.facts["chosen_because"] == model.facts["chosen_because"]
    user = model.users.id(0)
    assert list(loaded.recommend(user).ids) == list(model.recommend(user).ids)


def test_the_choice_is_the_same_for_any_threads() -> None:
    data = checkerboard(40, 30)
    first, second = (penchant.fit(data, recommender="auto", threads=t) for t in (1, 2))
    assert first.spec == second.spec


def test_validation_events_judge_and_then_join_the_data() -> None:
    whole = checkerboard(12, 10)
    held = np.arange(len(whole.interactions)) % 3 == 0
    auto = use("hybrid.auto", candidates=["base.popular", "my.parity"])
    model = penchant.fit(
        whole.subset(~held), recommender=auto, validation=whole.subset(held), registry=registry()
    )
    assert model.facts["events"] == len(whole.interactions)
    reasons = model.facts["chosen_because"]
    assert isinstance(reasons, list)
    assert any("on the validation events given" in str(reason) for reason in reasons)


def test_where_nobody_has_two_likings_popularity_is_left() -> None:
    data = Dataset.from_frame({"user_id": [1, 2, 3], "item_id": [1, 1, 2]})
    model = penchant.fit(data)
    assert model.spec.to_json() == {"use": "base.top_k", "scorer": {"use": "base.popular"}}
    reasons = model.facts["chosen_because"]
    assert isinstance(reasons, list)
    assert "nobody has two likings" in str(reasons[-1])


def test_words_and_times_bring_strategies_that_read_them() -> None:
    everything = Registry.discover()
    bare = Dataset.from_frame({"user_id": [1, 1, 2], "item_id": [1, 2, 2]})
    told = Dataset.from_frame(
        {"user_id": [1, 1, 2], "item_id": [1, 2, 2], "time": [1, 2, 3]},
        items={"item_id": [1, 2], "title": ["a sea", "a hill"]},
        text=["title"],
    )
    plain, reasons = families_for(bare, everything)
    assert not {"base.trending", "content.text"} & set(plain)
    assert "items have no words" in reasons
    assert {"base.trending", "content.text"} <= set(families_for(told, everything)[0])


def test_only_what_is_installed_is_tried() -> None:
    families, reasons = families_for(checkerboard(4, 4), registry())
    assert all(name.startswith("base.") for name in families)
    assert any(reason.startswith("not installed, and so not tried: cf.ease") for reason in reasons)


def test_a_cancelled_choice_says_so() -> None:
    context = FitContext(cancelled=lambda: True)
    with pytest.raises(FitCancelled, match=r"hybrid\.auto was cancelled before base\.popular"):
        Auto(AutoSettings(), registry()).choose(checkerboard(12, 10), context)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_a_share_of_nothing_or_all_is_refused(share: float) -> None:
    with pytest.raises(SettingsError, match="share must be between 0 and 1"):
        penchant.fit(checkerboard(4, 4), recommender=use("auto", share=share))


def test_without_a_chooser_auto_tells_the_way_out() -> None:
    with pytest.raises(UnknownComponent, match="pip install penchant-hybrid, or name what to fit"):
        penchant.fit(checkerboard(4, 4), registry=Registry({}))
