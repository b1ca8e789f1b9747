"""What comparisons share: facts of the machine, ratios of contestants, and a model to ask."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import penchant
from penchant.benchmark import machine, take_turns
from penchant.builtin.top_k import FittedTopK
from penchant.people import People
from penchant_mf.als import FittedAls, Loss


def print_machine(*distributions: str) -> dict[str, Any]:
    """Print, and give, the processor, its cores and the versions of what takes part."""
    facts = dict(machine(*distributions))
    print(", ".join(f"{name} {value}" for name, value in facts.items()))
    return facts


def compare(
    title: str,
    contestants: Mapping[str, Callable[[int], Any]],
    base: str,
    *,
    rounds: int = 9,
    calls: int = 1,
) -> dict[str, dict[str, float]]:
    """Let contestants take turns; print, and give, `us` (p50), `p99_us` and `x` as fast as `base`.

    A contestant is called with the number of the call. Check the answers before.
    """
    turns = take_turns(contestants, rounds=rounds, calls=calls)
    print(f"\n{title}")
    figures = {}
    for name in contestants:
        row = {
            "us": round(turns.median(name) * 1e6, 1),
            "p99_us": round(turns.percentile(name, 99) * 1e6, 1),
            "x": round(turns.times_as_fast(name, base), 2),
        }
        figures[name] = row
        print(f"  {name:32s} {row['us']:12.1f} us  {row['x']:6.2f} x {base}")
    return figures


def model_of(
    users: np.ndarray, items: np.ndarray, *, seen: int = 50, resident: bool = False
) -> penchant.Model:
    """A whole model over given factors: "user-0" and on, "item-0" and on, `seen` events a user."""
    draw = np.random.default_rng(1)
    events = {
        "user_id": [f"user-{row}" for row in np.repeat(np.arange(len(users)), seen)],
        "item_id": [f"item-{row}" for row in draw.integers(0, len(items), len(users) * seen)],
    }
    catalogue = {"item_id": [f"item-{row}" for row in range(len(items))]}
    data = penchant.Dataset.from_frame(events, items=catalogue)
    small = penchant.fit(data, scorers=[penchant.use("mf.als", factors=1, iterations=1)])
    scorer = FittedAls(users, items, None, Loss(1.0, 1.0))
    return penchant.Model(
        spec=small.spec,
        people=People(small.users, small.past),
        items=small.items,
        recommender=FittedTopK(scorer, resident=resident, threads=1),
        fallback=small.fallback,
        generator=small.generator,
        facts=small.facts,
    )
