"""Hybrid strategies for penchant: they join other strategies, each in a way of its own.

The parts are asked from the registry by name, so a stranger's strategy joins like any other.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, TypeVar

from penchant import Component, Spec, hookimpl

from penchant_hybrid.rule import RulesSettings
from penchant_hybrid.settings import (
    AutoSettings,
    CalibratedSettings,
    CascadeSettings,
    FusedSettings,
    MmrSettings,
    StackedSettings,
    SwitchSettings,
    WeightedSettings,
    ranked_by,
    weighed,
)

if TYPE_CHECKING:
    from penchant.protocols import Chooser, Recommender, Scorer
    from penchant.registry import Registry

PENCHANT_API = 1

T = TypeVar("T")


def _auto(settings: AutoSettings, registry: Registry) -> Chooser:
    from penchant_hybrid.auto import Auto

    return Auto(settings, registry)


def _weighted(settings: WeightedSettings, registry: Registry) -> Scorer:
    from penchant_hybrid.weighted import Weighted

    return Weighted(settings, *_built(settings.split(), registry))


def _stacked(settings: StackedSettings, registry: Registry) -> Scorer:
    from penchant_hybrid.stacked import Stacked

    names, scorers, _ = _built(settings.split(), registry)
    return Stacked(settings, names, scorers)


def _fused(settings: FusedSettings, registry: Registry) -> Scorer:
    from penchant_hybrid.fused import Fused

    return Fused(*_built(weighed(settings.parts), registry))


def _switch(settings: SwitchSettings, registry: Registry) -> Scorer:
    from penchant_hybrid.switch import Switch

    return Switch(*_built(settings.split(), registry))


def _mmr(settings: MmrSettings, registry: Registry) -> Recommender:
    from penchant_hybrid.mmr import Mmr

    return Mmr(settings, registry.recommender(settings.inside()))


def _calibrated(settings: CalibratedSettings, registry: Registry) -> Recommender:
    from penchant_hybrid.calibrated import Calibrated

    return Calibrated(settings, registry.recommender(settings.inside()))


def _cascade(settings: CascadeSettings, registry: Registry) -> Recommender:
    from penchant_hybrid.cascade import Cascade

    (first, pool), *others = settings.split()
    inside = first if registry.kind_of(first.name) == "recommender" else ranked_by(first)
    names, scorers, pools = _built(tuple(others), registry)
    proposer = registry.recommender(inside)
    return Cascade([first.name, *names], proposer, scorers, [pool, *pools[:-1]])


def _rules(settings: RulesSettings, registry: Registry) -> Recommender:
    from penchant_hybrid.rules import Rules

    popular = registry.recommender(ranked_by(Spec("base.popular")))
    return Rules(settings, registry.recommender(settings.inside()), popular)


def _built(
    parts: tuple[tuple[Spec, T], ...], registry: Registry
) -> tuple[list[str], list[Scorer], list[T]]:
    """The parts' names, the parts, and what the hybrid knows of each."""
    names = [spec.name for spec, _ in parts]
    return names, [registry.scorer(spec) for spec, _ in parts], [given for _, given in parts]


@hookimpl
def penchant_scorers() -> Iterable[Component[Scorer]]:
    """Declare `hybrid.weighted`, `hybrid.stacked`, `hybrid.fused` and `hybrid.switch`."""
    return [
        Component(
            "weighted", _weighted, WeightedSettings, "A weighted sum of other strategies' scores"
        ),
        Component(
            "stacked",
            _stacked,
            StackedSettings,
            "A model of other strategies' scores and ranks, learned on held-out likings",
        ),
        Component("fused", _fused, FusedSettings, "Other strategies' lists, fused by rank"),
        Component("switch", _switch, SwitchSettings, "Which strategy answers for whom"),
    ]


@hookimpl
def penchant_recommenders() -> Iterable[Component[Recommender]]:
    """Declare `hybrid.mmr`, `hybrid.calibrated`, `hybrid.cascade` and `hybrid.rules`."""
    return [
        Component(
            "cascade", _cascade, CascadeSettings, "One strategy proposes, the next ones refine"
        ),
        Component("mmr", _mmr, MmrSettings, "Items that are liked, and unlike one another"),
        Component(
            "calibrated",
            _calibrated,
            CalibratedSettings,
            "Each kind of item in the proportion that the user likes it",
        ),
        Component("rules", _rules, RulesSettings, "What a shop wants of a list, rule by rule"),
    ]


@hookimpl
def penchant_choosers() -> Iterable[Component[Chooser]]:
    """Declare `hybrid.auto`."""
    return [Component("auto", _auto, AutoSettings, "The blend that suits the data")]
