"""A shop small enough to lay out by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import penchant
from penchant import use
from penchant.data import Dataset, Interactions, Items, Users
from penchant.protocols import FitContext
from penchant.queries import Candidates, Csr, Queries
from penchant.registry import Registry

# Liked by 8, 7, … 1 users, and so of relevance 1, 6/7, … 0 for a stranger.
SIZE = 8
BRAND = ["a", "a", "a", "b", "b", "c", "c", None]
PIN: dict[str, Any] = {"action": "pin", "ids": ["i7"]}
TAGS: list[tuple[str, ...]] = [(), (), (), (), ("local",), (), ("local", "new"), ("new",)]


def shop() -> Dataset:
    """Items i0 to i7, the lower the more popular; users u0 to u7, of whom u7 liked i0 alone."""
    pairs = [(user, item) for item in range(SIZE) for user in range(SIZE - item)]
    user, item = (np.array(column, np.int32) for column in zip(*pairs, strict=True))
    return Dataset(
        users=Users.of(
            [f"u{row}" for row in range(SIZE)],
            categories={"country": ["SI", "AT"] * (SIZE // 2)},
        ),
        items=Items.of(
            [f"i{row}" for row in range(SIZE)],
            categories={"brand": BRAND},
            labels={"tags": TAGS},
            numbers={"stock": [3, 0, 1, 2, 1, 1, 1, 1], "year": [*range(2001, 2008), np.nan]},
            texts={"title": [f"Thing {row}" for row in range(SIZE)]},
        ),
        interactions=Interactions.of(user, item, np.ones(len(user), np.float32)),
    )


def built(*rules: dict[str, Any], **settings: Any) -> Any:
    spec = use("hybrid.rules", **{"scorer": "base.popular", "rules": list(rules), **settings})
    return Registry.discover(only={"hybrid", "mf"}).recommender(spec)


def listed(*rules: dict[str, Any], k: int = SIZE, **filters: Any) -> list[int]:
    """The list of a stranger, filters of the request as in `Candidates`."""
    top = (
        built(*rules)
        .fit(shop(), FitContext())
        .recommend(
            Queries(np.array([-1], np.int32), Csr.empty(1, SIZE)), Candidates(SIZE, **filters), k
        )
    )
    rows: list[int] = top.rows[0, : top.counts[0]].tolist()
    return rows


def model(*rules: dict[str, Any], scorer: str = "base.popular") -> penchant.Model:
    return penchant.fit(shop(), recommender=use("hybrid.rules", scorer=scorer, rules=list(rules)))
