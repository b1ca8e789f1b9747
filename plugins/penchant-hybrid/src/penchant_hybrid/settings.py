"""Settings of the hybrids; importing them costs nothing."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from penchant import Spec
from penchant.settings import Search, check_choice, check_range, make_settings

Parts = tuple[Spec | str | Mapping[str, Any], ...]


@dataclass(frozen=True, kw_only=True)
class WeightedSettings:
    """Settings of `hybrid.weighted`."""

    parts: Parts = field(
        metadata={"help": "the strategies to blend, each with an optional `weight` (1 without)"}
    )
    learn: bool | None = field(
        default=None,
        metadata={
            "help": "learn the weights, from validation events, or without any from likings held "
            "out of the data; None learns if there are validation events"
        },
    )
    among: Literal["all", "new"] = field(
        default="all",
        metadata={
            "help": "what is ranked while weights are learned: all items, or only those that "
            "nobody has liked yet, to learn how new ones are best told apart"
        },
    )
    known: int | None = field(
        default=None,
        metadata={
            "help": "learn for newcomers, where weights are learned without validation events: "
            "users of whom no more than so many likings are known, the first ones; None learns "
            "for everybody"
        },
    )
    share: float = field(
        default=0.1,
        metadata={
            "help": "of each user's likings (of the items, for new ones; of the users, for "
            "newcomers) to hold out a time, where weights are learned without validation events"
        },
    )
    refit: bool = field(
        default=True,
        metadata={"help": "after learning, fit the parts again with the validation events"},
    )

    def __post_init__(self) -> None:
        check_choice(self, "among", ("all", "new"))
        check_range(self, "known", at_least=1)
        check_range(self, "share", above=0, below=1)
        if self.known is not None and self.among == "new":
            raise ValueError(
                f"weights are learned for newcomers or for new items, got known = {self.known} and "
                "among = 'new'; leave one of them out"
            )
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
            "several settings of one strategy, the best two at the most take part"
        },
    )
    share: float = field(
        default=0.1,
        metadata={"help": "of each user's likings to judge by, where no validation is given"},
    )

    def __post_init__(self) -> None:
        check_range(self, "share", above=0, below=1)
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
    model: Literal["linear", "trees"] = field(
        default="linear",
        metadata={
            "help": "linear: a conditional logistic regression; trees: those of LightGBM, where it "
            "is installed"
        },
    )
    ridge: float = field(
        default=100.0,
        metadata={
            "help": "how strongly coefficients of the linear model are held near 0, in users who "
            "say otherwise"
        },
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
        check_range(self, "ridge", above=0)
        check_range(self, "share", above=0, below=1)
        self.split()

    def split(self) -> tuple[tuple[Spec, None], ...]:
        """The parts as specs, of which nothing else is said: what they count is learned."""
        if not self.parts:
            raise ValueError("parts must name at least one strategy, got none")
        return tuple((Spec.of(part), None) for part in self.parts)


POOL = "of how many of the strategy's best the list is made; k where that is more"
INSIDE = "the recommender inside, in the place of `scorer`"


@dataclass(frozen=True, kw_only=True)
class MmrSettings:
    """Settings of `hybrid.mmr`."""

    scorer: Spec | str | Mapping[str, Any] | None = field(
        default=None, metadata={"help": "the strategy whose best items are diversified"}
    )
    recommender: Spec | str | Mapping[str, Any] | None = field(
        default=None, metadata={"help": INSIDE}
    )
    relevance_weight: float = field(
        default=0.7,
        metadata={
            "help": "1: by relevance alone; 0: the best item, then whatever is least like the list",
            "search": Search(0.0, 1.0),
        },
    )
    pool: int = field(default=100, metadata={"help": POOL, "search": Search(20, 500, log=True)})
    column: str = field(
        default="",
        metadata={
            "help": "the label, category or vector column of items that tells how alike they are; "
            "without one, the first there is, in this order"
        },
    )
    vectors: bool = field(
        default=False,
        metadata={"help": "go by the item vectors of the strategy inside, and not by a column"},
    )

    def __post_init__(self) -> None:
        check_range(self, "relevance_weight", at_least=0, at_most=1)
        check_range(self, "pool", at_least=1)
        if self.vectors and self.column:
            raise ValueError(
                f"vectors take the place of a column; leave out column {self.column!r}"
            )
        self.inside()

    def inside(self) -> Spec:
        """The recommender to be put in order."""
        return inside(self.scorer, self.recommender)


@dataclass(frozen=True, kw_only=True)
class CalibratedSettings:
    """Settings of `hybrid.calibrated`."""

    scorer: Spec | str | Mapping[str, Any] | None = field(
        default=None, metadata={"help": "the strategy whose best items are calibrated"}
    )
    recommender: Spec | str | Mapping[str, Any] | None = field(
        default=None, metadata={"help": INSIDE}
    )
    calibration: float = field(
        default=0.5,
        metadata={
            "help": "0: by relevance alone; 1: by the proportions alone",
            "search": Search(0.0, 1.0),
        },
    )
    pool: int = field(default=100, metadata={"help": POOL, "search": Search(20, 500, log=True)})
    column: str = field(
        default="",
        metadata={"help": "the label or category column of items; without one, the first there is"},
    )

    def __post_init__(self) -> None:
        check_range(self, "calibration", at_least=0, at_most=1)
        check_range(self, "pool", at_least=1)
        self.inside()

    def inside(self) -> Spec:
        """The recommender to be put in order."""
        return inside(self.scorer, self.recommender)


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


_PROPOSED = 200


@dataclass(frozen=True, kw_only=True)
class CascadeSettings:
    """Settings of `hybrid.cascade`."""

    parts: Parts = field(
        metadata={
            "help": "the strategies in order: the first proposes, the others rank what they are "
            "given; each but the last with an optional `pool`, how many it hands on (200 without)"
        }
    )

    def __post_init__(self) -> None:
        self.split()

    def split(self) -> tuple[tuple[Spec, int], ...]:
        """The parts as specs, and how many items each hands on; 0 for the last, which shows k."""
        split = _without("pool", self.parts)
        if len(split) < 2:
            raise ValueError("parts must name at least two strategies: one proposes, one ranks")
        (last, given), handing = split[-1], split[:-1]
        if given is not None:
            raise ValueError(f"{last.name} is the last part and shows k items; leave out its pool")
        return (*((spec, _handed_on(spec, pool)) for spec, pool in handing), (last, 0))


def _handed_on(spec: Spec, given: object) -> int:
    pool = _PROPOSED if given is None else given
    if not isinstance(pool, int) or isinstance(pool, bool) or pool < 1:
        raise ValueError(
            f"the pool of part {spec.name} must be a whole number from 1, got {pool!r}"
        )
    return pool


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


def ranked_by(scorer: Spec) -> Spec:
    """The recommender that shows what a scorer scores highest."""
    return Spec("base.top_k", {"scorer": scorer.to_json()})


def inside(scorer: object, recommender: object) -> Spec:
    """The recommender inside another: the one named, or the best of a scorer."""
    if (scorer is None) == (recommender is None):
        both = "neither" if scorer is None else "both"
        raise ValueError(f"name a scorer, or in its place a recommender, to be inside; got {both}")
    if recommender is None:
        return ranked_by(Spec.of(scorer))  # type: ignore[arg-type]
    return Spec.of(recommender)  # type: ignore[arg-type]
