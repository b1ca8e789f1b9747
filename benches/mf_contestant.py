"""penchant's strategies as contestants of a factorisation harness, with their default settings.

`EXPLICIT` maps a name to a factory of `fit(users, items, ratings, n_users, n_items)` and
`predict(users, items)`; `IMPLICIT` to a class and its settings, with `fit(csr)` and `score(users)`;
`SCALE` to `f(rank, epochs)` as for `EXPLICIT`, with the seconds of the fit in `core_s`.
"""

from __future__ import annotations

import os
import time
from typing import Any, Self

import numpy as np
from penchant import Dataset, Interactions, Items, Registry, Users, Vocabulary
from penchant.protocols import FitContext, FittedScorer
from penchant.queries import Csr, Queries

THREADS = int(os.environ.get("BENCH_THREADS", "2"))


def _dataset(users: Any, items: Any, values: Any, n_users: int, n_items: int) -> Dataset:
    return Dataset(
        users=Users(Vocabulary.from_ids(np.arange(n_users))),
        items=Items(Vocabulary.from_ids(np.arange(n_items))),
        interactions=Interactions.of(
            np.asarray(users, np.int32),
            np.asarray(items, np.int32),
            None if values is None else np.asarray(values, np.float32),
            n_users=n_users,
            n_items=n_items,
        ),
    )


def _fitted(name: str, settings: dict[str, Any], data: Dataset) -> FittedScorer:
    registry = Registry.discover(only={name.partition(".")[0]})
    context = FitContext(threads=THREADS)
    return registry.scorer({"use": name, **settings}).fit(data, context)


class Ratings:
    """`mf.sgd`, or another scorer of ratings whose users have vectors, on rows."""

    def __init__(self, name: str = "mf.sgd", **settings: Any) -> None:
        self._name, self._settings = name, settings

    def fit(self, users: Any, items: Any, ratings: Any, n_users: int, n_items: int) -> Self:
        """Fit, and keep the seconds in `core_s`."""
        data = _dataset(users, items, ratings, n_users, n_items)
        started = time.perf_counter()
        fitted: Any = _fitted(self._name, self._settings, data)
        self.core_s = time.perf_counter() - started
        self._items = fitted.item_vectors
        self._users = fitted.query_vectors(
            Queries(np.arange(n_users, dtype=np.int32), Csr.empty(n_users, n_items))
        )
        return self

    def predict(self, users: Any, items: Any) -> np.ndarray:
        """One rating a pair."""
        return np.einsum("ij,ij->i", self._users[users], self._items[items])


class NeighbourRatings:
    """A scorer that foretells ratings from those of a user, `cf.rating_knn` or another, on rows."""

    def __init__(self, name: str = "cf.rating_knn", **settings: Any) -> None:
        self._name, self._settings = name, settings

    def fit(self, users: Any, items: Any, ratings: Any, n_users: int, n_items: int) -> Self:
        """Fit; the ratings are kept to be asked about."""
        self._data = _dataset(users, items, ratings, n_users, n_items)
        self._fitted = _fitted(self._name, self._settings, self._data)
        return self

    def predict(self, users: Any, items: Any) -> np.ndarray:
        """One rating a pair."""
        users, items = np.asarray(users, np.int32), np.asarray(items, np.int32)
        told, history = np.empty(len(users), np.float32), self._data.interactions.by_user()
        order = np.argsort(users, kind="stable")
        for mine in np.split(order, np.flatnonzero(np.diff(users[order])) + 1):
            queries = Queries.known(users[mine[:1]], history)
            told[mine] = self._fitted.score(queries, items[mine])[0]
        return told


class Likings:
    """A scorer on a CSR of likings."""

    def __init__(self, name: str = "cf.ease", **settings: Any) -> None:
        self._name, self._settings = name, settings

    def fit(self, likings: Any) -> Self:
        """Fit on users x items."""
        found = likings.tocoo()
        self._data = _dataset(found.row, found.col, None, *likings.shape)
        self._fitted = _fitted(self._name, self._settings, self._data)
        return self

    def score(self, users: Any) -> np.ndarray:
        """Scores of all items."""
        rows = np.asarray(users, np.int32)
        return self._fitted.score(Queries.known(rows, self._data.interactions.by_user()), None)


EXPLICIT = {
    "penchant-rating-knn": NeighbourRatings,
    "penchant-slope-one": lambda: NeighbourRatings("cf.slope_one"),
    "penchant-sgd": Ratings,
    "penchant-sgd-8": lambda: Ratings(models=8, factors=32),
}
IMPLICIT = {
    "penchant-als": (Likings, [{"name": "mf.als"}]),
    "penchant-bpr": (Likings, [{"name": "mf.bpr"}]),
    "penchant-ease": (Likings, [{"name": "cf.ease"}]),
    "penchant-item-knn": (Likings, [{"name": "cf.item_knn"}]),
    "penchant-slim": (Likings, [{"name": "cf.slim"}]),
    "penchant-user-knn": (Likings, [{"name": "cf.user_knn"}]),
    "penchant-warp": (Likings, [{"name": "mf.warp"}]),
}
SCALE = {
    "penchant-sgd": lambda rank, epochs: Ratings(factors=rank, epochs=epochs),
}
