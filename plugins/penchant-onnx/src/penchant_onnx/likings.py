"""Pairs of items that one person likes, and how well vectors rank what people like."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from penchant.errors import DataError
from penchant.evaluation import Split, evaluate_scorer
from penchant.protocols import State

if TYPE_CHECKING:
    from penchant.protocols import F32, I32
    from penchant.queries import Queries

METRIC = "ndcg@10"


class Likings:
    """Draws what is to be learned from the train part of a split.

    Two items liked by one user belong together. Wrong answers are drawn evenly from the items that
    anybody liked; the docstring of `head.py` says why.
    """

    def __init__(self, split: Split) -> None:
        self._liked = split.train.positive_csr()
        self._users = np.flatnonzero(self._liked.counts() >= 2)
        if not len(self._users):
            raise DataError(
                "no user liked two items of the part to learn from, so there is nothing to learn "
                "which items go together; give more events, or lower min_value"
            )
        self._known = np.unique(self._liked.indices)

    def pairs(self, n: int, draws: np.random.Generator) -> tuple[I32, I32]:
        """Two different liked items each of `n` users drawn evenly."""
        drawn = draws.choice(self._users, n)
        start, count = self._liked.indptr[drawn], self._liked.counts()[drawn]
        one = draws.integers(0, count)
        other = (one + draws.integers(1, count)) % count
        return self._liked.indices[start + one], self._liked.indices[start + other]

    def wrong(self, n: int, draws: np.random.Generator) -> I32:
        """`n` items, some perhaps twice, and perhaps the right one of a pair."""
        return draws.choice(self._known, n)


def ranked(vectors: F32, split: Split) -> float:
    """NDCG@10 of the held-out likings by (items, d) vectors, as likeness to what a user liked."""
    fitted = _Profiles(vectors, split.train.min_value)
    return evaluate_scorer(fitted, split, metrics=[METRIC]).values[METRIC]


class _Profiles:
    """Scores items by their likeness to the mean of what a user liked."""

    def __init__(self, vectors: F32, min_value: float | None) -> None:
        self._vectors = vectors
        self._min_value = min_value

    def score(self, queries: Queries, items: I32 | None, /) -> F32:
        liked = queries.history.at_least(self._min_value).binary()
        means = np.zeros((liked.rows, self._vectors.shape[1]), np.float32)
        np.add.at(means, liked.row_of_entry(), self._vectors[liked.indices])
        return means @ (self._vectors if items is None else self._vectors[items]).T

    def state(self) -> State:
        return State({"vectors": self._vectors})
