"""Lists, tastes and ratings to hold libraries against each other on, drawn by a seed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from penchant.data import Items
from penchant.evaluation.features import features_of
from penchant.metrics import Catalogue, Judged, Shown
from penchant.queries import Csr

USERS, ITEMS, WIDTH = 40, 60, 20


@dataclass(frozen=True)
class Asked:
    """Full lists of `WIDTH` items, none of them liked before; everybody has something to find."""

    lists: np.ndarray
    relevant: list[list[int]]
    liked: list[list[int]]
    genres: np.ndarray

    @classmethod
    def drawn(cls, seed: int) -> Asked:
        draw = np.random.default_rng(seed)
        weight = 1 / np.arange(1, ITEMS + 1)
        lists, relevant, liked = [], [], []
        for _ in range(USERS):
            order = draw.choice(ITEMS, ITEMS, replace=False, p=weight / weight.sum())
            past, rest = order[: (cut := draw.integers(1, 12))], order[cut:]
            liked.append(sorted(past.tolist()))
            relevant.append(sorted(draw.choice(rest, draw.integers(1, 30), replace=False).tolist()))
            lists.append(draw.permutation(rest)[:WIDTH])
        genres = draw.random((ITEMS, 5)) < 0.4
        genres[np.arange(ITEMS), draw.integers(5, size=ITEMS)] = True
        return cls(np.array(lists, np.int32), relevant, liked, genres)

    def shown(self) -> Shown:
        counts = np.full(USERS, WIDTH, np.int32)
        judged = Judged.of(self.lists, counts, csr(self.relevant))
        liked = csr(self.liked)
        labels = [[str(kind) for kind in np.flatnonzero(row)] for row in self.genres]
        items = Items.of(list(range(ITEMS)), labels={"genres": labels})
        return Shown(self.lists, judged, Catalogue.of(liked), liked, features_of(items))


def csr(rows: list[list[int]]) -> Csr:
    indptr = np.cumsum([0, *map(len, rows)]).astype(np.int64)
    return Csr(indptr, np.array([i for row in rows for i in row], np.int32), None, ITEMS)
