"""A registry in the making: plugins are imported and asked, and every problem is written down.

Hooks are called one plugin at a time, never by a broadcast, so that an exception has an owner.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias, get_args

from penchant.components import Component, SourceScheme
from penchant.discovery import Found, Problem
from penchant.protocols import Kind

KINDS: tuple[Kind, ...] = get_args(Kind)

Hooks: TypeAlias = Mapping[str, Callable[..., Any]]
HooksOf: TypeAlias = Callable[[Any], tuple[Hooks, list[str]]]

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*")


@dataclass(frozen=True)
class PluginInfo:
    """A plugin in use: where it comes from, which hooks it implements, what it offers.

    components: full names, sorted. `api`: the `PENCHANT_API` that it was written for.
    """

    namespace: str
    distribution: str
    version: str
    hooks: tuple[str, ...]
    components: tuple[str, ...]
    api: int


class Gathering:
    """Takes up plugins one by one, then asks each for its declarations.

    api: the `PENCHANT_API` that is spoken. `hooks_of` gives a module's hook implementations by
    name, taking keyword arguments, and what is wrong with them.
    """

    def __init__(self, api: int, hooks_of: HooksOf, problems: Iterable[Problem] = ()) -> None:
        self.problems = list(problems)
        self.components: dict[str, tuple[Kind, Component[Any]]] = {}
        self.sources: dict[str, Callable[[str, str | None], Any]] = {}
        self.hooks: dict[str, Hooks] = {}
        self._found: dict[str, Found] = {}
        self._api = api
        self._hooks_of = hooks_of

    def problem(self, found: Found, message: str) -> None:
        """Write down what is wrong with a plugin."""
        self.problems.append(Problem(found.namespace, found.distribution, message))

    def add(self, found: Found, module: Any = None) -> None:
        """Import one plugin unless its module is given, check its API, and find its hooks."""
        if module is None:
            try:
                module = found.load()
            except (Exception, SystemExit) as error:
                self.problem(found, f"can't be imported: {words(error)}")
                return
        objection = _api_objection(module, self._api)
        if objection is not None:
            self.problem(found, objection)
            return
        self.hooks[found.namespace], messages = self._hooks_of(module)
        self._found[found.namespace] = found
        for message in messages:
            self.problem(found, message)

    def declare(self) -> None:
        """Ask every plugin what it offers."""
        schemes: dict[str, list[tuple[Found, SourceScheme]]] = {}
        for found in self._found.values():
            for kind in KINDS:
                for component in self._ask(found, f"penchant_{kind}s", Component):
                    self._declare(found, kind, component)
            for source in self._ask(found, "penchant_sources", SourceScheme):
                if not _SCHEME.fullmatch(source.scheme) or not callable(source.open):
                    self.problem(found, f"{source!r} isn't a lower case scheme and a function")
                else:
                    schemes.setdefault(source.scheme, []).append((found, source))
        for scheme, claims in schemes.items():
            if len(claims) == 1:
                self.sources[scheme] = claims[0][1].open
                continue
            who = " and ".join(repr(found.namespace) for found, _ in claims)
            self.problem(claims[0][0], f"the scheme {scheme!r} is claimed by {who}; none gets it")

    def _ask(self, found: Found, hook: str, wanted: type[Any]) -> list[Any]:
        implementation = self.hooks[found.namespace].get(hook)
        if implementation is None:
            return []
        try:
            answer = implementation() or ()
            if isinstance(answer, wanted):
                self.problem(found, f"{hook} gave one {wanted.__name__}; wanted a list of them")
                return []
            declared = list(answer)
        except Exception as error:
            self.problem(found, f"{hook} raised {words(error)}")
            return []
        for entry in declared:
            if not isinstance(entry, wanted):
                self.problem(found, f"{hook} gave {entry!r} where a {wanted.__name__} is wanted")
        return [entry for entry in declared if isinstance(entry, wanted)]

    def _declare(self, found: Found, kind: Kind, component: Component[Any]) -> None:
        name = f"{found.namespace}.{component.name}"
        if not isinstance(component.name, str) or not _NAME.fullmatch(component.name):
            message = (
                f"a component's name is lower case letters, digits and underscores, "
                f"got {component.name!r}"
            )
        elif not callable(component.build):
            message = f"{name}: build must be a function, got {component.build!r}"
        elif not isinstance(component.settings, type):
            message = f"{name}: settings must be a class, got {component.settings!r}"
        elif name in self.components:
            first = self.components[name][0]
            message = f"{name} is declared twice, as {a(first)} and as {a(kind)}; rename one"
        else:
            self.components[name] = (kind, component)
            return
        self.problem(found, message)

    def plugins(self) -> tuple[PluginInfo, ...]:
        """Describe the plugins taken up, by namespace."""
        return tuple(
            PluginInfo(
                namespace,
                found.distribution,
                found.version,
                tuple(sorted(self.hooks[namespace])),
                tuple(sorted(n for n in self.components if n.startswith(f"{namespace}."))),
                self._api,
            )
            for namespace, found in sorted(self._found.items())
        )


def _api_objection(module: Any, spoken: int) -> str | None:
    api = getattr(module, "PENCHANT_API", None)
    if api is None:
        return f"has no PENCHANT_API; set PENCHANT_API = {spoken} in the plugin's module"
    if type(api) is int and api == spoken:
        return None
    if type(api) is int and api > spoken:
        way = "upgrade penchant"
    else:
        way = f"set PENCHANT_API = {spoken} once ported"
    return f"written for plugin API {api!r}, this penchant speaks {spoken}; {way}"


def words(error: BaseException) -> str:
    """An exception in a sentence: its class and what it says."""
    return f"{type(error).__name__}: {error}"


def a(noun: str) -> str:
    """A noun with its article."""
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"
