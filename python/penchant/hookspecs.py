"""The hooks of a plugin. They run while a `Registry` or a `Model` is made; never on a request.

A plugin is a module named by an entry point of the group `penchant.plugins`. The entry point's name
is the namespace: component `sgd` of the plugin `mf` is `mf.sgd`. The module sets `PENCHANT_API = 1`
and marks its implementations with `@penchant.hookimpl`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    import click

    from penchant.components import Component, FitReport, SourceScheme
    from penchant.protocols import (
        Chooser,
        Encoder,
        Extractor,
        FittedRecommender,
        Generator,
        Recommender,
        Scorer,
    )

PENCHANT_API = 1
hookspec = pluggy.HookspecMarker("penchant")
hookimpl = pluggy.HookimplMarker("penchant")


@hookspec
def penchant_encoders() -> Iterable[Component[Encoder]]:  # type: ignore[empty-body]
    """Declare encoders.

    Called once for each registry, while it is built. Every plugin is asked; none stops the round.
    Declare only: nothing heavy is imported, no file is opened. An empty list (or None) means that
    the plugin has none. An exception makes the plugin a named problem of the registry.
    """


@hookspec
def penchant_extractors() -> Iterable[Component[Extractor]]:  # type: ignore[empty-body]
    """Declare extractors; when and how as `penchant_encoders`."""


@hookspec
def penchant_scorers() -> Iterable[Component[Scorer]]:  # type: ignore[empty-body]
    """Declare scorers; when and how as `penchant_encoders`."""


@hookspec
def penchant_recommenders() -> Iterable[Component[Recommender]]:  # type: ignore[empty-body]
    """Declare recommenders; when and how as `penchant_encoders`."""


@hookspec
def penchant_generators() -> Iterable[Component[Generator]]:  # type: ignore[empty-body]
    """Declare generators; when and how as `penchant_encoders`."""


@hookspec
def penchant_choosers() -> Iterable[Component[Chooser]]:  # type: ignore[empty-body]
    """Declare choosers; when and how as `penchant_encoders`.

    One that is named "auto" is what the word `auto` means in a recipe.
    """


@hookspec
def penchant_sources() -> Iterable[SourceScheme]:  # type: ignore[empty-body]
    """Declare which URI schemes the plugin opens as tables.

    Called once for each registry, while it is built. Two plugins that claim one scheme are a
    problem of the registry, and neither gets it. None means no schemes.
    """


@hookspec
def penchant_wrap_recommender(
    name: str,
) -> Callable[[FittedRecommender], FittedRecommender] | None:
    """Wrap fitted recommenders: rules, caching, tracing.

    Called once for each fitted recommender when a model is made or loaded, never per request. Every
    plugin is asked in order of its namespace, and the wrappers are folded in that order, so the
    last one is outermost. Capabilities are looked up on the inner recommender.

    :param name: the full name of the recommender, such as "base.top_k".
    :returns: a function from recommender to recommender, or None to leave this one alone.
    """


@hookspec
def penchant_fitted(report: FitReport) -> None:
    """Hear of a finished fit.

    Called after each fit, in the thread that asked for it. Exceptions are logged with the plugin's
    name and never raised; the return value is ignored.

    :param report: what was fitted, on what, and how long it took.
    """


@hookspec
def penchant_commands(cli: click.Group) -> None:
    """Add click commands to the `penchant` command.

    Called once when the command line starts. Import what a command needs inside the command.

    :param cli: the group to add to; a name that is taken is a problem of the registry.
    """


HOOKS: dict[str, Any] = {
    "encoder": penchant_encoders,
    "extractor": penchant_extractors,
    "scorer": penchant_scorers,
    "recommender": penchant_recommenders,
    "generator": penchant_generators,
    "chooser": penchant_choosers,
}
