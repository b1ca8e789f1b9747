"""What a caller may say about the content strategies."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from penchant.settings import Choices, Search, check_range

if TYPE_CHECKING:
    from penchant.components import SpecLike


@dataclass(frozen=True, kw_only=True)
class TfidfSettings:
    """Settings of `content.tfidf`."""

    columns: tuple[str, ...] | None = field(
        default=None,
        metadata={"help": "item columns to read; None reads every text, category and label"},
    )
    analyzer: Literal["word", "character"] = field(
        default="word",
        metadata={
            "help": "terms of words, or of characters (for texts without spaces)",
            "search": Choices(("word", "character")),
        },
    )
    ngrams: tuple[int, int] = field(
        default=(1, 2), metadata={"help": "shortest and longest run of words that is a term"}
    )
    min_df: int = field(
        default=1,
        metadata={
            "help": "leave out terms of fewer items",
            "search": Search(1, 5),
        },
    )
    max_features: int | None = field(
        default=None, metadata={"help": "keep only so many terms, those of the most items"}
    )

    def __post_init__(self) -> None:
        _check_columns(self.columns)
        if self.analyzer not in ("word", "character"):
            raise ValueError(f"analyzer must be 'word' or 'character', got {self.analyzer!r}")
        if not 1 <= self.ngrams[0] <= self.ngrams[1]:
            raise ValueError(
                "ngrams must be the shortest and the longest run, from 1 up, got "
                f"{list(self.ngrams)}"
            )
        check_range(self, "min_df", "max_features", at_least=1)


@dataclass(frozen=True, kw_only=True)
class TextSettings:
    """Settings of `content.text`."""

    encoder: SpecLike | None = field(
        default=None, metadata={"help": "turns texts into vectors, such as onnx.text"}
    )
    extractor: SpecLike | None = field(
        default=None,
        metadata={"help": "describes items in an encoder's place; content.tfidf without either"},
    )
    columns: tuple[str, ...] | None = field(
        default=None,
        metadata={"help": "item columns to read; None reads every text, category and label"},
    )
    user_columns: tuple[str, ...] | None = field(
        default=None,
        metadata={
            "help": "user columns to read as the user's own words, such as reviews; None reads none"
        },
    )
    half_life: float | None = field(
        default=None,
        metadata={
            "help": "days after which a liking counts half; None counts all alike",
            "search": Choices((None, 7.0, 30.0, 90.0, 365.0)),
        },
    )
    centres: int = field(
        default=1,
        metadata={"help": "interests of a person, at most; an item is scored by the nearest one"},
    )
    whitening: float | None = field(
        default=0.5,
        metadata={
            "help": "evens out the directions of dense vectors: 0 centres them, 1 is full "
            "whitening; None leaves them alone"
        },
    )

    def __post_init__(self) -> None:
        _check_columns(self.columns)
        if self.user_columns is not None and not self.user_columns:
            raise ValueError("user_columns must name a column, or be left out, got an empty list")
        if self.encoder is not None and self.extractor is not None:
            raise ValueError("give an encoder or an extractor, not both")
        if self.columns is not None and self.extractor is not None:
            raise ValueError("columns goes with an encoder; set the extractor's own columns")
        check_range(self, "half_life", above=0)
        check_range(self, "centres", at_least=1)
        if self.centres > 1 and self.encoder is None and self.extractor is None:
            raise ValueError("centres are of vectors; name an encoder, or leave centres at 1")
        check_range(self, "whitening", at_least=0, at_most=1)


ALL_IN_WORDS = "*"
"""What `content.fields` calls an item's columns as one text, read by the encoder."""


@dataclass(frozen=True, kw_only=True)
class ColumnsSettings:
    """Settings of `content.columns`."""

    columns: tuple[str, ...] | None = field(
        default=None,
        metadata={"help": "item columns to read; None reads all but media"},
    )
    weights: Mapping[str, float] | None = field(
        default=None,
        metadata={"help": "how much each column counts; None learns it from items held out"},
    )

    def __post_init__(self) -> None:
        _check_columns(self.columns)
        _check_weights(self.weights)
        if self.columns is not None and self.weights is not None:
            raise ValueError("give columns or weights, not both: weights names the columns too")


