"""Settings of the builtin components; importing them costs nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from penchant.settings import Choices, Search, check_range


@dataclass(frozen=True, kw_only=True)
class PopularSettings:
    """`base.popular` has nothing to set: what counts as a liking is the dataset's `min_value`."""


@dataclass(frozen=True, kw_only=True)
class TrendingSettings:
    """Settings of `base.trending`."""

    half_life: float = field(
        default=30.0,
        metadata={
            "help": "days after which a liking counts half as much",
            "search": Search(1.0, 730.0, log=True),
        },
    )

    def __post_init__(self) -> None:
        check_range(self, "half_life", above=0)


@dataclass(frozen=True, kw_only=True)
class RecentSettings:
    """Settings of `base.recent`."""

    event: Literal["first", "last"] = field(
        default="last",
        metadata={
            "help": "an item's age goes by its first event (new items) or its last one",
            "search": Choices(("first", "last")),
        },
    )


@dataclass(frozen=True, kw_only=True)
class RandomSettings:
    """`base.random` has nothing to set: the seed is that of the fit."""


@dataclass(frozen=True, kw_only=True)
class ActivitySettings:
    """`base.activity` has nothing to set."""


@dataclass(frozen=True, kw_only=True)
class TopKSettings:
    """Settings of `base.top_k`."""

    scorer: str | Mapping[str, Any] = field(
        default="base.popular", metadata={"help": "the scorer whose best items are shown"}
    )
    resident: bool = field(
        default=False,
        metadata={"help": "copy what ranking scans into huge-page memory of this process"},
    )
    quantized: bool = field(
        default=True,
        metadata={
            "help": "keep item vectors as bytes too: the same answers, several times as fast, for "
            "a quarter more memory"
        },
    )
    threads: int = field(default=1, metadata={"help": "threads a call may use for ranking"})

    def __post_init__(self) -> None:
        check_range(self, "threads", at_least=1)


@dataclass(frozen=True, kw_only=True)
class HashingSettings:
    """Settings of `base.hashing`."""

    dim: int = field(default=512, metadata={"help": "length of a vector"})

    def __post_init__(self) -> None:
        check_range(self, "dim", at_least=8, at_most=65536)


@dataclass(frozen=True, kw_only=True)
class TemplateSettings:
    """Settings of `base.template`."""

    reasons: int = field(default=2, metadata={"help": "how many reasons a sentence names"})

    def __post_init__(self) -> None:
        check_range(self, "reasons", at_least=1)
