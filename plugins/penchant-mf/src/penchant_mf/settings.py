"""Settings of the strategies; importing them costs nothing.

The defaults were chosen on validation parts of train alone; README.md has the figures.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from penchant.settings import Search, check_range

if TYPE_CHECKING:
    from penchant.components import SpecLike


@dataclass(frozen=True, kw_only=True)
class SgdSettings:
    """Settings of `mf.sgd`."""

    factors: int = field(
        default=64,
        metadata={
            "help": "length of the users' and items' vectors",
            "search": Search(8, 256, log=True),
        },
    )
    epochs: int = field(default=40, metadata={"help": "passes over the ratings, at the most"})
    optimizer: Literal["sgd", "adagrad"] = field(
        default="sgd",
        metadata={"help": "equal steps for all, or smaller ones where gradients have been large"},
    )
    learning_rate: float = field(
        default=0.04,
        metadata={
            "help": "size of the first steps; lower it if a fit diverges",
            "search": Search(0.005, 0.1, log=True),
        },
    )
    decay: float = field(
        default=0.92,
        metadata={
            "help": "what each epoch multiplies the learning rate by",
            "search": Search(0.85, 1.0),
        },
    )
    regularization: float = field(
        default=0.08,
        metadata={
            "help": "pull of the vectors towards zero, for each rating",
            "search": Search(0.01, 0.3, log=True),
        },
    )
    bias_regularization: float = field(
        default=0.05,
        metadata={
            "help": "pull of the biases towards zero, for each rating",
            "search": Search(0.005, 0.3, log=True),
        },
    )
    models: int = field(
        default=1,
        metadata={"help": "fits from starts of their own, averaged: better, and as much slower"},
    )
    patience: int = field(
        default=3, metadata={"help": "epochs to go on without a better validation error"}
    )
    text: SpecLike | tuple[SpecLike, ...] | None = field(
        default=None,
        metadata={
            "help": "encoder or extractor of items' words, or a list of them with weights, which "
            "the items' vectors and biases are pulled to; new items start there"
        },
    )
    text_regularization: float = field(
        default=3.0,
        metadata={"help": "pull towards zero of the map from words to vectors and biases"},
    )

    def __post_init__(self) -> None:
        _check_descent(self)
        check_range(self, "models", "patience", at_least=1)
        check_range(self, "text_regularization", above=0)


@dataclass(frozen=True, kw_only=True)
class SvdppSettings:
    """Settings of `mf.svdpp`."""

    factors: int = field(default=128, metadata={"help": "length of the users' and items' vectors"})
    epochs: int = field(default=40, metadata={"help": "passes over the ratings"})
    learning_rate: float = field(
        default=0.02, metadata={"help": "size of the first steps; lower it if a fit diverges"}
    )
    decay: float = field(
        default=0.92, metadata={"help": "what each epoch multiplies the learning rate by"}
    )
    regularization: float = field(
        default=0.04, metadata={"help": "pull of the vectors towards zero, for each rating"}
    )
    bias_regularization: float = field(
        default=0.05, metadata={"help": "pull of the biases towards zero, for each rating"}
    )

    def __post_init__(self) -> None:
        _check_descent(self)


def _check_descent(settings: SgdSettings | SvdppSettings) -> None:
    """Raise ValueError for what no descent can use."""
    check_range(settings, "factors", at_least=1, at_most=512)
    check_range(settings, "epochs", at_least=1)
    check_range(settings, "learning_rate", above=0)
    check_range(settings, "decay", above=0, at_most=1)
    check_range(settings, "regularization", "bias_regularization", at_least=0)


@dataclass(frozen=True, kw_only=True)
class NmfSettings:
    """Settings of `mf.nmf`."""

    factors: int = field(
        default=16,
        metadata={
            "help": "how many parts there are: few are readable, many foretell a little better",
            "search": Search(8, 64, log=True),
        },
    )
    iterations: int = field(
        default=20,
        metadata={"help": "turns of items and users", "search": Search(5, 40)},
    )
    regularization: float = field(
        default=0.08,
        metadata={
            "help": "pull of a user's or item's parts towards zero, for each rating",
            "search": Search(0.03, 0.4, log=True),
        },
    )
    shrinkage: float = field(
        default=4.0,
        metadata={
            "help": "pull of a user's or item's parts towards the mean ones, however many ratings",
            "search": Search(0.3, 30.0, log=True),
        },
    )

    def __post_init__(self) -> None:
        check_range(self, "factors", at_least=1, at_most=512)
        check_range(self, "iterations", at_least=1)
        check_range(self, "regularization", "shrinkage", at_least=0)


@dataclass(frozen=True, kw_only=True)
class AlsSettings:
    """Settings of `mf.als`, in proportion to the data."""

    factors: int = field(
        default=128,
        metadata={
            "help": "length of the users' and items' vectors",
            "search": Search(16, 256, log=True),
        },
    )
    iterations: int = field(default=16, metadata={"help": "sweeps over all likings"})
    unobserved_weight: float | None = field(
        default=None,
        metadata={
            "help": "weight of all unknown pairs together, in weights of all likings, from the "
            "data where None; more of it favours popular items",
            "search": Search(1.0, 200.0, log=True),
        },
    )
    regularization: float | None = field(
        default=None,
        metadata={
            "help": "pull of the vectors towards zero, for each liking of an average row, from the "
            "data where None",
            "search": Search(0.01, 2.0, log=True),
        },
    )
    text: SpecLike | tuple[SpecLike, ...] | None = field(
        default=None,
        metadata={
            "help": "encoder or extractor of items' words, or a list of them with weights, which "
            "the items' vectors are pulled to; new items start there"
        },
    )
    text_regularization: float = field(
        default=5.0,
        metadata={"help": "pull towards zero of the map from words to vectors"},
    )

    def __post_init__(self) -> None:
        check_range(self, "factors", at_least=1, at_most=512)
        check_range(self, "iterations", at_least=1)
        check_range(self, "unobserved_weight", "regularization", "text_regularization", above=0)


@dataclass(frozen=True, kw_only=True)
class _PairwiseSettings:
    """What `mf.bpr` and `mf.warp` have in common."""

    factors: int = field(
        default=64,
        metadata={
            "help": "length of the users' and items' vectors",
            "search": Search(16, 256, log=True),
        },
    )
    epochs: int = field(
        default=50,
        metadata={
            "help": "passes over all likings",
            "search": Search(10, 100),
        },
    )
    learning_rate: float = field(
        default=0.15,
        metadata={
            "help": "step of the first epoch; lower it if a fit diverges",
            "search": Search(0.01, 0.5, log=True),
        },
    )
    decay: float = field(
        default=0.95,
        metadata={
            "help": "what each epoch multiplies the learning rate by",
            "search": Search(0.9, 1.0),
        },
    )
    regularization: float = field(
        default=0.02,
        metadata={
            "help": "pull of the vectors towards zero, for each comparison",
            "search": Search(0.001, 0.3, log=True),
        },
    )
    text: SpecLike | tuple[SpecLike, ...] | None = field(
        default=None,
        metadata={
            "help": "encoder or extractor of items' words, or a list of them with weights, which "
            "say where an item is that nobody likes yet"
        },
    )
    text_regularization: float = field(
        default=5.0,
        metadata={"help": "pull towards zero of the map from words to vectors"},
    )

    def __post_init__(self) -> None:
        check_range(self, "factors", at_least=1, at_most=512)
        check_range(self, "epochs", at_least=1)
        check_range(self, "learning_rate", "text_regularization", above=0)
        check_range(self, "decay", above=0, at_most=1)
        check_range(self, "regularization", at_least=0)


@dataclass(frozen=True, kw_only=True)
class BprSettings(_PairwiseSettings):
    """Settings of `mf.bpr`."""


@dataclass(frozen=True, kw_only=True)
class WarpSettings(_PairwiseSettings):
    """Settings of `mf.warp`."""

    learning_rate: float = field(
        default=0.05,
        metadata={
            "help": "step of the first epoch; lower it if a fit diverges",
            "search": Search(0.01, 0.5, log=True),
        },
    )
    decay: float = field(
        default=0.96,
        metadata={
            "help": "what each epoch multiplies the learning rate by",
            "search": Search(0.9, 1.0),
        },
    )
    regularization: float = field(
        default=0.1,
        metadata={
            "help": "pull of the vectors towards zero, for each comparison",
            "search": Search(0.001, 0.3, log=True),
        },
    )
    max_tries: int = field(
        default=100,
        metadata={"help": "items that a liking is compared with before it is taken to rank well"},
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        check_range(self, "max_tries", at_least=1, at_most=1000)
