"""Settings of the strategies; importing them costs nothing.

The defaults were chosen by NDCG@10 on validation parts (each user's latest 20 % of train) of
MovieLens 100K and ml-latest-small; README.md has the figures.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from penchant.settings import Choices, Search

if TYPE_CHECKING:
    from penchant.components import SpecLike


@dataclass(frozen=True, kw_only=True)
class ItemKnnSettings:
    """Settings of `cf.item_knn`."""

    similarity: Literal["tfidf", "bm25", "cosine", "jaccard"] = field(
        default="tfidf",
        metadata={
            "help": "likeness of who liked two items: 'tfidf' and 'bm25' trust choosy users more "
            "('bm25' also favours popular items), 'cosine' and 'jaccard' trust all alike",
            "search": Choices(("tfidf", "bm25", "cosine", "jaccard")),
        },
    )
    neighbours: int = field(
        default=100,
        metadata={
            "help": "how many most similar items each item is scored by",
            "search": Search(10, 500, log=True),
        },
    )
    shrinkage: float = field(
        default=5.0,
        metadata={
            "help": "doubt of similarities that rest on few users: n / (n + shrinkage)",
            "search": Search(0.0, 50.0),
        },
    )
    bm25_k1: float = field(
        default=1.2,
        metadata={
            "help": "BM25's saturation; only for similarity 'bm25'",
            "search": Search(0.3, 3.0, when=("similarity", "bm25")),
        },
    )
    bm25_b: float = field(
        default=0.2,
        metadata={
            "help": "BM25's discount of popular items, 0 to 1; only for similarity 'bm25'",
            "search": Search(0.0, 1.0, when=("similarity", "bm25")),
        },
    )

    text: SpecLike | tuple[SpecLike, ...] | None = field(
        default=None,
        metadata={
            "help": "encoder or extractor of items' words, or a list of them with weights: items "
            "of like words are alike, and items that nobody has liked have neighbours"
        },
    )
    text_weight: float = field(
        default=0.2, metadata={"help": "share of words in the similarity, between 0 and 1"}
    )

    def __post_init__(self) -> None:
        if self.text is not None and self.similarity == "jaccard":
            raise ValueError("a text goes with similarity 'tfidf', 'bm25' or 'cosine'")
        if not 0 < self.text_weight < 1:
            raise ValueError(f"text_weight must be between 0 and 1, got {self.text_weight}")
        if self.similarity not in ("tfidf", "bm25", "cosine", "jaccard"):
            raise ValueError(
                "similarity must be 'tfidf', 'bm25', 'cosine' or 'jaccard', got "
                f"{self.similarity!r}"
            )
        if self.neighbours < 1:
            raise ValueError(f"neighbours must be at least 1, got {self.neighbours}")
        if not (math.isfinite(self.shrinkage) and self.shrinkage >= 0):
            raise ValueError(f"shrinkage must be at least 0, got {self.shrinkage}")
        if not (math.isfinite(self.bm25_k1) and self.bm25_k1 > 0):
            raise ValueError(f"bm25_k1 must be greater than 0, got {self.bm25_k1}")
        if not 0 <= self.bm25_b <= 1:
            raise ValueError(f"bm25_b must be from 0 to 1, got {self.bm25_b}")


@dataclass(frozen=True, kw_only=True)
class UserKnnSettings:
    """Settings of `cf.user_knn`."""

    similarity: Literal["cosine", "tfidf", "jaccard"] = field(
        default="cosine",
        metadata={
            "help": "likeness of what two users liked: 'tfidf' finds a rare liking in common more "
            "telling, 'cosine' and 'jaccard' find all alike",
            "search": Choices(("cosine", "tfidf", "jaccard")),
        },
    )
    neighbours: int = field(
        default=75,
        metadata={
            "help": "how many most similar users speak for an item",
            "search": Search(10, 500, log=True),
        },
    )
    shrinkage: float = field(
        default=5.0,
        metadata={
            "help": "doubt of similarities that rest on few likings: n / (n + shrinkage)",
            "search": Search(0.0, 50.0),
        },
    )
    text: SpecLike | tuple[SpecLike, ...] | None = field(
        default=None,
        metadata={
            "help": "encoder or extractor of items' words, or a list of them with weights: users "
            "whose likings read alike are alike"
        },
    )
    text_weight: float = field(
        default=0.2, metadata={"help": "share of words in the similarity, between 0 and 1"}
    )

    def __post_init__(self) -> None:
        if self.similarity not in ("cosine", "tfidf", "jaccard"):
            raise ValueError(
                f"similarity must be 'cosine', 'tfidf' or 'jaccard', got {self.similarity!r}"
            )
        if not 0 < self.text_weight < 1:
            raise ValueError(f"text_weight must be between 0 and 1, got {self.text_weight}")
        if self.neighbours < 1:
            raise ValueError(f"neighbours must be at least 1, got {self.neighbours}")
        if not (math.isfinite(self.shrinkage) and self.shrinkage >= 0):
            raise ValueError(f"shrinkage must be at least 0, got {self.shrinkage}")


@dataclass(frozen=True, kw_only=True)
class RatingKnnSettings:
    """Settings of `cf.rating_knn`; its defaults were chosen by RMSE on a part of a train fold."""

    side: Literal["items", "users"] = field(
        default="items",
        metadata={
            "help": "whose neighbours speak: items that the user rated, or users",
            "search": Choices(("items", "users")),
        },
    )
    baseline: Literal["biases", "means", "zscores", "global"] = field(
        default="biases",
        metadata={
            "help": "what neighbours add to: the biases of user and item, the mean of the item (of "
            "the user, over users), the same by standard deviations, or the mean of all",
            "search": Choices(("biases", "means", "zscores", "global")),
        },
    )
    similarity: Literal["cosine", "adjusted_cosine", "pearson", "euclidean"] = field(
        default="cosine",
        metadata={
            "help": "likeness; 'euclidean' is 1 / (1 + mean squared difference)",
            "search": Choices(("cosine", "adjusted_cosine", "pearson", "euclidean")),
        },
    )
    compare: Literal["remains", "ratings"] = field(
        default="remains",
        metadata={
            "help": "what is compared: what the baseline leaves of ratings, or they",
            "search": Choices(("remains", "ratings")),
        },
    )
    neighbours: int = field(
        default=40,
        metadata={
            "help": "how many of the most similar are heard for a rating",
            "search": Search(10, 200, log=True),
        },
    )
    min_neighbours: int = field(
        default=1,
        metadata={
            "help": "fewer than so many are not heard at all",
            "search": Search(1, 10, log=True),
        },
    )
    pool: int = field(
        default=500,
        metadata={
            "help": "how many most similar of all each has, of whom neighbours are heard",
            "search": Search(100, 1000, log=True),
        },
    )
    shrinkage: float = field(
        default=20.0,
        metadata={
            "help": "doubt of similarities that rest on few ratings: n / (n + shrinkage); "
            "'pearson' and 'adjusted_cosine' want about 100",
            "search": Search(0.0, 200.0),
        },
    )
    damping: float = field(
        default=0.2,
        metadata={
            "help": "doubt of few and unlike neighbours, added to their similarities",
            "search": Search(0.0, 1.0),
        },
    )

    def __post_init__(self) -> None:
        _check_choice("side", self.side, ("items", "users"))
        _check_choice("baseline", self.baseline, ("biases", "means", "zscores", "global"))
        _check_choice("compare", self.compare, ("remains", "ratings"))
        similarities = ("cosine", "adjusted_cosine", "pearson", "euclidean")
        _check_choice("similarity", self.similarity, similarities)
        for name in ("neighbours", "min_neighbours", "pool"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        for name in ("shrinkage", "damping"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise ValueError(f"{name} must be at least 0, got {value}")


@dataclass(frozen=True, kw_only=True)
class SlopeOneSettings:
    """Settings of `cf.slope_one`."""

    shrinkage: float = field(
        default=1.0,
        metadata={
            "help": "doubt of differences that few users tell of: n / (n + shrinkage)",
            "search": Search(0.0, 50.0),
        },
    )
    max_items: int = field(
        default=15_000,
        metadata={"help": "refuse more rated items than this: memory grows with their square"},
    )

    def __post_init__(self) -> None:
        if not (math.isfinite(self.shrinkage) and self.shrinkage >= 0):
            raise ValueError(f"shrinkage must be at least 0, got {self.shrinkage}")
        if self.max_items < 1:
            raise ValueError(f"max_items must be at least 1, got {self.max_items}")


@dataclass(frozen=True, kw_only=True)
class EaseSettings:
    """Settings of `cf.ease`."""

    l2: float = field(
        default=200.0,
        metadata={
            "help": "regularization; more of it trusts rare items less (try 50 to 1000)",
            "search": Search(10.0, 5000.0, log=True),
        },
    )
    top: int | None = field(
        default=None,
        metadata={"help": "keep only each item's so many greatest weights; None keeps all"},
    )
    max_items: int = field(
        default=20_000,
        metadata={"help": "refuse more liked items than this: memory grows with their square"},
    )
    text: SpecLike | tuple[SpecLike, ...] | None = field(
        default=None,
        metadata={
            "help": "encoder or extractor of items' words, or a list of them with weights: items "
            "of like words foretell each other, and items that nobody has liked get weights"
        },
    )
    text_weight: float | None = field(
        default=None,
        metadata={"help": "share of the pull to likeness in words, 0 to 1; None learns it"},
    )
    text_regularization: float = field(
        default=5.0,
        metadata={"help": "pull towards zero of what words foretell"},
    )

    def __post_init__(self) -> None:
        if not (math.isfinite(self.l2) and self.l2 > 0):
            raise ValueError(f"l2 must be greater than 0, got {self.l2}")
        if self.top is not None and self.top < 1:
            raise ValueError(f"top must be at least 1, or None to keep all, got {self.top}")
        if self.max_items < 1:
            raise ValueError(f"max_items must be at least 1, got {self.max_items}")
        if self.text_weight is not None and not 0 <= self.text_weight <= 1:
            raise ValueError(
                f"text_weight must be from 0 to 1, or None to learn it, got {self.text_weight}"
            )
        if not (math.isfinite(self.text_regularization) and self.text_regularization > 0):
            raise ValueError(
                f"text_regularization must be greater than 0, got {self.text_regularization}"
            )


@dataclass(frozen=True, kw_only=True)
class SlimSettings:
    """Settings of `cf.slim`."""

    l1: float = field(
        default=0.5,
        metadata={
            "help": "pull of weights to 0, in likings: more of it leaves fewer weights, and none "
            "between items that share no more likings than that (try 0.2 to 5)",
            "search": Search(0.1, 10.0, log=True),
        },
    )
    l2: float = field(
        default=100.0,
        metadata={
            "help": "pull of weights towards 0; more of it trusts rare items less (try 20 to 500)",
            "search": Search(10.0, 1000.0, log=True),
        },
    )
    non_negative: bool = field(
        default=True,
        metadata={
            "help": "whether no liking may count against another item; false takes several times "
            "as long to fit",
            "search": Choices((True, False)),
        },
    )

    def __post_init__(self) -> None:
        if not (math.isfinite(self.l1) and self.l1 >= 0):
            raise ValueError(f"l1 must be at least 0, got {self.l1}")
        if not (math.isfinite(self.l2) and self.l2 > 0):
            raise ValueError(f"l2 must be greater than 0, got {self.l2}")


def _check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, choices))}, got {value!r}")
