"""The registry, with plugins made on the spot: every mistake has one owner and one sentence."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import click
import pytest
from penchant import Component, hookimpl, use
from penchant.components import FitReport, SourceScheme, Spec
from penchant.errors import DataError, PluginError, SettingsError, UnknownComponent
from penchant.registry import VERBS, Registry


@dataclass(frozen=True, kw_only=True)
class Settings:
    factors: int = 8


class Scorer:
    def __init__(self, settings: Settings, registry: Registry) -> None:
        self.settings, self.registry = settings, registry

    def fit(self, data: Any, context: Any, /) -> Any: ...

    def restore(self, state: Any, /) -> Any: ...


def component(name: str = "sgd", build: Any = Scorer, settings: Any = Settings) -> Component[Any]:
    return Component(name, build, settings, "A scorer.")


def plugin(api: Any = 1, **hooks: Callable[..., Any]) -> SimpleNamespace:
    return SimpleNamespace(
        PENCHANT_API=api,
        __name__="my_module",
        **{f"penchant_{name}": hookimpl(hook) for name, hook in hooks.items()},
    )


def scorers(*components: Any) -> SimpleNamespace:
    return plugin(scorers=lambda: list(components))


def problems(**plugins: Any) -> list[str]:
    """Give the problems of a lenient registry, after checking that a strict one raises them."""
    registry = Registry(plugins, strict=False)
    with pytest.raises(PluginError) as error:
        Registry(plugins)
    for problem in registry.problems:
        assert str(problem) in str(error.value)
    return [f"{problem.namespace}: {problem.message}" for problem in registry.problems]


BASELINES = ("base.popular", "base.random", "base.recent", "base.trending")


# ---- what is there


def test_a_registry_always_has_the_builtins() -> None:
    registry = Registry({})
    assert registry.names() == (
        "base.activity",
        "base.hashing",
        "base.popular",
        "base.random",
        "base.recent",
        "base.template",
        "base.top_k",
        "base.trending",
    )
    assert registry.names("encoder") == ("base.hashing",)
    assert registry.problems == ()


def test_names_are_the_namespace_and_the_name_sorted() -> None:
    registry = Registry({"my": scorers(component("b"), component("a"))})
    assert registry.names("scorer") == (*BASELINES, "my.a", "my.b")
    assert registry.kind_of("my.a") == "scorer"
    assert registry.component("my.a").summary == "A scorer."


def test_a_plugin_is_described() -> None:
    (_, my) = Registry({"my": scorers(component())}).plugins
    assert (my.namespace, my.distribution, my.hooks) == ("my", "my_module", ("penchant_scorers",))
    assert (my.components, my.api) == (("my.sgd",), 1)


def test_a_registry_can_not_be_changed() -> None:
    registry = Registry({"my": scorers(component())})
    with pytest.raises(dataclasses.FrozenInstanceError):
        registry.problems = ()  # type: ignore[misc]
    with pytest.raises(TypeError):
        registry.sources["sql"] = print  # type: ignore[index]
    with pytest.raises(TypeError):
        registry._components["my.x"] = None  # type: ignore[index]


def test_two_registries_know_nothing_of_each_other() -> None:
    one, other = (
        Registry({"my": scorers(component("a"))}),
        Registry({"my": scorers(component("b"))}),
    )
    assert one.names("scorer") == (*BASELINES, "my.a")
    assert other.names("scorer") == (*BASELINES, "my.b")


def test_none_and_an_empty_list_mean_nothing_to_declare() -> None:
    registry = Registry({"my": plugin(scorers=lambda: None, encoders=lambda: ())})
    assert registry.plugins[1].components == ()


# ---- looking up


def test_a_misspelt_name_gets_the_one_that_was_meant() -> None:
    registry = Registry({"mf": scorers(component())})
    with pytest.raises(UnknownComponent) as error:
        registry.scorer("mf.sdg")
    assert str(error.value) == "no scorer named 'mf.sdg'; did you mean 'mf.sgd'?"


def test_a_name_of_another_kind_says_so() -> None:
    registry = Registry({"mf": scorers(component())})
    with pytest.raises(UnknownComponent) as error:
        registry.recommender("mf.sgd")
    assert str(error.value) == (
        "'mf.sgd' is a scorer, not a recommender; name it under scorers, or as the scorer of a "
        "recommender"
    )
    with pytest.raises(UnknownComponent, match=r"'mf.sgd' is a scorer, not an encoder"):
        registry.encoder("mf.sgd")


def test_a_namespace_outside_of_the_registry_says_which_are_in() -> None:
    with pytest.raises(UnknownComponent, match="this registry was made of the plugins base, my"):
        Registry({"my": scorers()}).component("onnx.text")


def test_a_name_like_nothing_says_where_the_list_is() -> None:
    with pytest.raises(
        UnknownComponent, match=r"no component named 'base.zzzzzzz'; `penchant plug"
    ):
        Registry({}).component("base.zzzzzzz")


def test_an_unknown_kind_is_refused_with_the_kinds() -> None:
    with pytest.raises(UnknownComponent, match="no kind 'scorers'; the kinds are encoder, extr"):
        Registry({}).names("scorers")  # type: ignore[arg-type]


# ---- building


def test_a_component_is_built_from_its_settings_and_the_registry() -> None:
    registry = Registry({"mf": scorers(component())})
    for spec in ("mf.sgd", {"use": "mf.sgd", "factors": 8}, use("mf.sgd", factors=8)):
        built = registry.scorer(spec)
        assert isinstance(built, Scorer)
        assert built.settings == Settings(factors=8)
        assert built.registry is registry


def test_each_kind_has_its_door() -> None:
    registry = Registry({})
    assert registry.encoder("base.hashing").dim == 512
    assert callable(registry.generator("base.template").generate)
    assert callable(registry.extractor("base.activity").fit)
    assert callable(registry.recommender("base.top_k").restore)


def test_an_unknown_setting_is_refused_in_the_components_name() -> None:
    with pytest.raises(
        SettingsError, match=r"mf.sgd: unknown setting 'factor'; did you mean 'fact"
    ):
        Registry({"mf": scorers(component())}).scorer(use("mf.sgd", factor=3))


def test_a_build_that_fails_names_the_plugin_and_keeps_the_cause() -> None:
    def build(settings: Any, registry: Any) -> Any:
        raise ImportError("no module named 'torch'")

    registry = Registry({"mf": scorers(component(build=build))})
    with pytest.raises(PluginError) as error:
        registry.scorer("mf.sgd")
    assert str(error.value) == (
        "mf.sgd can't be built by the plugin 'mf' (my_module): ImportError: no module named 'torch'"
    )
    assert isinstance(error.value.__cause__, ImportError)


def test_an_error_that_penchant_knows_passes_a_build_unchanged() -> None:
    def build(settings: Any, registry: Any) -> Any:
        raise DataError("the folder has no weights")

    with pytest.raises(DataError, match=r"^the folder has no weights$"):
        Registry({"mf": scorers(component(build=build))}).scorer("mf.sgd")


def test_what_can_not_be_restored_is_refused_before_a_fit() -> None:
    class Forgetful:
        def fit(self, data: Any, context: Any, /) -> Any: ...

    registry = Registry({"mf": scorers(component(build=lambda settings, registry: Forgetful()))})
    with pytest.raises(PluginError) as error:
        registry.scorer("mf.sgd")
    assert str(error.value) == (
        "mf.sgd: the plugin 'mf' (my_module) built a Forgetful without restore; "
        "a scorer needs the methods fit, restore"
    )


@pytest.mark.parametrize("kind", sorted(VERBS))
def test_every_kind_needs_its_verb(kind: Any) -> None:
    nothing = component("nothing", build=lambda settings, registry: object())
    registry = Registry({"my": plugin(**{f"{kind}s": lambda: [nothing]})})
    with pytest.raises(PluginError, match=f"needs the methods {', '.join(VERBS[kind])}"):
        registry.build(kind, "my.nothing")


# ---- problems


def test_a_plugin_without_an_api_number_is_told_to_set_it() -> None:
    assert problems(my=SimpleNamespace()) == [
        "my: has no PENCHANT_API; set PENCHANT_API = 1 in the plugin's module"
    ]


@pytest.mark.parametrize(
    ("api", "way"),
    [
        (0, "written for plugin API 0, this penchant speaks 1; set PENCHANT_API = 1 once ported"),
        (2, "written for plugin API 2, this penchant speaks 1; upgrade penchant"),
        ("1", "written for plugin API '1', this penchant speaks 1; set PENCHANT_API = 1 once port"),
        (True, "written for plugin API True, this penchant speaks 1; set PENCHANT_API = 1 once po"),
    ],
)
def test_a_plugin_of_another_api_is_refused_and_none_of_its_hooks_is_called(
    api: Any, way: str
) -> None:
    def hook() -> Any:
        raise AssertionError("called")

    (problem,) = problems(my=plugin(api, scorers=hook))
    assert problem.startswith(f"my: {way}")


def test_a_misspelt_hook_gets_the_one_that_was_meant() -> None:
    assert problems(my=plugin(scorer=lambda: None)) == [
        "my: unknown hook 'penchant_scorer'; did you mean 'penchant_scorers'?"
    ]


def test_a_hook_without_its_mark_is_noticed() -> None:
    module = SimpleNamespace(PENCHANT_API=1, penchant_scorers=list)
    assert problems(my=module) == [
        "my: penchant_scorers isn't marked; write @penchant.hookimpl above it"
    ]


def test_a_hook_with_an_argument_that_no_hook_has_is_noticed() -> None:
    (problem,) = problems(my=plugin(scorers=lambda colour: []))
    assert "hook 'penchant_scorers'" in problem
    assert "colour" in problem


def test_a_hook_may_leave_arguments_out() -> None:
    registry = Registry({"my": plugin(wrap_recommender=lambda: None)})
    thing = SimpleNamespace(recommend=print)
    assert registry.wrap_recommender("base.top_k", thing) is thing  # type: ignore[arg-type]


def test_a_hook_wrapper_is_refused() -> None:
    @hookimpl(wrapper=True)
    def penchant_scorers() -> Any:
        return (yield)

    module = SimpleNamespace(PENCHANT_API=1, penchant_scorers=penchant_scorers)
    assert problems(my=module) == ["my: penchant_scorers is a hook wrapper; penchant has none"]


def test_a_hook_that_raises_is_named_and_hurts_no_other() -> None:
    def hook() -> Any:
        raise RuntimeError("oh no")

    plugins = {"bad": plugin(scorers=hook), "good": scorers(component())}
    assert problems(**plugins) == ["bad: penchant_scorers raised RuntimeError: oh no"]
    assert "good.sgd" in Registry(plugins, strict=False).names()


def test_a_hook_that_raises_half_way_declares_nothing() -> None:
    def hook() -> Any:
        yield component()
        raise RuntimeError("oh no")

    assert Registry({"my": plugin(scorers=hook)}, strict=False).plugins[1].components == ()


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ("sgd", "my: penchant_scorers gave 'sgd' where a Component is wanted"),
        (
            component("SGD"),
            "my: a component's name is lower case letters, digits and underscores, got 'SGD'",
        ),
        (component(build=3), "my: my.sgd: build must be a function, got 3"),
        (component(settings={}), "my: my.sgd: settings must be a class, got {}"),
    ],
)
def test_a_component_that_is_none_is_refused(declared: Any, message: str) -> None:
    assert problems(my=scorers(declared)) == [message]


def test_a_name_is_declared_once_within_a_kind_and_across_kinds() -> None:
    assert problems(my=scorers(component(), component())) == [
        "my: my.sgd is declared twice, as a scorer and as a scorer; rename one"
    ]
    both = plugin(scorers=lambda: [component()], encoders=lambda: [component()])
    assert problems(my=both) == [
        "my: my.sgd is declared twice, as an encoder and as a scorer; rename one"
    ]


def test_base_can_not_be_given() -> None:
    assert problems(base=scorers(component())) == [
        "base: the namespace 'base' belongs to penchant itself"
    ]


def test_a_strict_registry_lists_every_problem_at_once() -> None:
    with pytest.raises(PluginError) as error:
        Registry({"a": SimpleNamespace(), "b": plugin(0)})
    assert str(error.value).splitlines() == [
        "2 problems with plugins:",
        "- plugin 'a' (SimpleNamespace): has no PENCHANT_API; set PENCHANT_API = 1 in the plugin's "
        "module",
        "- plugin 'b' (my_module): written for plugin API 0, this penchant speaks 1; set "
        "PENCHANT_API = 1 once ported",
    ]


# ---- sources


def test_a_scheme_is_opened_by_the_plugin_that_declares_it() -> None:
    registry = Registry(
        {"my": plugin(sources=lambda: [SourceScheme("memory", lambda u, q: [u, q])])}
    )
    assert registry.sources["memory"]("memory://x", "all") == ["memory://x", "all"]


def test_a_scheme_that_two_plugins_claim_goes_to_neither() -> None:
    claims = {name: plugin(sources=lambda: [SourceScheme("sql", print)]) for name in ("ant", "bee")}
    assert problems(**claims) == [
        "ant: the scheme 'sql' is claimed by 'ant' and 'bee'; none gets it"
    ]
    assert dict(Registry(claims, strict=False).sources) == {}


def test_a_scheme_that_is_none_is_refused() -> None:
    (problem,) = problems(my=plugin(sources=lambda: [SourceScheme("SQL://", print)]))
    assert problem.endswith("isn't a lower case scheme and a function")


# ---- wrapping, hearing, commands


class Wrapped:
    def __init__(self, inner: Any, by: str) -> None:
        self.inner, self.by = inner, by

    def recommend(self) -> str:
        return f"{self.by}({self.inner.recommend()})"


def wrapping(by: str) -> SimpleNamespace:
    return plugin(wrap_recommender=lambda name: lambda inner: Wrapped(inner, f"{by}:{name}"))


def test_wrappers_are_folded_in_the_order_of_namespaces_the_last_outermost() -> None:
    registry = Registry({"zoo": wrapping("zoo"), "ant": wrapping("ant")})
    bare: Any = SimpleNamespace(recommend=lambda: "items")
    wrapped: Any = registry.wrap_recommender("base.top_k", bare)
    assert wrapped.recommend() == "zoo:base.top_k(ant:base.top_k(items))"


def test_a_wrapper_that_fails_names_its_plugin() -> None:
    bare: Any = SimpleNamespace(recommend=lambda: "items")
    failing = Registry({"my": plugin(wrap_recommender=lambda name: lambda inner: 1 / 0)})
    with pytest.raises(
        PluginError, match=r"the plugin 'my' can't wrap base.top_k: ZeroDivisionError"
    ):
        failing.wrap_recommender("base.top_k", bare)
    losing = Registry({"my": plugin(wrap_recommender=lambda name: lambda inner: object())})
    with pytest.raises(PluginError, match=r"wrapped base.top_k into a object without recommend"):
        losing.wrap_recommender("base.top_k", bare)


def test_a_finished_fit_is_told_to_all_and_their_exceptions_are_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    heard: list[FitReport] = []

    def fail(report: FitReport) -> None:
        raise RuntimeError("deaf")

    registry = Registry(
        {"a": plugin(fitted=fail), "b": plugin(fitted=lambda report: heard.append(report))}
    )
    report = FitReport(Spec("base.top_k"), 1, 2, 3, 0.5, 0)
    with caplog.at_level(logging.ERROR, "penchant"):
        registry.fitted(report)
    assert heard == [report]
    assert "the plugin 'a' failed in penchant_fitted" in caplog.text
    assert "deaf" in caplog.text


def group() -> click.Group:
    cli = click.Group("penchant")
    cli.add_command(click.Command("fit"))
    return cli


def test_a_plugin_adds_commands() -> None:
    cli = group()
    adding = plugin(commands=lambda cli: cli.add_command(click.Command("serve")))
    assert Registry({"my": adding}).add_commands(cli) == ()
    assert sorted(cli.commands) == ["fit", "serve"]


def test_a_command_that_is_taken_stays_what_it_was() -> None:
    cli = group()
    first = cli.commands["fit"]
    plugins = {"my": plugin(commands=lambda cli: cli.add_command(click.Command("fit")))}
    (problem,) = Registry(plugins, strict=False).add_commands(cli)
    assert cli.commands["fit"] is first
    assert problem.message == "the command 'fit' is taken; choose another name"
    with pytest.raises(PluginError, match="the command 'fit' is taken"):
        Registry(plugins).add_commands(cli)


def test_a_commands_hook_that_raises_is_a_problem() -> None:
    plugins = {"my": plugin(commands=lambda cli: cli.no_such_thing())}
    (problem,) = Registry(plugins, strict=False).add_commands(group())
    assert problem.message.startswith("penchant_commands raised AttributeError")


# ---- what beginners forget


def test_one_component_in_the_place_of_a_list_is_told() -> None:
    found = problems(my=plugin(scorers=lambda: component()))
    assert found == ["my: penchant_scorers gave one Component; wanted a list of them"]


def test_a_plugin_that_declares_nothing_says_so_when_asked() -> None:
    registry = Registry({"my": plugin(scorers=lambda: None)})
    with pytest.raises(
        UnknownComponent, match=r"no scorer named 'my\.sgd'; the plugin 'my' is here but its hooks"
    ):
        registry.scorer("my.sgd")
