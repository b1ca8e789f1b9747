"""Settings of the hybrids; importing them costs nothing."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from penchant import Spec


@dataclass(frozen=True, kw_only=True)
class WeightedSettings:
    """Settings of `hybrid.weighted`."""

    parts: tuple[Spec | str | Mapping[str, Any], ...] = field(
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
        if not self.parts:
            raise ValueError("parts must name at least one strategy, got none")
        if self.among not in ("all", "new"):
            raise ValueError(f"among must be 'all' or 'new', got {self.among!r}")
        if not any(weight > 0 for _, weight in self.split()):
            raise ValueError("at least one part must have a weight greater than 0")

    def split(self) -> tuple[tuple[Spec, float], ...]:
        """The parts as specs, and their weights.

        The key `weight` belongs to the blend; a part never sees it.
        """
        return tuple(_split(part) for part in self.parts)


def _split(part: Spec | str | Mapping[str, Any]) -> tuple[Spec, float]:
    spec = Spec.of(part)
    settings = dict(spec.settings)
    weight = settings.pop("weight", 1.0)
    fits = isinstance(weight, int | float) and not isinstance(weight, bool)
    if not fits or not math.isfinite(weight) or weight < 0:
        raise ValueError(
            f"the weight of part {spec.name} must be a number of at least 0, got {weight!r}"
        )
    return Spec(spec.name, settings), float(weight)
