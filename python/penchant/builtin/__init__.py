"""The components that every installation has: small, real ones of each kind.

They come through the same door as a stranger's plugin; the namespace is `base`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from penchant.builtin.settings import (
    ActivitySettings,
    HashingSettings,
    PopularSettings,
    RandomSettings,
    RecentSettings,
    TemplateSettings,
    TopKSettings,
    TrendingSettings,
)
from penchant.components import Component
from penchant.hookspecs import hookimpl

if TYPE_CHECKING:
    from penchant.protocols import Encoder, Extractor, Generator, Recommender, Scorer
    from penchant.registry import Registry

PENCHANT_API = 1


def _hashing(settings: HashingSettings, registry: Registry) -> Encoder:  # noqa: ARG001
    from penchant.builtin.hashing import HashingEncoder

    return HashingEncoder(settings)


def _activity(settings: ActivitySettings, registry: Registry) -> Extractor:  # noqa: ARG001
    from penchant.builtin.activity import ActivityExtractor

    return ActivityExtractor()


def _popular(settings: PopularSettings, registry: Registry) -> Scorer:  # noqa: ARG001
    from penchant.builtin.popular import Popular

    return Popular()


def _trending(settings: TrendingSettings, registry: Registry) -> Scorer:  # noqa: ARG001
    from penchant.builtin.trending import Trending

    return Trending(settings)


def _recent(settings: RecentSettings, registry: Registry) -> Scorer:  # noqa: ARG001
    from penchant.builtin.recent import Recent

    return Recent(settings)


def _random(settings: RandomSettings, registry: Registry) -> Scorer:  # noqa: ARG001
    from penchant.builtin.random_order import RandomOrder

    return RandomOrder()


def _top_k(settings: TopKSettings, registry: Registry) -> Recommender:
    from penchant.builtin.top_k import TopKRecommender

    return TopKRecommender(settings, registry.scorer(settings.scorer))


def _template(settings: TemplateSettings, registry: Registry) -> Generator:  # noqa: ARG001
    from penchant.builtin.template import TemplateGenerator

    return TemplateGenerator(settings)


@hookimpl
def penchant_encoders() -> Iterable[Component[Encoder]]:
    return [
        Component(
            "hashing",
            _hashing,
            HashingSettings,
            "Hashed words and word pairs; needs no files, knows no meanings",
        )
    ]


@hookimpl
def penchant_extractors() -> Iterable[Component[Extractor]]:
    return [
        Component(
            "activity", _activity, ActivitySettings, "How much, how widely and how lately users act"
        )
    ]


@hookimpl
def penchant_scorers() -> Iterable[Component[Scorer]]:
    return [
        Component("popular", _popular, PopularSettings, "How many users liked the item"),
        Component("trending", _trending, TrendingSettings, "How many users liked the item of late"),
        Component("recent", _recent, RecentSettings, "How lately the item was met, or came"),
        Component("random", _random, RandomSettings, "Chance: an order of each user's own"),
    ]


@hookimpl
def penchant_recommenders() -> Iterable[Component[Recommender]]:
    return [
        Component("top_k", _top_k, TopKSettings, "The k items that one scorer scores highest"),
    ]


@hookimpl
def penchant_generators() -> Iterable[Component[Generator]]:
    return [
        Component(
            "template", _template, TemplateSettings, "One plain sentence from the strongest reasons"
        )
    ]
