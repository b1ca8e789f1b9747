"""What a caller may say about the content strategies."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

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
        metadata={"help": "terms of words, or of characters (for texts without spaces)"},
    )
    ngrams: tuple[int, int] = field(
        default=(1, 2), metadata={"help": "shortest and longest run of words that is a term"}
    )
    min_df: int = field(default=1, metadata={"help": "leave out terms of fewer items"})
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
        if self.min_df < 1:
            raise ValueError(f"min_df must be at least 1, got {self.min_df}")
        if self.max_features is not None and self.max_features < 1:
            raise ValueError(f"max_features must be at least 1, got {self.max_features}")


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
    half_life: float | None = field(
        default=None,
        metadata={"help": "days after which a liking counts half; None counts all alike"},
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
        if self.encoder is not None and self.extractor is not None:
            raise ValueError("give an encoder or an extractor, not both")
        if self.columns is not None and self.extractor is not None:
            raise ValueError("columns goes with an encoder; set the extractor's own columns")
        if self.half_life is not None and not 0 < self.half_life < math.inf:
            raise ValueError(f"half_life must be above 0 days, got {self.half_life}")
        if self.whitening is not None and not 0 <= self.whitening <= 1:
            raise ValueError(f"whitening must be between 0 and 1, or None, got {self.whitening}")


def _check_columns(columns: tuple[str, ...] | None) -> None:
    if columns is not None and not columns:
        raise ValueError("columns must name a column, or be left out, got an empty list")
