"""What a caller may say about `onnx.text`; everything left out is read from the folder."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from penchant.components import Spec
from penchant.settings import check_choice, check_range

PRECISIONS = ("fp32", "int8")
POOLINGS = ("mean", "cls", "max", "last")


@dataclass(frozen=True, kw_only=True)
class TextSettings:
    """Settings of `onnx.text`. What is given here stands above what the folder's files say."""

    path: str = field(
        metadata={"help": "folder in sentence-transformers layout with an ONNX graph inside"}
    )
    precision: Literal["fp32", "int8"] | None = field(
        default=None, metadata={"help": "which of the folder's graphs; None takes the one it has"}
    )
    pooling: Literal["mean", "cls", "max", "last"] | None = field(
        default=None, metadata={"help": "token vectors to text vector; None reads 1_Pooling"}
    )
    normalize: bool | None = field(
        default=None, metadata={"help": "scale vectors to length 1; None reads modules.json"}
    )
    max_tokens: int | None = field(
        default=None,
        metadata={"help": "tokens kept of a text; None reads sentence_bert_config.json"},
    )
    dimensions: int | None = field(
        default=None, metadata={"help": "keep only the first so many dimensions; None keeps all"}
    )
    query_prompt: str | None = field(
        default=None, metadata={"help": "put before a query; None reads the folder's prompts"}
    )
    document_prompt: str | None = field(
        default=None, metadata={"help": "put before a document; None reads the folder's prompts"}
    )
    threads: int = field(
        default=1, metadata={"help": "batches encoded at the same time; never changes a vector"}
    )
    remember: int = field(
        default=0, metadata={"help": "texts whose vectors stay in memory, for when they come again"}
    )
    cache: str | None = field(
        default=None,
        metadata={"help": "folder on a local disk that keeps vectors for the next run; None: none"},
    )
    cache_megabytes: int = field(
        default=1024, metadata={"help": "the cache's size; what was used longest ago goes first"}
    )

    def __post_init__(self) -> None:
        if not self.path:
            raise ValueError("path must name the folder of an encoder, got ''")
        check_choice(self, "precision", (*PRECISIONS, None))
        check_choice(self, "pooling", (*POOLINGS, None))
        check_range(self, "max_tokens", "dimensions", "threads", at_least=1)
        check_range(self, "remember", at_least=0)
        if self.cache == "":
            raise ValueError("cache must name a folder, or be left out, got ''")
        check_range(self, "cache_megabytes", at_least=1)


@dataclass(frozen=True, kw_only=True)
class MinilmSettings:
    """Settings of `onnx.minilm`."""

    path: str | None = field(
        default=None,
        metadata={"help": "the encoder's folder; None makes it once in the user's cache"},
    )
    precision: Literal["fp32", "int8"] | None = field(
        default=None,
        metadata={"help": "arithmetic; None: int8 where the package onnx is there to make it"},
    )
    threads: int = field(default=1, metadata={"help": "as in onnx.text"})
    remember: int = field(default=0, metadata={"help": "as in onnx.text"})
    cache: str | None = field(default=None, metadata={"help": "as in onnx.text"})
    cache_megabytes: int = field(default=1024, metadata={"help": "as in onnx.text"})

    def __post_init__(self) -> None:
        check_choice(self, "precision", (*PRECISIONS, None))
        self.of(self.path or "made later")

    def of(self, path: str) -> TextSettings:
        """The settings of `onnx.text` for the folder at `path`."""
        return TextSettings(
            path=path,
            threads=self.threads,
            remember=self.remember,
            cache=self.cache,
            cache_megabytes=self.cache_megabytes,
        )


@dataclass(frozen=True, kw_only=True)
class EnsembleSettings:
    """Settings of `onnx.ensemble`."""

    parts: tuple[Spec | str | Mapping[str, Any], ...] = field(
        metadata={"help": "the encoders, each with an optional `weight` (1 without)"}
    )
    path: str | None = field(
        default=None,
        metadata={"help": "folder that holds the parts' folders, so that they travel with a model"},
    )

    def __post_init__(self) -> None:
        if not self.parts:
            raise ValueError("parts must name at least one encoder, got none")
        self.split()

    def split(self) -> tuple[tuple[Spec, float], ...]:
        """The encoders as specs, and their weights; an encoder never sees the key `weight`."""
        return tuple(_split(part) for part in self.parts)


def _split(part: Spec | str | Mapping[str, Any]) -> tuple[Spec, float]:
    spec = Spec.of(part)
    settings = dict(spec.settings)
    weight = settings.pop("weight", 1.0)
    fits = isinstance(weight, int | float) and not isinstance(weight, bool)
    if not fits or not 0 < weight < math.inf:
        raise ValueError(f"the weight of part {spec.name} must be above 0, got {weight!r}")
    return Spec(spec.name, settings), float(weight)
