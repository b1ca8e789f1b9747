"""Parts whose scores a person can see, and data for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from penchant import kernels
from penchant.data import Dataset, Interactions
from penchant.protocols import Encoder, Evidence, FitContext, State
from penchant.queries import Candidates, Csr, Queries, TopK
from penchant.testing.data import checkerboard
from penchant_hybrid.settings import WeightedSettings
from penchant_hybrid.weighted import Weighted

USERS, ITEMS = 6, 4


@dataclass
class Table:
    """A scorer that reads its scores off a table, for known rows only."""

    scores: np.ndarray

    def score(self, queries: Queries, items: np.ndarray | None, /) -> np.ndarray:
        assert (queries.rows >= 0).all(), "asked for somebody that the part can't answer"
        rows = self.scores[queries.rows].astype(np.float32)
        return rows if items is None else rows[:, items]

    def state(self) -> State:
        return State({"scores": self.scores})


@dataclass
class Constant:
    """A scorer that gives everybody the same scores, as a dot product, and folds in."""

    scores: np.ndarray

    @property
    def item_vectors(self) -> np.ndarray:
        return self.scores.astype(np.float32).reshape(-1, 1)

    def query_vectors(self, queries: Queries, /) -> np.ndarray:
        return np.ones((len(queries), 1), np.float32)

    def score(self, queries: Queries, items: np.ndarray | None, /) -> np.ndarray:
        chosen = self.item_vectors if items is None else self.item_vectors[items]
        return kernels.dot(self.query_vectors(queries), chosen)

    def answers(self, queries: Queries, /) -> np.ndarray:
        return np.ones(len(queries), np.bool_)

    def explain(self, queries: Queries, item: int, /) -> Sequence[Evidence]:
        return (Evidence("popularity", float(self.scores[item])),)

    def state(self) -> State:
        return State({"scores": self.scores})


class Reader(Constant):
    """A constant scorer that reads text."""

    def encoders(self) -> Mapping[str, Encoder]:
        return {"word": "the encoder"}  # type: ignore[dict-item]


@dataclass
class Neighbourly(Constant):
    """A constant scorer that names the same similar items for every item."""

    near: tuple[int, ...] = ()

    def similar_items(self, items: np.ndarray, candidates: Candidates, k: int, /) -> TopK:
        rows = np.full((len(items), k), -1, np.int32)
        scores = np.full((len(items), k), -np.inf, np.float32)
        rows[:, : len(self.near)] = self.near
        scores[:, : len(self.near)] = np.arange(len(self.near), 0, -1)
        return TopK(rows, scores, np.full(len(items), len(self.near), np.int32))


@dataclass
class Fits:
    """An unfitted part: gives what it was told to give, and remembers what it was fitted on."""

    fitted: Any
    seen: list[tuple[Dataset, FitContext]] = field(default_factory=list)

    def fit(self, data: Dataset, context: FitContext, /) -> Any:
        self.seen.append((data, context))
        context.progress("work", 1, 1)
        return self.fitted

    def restore(self, state: State, /) -> Any:
        return replace(self.fitted, scores=state.arrays["scores"])


def asks(rows: list[int]) -> Queries:
    """Ask for these rows, nothing known of their past."""
    return Queries(np.array(rows, np.int32), Csr.empty(len(rows), ITEMS))


def log_of(pairs: list[tuple[int, int]]) -> Dataset:
    """Make a dataset of likings (user, item)."""
    user, item = np.array(pairs, np.int32).reshape(-1, 2).T
    board = checkerboard(users=USERS, items=ITEMS)
    return board.with_interactions(
        Interactions.of(
            user.copy(),
            item.copy(),
            np.full(len(user), 5, np.float32),
            n_users=USERS,
            n_items=ITEMS,
        )
    )


def weighted(*fitted: Any, weights: Sequence[float] = (), **settings: Any) -> Weighted:
    names = [f"toy.{place}" for place in range(len(fitted))]
    return Weighted(
        WeightedSettings(parts=tuple(names), **settings),
        names,
        [part if isinstance(part, Fits) else Fits(part) for part in fitted],
        weights or [1.0] * len(fitted),
    )


TABLE = np.arange(USERS * ITEMS, dtype=np.float32).reshape(USERS, ITEMS)
CONSTANT = np.array([4, 0, 2, 2], np.float32)
TRAIN = [(user, 0) for user in range(USERS)]
LIKED_LATER = [(user, 1 + user % 3) for user in range(USERS)]
