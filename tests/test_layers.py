"""The dependency rules, read from the sources: everything points one way.

plugins -> the public modules of penchant -> kernels.py -> the compiled extension. Each rule says
how many files it has read, so that a moved folder can't turn it into a rule about nothing.
"""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CORE = ROOT / "python" / "penchant"
PLUGINS = sorted(path for path in ROOT.joinpath("plugins").iterdir() if path.is_dir())
EXAMPLES = sorted(ROOT.joinpath("examples").glob("*/src"))

PUBLIC = {
    "cli",
    "components",
    "data",
    "errors",
    "evaluation",
    "growing",
    "hookspecs",
    "item_text",
    "kernels",
    "metrics",
    "protocols",
    "queries",
    "registry",
    "settings",
    "suggestions",
}
"""What a plugin may import of penchant."""

UNSAFE = {"pickle", "cPickle", "marshal", "shelve", "joblib", "dill", "cloudpickle"}


def sources(*folders: Path) -> list[Path]:
    """Give the Python files of folders, and check that there are some."""
    files = [file for folder in folders for file in sorted(folder.rglob("*.py"))]
    assert files, f"no sources in {folders}"
    return files


def core() -> list[Path]:
    return sources(CORE)


def plugin_modules() -> list[Path]:
    return sources(*(plugin / "src" for plugin in PLUGINS))


def shipped() -> list[Path]:
    return [*core(), *plugin_modules(), *sources(*EXAMPLES)]


@cache
def tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"), str(file))


def imports(file: Path, *, run_time: bool = False, top: bool = False) -> set[str]:
    """Give the dotted names that a file imports; `from a import b` counts as a.b.

    :param run_time: leave out what only type checkers import.
    :param top: leave out what is imported inside functions.
    """
    found: set[str] = set()

    def visit(node: ast.AST) -> None:
        if run_time and isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            for child in node.orelse:
                visit(child)
            return
        if top and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            return
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{file}: relative imports hide where they go"
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            found.update(
                argument.value
                for argument in node.args
                if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
            )
        for child in ast.iter_child_nodes(node):
            visit(child)

    visit(tree(file))
    return found


