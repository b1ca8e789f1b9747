"""The smallest components of docs/plugins.md keep what their kinds promise, as that page says."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType

from penchant.testing import (
    EncoderContract,
    ExtractorContract,
    GeneratorContract,
    RecommenderContract,
)

PAGE = Path(__file__).resolve().parents[2] / "docs" / "plugins.md"


def _smallest() -> ModuleType:
    """The module that the page's first example and that of the smallest components make."""
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    # A module that can be looked up, since dataclasses and the page itself do that.
    module = sys.modules["penchant_page"] = ModuleType("penchant_page")
    declared, smallest = blocks[0], next(block for block in blocks if "class Letters" in block)
    code = declared + smallest.partition("mine = penchant.Registry")[0]
    exec(compile(code, str(PAGE), "exec"), vars(module))  # noqa: S102
    return module


PLUGINS = {"mine": _smallest()}


class TestLetters(EncoderContract):
    name, settings, plugins = "mine.letters", {}, PLUGINS


class TestMet(ExtractorContract):
    name, settings, plugins = "mine.met", {}, PLUGINS


class TestReverse(RecommenderContract):
    name, settings, plugins = "mine.reverse", {}, PLUGINS


class TestShout(GeneratorContract):
    name, settings, plugins = "mine.shout", {}, PLUGINS
