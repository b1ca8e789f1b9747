"""Collaborative filtering strategies for penchant: item-kNN and EASE.

Both learn how much a liking of one item speaks for another, and score an item by the sum over what
the user liked. Declaring them imports no arithmetic.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from penchant import Component, hookimpl

from penchant_cf.settings import EaseSettings, ItemKnnSettings

if TYPE_CHECKING:
    from penchant.protocols import Scorer
    from penchant.registry import Registry

PENCHANT_API = 1


def _ease(settings: EaseSettings, registry: Registry) -> Scorer:  # noqa: ARG001
    from penchant_cf.ease import Ease

    return Ease(settings)


def _item_knn(settings: ItemKnnSettings, registry: Registry) -> Scorer:  # noqa: ARG001
    from penchant_cf.item_knn import ItemKnn

    return ItemKnn(settings)


@hookimpl
def penchant_scorers() -> Iterable[Component[Scorer]]:
    """Declare `cf.ease` and `cf.item_knn`."""
    return [
        Component("ease", _ease, EaseSettings, "What the likings of all other items foretell"),
        Component("item_knn", _item_knn, ItemKnnSettings, "Items liked by the same people"),
    ]
