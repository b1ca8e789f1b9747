"""Recipes that the data choose: what stands behind the word `auto`.

A chooser looks at the data and answers with a plain recipe; that recipe is what is fitted, saved
and shown, so a model never depends on the chooser, and a caller can go on from its choice by hand.
The word `auto` means the one component of that name, whatever plugin offers it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from penchant.components import Spec
from penchant.errors import UnknownComponent
from penchant.recipes import with_encoder

if TYPE_CHECKING:
    from collections.abc import Collection

    from penchant.components import SpecLike
    from penchant.data import Dataset
    from penchant.protocols import Chooser, FitContext, Json
    from penchant.registry import Registry

AUTO = "auto"


def registry_of(specs: Collection[Spec], wanted: Collection[str]) -> Registry:
    """Make a registry of the plugins `wanted`; of all that can be imported for a chooser.

    So too where a name has no namespace, that the error may say which one was meant.
    """
    from penchant.registry import Registry

    if not any(_bare(spec.to_json()) for spec in specs):
        registry = Registry.discover(only=wanted)
        choosers = registry.names("chooser")
        if not any(spec.name in choosers for spec in specs):
            return registry
    return Registry.discover(strict=False)


def _bare(spec: Any) -> bool:
    """Whether a component inside is named by one word, as `auto` is."""
    if isinstance(spec, list | tuple):
        return any(map(_bare, spec))
    if not isinstance(spec, Mapping):
        return False
    return "." not in str(spec.get("use", ".")) or any(map(_bare, spec.values()))


def resolved(spec: Spec, registry: Registry) -> Spec:
    """Put the full name in the place of the word `auto`; raises UnknownComponent without one."""
    if spec.name != AUTO:
        return spec
    found = [name for name in registry.names("chooser") if name.endswith(f".{AUTO}")]
    if not found:
        raise UnknownComponent(
            "no plugin here chooses a recipe, which 'auto' asks for; pip install penchant-hybrid, "
            "or name what to fit, such as scorers=['base.popular']"
        )
    if len(found) > 1:
        raise UnknownComponent(
            f"'auto' may be any of {', '.join(found)}; give one of them its full name"
        )
    return Spec(found[0], spec.settings)


def is_chooser(spec: Spec, registry: Registry) -> bool:
    """Whether the (resolved) spec leaves it to the data."""
    return spec.name in registry.names("chooser")


def chosen(
    chooser: Chooser,
    spec: Spec,
    data: Dataset,
    context: FitContext,
    encoder: SpecLike | None,
    registry: Registry,
) -> tuple[Spec, Dataset, FitContext, Mapping[str, Json]]:
    """Let the chooser that `spec` named look at the data.

    Gives the recipe, what to fit it to, and the facts that a model keeps. Validation events have
    done their work by then and join the data: an event is worth more in the model than out of it.
    """
    choice = chooser.choose(data, context)
    recipe = Spec.of(choice.recommender)
    if encoder is not None:
        recipe = with_encoder(recipe, encoder, registry)
    if context.validation is not None:
        events = data.interactions.concat(context.validation.interactions)
        data, context = data.with_interactions(events), replace(context, validation=None)
    return (
        recipe,
        data,
        context,
        {"chosen_by": spec.name, "chosen_because": list(choice.reasons)},
    )
