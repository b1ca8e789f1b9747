"""The registry: which components there are, by full name, and how one is built.

It is made once, at start-up, from the hooks of plugins, and is frozen from then on. Every problem
is gathered and names its plugin; a strict registry raises them all in one error, a lenient one
keeps them for `penchant doctor`. pluggy ends here: nothing that answers a request knows of it.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from threading import RLock
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, cast

import pluggy

from penchant import hookspecs
from penchant.components import Component, FitReport, Spec, SpecLike
from penchant.discovery import BUILTIN, FIRST_PARTY, Found, Problem, builtin, discover
from penchant.errors import PenchantError, PluginError, UnknownComponent
from penchant.gathering import KINDS, Gathering, Hooks, PluginInfo, a, words
from penchant.protocols import Kind
from penchant.settings import make_settings
from penchant.suggestions import did_you_mean, nearest

if TYPE_CHECKING:
    import click

    from penchant.protocols import (
        Chooser,
        Encoder,
        Extractor,
        FittedRecommender,
        Generator,
        Recommender,
        Scorer,
    )

VERBS: Mapping[Kind, tuple[str, ...]] = MappingProxyType(
    {
        "encoder": ("encode",),
        "extractor": ("fit", "restore"),
        "scorer": ("fit", "restore"),
        "recommender": ("fit", "restore"),
        "generator": ("generate",),
        "chooser": ("choose",),
    }
)
"""The methods that a built component of each kind must have; `restore` before a long fit starts."""

_log = logging.getLogger("penchant")

_PLACES: Mapping[Kind, str] = {
    "scorer": "under scorers, or as the scorer of a recommender",
    "recommender": "as the recommender",
    "encoder": "as the encoder, or as the text of a strategy",
    "extractor": "under derive, or as the text of a strategy",
    "generator": "as the generator",
    "chooser": "as the recommender",
}
"""Where a component of each kind belongs."""


@dataclass(frozen=True, init=False, repr=False, eq=False)
class Registry:
    """Every component at hand by full name; frozen, and safe from many threads at once.

    plugins: those in use, by namespace; the builtin plugin `base` is always among them.
    problems: what kept other plugins, or parts of one, out; always () in a strict registry.
    sources: per URI scheme, the function that opens such a URI.
    unasked: namespaces that are installed and that `only` left out.
    """

    plugins: tuple[PluginInfo, ...]
    problems: tuple[Problem, ...]
    sources: Mapping[str, Callable[[str, str | None], Any]]
    strict: bool
    unasked: frozenset[str]
    _components: Mapping[str, tuple[Kind, Component[Any]]]
    _hooks: Mapping[str, Hooks]
    _left_out: frozenset[str] | None
    _encoders: dict[str, Encoder]
    _lock: RLock

    def __init__(self, plugins: Mapping[str, Any], *, strict: bool = True) -> None:
        """Make a registry of the given modules, by namespace, and of the builtin plugin.

        Nothing is discovered. A module is anything with `PENCHANT_API` and hook implementations.
        Raises PluginError, naming every problem, when `strict`.
        """
        given = [_given(namespace, plugin) for namespace, plugin in plugins.items()]
        self._gather([(builtin(), None), *given], strict)

    @classmethod
    def discover(
        cls,
        *,
        block: Collection[str] = (),
        only: Collection[str] | None = None,
        strict: bool = True,
    ) -> Registry:
        """Make a registry of the installed plugins.

        :param block: namespaces or distributions to leave out, unimported.
        :param only: the namespaces wanted besides `base`; no other plugin is imported.
        :param strict: raise PluginError that lists every problem, instead of keeping them.
        """
        search = discover(block=block, only=only)
        registry = cls.__new__(cls)
        registry._gather(
            [(found, None) for found in search.found],
            strict,
            search.problems,
            search.left_out,
            frozenset() if only is None or block else search.left_out,
        )
        return registry

    def _gather(
        self,
        plugins: Iterable[tuple[Found, Any]],
        strict: bool,
        problems: Iterable[Problem] = (),
        left_out: frozenset[str] | None = None,
        unasked: frozenset[str] = frozenset(),
    ) -> None:
        gathering = Gathering(hookspecs.PENCHANT_API, _hooks_of, problems)
        for found, module in sorted(plugins, key=_builtin_first):
            if module is not None and found.namespace == BUILTIN:
                gathering.problem(found, f"the namespace {BUILTIN!r} belongs to penchant itself")
            else:
                gathering.add(found, module)
        gathering.declare()
        if strict and gathering.problems:
            raise _plugin_error(gathering.problems)
        self.__dict__.update(
            plugins=gathering.plugins(),
            problems=tuple(gathering.problems),
            sources=MappingProxyType(gathering.sources),
            strict=strict,
            unasked=unasked,
            _components=MappingProxyType(dict(sorted(gathering.components.items()))),
            _hooks=MappingProxyType(gathering.hooks),
            _left_out=left_out,
            _encoders={},
            _lock=RLock(),  # an ensemble builds its parts while it is being built
        )

    def __repr__(self) -> str:
        return f"<Registry of {', '.join(plugin.namespace for plugin in self.plugins)}>"

    # ---- looking up

    def names(self, kind: Kind | None = None) -> tuple[str, ...]:
        """List the full names of all components, or of one kind, sorted."""
        if kind is not None and kind not in KINDS:
            raise UnknownComponent(f"no kind {kind!r}; the kinds are {', '.join(KINDS)}")
        return tuple(n for n, (its, _) in self._components.items() if kind in (None, its))

    def component(self, name: str, kind: Kind | None = None) -> Component[Any]:
        """Give the declaration of a component.

        Raises UnknownComponent, with the way out, when there is none of that name and kind.
        """
        found = self._components.get(name)
        if found is None:
            raise UnknownComponent(self._missing(name, kind))
        if kind is not None and found[0] != kind:
            there = _PLACES[found[0]]
            raise UnknownComponent(f"{name!r} is {a(found[0])}, not {a(kind)}; name it {there}")
        return found[1]

    def kind_of(self, name: str) -> Kind:
        """Say which kind of component a name is of; raises UnknownComponent."""
        self.component(name)
        return self._components[name][0]

    def _missing(self, name: str, kind: Kind | None) -> str:
        what = f"no {kind or 'component'} named {name!r}"
        namespace, dot, _ = name.partition(".")
        if not dot or any(plugin.namespace == namespace for plugin in self.plugins):
            mine = [plugin for plugin in self.plugins if plugin.namespace == namespace]
            if mine and not mine[0].components:
                return f"{what}; the plugin {namespace!r} is here but its hooks declare nothing"
            hint = did_you_mean(name, self.names(kind)) or did_you_mean(name, self.names())
            return what + (hint or "; `penchant plugins` lists the components")
        for problem in self.problems:
            if problem.namespace == namespace:
                return f"{what}: {problem}"
        near = nearest(name, self.names(kind))
        if self._left_out is None:
            there = ", ".join(plugin.namespace for plugin in self.plugins)
            way = f"; this registry was made of the plugins {there}"
        elif namespace in self._left_out:
            way = f"; the plugin {namespace!r} is installed but was left out of this registry"
        elif namespace in FIRST_PARTY:
            return f"{what}; it comes with a plugin: pip install penchant-{namespace}"
        else:
            way = f"; no plugin {namespace!r} is installed"
        return f"{what}{way}" if near is None else f"{what}; did you mean {near!r}?"

    # ---- building

    def build(self, kind: Kind, spec: SpecLike) -> Any:
        """Build an unfitted component from its name and settings.

        Raises UnknownComponent, SettingsError for settings that the component refuses, and
        PluginError when the plugin's `build` fails or gives an object without the kind's methods
        (`VERBS`); a missing `restore` is found here, before anybody waits for a fit.
        """
        spec = Spec.of(spec)
        component = self.component(spec.name, kind)
        settings = make_settings(component.settings, spec.settings, spec.name)
        try:
            built = component.build(settings, self)
        except PenchantError:
            raise
        except Exception as error:
            raise PluginError(
                f"{spec.name} can't be built by {self._owner(spec.name)}: {words(error)}"
            ) from error
        lacking = [verb for verb in VERBS[kind] if not callable(getattr(built, verb, None))]
        if lacking:
            raise PluginError(
                f"{spec.name}: {self._owner(spec.name)} built a {type(built).__name__} without "
                f"{' and '.join(lacking)}; {a(kind)} needs the methods {', '.join(VERBS[kind])}"
            )
        return built

    def encoder(self, spec: SpecLike) -> Encoder:
        """Give the encoder of a spec; errors as `build`.

        Encoders are never fitted, so components that name the same one share it, with its model in
        memory once. It lives as long as the registry.
        """
        key = json.dumps(Spec.of(spec).to_json(), sort_keys=True)
        with self._lock:
            if key not in self._encoders:
                self._encoders[key] = self.build("encoder", spec)
            return self._encoders[key]

    def extractor(self, spec: SpecLike) -> Extractor:
        """Build an extractor; errors as `build`."""
        return cast("Extractor", self.build("extractor", spec))

    def scorer(self, spec: SpecLike) -> Scorer:
        """Build a scorer; errors as `build`."""
        return cast("Scorer", self.build("scorer", spec))

    def recommender(self, spec: SpecLike) -> Recommender:
        """Build a recommender; errors as `build`."""
        return cast("Recommender", self.build("recommender", spec))

    def generator(self, spec: SpecLike) -> Generator:
        """Build a generator; errors as `build`."""
        return cast("Generator", self.build("generator", spec))

    def chooser(self, spec: SpecLike) -> Chooser:
        """Build a chooser; errors as `build`."""
        return cast("Chooser", self.build("chooser", spec))

    def _owner(self, name: str) -> str:
        namespace = name.partition(".")[0]
        return f"the plugin {namespace!r} ({self._plugin(namespace).distribution})"

    def _plugin(self, namespace: str) -> PluginInfo:
        return next(plugin for plugin in self.plugins if plugin.namespace == namespace)

    # ---- the other hooks

    def wrap_recommender(self, name: str, fitted: FittedRecommender) -> FittedRecommender:
        """Fold the plugins' wrappers around a fitted recommender, the last namespace outermost.

        Raises PluginError, naming the plugin, when a hook or wrapper raises or loses `recommend`.
        """
        for namespace, hook in self._implementing("penchant_wrap_recommender"):
            try:
                wrapper = hook(name=name)
                if wrapper is None:
                    continue
                fitted = wrapper(fitted)
            except Exception as error:
                raise PluginError(
                    f"the plugin {namespace!r} can't wrap {name}: {words(error)}"
                ) from error
            if not callable(getattr(fitted, "recommend", None)):
                raise PluginError(
                    f"the plugin {namespace!r} wrapped {name} into a {type(fitted).__name__} "
                    f"without recommend"
                )
        return fitted

    def fitted(self, report: FitReport) -> None:
        """Tell the plugins of a finished fit; their exceptions are logged, never raised."""
        for namespace, hook in self._implementing("penchant_fitted"):
            try:
                hook(report=report)
            except Exception:
                _log.exception("the plugin %r failed in penchant_fitted", namespace)

    def add_commands(self, cli: click.Group) -> tuple[Problem, ...]:
        """Let the plugins add commands to `cli`, and give the problems met on the way.

        A command whose name is taken is a problem, and the first one stays. A strict registry
        raises PluginError instead of giving the problems.
        """
        problems = []
        for namespace, hook in self._implementing("penchant_commands"):
            before = dict(cli.commands)
            try:
                hook(cli=cli)
            except Exception as error:
                message = f"penchant_commands raised {words(error)}"
            else:
                taken = [name for name in before if cli.commands.get(name) is not before[name]]
                if not taken:
                    continue
                message = f"the command {taken[0]!r} is taken; choose another name"
            cli.commands.update(before)
            problems.append(Problem(namespace, self._plugin(namespace).distribution, message))
        if problems and self.strict:
            raise _plugin_error(problems)
        return tuple(problems)

    def _implementing(self, hook: str) -> list[tuple[str, Callable[..., Any]]]:
        return [(name, hooks[hook]) for name, hooks in self._hooks.items() if hook in hooks]


def _hooks_of(module: Any) -> tuple[Hooks, list[str]]:
    """Find a plugin's hook implementations by pluggy, and say what is wrong with them.

    A manager is made for each plugin, so that what pluggy raises has one owner.
    """
    manager = _Manager("penchant")
    manager.add_hookspecs(hookspecs)
    known = {name for name in vars(hookspecs) if name.startswith("penchant_")}
    problems = list(_misspelt(manager, module, known))
    try:
        manager.register(module)
    except pluggy.PluginValidationError as error:
        return {}, [*problems, " ".join(str(error).split())]
    hooks: dict[str, Callable[..., Any]] = {}
    for name in known:
        for implementation in getattr(manager.hook, name).get_hookimpls():
            if implementation.hookwrapper or implementation.wrapper:
                problems.append(f"{name} is a hook wrapper; penchant has none")
            else:
                hooks[name] = _call(implementation)
    return MappingProxyType(hooks), problems


class _Manager(pluggy.PluginManager):
    """Looks at each name of a plugin once, though it is asked twice: most of a registry's time."""

    def __init__(self, project_name: str) -> None:
        super().__init__(project_name)
        self._marks: dict[str, pluggy.HookimplOpts | None] = {}

    def parse_hookimpl_opts(self, plugin: Any, name: str) -> pluggy.HookimplOpts | None:
        if name not in self._marks:
            self._marks[name] = super().parse_hookimpl_opts(plugin, name)
        return self._marks[name]