@dataclass(frozen=True, kw_only=True)
class FieldsSettings:
    """Settings of `content.fields`."""

    encoder: SpecLike | None = field(
        default=None,
        metadata={"help": "reads all columns as one text besides, such as onnx.text"},
    )
    columns: tuple[str, ...] | None = field(
        default=None,
        metadata={"help": "item columns to read; None reads all but media"},
    )
    weights: Mapping[str, float] | None = field(
        default=None,
        metadata={
            "help": "how much each column counts, and '*' what the encoder reads; None learns it "
            "from items held out"
        },
    )
    half_life: float | None = field(
        default=None,
        metadata={
            "help": "days after which a liking counts half; None counts all alike",
            "search": Choices((None, 7.0, 30.0, 90.0, 365.0)),
        },
    )

    def __post_init__(self) -> None:
        _check_columns(self.columns)
        _check_weights(self.weights)
        check_range(self, "half_life", above=0)
        if self.columns is not None and self.weights is not None:
            raise ValueError("give columns or weights, not both: weights names the columns too")
        if self.weights is not None and (ALL_IN_WORDS in self.weights) != (
            self.encoder is not None
        ):
            raise ValueError(
                f"weights must name {ALL_IN_WORDS!r}, what the encoder reads, where there is an "
                f"encoder and only there, got {', '.join(self.weights)}"
            )


@dataclass(frozen=True, kw_only=True)
class TagsSettings:
    """Settings of `content.tags`."""

    encoder: SpecLike | None = field(
        default=None, metadata={"help": "turns texts and tags into vectors, such as onnx.text"}
    )
    tags: tuple[str, ...] | None = field(
        default=None, metadata={"help": "the tags to choose from, in words: heist, road movie"}
    )
    tags_of: str | None = field(
        default=None,
        metadata={"help": "a category or label column whose names are the tags, in their place"},
    )
    columns: tuple[str, ...] | None = field(
        default=None,
        metadata={"help": "item columns to read; None reads every text, category and label"},
    )
    most: int = field(default=3, metadata={"help": "tags of an item, at most"})
    least: float = field(
        default=1.5,
        metadata={"help": "standard deviations above a tag's mean likeness from which it fits"},
    )

    def __post_init__(self) -> None:
        _check_columns(self.columns)
        if self.encoder is None:
            raise ValueError("encoder must name what reads texts and tags, such as onnx.text")
        if (self.tags is None) == (self.tags_of is None):
            raise ValueError("give tags, or tags_of, a column that names them")
        if self.tags is not None and not (self.tags and all(tag.strip() for tag in self.tags)):
            raise ValueError(f"tags must be words, at least one, got {list(self.tags)}")
        if self.tags is not None and len(set(self.tags)) < len(self.tags):
            twice = next(tag for tag in self.tags if self.tags.count(tag) > 1)
            raise ValueError(f"tags must differ, got {twice!r} twice")
        check_range(self, "most", at_least=1)
        check_range(self, "least", above=0)


def _check_weights(weights: Mapping[str, float] | None) -> None:
    if weights is None:
        return
    for column, weight in weights.items():
        fits = isinstance(weight, int | float) and not isinstance(weight, bool)
        if not fits or not 0 <= weight < math.inf:
            raise ValueError(f"the weight of {column!r} must be a number from 0, got {weight!r}")
    if not any(weight for column, weight in weights.items() if column != ALL_IN_WORDS):
        raise ValueError("weights must give a column more than 0, or be left out")


def _check_columns(columns: tuple[str, ...] | None) -> None:
    if columns is not None and not columns:
        raise ValueError("columns must name a column, or be left out, got an empty list")
