"""One user, ten items of 10,000 x 64, beside implicit: everything on against the bare call.

penchant answers ids with the seen filter and a deny list; implicit ranks rows without any filter.
Both are asked in turn in one process, so that a busy machine troubles both alike; the ratio is the
median over rounds of the ratio of medians. The answers are compared before anything is timed.

    uv run --group bench python benches/bench_recommend.py
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from common import model_of, print_machine

ITEMS, USERS, FACTORS, SEEN = 10_000, 2_000, 64, 50


def seconds(call: Callable[[int], Any], calls: int = 300) -> np.ndarray:
    """Seconds of each of `calls` calls, each for another user."""
    taken = np.empty(calls)
    for n in range(calls):
        started = time.perf_counter()
        call(n % USERS)
        taken[n] = time.perf_counter() - started
    return taken


def main(rounds: int = 15) -> dict[str, Any]:
    """Compare, and give the figures."""
    from implicit.cpu.als import AlternatingLeastSquares

    draw = np.random.default_rng(0)
    users = draw.standard_normal((USERS, FACTORS), np.float32)
    items = draw.standard_normal((ITEMS, FACTORS), np.float32)
    rival = AlternatingLeastSquares(factors=FACTORS, num_threads=1)
    rival.user_factors, rival.item_factors = users, items
    mapped = model_of(users, items, seen=SEEN)
    resident = model_of(users, items, seen=SEEN, resident=True)
    names = mapped.users.ids()
    deny = [f"item-{row}" for row in range(0, 200, 10)]

    for row in range(50):
        plain = mapped.recommend(names[row], k=10, exclude_seen=False)
        theirs, _ = rival.recommend(row, None, N=10, filter_already_liked_items=False)
        assert list(plain.ids) == [f"item-{item}" for item in theirs], "the answers differ"

    contestants: dict[str, Callable[[int], Any]] = {
        "implicit, bare": lambda row: rival.recommend(
            row, None, N=10, filter_already_liked_items=False
        ),
        "penchant, bare": lambda row: mapped.recommend(names[row], k=10, exclude_seen=False),
        "penchant, ids + seen + deny": lambda row: mapped.recommend(names[row], k=10, deny=deny),
        "penchant, the same, resident": lambda row: resident.recommend(names[row], k=10, deny=deny),
    }
    for call in contestants.values():
        seconds(call, 50)
    medians: dict[str, list[float]] = {name: [] for name in contestants}
    tails: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, call in contestants.items():
            taken = seconds(call)
            medians[name].append(float(np.median(taken)))
            tails[name].append(float(np.percentile(taken, 99)))
    base = np.array(medians["implicit, bare"])
    print_machine("implicit")
    figures = {}
    for name, found in medians.items():
        figures[name] = {
            "p50_us": round(float(np.median(found)) * 1e6, 1),
            "p99_us": round(float(np.median(tails[name])) * 1e6, 1),
            "of_implicit": round(float(np.median(np.array(found) / base)), 2),
        }
        print(f"{name:30s} {figures[name]}")
    return figures


if __name__ == "__main__":
    print(json.dumps(main()))
