"""Content strategies for penchant: items by their words, for items that nobody has rated yet.

`content.tfidf` describes items by their terms; `content.text` scores items by their likeness to
what a user liked, over any encoder or extractor.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from penchant import Component, hookimpl

from penchant_content.settings import TextSettings, TfidfSettings

if TYPE_CHECKING:
    from penchant.protocols import Extractor, Scorer
    from penchant.registry import Registry

PENCHANT_API = 1


def _tfidf(settings: TfidfSettings, _registry: Registry) -> Extractor:
    from penchant_content.tfidf import Tfidf

    return Tfidf(settings)


def _text(settings: TextSettings, registry: Registry) -> Scorer:
    from penchant_content.text import TextScorer

    return TextScorer(settings, registry)


@hookimpl
def penchant_extractors() -> Iterable[Component[Extractor]]:
    """Declare `content.tfidf`."""
    return [Component("tfidf", _tfidf, TfidfSettings, "Terms of an item's text, rare ones heavier")]


@hookimpl
def penchant_scorers() -> Iterable[Component[Scorer]]:
    """Declare `content.text`."""
    return [
        Component("text", _text, TextSettings, "Likeness in words to what the user liked or asks")
    ]
