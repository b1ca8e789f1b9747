"""Content strategies for penchant: items by their words, for items that nobody has rated yet.

`content.tfidf` describes items by their terms, `content.columns` by all their columns side by side,
and `content.tags` by those of given tags that fit their words.
`content.text` scores items by their likeness to what a user liked, over any encoder or extractor;
`content.fields` column by column.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from penchant import Component, hookimpl

from penchant_content.settings import (
    ColumnsSettings,
    FieldsSettings,
    TagsSettings,
    TextSettings,
    TfidfSettings,
)

if TYPE_CHECKING:
    from penchant.protocols import Extractor, Scorer
    from penchant.registry import Registry

PENCHANT_API = 1


def _tfidf(settings: TfidfSettings, _registry: Registry) -> Extractor:
    from penchant_content.tfidf import Tfidf

    return Tfidf(settings)


def _columns(settings: ColumnsSettings, _registry: Registry) -> Extractor:
    from penchant_content.columns import Columns

    return Columns(settings)


def _tags(settings: TagsSettings, registry: Registry) -> Extractor:
    from penchant_content.tags import Tags

    return Tags(settings, registry)


def _fields(settings: FieldsSettings, registry: Registry) -> Scorer:
    from penchant_content.fields import Fields

    return Fields(settings, registry)


def _text(settings: TextSettings, registry: Registry) -> Scorer:
    from penchant_content.text import TextScorer

    return TextScorer(settings, registry)


@hookimpl
def penchant_extractors() -> Iterable[Component[Extractor]]:
    """Declare `content.tfidf`, `content.columns` and `content.tags`."""
    return [
        Component("tfidf", _tfidf, TfidfSettings, "Terms of an item's text, rare ones heavier"),
        Component("columns", _columns, ColumnsSettings, "An item's columns, each with a weight"),
        Component("tags", _tags, TagsSettings, "Tags whose words are like an item's"),
    ]


@hookimpl
def penchant_scorers() -> Iterable[Component[Scorer]]:
    """Declare `content.text` and `content.fields`."""
    return [
        Component("text", _text, TextSettings, "Likeness in words to what the user liked or asks"),
        Component("fields", _fields, FieldsSettings, "Likeness in each column, with weights"),
    ]
