"""The documentation runs: each Python block of README.md and docs/, in order, page by page."""

from __future__ import annotations

import inspect
import re
import sys
import tomllib
from dataclasses import fields
from pathlib import Path
from types import ModuleType

import click
import penchant
import penchant.evaluation
import pytest
from penchant import errors, hookspecs
from penchant.cli import cli
from penchant.recommendations import Reason
from penchant.registry import FIRST_PARTY, Registry
from penchant.settings import describe_settings

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(page: Path, language: str) -> list[str]:
    return [code for kind, code in BLOCK.findall(page.read_text("utf-8")) if kind == language]


def test_there_are_examples_to_run() -> None:
    assert sum(len(blocks(page, "python")) for page in PAGES) >= 10


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_examples_of_a_page_run_in_order(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    # A module of its own, since dataclasses look theirs up by name.
    module = ModuleType("penchant_docs")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    for number, code in enumerate(blocks(page, "python"), start=1):
        exec(compile(code, f"{page.name}, example {number}", "exec"), vars(module))  # noqa: S102


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_toml_of_a_page_is_valid(page: Path) -> None:
    for code in blocks(page, "toml"):
        tomllib.loads(code)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?://)([^)#]+)", page.read_text("utf-8")):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_every_hook_is_documented_with_its_arguments() -> None:
    text = (ROOT / "docs" / "plugins.md").read_text("utf-8")
    hooks = {name: hook for name, hook in vars(hookspecs).items() if name.startswith("penchant_")}
    assert len(hooks) >= 9
    for name, hook in hooks.items():
        signature = f"{name}({', '.join(inspect.signature(hook).parameters)})"
        assert signature in text, f"docs/plugins.md lacks {signature}"


def test_every_setting_has_help_and_stands_on_its_page() -> None:
    registry = Registry.discover(only=FIRST_PARTY)
    checked = 0
    for name in registry.names():
        namespace = name.partition(".")[0]
        page = ROOT / "plugins" / f"penchant-{namespace}" / "README.md"
        text = (page if page.exists() else ROOT / "docs" / "strategies.md").read_text("utf-8")
        for setting in describe_settings(registry.component(name).settings):
            assert setting.doc, f"{name}: {setting.name} has no help"
            assert f"`{setting.name}`" in text, f"{name}: {setting.name} is not in its page"
            checked += 1
    assert checked >= 50


def test_the_page_of_strategies_names_every_one() -> None:
    text = (ROOT / "docs" / "strategies.md").read_text("utf-8")
    registry = Registry.discover(only=FIRST_PARTY)
    for kind in ("scorer", "recommender", "chooser"):
        for name in registry.names(kind):
            assert f"`{name}`" in text, f"docs/strategies.md lacks {name}"


def test_the_index_names_everything_public() -> None:
    text = (ROOT / "docs" / "api.md").read_text("utf-8")
    commands = cli.list_commands(click.Context(cli))
    public = {
        "penchant": penchant.__all__,
        "penchant.evaluation": penchant.evaluation.__all__,
        "Model": [name for name in dir(penchant.Model) if not name.startswith("_")],
        "Recommendations": [one.name for one in fields(penchant.Recommendations)],
        "BatchRecommendations": [one.name for one in fields(penchant.BatchRecommendations)],
        "Explanation": [one.name for one in fields(penchant.Explanation)],
        "Reason": [one.name for one in fields(Reason)],
        "Dataset": [
            *(name for name in dir(penchant.Dataset) if not name.startswith("_")),
            *(one.name for one in fields(penchant.Dataset)),
        ],
        "errors": [name for name in vars(errors) if name[0].isupper()],
        "commands": [f"penchant {name}" for name in commands],
    }
    assert "penchant fit" in public["commands"]
    # In code of its own, alone or with what is said of a call: `fit(dataset, ...)`, `.to_dicts()`.
    told = " ".join(re.findall(r"`([^`]+)`", BLOCK.sub("", text)))
    for whose, names in public.items():
        for name in names:
            assert re.search(rf"(?<![\w]){re.escape(name)}(?![\w])", told), f"{whose}: {name}"
