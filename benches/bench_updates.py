"""What a service pays for one new item: `Model.with_items` on a catalogue of 200,000.

uv run python benches/bench_updates.py
"""

from __future__ import annotations

import json
import time
from typing import Any

import numpy as np
from common import model_of, print_machine

ITEMS, FACTORS, LIKERS = 200_000, 64, 50


def main() -> dict[str, Any]:
    """Measure, and give the figures."""
    print_machine()
    draw = np.random.default_rng(0)
    users = draw.standard_normal((2_000, FACTORS), np.float32)
    model = model_of(users, draw.standard_normal((ITEMS, FACTORS), np.float32))
    likers = [f"user-{row}" for row in range(LIKERS)]
    figures: dict[str, Any] = {}
    for name, liked in {"nothing known": False, f"{LIKERS} likings": True}.items():
        newer, taken = model, []
        for number in range(20):
            item = f"{name} {number}"
            events = {"user_id": likers, "item_id": [item] * LIKERS} if liked else None
            started = time.perf_counter()
            newer = newer.with_items([{"item_id": item}], events=events)
            taken.append((time.perf_counter() - started) * 1e3)
        figures[name] = {"first": round(taken[0], 1), "next": round(float(np.median(taken[1:])), 1)}
        print(f"  {name:16s} the first {taken[0]:6.1f} ms, the next {np.median(taken[1:]):6.1f} ms")
    return figures


if __name__ == "__main__":
    print(json.dumps(main()))