def is_of(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


def importers(files: list[Path], package: str) -> set[str]:
    return {
        file.relative_to(ROOT).as_posix()
        for file in files
        if any(is_of(name, package) for name in imports(file))
    }


def plugin_names() -> list[str]:
    return [plugin.name.replace("-", "_") for plugin in PLUGINS]


def test_only_kernels_imports_the_compiled_extension() -> None:
    assert importers(shipped(), "penchant._kernels") == {"python/penchant/kernels.py"}


def test_only_hookspecs_and_registry_import_pluggy() -> None:
    wanted = {"python/penchant/hookspecs.py", "python/penchant/registry.py"}
    assert importers(shipped(), "pluggy") == wanted


def test_the_core_never_imports_a_plugin() -> None:
    names = plugin_names()
    assert len(names) >= 5
    for name in [*names, "penchant_my_plugin", "penchant_multilingual"]:
        assert importers(core(), name) == set()


def test_the_core_needs_numpy_pluggy_narwhals_click_and_rich_alone() -> None:
    needed = {"numpy", "pluggy", "narwhals", "click", "rich", "penchant"} | sys.stdlib_module_names
    tests_only = {"pytest"}
    for file in core():
        allowed = needed | (tests_only if "testing" in file.parts else set())
        unguarded = {name.partition(".")[0] for name in imports(file, run_time=True, top=True)}
        assert unguarded <= allowed, f"{file.relative_to(ROOT)} imports {unguarded - allowed}"


@pytest.mark.parametrize("plugin", PLUGINS, ids=lambda plugin: plugin.name)
def test_a_plugin_imports_public_modules_alone_and_no_other_plugin(plugin: Path) -> None:
    own = plugin.name.replace("-", "_")
    for file in sources(plugin / "src"):
        for name in imports(file):
            where = f"{file.relative_to(ROOT)} imports {name}"
            if is_of(name, "penchant"):
                parts = name.split(".")[1:]
                assert not any(part.startswith("_") for part in parts), f"{where}: private"
                assert parts[0] in PUBLIC or _is_exported(parts[0]), f"{where}: not public"
                inside = CORE.joinpath(*parts[:2]).with_suffix(".py")
                assert len(parts) < 2 or not inside.exists(), f"{where}: inside of a package"
            other = [name for known in plugin_names() if known != own and is_of(name, known)]
            assert not other, f"{where}: another plugin"


def _is_exported(name: str) -> bool:
    """Whether `from penchant import name` is a name of the package and no module of its own."""
    return not CORE.joinpath(f"{name}.py").exists() and not CORE.joinpath(name).is_dir()


@pytest.mark.parametrize("name", ["protocols.py", "errors.py"])
def test_the_contracts_import_nothing_of_penchant_at_run_time(name: str) -> None:
    found = imports(CORE / name, run_time=True)
    assert not [module for module in found if is_of(module, "penchant")]


def test_nothing_is_unpickled_or_evaluated_anywhere() -> None:
    for file in shipped():
        where = file.relative_to(ROOT)
        modules = {name.partition(".")[0] for name in imports(file)}
        assert not modules & UNSAFE, f"{where} imports {modules & UNSAFE}"
        for node in ast.walk(tree(file)):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                assert called not in ("eval", "exec"), f"{where}:{node.lineno} calls {called}"
            if isinstance(node, ast.keyword) and node.arg == "allow_pickle":
                assert ast.unparse(node.value) == "False", f"{where}:{node.value.lineno}"


def asked() -> list[Path]:
    """Give the modules that answer requests: the model, the builtins, and the plugins' own."""
    answering = [CORE / "model.py", CORE / "queries.py", CORE / "recommendations.py"]
    builtins = [file for file in sources(CORE / "builtin") if file.name != "__init__.py"]
    plugins = [file for file in plugin_modules() if file.name != "__init__.py"]
    assert all(file.exists() for file in answering)
    assert builtins
    assert plugins
    return [*answering, *builtins, *plugins]


def test_no_module_that_answers_requests_mentions_pluggy() -> None:
    for file in asked():
        text = file.read_text(encoding="utf-8")
        assert "pluggy" not in text, file.relative_to(ROOT)


def test_no_module_that_answers_requests_imports_hooks_or_registry_with_itself() -> None:
    met: set[Path] = set()

    def reach(file: Path) -> Iterator[str]:
        if file in met:
            return
        met.add(file)
        for name in imports(file, run_time=True, top=True):
            yield name
            for parts in (name.split(".")[1:], name.split(".")[1:-1]):
                module = CORE.joinpath(*parts).with_suffix(".py")
                if is_of(name, "penchant") and parts and module.exists():
                    yield from reach(module)

    reached = {name for file in asked() for name in reach(file)}
    for module in ("pluggy", "penchant.registry", "penchant.hookspecs"):
        assert not [name for name in reached if is_of(name, module)], module


def test_a_request_calls_no_hook() -> None:
    """With every call of pluggy made to raise, a fitted recommender answers all the same."""
    program = """
import pluggy
from penchant.registry import Registry
from penchant.protocols import FitContext
from penchant.queries import Candidates
from penchant.testing.data import known, toy_dataset

data = toy_dataset()
fitted = Registry.discover().recommender("base.top_k").fit(data, FitContext())
def called(*arguments, **more):
    raise AssertionError("a hook was called")
for owner in (pluggy.HookCaller, pluggy.PluginManager):
    for name in ("__call__", "_hookexec", "call_extra", "register"):
        if hasattr(owner, name):
            setattr(owner, name, called)
assert fitted.recommend(known(data), Candidates(len(data.items)), 3).counts.sum() == 36
print("answered")
"""
    answer = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert answer.stdout == "answered\n", answer.stderr


def project(folder: Path) -> dict[str, object]:
    with folder.joinpath("pyproject.toml").open("rb") as file:
        return dict(tomllib.load(file)["project"])


def version() -> str:
    with ROOT.joinpath("Cargo.toml").open("rb") as file:
        return str(tomllib.load(file)["workspace"]["package"]["version"])


def test_core_and_plugins_carry_one_version() -> None:
    assert PLUGINS
    for plugin in PLUGINS:
        described = project(plugin)
        assert described["version"] == version(), plugin.name
        assert f"penchant=={version()}" in described["dependencies"], plugin.name  # type: ignore[operator]


def test_every_first_party_plugin_is_in_an_extra_with_the_one_version() -> None:
    extras = project(ROOT)["optional-dependencies"]
    named = {name for names in extras.values() for name in names}  # type: ignore[attr-defined]
    assert named >= {f"{plugin.name}=={version()}" for plugin in PLUGINS}
    for name in named:
        if name.startswith("penchant-"):
            assert name.endswith(f"=={version()}"), name


def test_discovery_knows_the_first_party_plugins_by_namespace() -> None:
    from penchant.discovery import FIRST_PARTY

    declared = {
        namespace
        for plugin in PLUGINS
        for namespace in project(plugin)["entry-points"]["penchant.plugins"]  # type: ignore[index]
    }
    assert set(FIRST_PARTY) == declared
    assert {plugin.name for plugin in PLUGINS} == {f"penchant-{name}" for name in FIRST_PARTY}
