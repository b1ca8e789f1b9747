"""What each comparison prints: the machine it ran on, and who is how many times as fast as whom."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from penchant.benchmark import machine, take_turns


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
