"""Hybrid strategies for penchant: `hybrid.weighted` blends the scores of other strategies.

The parts are asked from the registry by name, so a stranger's strategy blends like any other.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from penchant import Component, hookimpl

from penchant_hybrid.settings import WeightedSettings

if TYPE_CHECKING:
    from penchant.protocols import Scorer
    from penchant.registry import Registry

PENCHANT_API = 1


def _weighted(settings: WeightedSettings, registry: Registry) -> Scorer:
    from penchant_hybrid.weighted import Weighted

    parts = settings.split()
    scorers = tuple(registry.scorer(spec) for spec, _ in parts)
    return Weighted(
        settings, tuple(spec.name for spec, _ in parts), scorers, tuple(w for _, w in parts)
    )


@hookimpl
def penchant_scorers() -> Iterable[Component[Scorer]]:
    """Declare `hybrid.weighted`."""
    return [
        Component(
            "weighted", _weighted, WeightedSettings, "A weighted sum of other strategies' scores"
        )
    ]
