"""Collaborative filtering for penchant: nearest neighbours, EASE, SLIM and Slope One.

All judge by who liked what, and answer from a history alone. Declaring them imports no arithmetic.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from penchant import Component, hookimpl

from penchant_cf.settings import (
    EaseSettings,
    ItemKnnSettings,
    RatingKnnSettings,
    SlimSettings,
    SlopeOneSettings,
    UserKnnSettings,
)

if TYPE_CHECKING:
    from penchant.protocols import Scorer
    from penchant.registry import Registry

PENCHANT_API = 1


def _ease(settings: EaseSettings, registry: Registry) -> Scorer:
    from penchant_cf.ease import Ease

    return Ease(settings, registry)


def _item_knn(settings: ItemKnnSettings, registry: Registry) -> Scorer:
    from penchant_cf.item_knn import ItemKnn

    return ItemKnn(settings, registry)


def _rating_knn(settings: RatingKnnSettings, registry: Registry) -> Scorer:  # noqa: ARG001
    from penchant_cf.rating_knn import RatingKnn

    return RatingKnn(settings)


def _slim(settings: SlimSettings, registry: Registry) -> Scorer:  # noqa: ARG001
    from penchant_cf.slim import Slim

    return Slim(settings)


def _slope_one(settings: SlopeOneSettings, registry: Registry) -> Scorer:  # noqa: ARG001
    from penchant_cf.slope_one import SlopeOne

    return SlopeOne(settings)


def _user_knn(settings: UserKnnSettings, registry: Registry) -> Scorer:
    from penchant_cf.user_knn import UserKnn

    return UserKnn(settings, registry)


@hookimpl
def penchant_scorers() -> Iterable[Component[Scorer]]:
    """Declare `cf.ease`, `cf.slim`, nearest neighbours of three kinds, and `cf.slope_one`."""
    return [
        Component("ease", _ease, EaseSettings, "What the likings of all other items foretell"),
        Component("item_knn", _item_knn, ItemKnnSettings, "Items liked by the same people"),
        Component(
            "rating_knn", _rating_knn, RatingKnnSettings, "Ratings of the most similar items"
        ),
        Component("slim", _slim, SlimSettings, "What the likings of few other items foretell"),
        Component("slope_one", _slope_one, SlopeOneSettings, "Ratings by differences of two items"),
        Component("user_knn", _user_knn, UserKnnSettings, "What the most like-minded users liked"),
    ]
