"""Finding plugins: which namespaces are installed, by which distributions, without importing any.

pluggy's own loader keeps silent about one of two plugins that claim one name, and lets a plugin
that can't be imported take the host down unnamed. So penchant looks at the entry points of the
group `penchant.plugins` itself, and every clash becomes a `Problem` that names who is to blame.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from importlib.metadata import Distribution, EntryPoint

GROUP = "penchant.plugins"
BUILTIN = "base"
FIRST_PARTY = ("cf", "content", "hybrid", "mf", "onnx", "tune")
"""Namespaces whose distribution is `penchant-` and the namespace: what to install when missing."""

_NAMESPACE = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True)
class Problem:
    """Something that keeps a plugin, or a part of one, from being used."""

    namespace: str
    distribution: str
    message: str

    def __str__(self) -> str:
        return f"plugin {self.namespace!r} ({self.distribution}): {self.message}"


@dataclass(frozen=True)
class Found:
    """An installed plugin, not imported yet.

    distribution: the name of the package that brings it. `target`: what the entry point points at.
    """

    namespace: str
    distribution: str
    version: str
    target: str

    def load(self) -> Any:
        """Import the plugin and give its module; raises whatever the import raises."""
        from importlib.metadata import EntryPoint

        return EntryPoint(self.namespace, self.target, GROUP).load()


@dataclass(frozen=True)
class Discovery:
    """What a search found: plugins to import by namespace, those left out, and problems."""

    found: tuple[Found, ...]
    left_out: frozenset[str]
    problems: tuple[Problem, ...]


def builtin() -> Found:
    """The components that come with penchant, found like any other plugin."""
    return Found(BUILTIN, "penchant", _version_of_penchant(), "penchant.builtin")


def discover(*, block: Collection[str] = (), only: Collection[str] | None = None) -> Discovery:
    """Look for installed plugins.

    :param block: namespaces, or names of distributions, to leave out. `base` always stays.
    :param only: the namespaces wanted besides `base`, or None for all.

    A namespace that two distributions claim is a problem and goes to neither.
    """
    claims = [*_claims()]
    wanted = (_found(entry, by) for entry, by in claims if only is None or entry.name in only)
    search = select(dict.fromkeys(filter(None, wanted)), block=block)
    unwanted = {entry.name for entry, _ in claims if only is not None and entry.name not in only}
    return replace(search, left_out=search.left_out | unwanted)


def _claims() -> Iterator[tuple[EntryPoint, Distribution]]:
    """The entry points of plugins, each with who brings it.

    `importlib.metadata.entry_points(group=GROUP)` takes twice as long: it parses all entry points
    of all that is installed.
    """
    from importlib.metadata import distributions

    for distribution in distributions():
        if GROUP in (distribution.read_text("entry_points.txt") or ""):
            for entry in distribution.entry_points.select(group=GROUP):
                yield entry, distribution


def select(installed: Iterable[Found], *, block: Collection[str] = ()) -> Discovery:
    """Choose among the installed plugins; the part of `discover` that asks nobody."""
    found, blocked, problems = [builtin()], set(), []
    claims: dict[str, list[Found]] = {}
    for plugin in installed:
        if plugin.namespace in block or plugin.distribution in block:
            blocked.add(plugin.namespace)
        else:
            claims.setdefault(plugin.namespace, []).append(plugin)
    for namespace, claimants in sorted(claims.items()):
        message = _objection(namespace, claimants)
        if message is None:
            found.append(claimants[0])
        else:
            distributions = ", ".join(sorted({claim.distribution for claim in claimants}))
            problems.append(Problem(namespace, distributions, message))
    found.sort(key=lambda plugin: plugin.namespace)
    return Discovery(tuple(found), frozenset(blocked - set(claims)), tuple(problems))


def _objection(namespace: str, claimants: list[Found]) -> str | None:
    if namespace == BUILTIN:
        return f"the namespace {BUILTIN!r} belongs to penchant itself; choose another name"
    if not _NAMESPACE.fullmatch(namespace):
        return (
            f"a namespace is lower case letters, digits and underscores, got {namespace!r}; "
            f"rename the entry point"
        )
    if len(claimants) > 1:
        who = " and ".join(f"{claim.distribution} {claim.version}" for claim in claimants)
        return (
            f"the namespace {namespace!r} is claimed by {who}; uninstall one of them, or block one "
            f"by its distribution name"
        )
    return None


def _found(entry: EntryPoint, by: Distribution) -> Found | None:
    """Who brings a plugin, which is read for the wanted ones alone.

    Of several of one name the first on the path counts; None for what that one doesn't have.
    """
    from importlib.metadata import distribution

    first = distribution(by.name)
    if entry not in first.entry_points:
        return None
    told = first.metadata
    return Found(entry.name, told["Name"], told["Version"], entry.value)


def _version_of_penchant() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("penchant")
    except PackageNotFoundError:  # run from a source tree that was never installed
        return ""
