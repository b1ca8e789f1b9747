"""What a model's requests cost on this machine: the caller's view, ids in and ids out."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from penchant.benchmark.turns import take_turns
from penchant.protocols import FoldsIn, ReadsText, RelatesItems, capability

if TYPE_CHECKING:
    from penchant.model import Model

BATCH = 100
"""Users of a request that asks for many."""

_ASKED = 1_000
"""Users, or items, that take turns in being asked about."""

_HISTORY = 50
"""The most items of a stranger's history."""

_CALLS = 10
"""Calls between two looks at the clock."""


@dataclass(frozen=True)
class Cost:
    """What one kind of request costs; times in microseconds.

    per_second: requests a second by number of threads that ask at once.
    """

    request: str
    p50_us: float
    p95_us: float
    p99_us: float
    per_second: dict[int, float]


def requests(model: Model, *, k: int) -> dict[str, Callable[[int], Any]]:
    """The kinds of request that this model answers; each is called with the number of the call.

    Users and items are spread evenly over all that the model knows.
    """
    users = model.users.ids(_spread(len(model.users)))
    items = model.items.vocabulary.ids(_spread(len(model.items)))
    kinds: dict[str, Callable[[int], Any]] = {
        "known user": lambda n: model.recommend(users[n % len(users)], k=k),
    }
    if capability(model.recommender, FoldsIn) is not None:
        histories = [_history(model, row) for row in _spread(len(model.users)).tolist()]
        kinds["stranger with a history"] = lambda n: model.recommend(
            history=histories[n % len(histories)], k=k
        )
    reads = capability(model.recommender, ReadsText)
    if reads is not None and reads.encoders():
        names = [name for name in model.items.names(_spread(len(model.items))) if name.strip()]
        if names:
            kinds["words"] = lambda n: model.recommend(text=names[n % len(names)], k=k)
    if capability(model.recommender, RelatesItems) is not None:
        kinds["similar items"] = lambda n: model.similar_items(items[n % len(items)], k=k)
    batch = [users[n % len(users)] for n in range(BATCH)]
    kinds[f"{BATCH} users at once"] = lambda n: model.recommend_many(batch, k=k)  # noqa: ARG005
    return kinds


def measure(
    name: str, ask: Callable[[int], Any], *, seconds: float, threads: tuple[int, ...]
) -> Cost:
    """Ask for about `seconds` on one thread, then as long on each number of `threads`."""
    turns = take_turns(
        {name: ask},
        rounds=1_000_000,
        calls=_CALLS,
        warm_up=_CALLS,
        until=time.perf_counter() + seconds,
    )
    p50, p95, p99 = (turns.percentile(name, percent) * 1e6 for percent in (50, 95, 99))
    return Cost(name, p50, p95, p99, {n: throughput(ask, n, seconds) for n in threads})


def throughput(ask: Callable[[int], Any], threads: int, seconds: float) -> float:
    """Requests a second when so many threads ask at once; an error in one of them is raised."""
    counts, errors = [0] * threads, list[BaseException]()
    together = threading.Barrier(threads)

    def work(own: int) -> None:
        number = own
        try:
            together.wait()
            until = time.perf_counter() + seconds
            while not errors and time.perf_counter() < until:
                ask(number)
                number += threads
                counts[own] += 1
        except BaseException as error:  # told by the thread that waits
            errors.append(error)

    helpers = [threading.Thread(target=work, args=(own,), daemon=True) for own in range(1, threads)]
    for helper in helpers:
        helper.start()
    started = time.perf_counter()
    work(0)
    for helper in helpers:
        helper.join()
    taken = time.perf_counter() - started
    if errors:
        raise errors[0]
    return sum(counts) / taken


def _spread(size: int) -> np.ndarray:
    """Up to 1,000 rows, evenly over all."""
    return np.unique(np.linspace(0, size - 1, min(size, _ASKED)).astype(np.int32))


def _history(model: Model, row: int) -> list[Any]:
    events, _ = model.past.of(row)
    return list(model.items.vocabulary.ids(events.row(0)[:_HISTORY]))
