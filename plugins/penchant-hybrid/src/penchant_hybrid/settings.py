"""Settings of the hybrids; importing them costs nothing."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from penchant import Spec
from penchant.settings import make_settings

Parts = tuple[Spec | str | Mapping[str, Any], ...]


@dataclass(frozen=True, kw_only=True)
class WeightedSettings:
    """Settings of `hybrid.weighted`."""

    parts: Parts = field(
        metadata={"help": "the strategies to blend, each with an optional `weight` (1 without)"}
    )
    learn: bool | None = field(
        default=None,
        metadata={"help": "learn the weights from validation events; None does if there are any"},
    )
    among: Literal["all", "new"] = field(
        default="all",
        metadata={
            "help": "what is ranked while weights are learned: all items, or only those that "
            "nobody has liked yet, to learn how new ones are best told apart"
        },
    )
    refit: bool = field(
        default=True,
        metadata={"help": "after learning, fit the parts again with the validation events"},
    )

    def __post_init__(self) -> None:
        if self.among not in ("all", "new"):
            raise ValueError(f"among must be 'all' or 'new', got {self.among!r}")
        weighed(self.parts)

    def split(self) -> tuple[tuple[Spec, float], ...]:
        """The parts as specs, and their weights."""
        return weighed(self.parts)


@dataclass(frozen=True, kw_only=True)
class AutoSettings:
    """Settings of `hybrid.auto`."""

    candidates: Parts = field(
        default=(),
        metadata={
            "help": "the strategies to choose among, in the place of those that suit the data; of "
            "several settings of one strategy, the best takes part"
        },
    )
    share: float = field(
        default=0.2,
        metadata={"help": "of each user's likings to judge by, where no validation is given"},
    )

    def __post_init__(self) -> None:
        if not 0 < self.share < 1:
            raise ValueError(f"share must be between 0 and 1, got {self.share}")
        for candidate in self.candidates:
            Spec.of(candidate)


@dataclass(frozen=True, kw_only=True)
class FusedSettings:
    """Settings of `hybrid.fused`."""

    parts: Parts = field(
        metadata={"help": "the strategies to fuse, each with an optional `weight` (1 without)"}
    )

    def __post_init__(self) -> None:
        weighed(self.parts)


@dataclass(frozen=True, kw_only=True)
class StackedSettings:
    """Settings of `hybrid.stacked`."""

    parts: Parts = field(metadata={"help": "the strategies to stack"})
    ridge: float = field(
        default=100.0,
        metadata={"help": "how strongly coefficients are held near 0, in users who say otherwise"},
    )
    share: float = field(
        default=0.2,
        metadata={"help": "of each user's likings to learn from, where no validation is given"},
    )
    refit: bool = field(
        default=True,
        metadata={"help": "after learning, fit the parts again with what was held out"},
    )

    def __post_init__(self) -> None:
        if not (self.ridge > 0 and math.isfinite(self.ridge)):
            raise ValueError(f"ridge must be greater than 0, got {self.ridge}")
        if not 0 < self.share < 1:
            raise ValueError(f"share must be between 0 and 1, got {self.share}")
        self.split()

    def split(self) -> tuple[tuple[Spec, None], ...]:
        """The parts as specs, of which nothing else is said: what they count is learned."""
        if not self.parts:
            raise ValueError("parts must name at least one strategy, got none")
        return tuple((Spec.of(part), None) for part in self.parts)


@dataclass(frozen=True, kw_only=True)
class When:
    """For whom a part of `hybrid.switch` answers; what is left out, or None, does not matter."""

    known: bool | None = field(
        default=None, metadata={"help": "users of the fit (true), or strangers (false)"}
    )
    words: bool | None = field(
        default=None, metadata={"help": "those who ask in words (true), or those who don't (false)"}
    )
    min_likings: int | None = field(
        default=None, metadata={"help": "those with at least so many likings"}
    )
    max_likings: int | None = field(
        default=None, metadata={"help": "those with at most so many likings"}
    )

    def __post_init__(self) -> None:
        least = 0 if self.min_likings is None else self.min_likings
        most = least if self.max_likings is None else self.max_likings
        if least < 0 or most < least:
            raise ValueError(
                "likings must be counted from 0 on, and min_likings be at most max_likings, got "
                f"min_likings = {self.min_likings} and max_likings = {self.max_likings}"
            )


@dataclass(frozen=True, kw_only=True)
class SwitchSettings:
    """Settings of `hybrid.switch`."""

    parts: Parts = field(
        metadata={
            "help": "the strategies in order, each with an optional `when`: a table of conditions "
            "(`known`, `words`, `min_likings`, `max_likings`) on who asks"
        }
    )

    def __post_init__(self) -> None:
        self.split()

    def split(self) -> tuple[tuple[Spec, When], ...]:
        """The parts as specs, and their conditions."""
        return tuple((spec, _when(spec, given)) for spec, given in _without("when", self.parts))


def weighed(parts: Parts) -> tuple[tuple[Spec, float], ...]:
    """Give the parts as specs, and their weights, of which one at least must be greater than 0."""
    split = tuple((spec, _weight(spec, given)) for spec, given in _without("weight", parts))
    if not any(weight > 0 for _, weight in split):
        raise ValueError("at least one part must have a weight greater than 0")
    return split


def _without(key: str, parts: Parts) -> tuple[tuple[Spec, Any], ...]:
    """Take a key that belongs to the hybrid off the parts, which never see it; None without."""
    if not parts:
        raise ValueError("parts must name at least one strategy, got none")
    split = []
    for part in parts:
        spec = Spec.of(part)
        settings = {name: value for name, value in spec.settings.items() if name != key}
        split.append((Spec(spec.name, settings), spec.settings.get(key)))
    return tuple(split)


def _when(spec: Spec, given: object) -> When:
    if given is None:
        return When()
    if not isinstance(given, Mapping) or not given:
        raise ValueError(
            f"when of part {spec.name} must be a table of conditions such as "
            f"{{max_likings = 4}}, got {given!r}; leave it out for a part that answers anybody"
        )
    return make_settings(When, given, f"when of part {spec.name}")


def _weight(spec: Spec, given: object) -> float:
    weight = 1.0 if given is None else given
    if (
        not isinstance(weight, int | float)
        or isinstance(weight, bool)
        or not math.isfinite(weight)
        or weight < 0
    ):
        raise ValueError(
            f"the weight of part {spec.name} must be a number of at least 0, got {weight!r}"
        )
    return float(weight)
