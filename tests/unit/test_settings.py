"""Settings: what a caller types, and what the plugin's class gets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import FrozenInstanceError, dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Literal

import pytest
from penchant.components import Spec, SpecLike, use
from penchant.errors import SettingsError
from penchant.settings import (
    REQUIRED,
    Choices,
    Search,
    check_choice,
    check_range,
    describe_settings,
    make_settings,
)
from penchant.suggestions import did_you_mean, nearest

if TYPE_CHECKING:
    from decimal import Decimal


@dataclass(frozen=True, kw_only=True)
class Sgd:
    factors: int = field(default=64, metadata={"help": "length of a vector"})
    learning_rate: float = 0.01
    loss: Literal["squares", "ranks"] = "squares"
    bias: bool = True
    half_life: float | None = None
    columns: tuple[str, ...] = ()
    pair: tuple[int, float] = (1, 2.0)

    def __post_init__(self) -> None:
        check_range(self, "factors", at_least=1)


@dataclass(frozen=True, kw_only=True)
class Blend:
    parts: tuple[SpecLike, ...]
    scorer: str | Mapping[str, Any] = "base.popular"
    encoder: SpecLike | None = None
    amount: Decimal | None = None


def made(**given: Any) -> Sgd:
    return make_settings(Sgd, given, "mf.sgd")


def refused(**given: Any) -> str:
    with pytest.raises(SettingsError) as error:
        made(**given)
    return str(error.value)


def test_nothing_given_gives_the_defaults() -> None:
    assert made() == Sgd()


def test_an_unknown_setting_is_refused_with_the_word_that_was_meant() -> None:
    assert refused(factor=8) == (
        "mf.sgd: unknown setting 'factor'; did you mean 'factors'? (settings: factors, "
        "learning_rate, loss, bias, half_life, columns, pair)"
    )


def test_an_unknown_setting_like_none_of_them_is_refused_with_the_list() -> None:
    assert refused(zzz=8).startswith("mf.sgd: unknown setting 'zzz' (settings: factors, ")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"factors": "8"}, "mf.sgd: factors must be a whole number, got '8' (str)"),
        ({"factors": 8.0}, "mf.sgd: factors must be a whole number, got 8.0 (float)"),
        ({"factors": True}, "mf.sgd: factors must be a whole number, got True (bool)"),
        ({"learning_rate": True}, "mf.sgd: learning_rate must be a number, got True (bool)"),
        ({"learning_rate": None}, "mf.sgd: learning_rate must be a number, got None (NoneType)"),
        ({"bias": 1}, "mf.sgd: bias must be true or false, got 1 (int)"),
        ({"loss": "rank"}, "mf.sgd: loss must be one of 'squares', 'ranks', got 'rank' (str)"),
        ({"half_life": "a day"}, "mf.sgd: half_life must be a number or none, got 'a day' (str)"),
        (
            {"columns": "title"},
            "mf.sgd: columns must be a list, each entry text, got 'title' (str)",
        ),
        ({"columns": [1]}, "mf.sgd: columns must be a list, each entry text, got [1] (list)"),
        (
            {"pair": [1]},
            "mf.sgd: pair must be a list of 2: a whole number, a number, got [1] (list)",
        ),
    ],
)
def test_a_value_of_another_type_is_refused_by_name(given: dict[str, Any], message: str) -> None:
    assert refused(**given) == message


def test_a_whole_number_will_do_for_a_number() -> None:
    settings = made(learning_rate=1, half_life=30)
    assert (settings.learning_rate, settings.half_life) == (1.0, 30.0)
    assert type(settings.learning_rate) is type(settings.half_life) is float


def test_a_whole_number_too_large_for_a_float_is_refused() -> None:
    assert refused(learning_rate=10**400).startswith(
        "mf.sgd: learning_rate must be a number, got 1"
    )


def test_lists_become_tuples_all_the_way_down() -> None:
    settings = made(columns=["title", "genres"], pair=[3, 4])
    assert settings.columns == ("title", "genres")
    assert settings.pair == (3, 4.0)


def test_what_the_class_itself_refuses_is_named_after_the_component() -> None:
    assert refused(factors=0) == "mf.sgd: factors must be at least 1, got 0"


def test_a_setting_without_a_default_must_be_given() -> None:
    with pytest.raises(
        SettingsError, match=r"^hybrid.x: the setting 'parts' is missing; it has no"
    ):
        make_settings(Blend, {}, "hybrid.x")


def test_specs_pass_in_any_of_their_forms() -> None:
    parts = [use("cf.ease", l2=2), "mf.sgd", {"use": "base.popular"}]
    settings = make_settings(Blend, {"parts": parts, "encoder": "onnx.text"}, "hybrid.x")
    assert settings.parts == tuple(parts)
    assert settings.encoder == "onnx.text"
    with pytest.raises(SettingsError, match="parts must be a list, each entry a spec or text or a"):
        make_settings(Blend, {"parts": [3]}, "hybrid.x")


def test_an_annotation_that_only_type_checkers_know_is_left_to_the_class() -> None:
    assert make_settings(Blend, {"parts": [], "amount": "free"}, "hybrid.x").amount == "free"


def test_settings_are_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        made().factors = 3  # type: ignore[misc]


class Plain:
    """Takes keywords, as a class of attrs or pydantic does."""

    def __init__(self, *, depth: int = 3, width: int) -> None:
        if depth > 9:
            raise ValueError("depth is at most 9")
        self.depth, self.width = depth, width


class Open:
    def __init__(self, **anything: Any) -> None:
        self.anything = anything


def test_any_class_that_takes_keywords_will_do() -> None:
    settings = make_settings(Plain, {"width": 2}, "my.plain")
    assert (settings.depth, settings.width) == (3, 2)
    with pytest.raises(
        SettingsError, match=r"my.plain: unknown setting 'dept'; did you mean 'depth'"
    ):
        make_settings(Plain, {"dept": 2, "width": 2}, "my.plain")
    with pytest.raises(SettingsError, match=r"my.plain: the setting 'width' is missing"):
        make_settings(Plain, {}, "my.plain")
    with pytest.raises(SettingsError, match=r"^my.plain: depth is at most 9$"):
        make_settings(Plain, {"depth": 10, "width": 1}, "my.plain")


def test_a_class_that_takes_anything_gets_anything() -> None:
    assert make_settings(Open, {"x": 1}, "my.open").anything == {"x": 1}


def test_settings_are_described_with_type_default_and_help() -> None:
    described = describe_settings(Sgd)
    assert described[0] == ("factors", "int", 64, "length of a vector", None)
    assert described[4] == ("half_life", "float | None", None, "", None)
    assert [setting.name for setting in describe_settings(Plain)] == ["depth", "width"]
    assert describe_settings(Plain)[1].default is REQUIRED
    assert describe_settings(Blend)[0].default is REQUIRED


def test_a_declared_space_is_described_with_its_setting() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Tunable:
        l2: float = field(default=1.0, metadata={"search": Search(0.1, 10.0, log=True)})
        top: int = 3

    described = describe_settings(Tunable)
    assert described[0].search == Search(0.1, 10.0, log=True)
    assert described[1].search is None
    assert (Search(1, 9).whole, Search(1, 9.5).whole) == (True, False)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Search(3, 3), "a search goes from low to high, got 3 to 3"),
        (lambda: Search(0, 3, log=True), "a search by ratios starts above 0, got 0"),
        (lambda: Choices(("one",)), r"choices are at least two values, got \('one',\)"),
    ],
)
def test_a_space_without_a_choice_is_refused(make: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        make()


def test_the_nearest_name_is_found_whatever_its_case() -> None:
    assert nearest("FACTOR", ["factors", "epochs"]) == "factors"
    assert nearest("zzz", ["factors", "epochs"]) is None
    assert nearest("factor", []) is None


def test_the_last_word_of_a_name_and_initials_are_understood() -> None:
    assert nearest("als", ["mf.als", "cf.ease"]) == "mf.als"
    assert nearest("neighbours", ["scorers[0].neighbours", "scorers[0].l2"]) == (
        "scorers[0].neighbours"
    )
    assert nearest("hr", ["ndcg", "hit_rate"]) == "hit_rate"
    assert nearest("h", ["ndcg", "hit_rate"]) is None


def test_did_you_mean_ends_a_sentence_or_says_nothing() -> None:
    assert did_you_mean("factor", ["factors"]) == "; did you mean 'factors'?"
    assert did_you_mean("zzz", ["factors"]) == ""


def test_a_spec_is_no_setting_value_of_a_number() -> None:
    assert refused(factors=Spec("cf.ease")).startswith("mf.sgd: factors must be a whole number")


# ---- ranges and choices


@pytest.mark.parametrize(
    ("value", "ends", "wanted"),
    [
        (0, {"at_least": 1}, "at least 1"),
        (-0.5, {"at_least": 0}, "at least 0"),
        (0.0, {"above": 0}, "greater than 0"),
        (11, {"at_most": 10}, "at most 10"),
        (1.0, {"below": 1}, "less than 1"),
        (513, {"at_least": 1, "at_most": 512}, "from 1 to 512"),
        (0.0, {"above": 0, "at_most": 1}, "greater than 0 and at most 1"),
        (1.0, {"at_least": 0, "below": 1}, "at least 0 and less than 1"),
        (1.0, {"above": 0, "below": 1}, "greater than 0 and less than 1"),
        (float("nan"), {"at_least": 0}, "finite and at least 0"),
        (float("inf"), {"above": 0}, "finite and greater than 0"),
        (float("inf"), {"at_least": 0, "below": 1}, "at least 0 and less than 1"),
        (float("-inf"), {"at_most": 1}, "at most 1"),
    ],
)
def test_a_number_out_of_its_range_is_told_with_what_was_wanted(
    value: float, ends: dict[str, Any], wanted: str
) -> None:
    with pytest.raises(ValueError, match=f"^factors must be {wanted}, got {value}$"):
        check_range(SimpleNamespace(factors=value), "factors", **ends)


@pytest.mark.parametrize(
    ("value", "ends"),
    [
        (1, {"at_least": 1}),
        (512, {"at_least": 1, "at_most": 512}),
        (1e-30, {"above": 0}),
        (10**400, {"at_least": 1}),
        (None, {"at_least": 1}),
    ],
)
def test_the_ends_of_a_range_that_are_in_it_pass_and_so_does_none(
    value: float | None, ends: dict[str, Any]
) -> None:
    check_range(SimpleNamespace(factors=value), "factors", **ends)


def test_the_first_setting_out_of_range_is_named() -> None:
    given = SimpleNamespace(factors=3, epochs=0, models=-1)
    with pytest.raises(ValueError, match=r"^epochs must be at least 1, got 0$"):
        check_range(given, "factors", "epochs", "models", at_least=1)


def test_a_setting_that_may_be_left_out_is_told_so() -> None:
    with pytest.raises(ValueError, match=r"^half_life must be greater than 0, or left out, got 0$"):
        check_range(Sgd(half_life=0), "half_life", above=0)


def test_a_choice_that_is_none_is_told_with_all_there_are() -> None:
    check_choice(SimpleNamespace(mode=None), "mode", ("fast", "exact", None))
    with pytest.raises(ValueError, match=r"^mode must be one of 'fast', 'exact', None, got 'q"):
        check_choice(SimpleNamespace(mode="quick"), "mode", ("fast", "exact", None))


def test_a_failed_assertion_of_settings_is_theirs() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Asserting:
        power: float = 1.0

        def __post_init__(self) -> None:
            raise AssertionError

    with pytest.raises(SettingsError, match=r"my\.one: Asserting asserts something that these"):
        make_settings(Asserting, {"power": -1}, "my.one")
