"""Components and specs: what a caller wants, by name."""

from __future__ import annotations

import json
from pathlib import PurePosixPath

import pytest
from penchant import Spec, use
from penchant.errors import SettingsError


def test_a_spec_is_read_from_a_name_a_table_or_a_spec() -> None:
    wanted = use("cf.ease", l2=200)
    assert Spec.of("cf.ease") == Spec("cf.ease")
    assert Spec.of({"use": "cf.ease", "l2": 200}) == wanted
    assert Spec.of(wanted) is wanted


@pytest.mark.parametrize("wrong", [3, None, {"name": "cf.ease"}, {"use": 3}, ["cf.ease"]])
def test_anything_else_is_no_spec(wrong: object) -> None:
    with pytest.raises(SettingsError, match="a component is a name, or a table with the key 'use'"):
        Spec.of(wrong)  # type: ignore[arg-type]


def test_the_settings_of_a_use_can_not_be_changed() -> None:
    with pytest.raises(TypeError):
        use("cf.ease", l2=200).settings["l2"] = 3  # type: ignore[index]


def test_a_setting_may_have_the_name_of_any_argument() -> None:
    assert use("my.thing", name="x").settings == {"name": "x"}


def test_json_form_is_plain_all_the_way_down_and_reads_back() -> None:
    spec = use("hybrid.weighted", parts=(use("cf.ease", l2=2), "mf.sgd"), path=PurePosixPath("a/b"))
    plain = spec.to_json()
    assert json.loads(json.dumps(plain)) == {
        "use": "hybrid.weighted",
        "parts": [{"use": "cf.ease", "l2": 2}, "mf.sgd"],
        "path": "a/b",
    }
    assert Spec.of(plain).name == "hybrid.weighted"
