"""What rules cost a request: `hybrid.rules` around `mf.als`, on 10,000 items.

    python benches/bench_rules.py >> benches/results/hybrids.md

Users and items are drawn (2,000 and 10,000, some 40,000 likings by popularity, 64 factors). A
request is `recommend` of the fitted recommender for one known user, ten items, what was met left
out. Lists are checked first; then the contestants are asked in turn, and the medians of nine
rounds' medians are told, with the median of what a round's is above that of `mf.als`.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import penchant
from penchant import Dataset, Registry
from penchant.data import Interactions, Items, Users
from penchant.protocols import FitContext
from penchant.queries import Candidates, Queries

USERS, ITEMS, EVENTS = 2_000, 10_000, 60_000
ROUNDS, REQUESTS, K, POOL = 9, 200, 10, 100
ALS = {"use": "mf.als", "factors": 64, "iterations": 3}
STOCK = {"action": "require", "items": {"stock": {"min": 1}}}
CAP = {"action": "cap", "column": "brand", "at_most": 2}
QUOTA = {"action": "quota", "items": {"tags": "local"}, "at_least": 2}
RULES: dict[str, list[dict[str, Any]]] = {
    "1: require": [STOCK],
    "5: require, exclude, boost, bury, fresh": [
        STOCK,
        {"action": "exclude", "items": {"brand": "b4"}},
        {"action": "boost", "items": {"tags": "local"}, "by": 0.2},
        {"action": "bury", "items": {"brand": "b3"}, "by": 0.2},
        {"action": "fresh", "column": "released", "half_life": 100, "by": 0.3},
    ],
    "5: require, boost by country, pin by page, cap, quota": [
        STOCK,
        {"action": "boost", "items": {"tags": "local"}, "by": 0.2, "users": {"country": "SI"}},
        {"action": "pin", "ids": ["i77"], "place": 2, "context": {"page": "home"}},
        CAP,
        QUOTA,
    ],
}


def drawn() -> Dataset:
    """Likings by popularity, and columns for rules to go by."""
    draw = np.random.default_rng(0)
    users, items = draw.integers(0, USERS, EVENTS), draw.zipf(1.3, EVENTS) % ITEMS
    pairs = np.unique(users * ITEMS + items)
    user, item = (pairs // ITEMS).astype(np.int32), (pairs % ITEMS).astype(np.int32)
    return Dataset(
        users=Users.of(
            [f"u{row}" for row in range(USERS)],
            categories={"country": ["SI" if row % 2 else "AT" for row in range(USERS)]},
        ),
        items=Items.of(
            [f"i{row}" for row in range(ITEMS)],
            categories={"brand": [f"b{one}" for one in draw.integers(0, 60, ITEMS)]},
            labels={"tags": [("local",) if row % 7 == 0 else () for row in range(ITEMS)]},
            numbers={
                "stock": draw.integers(0, 9, ITEMS).astype(np.float64),
                "released": draw.random(ITEMS) * 1000,
            },
        ),
        interactions=Interactions.of(
            user, item, np.ones(len(user), np.float32), n_users=USERS, n_items=ITEMS
        ),
    )


def check(name: str, rows: list[int], data: Dataset) -> None:
    """Refuse a list that breaks a rule."""
    assert len(rows) == K
    assert (data.items.number("stock")[rows] >= 1).all()
    if "cap" in name:
        assert np.bincount(data.items.category("brand").codes[rows]).max() <= 2
        assert int(data.items.where({"tags": "local"})[rows].sum()) >= 2


def main() -> None:
    """Print the table."""
    data, registry = drawn(), Registry.discover()
    log = data.interactions.by_user()
    contestants = {"`mf.als`": registry.recommender({"use": "base.top_k", "scorer": ALS})}
    for name, rules in RULES.items():
        spec = {"use": "hybrid.rules", "scorer": ALS, "rules": rules}
        contestants[name] = registry.recommender(spec)
    fitted = {name: (one.fit(data, FitContext()), K) for name, one in contestants.items()}
    fitted["`mf.als`, the pool of 100 alone"] = fitted["`mf.als`"][0], POOL
    asked = []
    for row in range(REQUESTS):
        queries = Queries.known(np.array([row], np.int32), log)
        told = Queries(queries.rows, queries.history, contexts=({"page": "home"},))
        asked.append((told, Candidates(ITEMS, seen=queries.history)))
    rounds: dict[str, list[float]] = {name: [] for name in fitted}
    for turn in range(ROUNDS):
        for name, (one, k) in fitted.items():
            taken = []
            for queries, candidates in asked:
                began = time.perf_counter()
                top = one.recommend(queries, candidates, k)
                taken.append(time.perf_counter() - began)
                if not turn and "als" not in name:
                    check(name, top.rows[0].tolist(), data)
            rounds[name].append(float(np.median(taken)) * 1e6)
    print(f"\n# Rules\n\n{(__doc__ or '').strip()}\n\npenchant {penchant.__version__}.\n")
    print("| rules | p50 µs | above `mf.als` |\n| --- | ---: | ---: |")
    base = np.array(rounds["`mf.als`"])
    for name, found in rounds.items():
        above = "" if name == "`mf.als`" else f"{np.median(np.array(found) - base):.0f}"
        print(f"| {name} | {np.median(found):.0f} | {above} |")


if __name__ == "__main__":
    main()
