"""Settings of the strategies; importing them costs nothing.

The defaults were chosen by NDCG@10 on validation parts (each user's latest 20 % of train) of
MovieLens 100K and ml-latest-small; README.md has the figures.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from penchant.settings import Choices, Search, check_choice, check_range

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
        check_choice(self, "similarity", ("tfidf", "bm25", "cosine", "jaccard"))
        check_range(self, "neighbours", at_least=1)
        check_range(self, "shrinkage", at_least=0)
        check_range(self, "text_weight", above=0, below=1)
        check_range(self, "bm25_k1", above=0)
        check_range(self, "bm25_b", at_least=0, at_most=1)


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
        check_choice(self, "similarity", ("cosine", "tfidf", "jaccard"))
        check_range(self, "neighbours", at_least=1)
        check_range(self, "shrinkage", at_least=0)
        check_range(self, "text_weight", above=0, below=1)


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
        check_choice(self, "side", ("items", "users"))
        check_choice(self, "baseline", ("biases", "means", "zscores", "global"))
        check_choice(self, "compare", ("remains", "ratings"))
        similarities = ("cosine", "adjusted_cosine", "pearson", "euclidean")
        check_choice(self, "similarity", similarities)
        check_range(self, "neighbours", "min_neighbours", "pool", at_least=1)
        check_range(self, "shrinkage", "damping", at_least=0)


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
        check_range(self, "shrinkage", at_least=0)
        check_range(self, "max_items", at_least=1)


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
        check_range(self, "l2", "text_regularization", above=0)
        check_range(self, "top", "max_items", at_least=1)
        check_range(self, "text_weight", at_least=0, at_most=1)


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
        check_range(self, "l1", at_least=0)
        check_range(self, "l2", above=0)
