"""The same vectors ranked by other libraries, where they are installed; answers checked first.

What is compared is ranking alone: rows in, rows out, no ids and no filters, on one thread.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np

from penchant import kernels
from penchant.benchmark.turns import take_turns
from penchant.errors import PenchantError

if TYPE_CHECKING:
    from penchant.protocols import F32

Rank = Callable[["F32"], tuple[Any, Any]]

_TOLERANCE = 1e-4
"""Two sums of the same products, in another order, differ by less than this part of the largest."""


class AnswersDiffer(PenchantError):
    """A rival found other items than penchant: there is nothing to time."""


@dataclass(frozen=True)
class Standing:
    """One contestant at one size of batch: microseconds a call, and penchant's time over its own.

    times_as_fast: how many times as fast as penchant, the median of the ratios within a round.
    """

    contestant: str
    queries: int
    p50_us: float
    times_as_fast: float


def rankers(items: F32, k: int) -> dict[str, Rank]:
    """Who ranks `items`, (m, d): penchant, and of faiss, implicit and NumPy who can on one thread.

    NumPy's BLAS takes as many threads as it likes unless threadpoolctl is there to ask it.
    """
    index = kernels.ItemIndex(items)

    def ours(queries: F32) -> tuple[Any, Any]:
        rows, scores, _ = index.top_k(queries, k)
        return rows, scores

    found: dict[str, Rank] = {"penchant": ours}
    if find_spec("faiss") is not None:
        found["faiss"] = _faiss(items, k)
    if find_spec("implicit") is not None:
        found["implicit"] = _implicit(items, k)
    if find_spec("threadpoolctl") is not None:
        found["numpy"] = lambda queries: _numpy(items, queries, k)
    return found


def race(items: F32, queries: F32, k: int, *, seconds: float) -> list[Standing]:
    """Let all rankers take turns at all `queries`, (n, d), at once. Raises AnswersDiffer."""
    contestants = rankers(items, k)
    with one_thread():
        rows, scores = contestants["penchant"](queries)
        for name, rank in contestants.items():
            check(name, rank(queries), rows, scores)
        turns = take_turns(
            {name: lambda _, rank=rank: rank(queries) for name, rank in contestants.items()},  # type: ignore[misc]
            rounds=1_000,
            calls=3,
            until=time.perf_counter() + seconds,
        )
    return [
        Standing(
            name, len(queries), turns.median(name) * 1e6, turns.times_as_fast(name, "penchant")
        )
        for name in contestants
    ]


def check(name: str, answer: tuple[Any, Any], rows: Any, scores: F32) -> None:
    """Compare an answer with ours; where scores are as good as equal, rows may trade places."""
    theirs, found = np.asarray(answer[0]), np.asarray(answer[1], np.float64)
    margin = _TOLERANCE * max(1.0, float(np.abs(scores).max(initial=0.0)))
    same = found.shape == scores.shape and bool(np.all(np.abs(found - scores) <= margin))
    if same:
        # A row may differ only where its score ties with a neighbour's; past the last may lie one.
        ties = np.abs(np.diff(scores, axis=1)) <= margin
        before = np.pad(ties, ((0, 0), (1, 0)))
        after = np.pad(ties, ((0, 0), (0, 1)), constant_values=True)
        same = bool(np.all((theirs == rows) | before | after))
    if not same:
        raise AnswersDiffer(
            f"{name} ranks other items first than penchant does; update {name}, or leave it out of "
            "this environment"
        )


@contextmanager
def one_thread() -> Iterator[None]:
    """Keep BLAS and OpenMP to one thread, where threadpoolctl is there to ask them."""
    if find_spec("threadpoolctl") is None:
        yield
        return
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        yield


def _numpy(items: F32, queries: F32, k: int) -> tuple[Any, Any]:
    scores = queries @ items.T
    rows = np.argpartition(-scores, min(k, len(items)) - 1, axis=1)[:, :k]
    kept = np.take_along_axis(scores, rows, 1)
    order = np.argsort(-kept, axis=1, kind="stable")
    return np.take_along_axis(rows, order, 1), np.take_along_axis(kept, order, 1)


def _faiss(items: F32, k: int) -> Rank:
    import faiss

    faiss.omp_set_num_threads(1)
    index = faiss.IndexFlatIP(items.shape[1])
    index.add(items)

    def rank(queries: F32) -> tuple[Any, Any]:
        scores, rows = index.search(queries, k)
        return rows, scores

    return rank


def _implicit(items: F32, k: int) -> Rank:
    from implicit.cpu.topk import topk

    def rank(queries: F32) -> tuple[Any, Any]:
        rows, scores = topk(items, queries, k, num_threads=1)
        return rows, scores

    return rank
