"""Models with rules that are saved, grow and are documented."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import penchant
import pytest
from penchant_hybrid.rule import ACTIONS, Rule

from .shop import PIN, model


def test_the_worked_recipe_of_the_readme_prints_what_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
    page = page[page.index("## hybrid.rules") :]
    recipe, code, printed = (
        re.search(rf"^```{kind}\n(.*?)^```", page, re.MULTILINE | re.DOTALL).group(1)  # type: ignore[union-attr]
        for kind in ("toml", "python", "text")
    )
    (tmp_path / "rules.toml").write_text(recipe, "utf-8")
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "README.md", "exec"), {})  # noqa: S102
    assert capsys.readouterr().out == printed


def test_the_readme_names_every_key_and_action_of_a_rule() -> None:
    page = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
    named = [*(one.name for one in fields(Rule)), *ACTIONS]
    assert [name for name in named if f"`{name}`" not in page] == []


def test_what_was_saved_comes_back(tmp_path: Path) -> None:
    its = model(
        {**PIN, "context": {"page": "home"}},
        {"action": "require", "items": {"stock": {"min": 1}, "year": {"max": 2006}}},
        {"action": "cap", "column": "brand", "at_most": 1, "users": {"country": "SI"}},
        {"action": "fresh", "column": "year", "half_life": 2, "by": 0.5},
    )
    its.save(tmp_path / "model")
    again = penchant.load(tmp_path / "model")
    for user in ("u3", "u4", "nobody"):
        for context in ({"page": "home"}, {}):
            one, other = (m.recommend(user, k=5, context=context) for m in (its, again))
            assert one.ids == other.ids
            assert one.scores.tolist() == other.scores.tolist()


def test_new_items_are_under_the_rules_at_once() -> None:
    its = model(
        {"action": "require", "items": {"stock": {"min": 1}}},
        {"action": "pin", "items": {"tags": "new"}},
        {"action": "fresh", "column": "year", "half_life": 1, "by": 0.2},
        {"action": "exclude", "ids": ["i6", "i7"]},
        {"action": "cap", "column": "brand", "at_most": 1},
    )
    added = [
        {"item_id": "n1", "stock": 0, "brand": "d", "tags": ["new"], "year": 2020},
        {"item_id": "n2", "stock": 1, "brand": "a", "tags": ["new"], "year": 2020},
    ]
    assert its.recommend(k=3).ids == ["i0", "i3", "i5"]
    newer = its.with_items(added)
    assert newer.recommend(k=3).ids == ["n2", "i3", "i5"]
