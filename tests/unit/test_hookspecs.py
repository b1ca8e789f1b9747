"""The hooks themselves: documented, typed, and one for each kind."""

from __future__ import annotations

import inspect
from typing import get_args

import penchant
import pytest
from penchant import hookspecs
from penchant.protocols import Kind

NAMES = sorted(name for name in vars(hookspecs) if name.startswith("penchant_"))


def test_there_is_a_collecting_hook_for_each_kind_and_four_more() -> None:
    collecting = {f"penchant_{kind}s" for kind in get_args(Kind)}
    others = {"penchant_sources", "penchant_wrap_recommender", "penchant_fitted"}
    assert set(NAMES) == collecting | others | {"penchant_commands"}
    assert set(hookspecs.HOOKS) == set(get_args(Kind))


@pytest.mark.parametrize("name", NAMES)
def test_each_hook_is_marked_and_documents_itself(name: str) -> None:
    hook = getattr(hookspecs, name)
    assert hasattr(hook, "penchant_spec")
    doc = inspect.getdoc(hook)
    assert doc
    for parameter in inspect.signature(hook).parameters:
        assert f":param {parameter}:" in doc or parameter == "cli"
    assert "alled" in doc or "as `penchant_encoders`" in doc, "says when it is called"


def test_the_marker_of_the_package_is_the_one_of_the_hooks() -> None:
    assert penchant.hookimpl is hookspecs.hookimpl
