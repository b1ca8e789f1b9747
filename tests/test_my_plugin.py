"""The example stays small enough to be read in one sitting."""

from __future__ import annotations

from pathlib import Path

PLUGIN = Path(__file__).parents[1] / "examples" / "my_plugin"


def test_the_example_plugin_is_one_module_of_at_most_fifty_lines() -> None:
    (module,) = PLUGIN.joinpath("src").rglob("*.py")
    lines = module.read_text(encoding="utf-8").splitlines()
    assert 0 < len(lines) <= 50


def test_the_docs_show_the_example_as_it_is() -> None:
    docs = PLUGIN.parents[1].joinpath("docs", "plugins.md").read_text(encoding="utf-8")
    (module,) = PLUGIN.joinpath("src").rglob("*.py")
    assert f"```python\n{module.read_text(encoding='utf-8')}```" in docs
