"""`hybrid.auto`: what it tries, what it lets in, and the plain recipe that it answers with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
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
from penchant_hybrid import candidates
from penchant_hybrid.auto import Auto, _Found, _worth_a_fit
from penchant_hybrid.candidates import families_for
from penchant_hybrid.cuts import LARGE_LOG, SMALL_LOG, cuts_by, cuts_of, kinds_for
from penchant_hybrid.settings import AutoSettings


@dataclass(frozen=True, kw_only=True)
class ParitySettings:
    """Settings of `my.parity`."""

    sign: float = 1.0
    of: int | None = None


@dataclass(frozen=True)
class Parity:
    """Users of the checkerboard like items of their own parity; `sign` -1 turns that round.

    of: the parity of the users of whom that is known; None for all.
    """

    sign: float
    of: int | None

    def fit(self, data: Dataset, context: FitContext, /) -> Parity:
        return self

    def restore(self, state: State, /) -> Parity:
        return self

    def state(self) -> State:
        return State()

    def score(self, queries: Queries, items: np.ndarray | None, /) -> np.ndarray:
        columns = np.arange(queries.history.columns) if items is None else items
        alike = (queries.rows[:, None] % 2) == (columns[None, :] % 2)
        known = np.full(len(queries), True) if self.of is None else queries.rows % 2 == self.of
        return (self.sign * alike * known[:, None]).astype(np.float32)


class Plugin:
    """Offers `my.parity`."""

    PENCHANT_API = 1

    @hookimpl
    def penchant_scorers(self) -> Any:
        built = lambda settings, registry: Parity(settings.sign, settings.of)  # noqa: E731
        return [
            Component(name, built, ParitySettings, "Items of the users' own parity")
            for name in ("parity", "parity2")
        ]


class TestAuto(ChooserContract):
    name = "hybrid.auto"


def registry() -> Registry:
    import penchant_hybrid

    return Registry({"hybrid": penchant_hybrid, "my": Plugin()})


def pairs(data: Dataset) -> set[tuple[int, int]]:
    """Who liked what."""
    likings = data.positives()
    return set(zip(likings.user.tolist(), likings.item.tolist(), strict=True))


def found_of(alone: list[list[float]], kinds: list[str]) -> _Found:
    """What `_Found.of` makes of judges who found these."""
    judges = [SimpleNamespace(alone=lambda row=row: row, ideal=np.ones(4)) for row in alone]
    return _Found.of(judges, kinds)  # type: ignore[arg-type]


def test_a_strategy_that_finds_all_that_was_held_out_is_left_alone() -> None:
    auto = use("hybrid.auto", candidates=["base.popular", "my.parity"])
    model = penchant.fit(checkerboard(12, 10), recommender=auto, registry=registry())
    assert model.spec.to_json() == {"use": "base.top_k", "scorer": {"use": "my.parity"}}


def test_strategies_that_each_find_a_part_are_blended() -> None:
    auto = use("hybrid.auto", candidates=[use("my.parity", of=0), use("my.parity2", of=1)])
    model = penchant.fit(checkerboard(12, 10), recommender=auto, registry=registry())
    parts = model.spec.settings["scorer"]["parts"]
    assert {part["use"] for part in parts} == {"my.parity", "my.parity2"}
    assert max(part["weight"] for part in parts) == 1.0


def test_parts_of_a_tenth_of_the_greatest_weight_stay_and_lesser_ones_go() -> None:
    assert _worth_a_fit(np.array([0.04, 0.5, 0.05])) == [0.0, 1.0, 0.1]


def test_of_one_strategy_settings_far_from_its_best_take_no_part() -> None:
    candidates = [use("my.parity", sign=-1.0), use("my.parity", sign=2.0)]
    auto = use("hybrid.auto", candidates=candidates)
    model = penchant.fit(checkerboard(12, 10), recommender=auto, registry=registry())
    assert model.spec.settings["scorer"] == {"use": "my.parity", "sign": 2.0}


def test_of_one_strategy_the_two_best_settings_go_on() -> None:
    found = found_of([[0.5, 0.49, 0.48, 0.46]], ["user-random"])
    assert found.best_of(["a", "a", "a", "b"]) == [0, 1, 3]


def test_a_strategy_that_finds_less_than_nine_tenths_of_the_best_takes_no_part() -> None:
    found = found_of([[0.44, 0.45, 0.5, 0.43, 0.2]], ["user-random"])
    names = ["a", "b", "c", "a", "d"]
    assert found.best_of(names) == [1, 2]
    assert found.left_out(names, [1, 2]) == [0, 4]


def test_each_kind_of_cut_has_the_same_say_however_hard_it_is() -> None:
    # The latest likings are the harder to find; the first candidate is the best at those.
    found = found_of([[0.10, 0.05], [0.40, 0.50], [0.40, 0.50]], ["time", "random", "random"])
    assert found.relative == pytest.approx([(1 + 0.8) / 2, (0.5 + 1) / 2])
    assert found.by_kind(found.alone) == pytest.approx(np.array([[0.10, 0.05], [0.40, 0.50]]))
    assert found.best_of(["a", "a"]) == [0]


def test_nothing_found_by_anybody_divides_by_nothing() -> None:
    assert found_of([[0.0, 0.0]], ["user-random"]).relative.tolist() == [0.0, 0.0]


@pytest.mark.parametrize(
    ("events", "timed", "kinds"),
    [
        (SMALL_LOG, True, ["user-time", "user-time", "user-random", "user-random"]),
        (SMALL_LOG, False, ["user-random"] * 3),
        (SMALL_LOG + 1, True, ["user-time", "user-random"]),
        (SMALL_LOG + 1, False, ["user-random"]),
        (LARGE_LOG + 1, True, ["user-time"]),
        (LARGE_LOG + 1, False, ["user-random"]),
    ],
)
def test_the_more_there_is_the_fewer_times_it_is_cut(
    events: int, timed: bool, kinds: list[str]
) -> None:
    assert kinds_for(events, timed) == kinds


def test_what_was_held_out_is_said_in_words() -> None:
    data = checkerboard(12, 10)
    cuts, how = cuts_of(data, 0.1, FitContext())
    assert how == "the latest 10% (twice) and a random 10% (twice) of each user's likings"
    assert [cut.kind for cut in cuts] == ["user-time"] * 2 + ["user-random"] * 2
    parts = [pairs(cut.held_out) for cut in cuts]
    assert parts[1] != parts[2]
    for cut, part in zip(cuts, parts, strict=True):
        # The latest but one were liked before the latest, which are then not learned from.
        known = pairs(cuts[0].train) if cut is cuts[1] else pairs(data)
        assert part | pairs(cut.train) == known
        assert not part & pairs(cut.train)


def test_a_cut_by_time_after_another_holds_out_what_came_before() -> None:
    data = checkerboard(12, 10)
    drawn, last, earlier = cuts_by(data, ["user-random", "user-time", "user-time"], 0.2, 0)
    assert pairs(drawn.train) | pairs(drawn.held_out) == pairs(data)
    assert pairs(last.train) | pairs(last.held_out) == pairs(data)
    assert pairs(earlier.train) | pairs(earlier.held_out) == pairs(last.train)


def test_of_two_likings_a_user_one_is_held_out_once() -> None:
    data = Dataset.from_frame({"user_id": [1, 1, 2, 2], "item_id": [1, 2, 1, 2], "time": range(4)})
    (only,) = cuts_by(data, ["user-time"] * 3, 0.1, 0)
    assert len(only.train.interactions) == len(only.held_out.interactions) == 2


def test_the_model_says_who_chose_and_why() -> None:
    auto = use("hybrid.auto", candidates=["base.popular", "my.parity"])
    model = penchant.fit(checkerboard(12, 10), recommender=auto, registry=registry())
    assert model.facts["chosen_by"] == "hybrid.auto"
    reasons = model.facts["chosen_because"]
    assert isinstance(reasons, list)
    told = {str(reason).partition(":")[0]: str(reason) for reason in reasons}
    assert told["my.parity"].endswith("alone, weight 1.00")
    assert told["base.popular"].endswith("alone, too little to take part")
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


def test_what_candidates_take_over_from_one_another_changes_no_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = checkerboard(users=12, items=10)
    given = [{"use": "mf.warp", "epochs": epochs} for epochs in (4, 2, 6)]
    chooser = Registry.discover().chooser(use("hybrid.auto", candidates=given))
    epochs: list[float] = []

    def progress(task: str, done: float, total: float, detail: str = "", /) -> None:
        epochs.extend([done] if task.endswith("epochs") else [])

    sharing = chooser.choose(data, FitContext(progress=progress))
    # The third goes on from the second.
    assert epochs[:13] == [0, 1, 2, 3, 4, 0, 1, 2, 0, 3, 4, 5, 6]
    monkeypatch.setattr(FitContext, "sharing", lambda context, data: context)
    taken = len(epochs)
    assert chooser.choose(data, FitContext(progress=progress)) == sharing
    assert len(epochs) > 2 * taken


def test_parts_of_few_epochs_are_fitted_first_and_stand_where_they_stood() -> None:
    told: list[str] = []

    def progress(task: str, done: float, total: float, detail: str = "", /) -> None:
        if task not in told:
            told.append(task)

    given = [
        {"use": "mf.warp", "epochs": 6},
        {"use": "mf.warp", "epochs": 4},
        {"use": "base.popular"},
    ]
    data = checkerboard(users=12, items=10)
    blend = Registry.discover().scorer(use("hybrid.weighted", parts=given))
    state = blend.fit(data, FitContext(progress=progress)).state()
    assert told == ["mf.warp (2 of 3): epochs", "mf.warp (1 of 3): epochs"]
    alone = Registry.discover().scorer(given[0]).fit(data, FitContext()).state()
    assert state.parts["part_0"].arrays["item_vectors"].tobytes() == (
        alone.arrays["item_vectors"].tobytes()
    )


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


@pytest.mark.parametrize("title", [None, "  ", "!!!", "\N{CLAPPER BOARD}"])
def test_columns_without_a_word_bring_no_strategy_that_reads(title: str | None) -> None:
    data = Dataset.from_frame(
        {"user_id": [1, 1, 2, 2], "item_id": [1, 2, 2, 3]},
        items={"item_id": [1, 2, 3], "title": [title] * 3},
        text=["title"],
    )
    families, reasons = families_for(data, Registry.discover())
    assert "content.text" not in families
    assert not any("text" in spec for spec in families["mf.als"])
    assert "items have no words in their columns of words (title)" in reasons
    assert penchant.fit(data).recommend(1, k=3).ids == [3]


def test_slim_is_tried_as_often_and_as_strongly_held_back_as_the_data_bear(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data, everything = checkerboard(12, 10), Registry.discover()

    def slims() -> list[dict[str, Any]]:
        return families_for(data, everything)[0]["cf.slim"]

    gentle, strong = {"use": "cf.slim"}, {"use": "cf.slim", "l1": 1.0, "l2": 200.0}
    assert slims() == [gentle, strong]
    monkeypatch.setattr(candidates, "SMALL_LOG", 1)
    assert slims() == [strong]
    monkeypatch.setattr(candidates, "SMALL_ITEMS", 1)
    assert slims() == [{"use": "cf.slim", "l2": 50.0}]


def test_slim_is_not_tried_where_users_have_too_many_likings_each() -> None:
    data = Dataset.from_frame({"user_id": [1, 1, 2], "item_id": [1, 2, 2]})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(candidates, "MANY_PAIRS", 5)
        assert "cf.slim" in families_for(data, Registry.discover())[0]
        patch.setattr(candidates, "MANY_PAIRS", 4)
        families, reasons = families_for(data, Registry.discover())
    assert "cf.slim" not in families
    assert "more than 4 pairs of one user's likings (cf.slim)" in reasons


@pytest.mark.parametrize(("likings", "settings"), [(29, 1), (30, 3)])
def test_als_is_tried_with_other_weights_where_users_like_much(likings: int, settings: int) -> None:
    data = Dataset.from_frame({"user_id": [1] * likings, "item_id": list(range(likings))})
    assert len(families_for(data, Registry.discover())[0]["mf.als"]) == settings


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
    with pytest.raises(SettingsError, match="share must be greater than 0 and less than 1"):
        penchant.fit(checkerboard(4, 4), recommender=use("auto", share=share))


def test_without_a_chooser_auto_tells_the_way_out() -> None:
    with pytest.raises(UnknownComponent, match="pip install penchant-hybrid, or name what to fit"):
        penchant.fit(checkerboard(4, 4), registry=Registry({}))