def _misspelt(manager: pluggy.PluginManager, module: Any, known: set[str]) -> Iterable[str]:
    for name in dir(module):
        options = manager.parse_hookimpl_opts(module, name)
        if options is not None:
            hook = options.get("specname") or name
            if hook not in known:
                yield f"unknown hook {hook!r}{did_you_mean(hook, known)}"
        elif name in known and callable(getattr(module, name)):
            yield f"{name} isn't marked; write @penchant.hookimpl above it"


def _call(implementation: pluggy.HookImpl) -> Callable[..., Any]:
    """Call an implementation by the arguments that it names, as pluggy would."""

    def call(**arguments: Any) -> Any:
        return implementation.function(*(arguments[name] for name in implementation.argnames))

    return call


def _builtin_first(plugin: tuple[Found, Any]) -> tuple[bool, str]:
    found, module = plugin
    return module is not None or found.namespace != BUILTIN, found.namespace


def _given(namespace: str, plugin: Any) -> tuple[Found, Any]:
    name = getattr(plugin, "__name__", type(plugin).__name__)
    return Found(namespace, name, str(getattr(plugin, "__version__", "")), name), plugin


def _plugin_error(problems: Collection[Problem]) -> PluginError:
    if len(problems) == 1:
        return PluginError(str(next(iter(problems))))
    listed = "".join(f"\n- {problem}" for problem in problems)
    return PluginError(f"{len(problems)} problems with plugins:{listed}")
