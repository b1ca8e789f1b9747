"""Contestants that take turns, so that a busy machine troubles all of them alike.

A time depends on the machine and on what else it does; the ratio of two contestants in one round
much less. So a comparison is the median over rounds of the ratio within a round.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt


@dataclass(frozen=True)
class Turns:
    """Seconds by contestant: one array of the calls of each round."""

    seconds: Mapping[str, Sequence[npt.NDArray[np.float64]]]

    def percentile(self, name: str, percent: float) -> float:
        """Seconds within which `percent` of a contestant's calls returned, over all rounds."""
        return float(np.percentile(np.concatenate(self.seconds[name]), percent))

    def median(self, name: str) -> float:
        """The median seconds of a contestant's calls, over all rounds."""
        return self.percentile(name, 50)

    def times_as_fast(self, name: str, other: str) -> float:
        """How many times as fast `name` is as `other`: the median over rounds of the ratio.

        Within a round, the medians of the calls of both are compared.
        """
        pairs = zip(self.seconds[other], self.seconds[name], strict=True)
        return float(np.median([np.median(theirs) / np.median(ours) for theirs, ours in pairs]))


def take_turns(
    contestants: Mapping[str, Callable[[int], Any]],
    *,
    rounds: int = 9,
    calls: int = 1,
    warm_up: int = 1,
    until: float | None = None,
) -> Turns:
    """Time `calls` calls of each contestant in each of `rounds` rounds.

    A contestant is called with the number of the call, from 0 up over all rounds, so that it can
    ask each time something else; all get the same numbers. In every second round the order is
    reversed. The first `warm_up` calls of each aren't timed. `until` is a moment of
    `time.perf_counter()` after which no further round is begun, though one is always run.
    """
    names = list(contestants)
    for name in names:
        for call in range(warm_up):
            contestants[name](call)
    seconds: dict[str, list[npt.NDArray[np.float64]]] = {name: [] for name in names}
    clock = time.perf_counter
    for round_ in range(rounds):
        if until is not None and round_ and clock() >= until:
            break
        for name in names if round_ % 2 == 0 else reversed(names):
            ask, taken = contestants[name], np.empty(calls)
            for call in range(calls):
                number = round_ * calls + call
                started = clock()
                ask(number)
                taken[call] = clock() - started
            seconds[name].append(taken)
    return Turns(seconds)
