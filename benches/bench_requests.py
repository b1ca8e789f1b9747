"""What one request of each kind costs, ids in and ids out, and what a second caller gains.

    uv run python benches/bench_requests.py

Users, items and columns are those of `bench_rules.py`: 10,000 items, 64 factors, 2,000 users of
some 20 likings each. A request is for ten items, and what the user met is left out. Kinds are asked
in turn; then each by one thread and by two, in turn too, every thread for users of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import penchant
from bench_rules import ALS, RULES, drawn
from common import print_machine
from penchant.benchmark import take_turns
from penchant.benchmark.requests import throughput

ROUNDS, CALLS = 15, 200
TURNS, SECONDS = 5, 1.0
HISTORY, DENIED = 50, 20
BPR = {"use": "mf.bpr", "factors": 64, "epochs": 3}
HOME = {"page": "home"}
Kinds = dict[str, Callable[[int], Any]]


def requests() -> Kinds:
    """The kinds; each is called with the number of the call."""
    data, draw = drawn(), np.random.default_rng(1)
    users, items = data.users.vocabulary.ids(), data.items.vocabulary.ids()
    count, denied = len(users), items[: 10 * DENIED : 10]
    told = [[items[row] for row in draw.integers(0, len(items), HISTORY)] for _ in users]
    als = penchant.fit(data, scorers=[ALS])
    kinds: Kinds = {
        "`mf.als`": lambda n: als.recommend(users[n % count]),
        f"{DENIED} denied": lambda n: als.recommend(users[n % count], deny=denied),
        "where a brand": lambda n: als.recommend(users[n % count], where={"brand": "b3"}),
        "where a tag": lambda n: als.recommend(users[n % count], where={"tags": "local"}),
        "where a range": lambda n: als.recommend(users[n % count], where={"stock": (1, None)}),
        f"a history of {HISTORY}": lambda n: als.recommend(history=told[n % count]),
    }
    others: dict[str, Any] = {
        "`cf.ease`": "cf.ease",
        "`hybrid.weighted` of `mf.als`, `mf.bpr`": {
            "use": "hybrid.weighted",
            "parts": [ALS, BPR],
            "learn": False,
        },
    }
    for name, spec in others.items():
        model = penchant.fit(data, scorers=[spec])
        kinds[name] = lambda n, model=model: model.recommend(users[n % count])
    for name, rules in RULES.items():
        spec = {"use": "hybrid.rules", "scorer": ALS, "rules": rules}
        model = penchant.fit(data, recommender=spec)
        kinds[f"rules, {name}"] = lambda n, model=model: model.recommend(
            users[n % count], context=HOME
        )
    return kinds


def main() -> None:
    """Print the table."""
    print_machine()
    kinds = requests()
    for name, ask in kinds.items():
        assert len(ask(0)) == 10, name
    turns = take_turns(kinds, rounds=ROUNDS, calls=CALLS, warm_up=CALLS)
    rates: dict[str, list[tuple[float, float]]] = {name: [] for name in kinds}
    for _ in range(TURNS):
        for name, ask in kinds.items():
            one, two = (throughput(ask, threads, SECONDS) for threads in (1, 2))
            rates[name].append((one, two))
    print("\n| request | p50 µs | p99 µs | a second, one caller | two callers | x |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for name in kinds:
        p50, p99 = (turns.percentile(name, percent) * 1e6 for percent in (50, 99))
        one, two = np.median(rates[name], axis=0)
        gain = np.median([both / alone for alone, both in rates[name]])
        print(f"| {name} | {p50:.1f} | {p99:.0f} | {one:,.0f} | {two:,.0f} | {gain:.2f} |")


if __name__ == "__main__":
    main()
