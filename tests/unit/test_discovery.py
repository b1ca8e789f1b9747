"""Finding plugins among real distributions, written into a folder on the path."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from penchant.discovery import Discovery, Found, Problem, discover, select
from penchant.errors import DataError, PluginError, UnknownComponent
from penchant.registry import Registry

Install = Callable[..., None]

PLUGIN = "PENCHANT_API = 1\n"


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Give a function that installs a distribution with one plugin."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def install(distribution: str, namespace: str, module: str, source: str = PLUGIN) -> None:
        info = tmp_path / f"{distribution.replace('-', '_')}-1.5.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.5\n"
        )
        (info / "entry_points.txt").write_text(f"[penchant.plugins]\n{namespace} = {module}\n")
        (tmp_path / f"{module}.py").write_text(source)
        monkeypatch.delitem(sys.modules, module, raising=False)

    return install


def found(namespace: str, distribution: str = "some") -> Found:
    return Found(namespace, distribution, "1.0", f"{distribution}_module")


def spaces(search: Discovery) -> list[str]:
    return [plugin.namespace for plugin in search.found]


def test_an_installed_plugin_is_found_without_being_imported(install: Install) -> None:
    install("zoo-plugin", "zoo", "zoo_module")
    zoo = next(plugin for plugin in discover().found if plugin.namespace == "zoo")
    assert zoo == Found("zoo", "zoo-plugin", "1.5", "zoo_module")
    assert "zoo_module" not in sys.modules
    assert zoo.load().PENCHANT_API == 1


def test_of_a_distribution_that_stands_on_the_path_twice_the_first_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder, version, entry in (("old", "1.0", "zoo = m\nant = m"), ("new", "2.0", "zoo = m")):
        info = tmp_path / folder / f"zoo_plugin-{version}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: zoo-plugin\nVersion: {version}\n"
        )
        (info / "entry_points.txt").write_text(f"[penchant.plugins]\n{entry}\n")
        monkeypatch.syspath_prepend(str(tmp_path / folder))
    search = discover(only={"ant", "zoo"})
    assert [str(problem) for problem in search.problems] == []
    assert search.found[1:] == (Found("zoo", "zoo-plugin", "2.0", "m"),)


def test_the_builtins_come_through_the_same_door() -> None:
    builtin = next(plugin for plugin in discover().found if plugin.namespace == "base")
    assert (builtin.distribution, builtin.target) == ("penchant", "penchant.builtin")


def test_plugins_come_in_the_order_of_their_namespaces() -> None:
    assert spaces(select([found("zoo"), found("ant")])) == ["ant", "base", "zoo"]


def test_two_distributions_with_one_namespace_are_a_problem_that_names_both() -> None:
    search = select([found("zoo", "first"), found("zoo", "second")])
    assert spaces(search) == ["base"]
    assert search.problems == (
        Problem(
            "zoo",
            "first, second",
            "the namespace 'zoo' is claimed by first 1.0 and second 1.0; uninstall one of them, "
            "or block one by its distribution name",
        ),
    )


def test_blocking_one_distribution_settles_a_clash() -> None:
    search = select([found("zoo", "first"), found("zoo", "second")], block={"first"})
    assert [plugin.distribution for plugin in search.found] == ["penchant", "second"]
    assert search.problems == ()
    assert search.left_out == frozenset()


def test_base_can_not_be_claimed() -> None:
    (problem,) = select([found("base", "thief")]).problems
    assert str(problem) == (
        "plugin 'base' (thief): the namespace 'base' belongs to penchant itself; "
        "choose another name"
    )


def test_base_stays_whatever_is_blocked() -> None:
    assert spaces(select([found("zoo")], block={"base", "zoo"})) == ["base"]


def test_a_namespace_is_lower_case_letters_digits_and_underscores() -> None:
    (problem,) = select([found("Zoo-1")]).problems
    assert problem.message.startswith("a namespace is lower case letters, digits and underscores")


def test_only_some_namespaces_are_taken_when_asked(install: Install) -> None:
    install("zoo-plugin", "zoo", "zoo_module")
    install("ant-plugin", "ant", "ant_module")
    search = discover(only={"zoo"})
    assert spaces(search) == ["base", "zoo"]
    assert "ant" in search.left_out


def test_only_what_is_asked_for_is_imported(install: Install) -> None:
    install("zoo-plugin", "zoo", "zoo_module", "raise RuntimeError('imported')")
    registry = Registry.discover(only={"mf"})
    assert "zoo_module" not in sys.modules
    assert "zoo" not in [plugin.namespace for plugin in registry.plugins]


def test_a_blocked_plugin_is_not_imported_and_the_registry_says_so(install: Install) -> None:
    install("zoo-plugin", "zoo", "zoo_module", "raise RuntimeError('imported')")
    registry = Registry.discover(block={"zoo"})
    with pytest.raises(UnknownComponent, match="the plugin 'zoo' is installed but was left out"):
        registry.component("zoo.lion")


def test_a_plugin_that_can_not_be_imported_is_named_and_hurts_no_other(install: Install) -> None:
    install("zoo-plugin", "zoo", "zoo_module", "import no_such_module_anywhere")
    message = (
        r"plugin 'zoo' \(zoo-plugin\): can't be imported: "
        r"ModuleNotFoundError: No module named 'no_such_module_anywhere'"
    )
    with pytest.raises(PluginError, match=message):
        Registry.discover()
    registry = Registry.discover(strict=False)
    assert [problem.namespace for problem in registry.problems] == ["zoo"]
    assert "base.popular" in registry.names("scorer")
    with pytest.raises(UnknownComponent, match=r"no scorer named 'zoo.lion': plugin 'zoo'"):
        registry.component("zoo.lion", "scorer")


def test_a_plugin_that_exits_at_import_does_not_end_the_host(install: Install) -> None:
    install("zoo-plugin", "zoo", "zoo_module", "raise SystemExit(3)")
    (problem,) = Registry.discover(only={"zoo"}, strict=False).problems
    assert problem.message == "can't be imported: SystemExit: 3"


def test_a_namespace_that_is_not_installed_says_what_to_install() -> None:
    registry = Registry.discover(only=(), strict=False)
    with pytest.raises(UnknownComponent, match="no plugin 'zoo' is installed"):
        registry.component("zoo.lion")


def test_a_first_party_plugin_that_is_missing_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("penchant.registry.discover", lambda **_: select([]))
    with pytest.raises(UnknownComponent) as error:
        Registry.discover().scorer("mf.sgd")
    assert str(error.value) == (
        "no scorer named 'mf.sgd'; it comes with a plugin: pip install penchant-mf"
    )


SOURCE = """
from penchant import SourceScheme, hookimpl
PENCHANT_API = 1

@hookimpl
def penchant_sources():
    return [SourceScheme("zoo", lambda uri, query: {"user_id": [uri], "item_id": [query]})]
"""


def test_a_recipe_finds_who_opens_its_data_though_no_component_is_theirs(install: Install) -> None:
    import penchant

    install("zoo-plugin", "zoo", "zoo_source", SOURCE)
    recipe = penchant.Recipe.of(
        {"data": {"interactions": "zoo://a", "query": "b"}, "scorers": ["base.popular"]}
    )
    data = recipe.dataset(Registry.discover(only=recipe.namespaces()))
    assert (data.users.vocabulary.ids(), data.items.vocabulary.ids()) == (["zoo://a"], ["b"])
    assert penchant.fit(recipe).users.ids() == ["zoo://a"]
    for registry in (Registry({}), Registry.discover(block={"zoo"}, strict=False)):
        with pytest.raises(DataError, match="no plugin opens zoo:// URIs"):
            recipe.dataset(registry)
