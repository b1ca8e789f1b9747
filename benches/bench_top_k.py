"""Exact top-k by dot product beside faiss, implicit and NumPy: a Markdown table of measured ratios.

    env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE uv run --group bench python benches/bench_top_k.py

A cell is `items,dim,queries,k,seen`, where `seen` rows of each query must not come back; give some
as arguments to measure only those, after the word `threads` to measure only what two threads gain.
Contestants take turns, with other queries in every call; a
ratio is the median over rounds of the ratio within one. All answers are compared before anything is
timed. Everything runs on one thread, except where penchant is measured beside itself.

faiss brings an OpenBLAS of its own, which takes processors that it does not know for old ones. So
the cells of many queries are measured again with `OPENBLAS_CORETYPE=SkylakeX`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
from common import print_machine
from penchant import kernels
from penchant.benchmark import Turns, take_turns

CELLS = (
    *("64,64,1,10,0", "10000,64,1,10,0", "10000,64,1,10,200", "100000,128,1,10,0"),
    *("100000,128,1,10,200", "100000,128,1,1000,0", "100000,384,1,10,0", "1000000,64,1,10,0"),
    *("100000,128,2,10,0", "100000,128,8,10,0", "10000,64,32,10,0", "100000,64,32,10,200"),
    *("100000,128,32,10,0", "100000,128,32,1000,0", "100000,384,32,10,0", "1000000,64,32,10,0"),
)
LARGE = (
    *("100000,128,1024,10,0", "100000,768,256,10,0", "10000,128,1024,100,0"),
    "1000000,128,1024,10,0",
)
THREADED = ("10000,64,1,10,0", "1000000,64,1,10,0", "10000,64,1024,10,0", "1000000,128,1024,10,0")
CALLS = 300
"""How often a caller that does something else besides calls in a row."""
SECONDS = 6.0
"""About how long a cell takes."""

Seen = tuple[np.ndarray, np.ndarray] | None
Call = Callable[[np.ndarray, Seen], np.ndarray]


def contestants(items: np.ndarray, k: int) -> dict[str, Call]:
    """Name to a call that gives (n, k) rows for (n, d) queries and the rows that each has seen."""
    import faiss
    from implicit.cpu.topk import topk
    from scipy.sparse import csr_matrix

    faiss.omp_set_num_threads(1)
    flat = faiss.IndexFlatIP(items.shape[1])
    flat.add(items)

    def by_faiss(queries: np.ndarray, seen: Seen) -> np.ndarray:
        if seen is None:
            return np.asarray(flat.search(queries, k)[1])
        rows = np.empty((len(queries), k), np.int64)
        for query, (start, end) in enumerate(pairwise(seen[0])):
            own = faiss.IDSelectorBatch(seen[1][start:end].astype(np.int64))
            chosen = faiss.SearchParameters(sel=faiss.IDSelectorNot(own))
            rows[query] = flat.search(queries[query : query + 1], k, params=chosen)[1]
        return rows

    def by_implicit(queries: np.ndarray, seen: Seen) -> np.ndarray:
        table = None
        if seen is not None:
            ones, shape = np.ones(len(seen[1]), np.float32), (len(queries), len(items))
            table = csr_matrix((ones, seen[1], seen[0]), shape=shape)
        rows = topk(items, queries, k, filter_query_items=table, num_threads=1)[0]
        return np.asarray(rows)

    def by_numpy(queries: np.ndarray, seen: Seen) -> np.ndarray:
        part = max(1, 32_000_000 // len(items))  # scores of at most 128 MB at a time
        if len(queries) > part:
            cut = range(0, len(queries), part)
            return np.concatenate([by_numpy(queries[at : at + part], None) for at in cut])
        scores = queries @ items.T
        if seen is not None:
            for own, (start, end) in zip(scores, pairwise(seen[0]), strict=True):
                own[seen[1][start:end]] = -np.inf
        best = np.argpartition(scores, -k, axis=1)[:, -k:]
        order = np.argsort(-np.take_along_axis(scores, best, 1), axis=1)
        return np.take_along_axis(best, order, 1)

    resident, borrowed = kernels.ItemIndex(items, resident=True), kernels.ItemIndex(items)
    return {
        "penchant": lambda queries, seen: resident.top_k(queries, k, seen=seen)[0],
        "borrowed": lambda queries, seen: borrowed.top_k(queries, k, seen=seen)[0],
        "faiss": by_faiss,
        "implicit": by_implicit,
        "numpy": by_numpy,
    }


def questions(cell: tuple[int, ...], count: int) -> list[tuple[np.ndarray, Seen]]:
    """Queries, and what each has seen."""
    items, dim, asked, _, seen = cell
    draw = np.random.default_rng(1)
    vectors = draw.standard_normal((count, asked, dim), np.float32)
    if not seen:
        return [(queries, None) for queries in vectors]
    indptr = np.arange(asked + 1, dtype=np.int64) * seen
    rows = np.sort(draw.integers(0, items - seen, (count, asked, seen)), -1) + np.arange(seen)
    lists = rows.reshape(count, -1).astype(np.int32)
    return [(queries, (indptr, own)) for queries, own in zip(vectors, lists, strict=True)]


def take_turns_at(cell: tuple[int, ...], calls: dict[str, Call]) -> Turns:
    """Check the answers, then time the contestants."""
    asked = questions(cell, 16)
    answers = {name: np.sort(call(*asked[0])) for name, call in calls.items()}
    for name, rows in answers.items():
        # Two scores may round to each other's place, but only here and there.
        same = (rows == next(iter(answers.values()))).mean()
        assert same > 0.999, f"{name} answers otherwise"
    turns: dict[str, Callable[[int], object]] = {
        name: lambda number, call=call: call(*asked[number % len(asked)])
        for name, call in calls.items()
    }
    once = take_turns(turns, rounds=1)
    each = max(1, min(50, int(0.02 / sum(map(once.median, turns)))))
    return take_turns(turns, rounds=60, calls=each, until=time.perf_counter() + SECONDS)


def line(*fields: object) -> None:
    """Print a row of a table."""
    print("| " + " | ".join(map(str, fields)) + " |", flush=True)


def measured(seconds: float) -> str:
    """Milliseconds, in three digits."""
    return f"{seconds * 1e3:.3g} ms" if seconds < 1 else f"{seconds:.3g} s"


def vectors(cell: tuple[int, ...]) -> np.ndarray:
    """The items of a cell."""
    return np.random.default_rng(0).standard_normal(cell[:2], np.float32)


def beside_rivals(cells: list[str]) -> None:
    """A table of penchant's time, and of how often it fits into that of the others."""
    line(
        "items",
        "d",
        "queries",
        "k",
        "seen",
        "penchant",
        "x faiss",
        "x implicit",
        "x numpy",
        "x borrowed",
    )
    line(*["---:"] * 10)
    for text in cells:
        cell = tuple(map(int, text.split(",")))
        turns = take_turns_at(cell, contestants(vectors(cell), cell[3]))
        ratios = [
            f"{turns.times_as_fast('penchant', rival):.2f}"
            for rival in ("faiss", "implicit", "numpy", "borrowed")
        ]
        line(*(f"{number:,}" for number in cell), measured(turns.median("penchant")), *ratios)


def own_calls(
    index: kernels.ItemIndex, cell: tuple[int, ...], pool: ThreadPoolExecutor
) -> dict[str, Call]:
    """The same work on one thread, on two of one call, and twice the work of two callers."""
    items, dim, asked, k, _ = cell
    # The threads of the pool must be woken, which takes 0.2 ms: callers go on for far longer.
    many = max(1, 200_000_000 // (items * dim * asked))

    def ask(queries: np.ndarray, threads: int) -> np.ndarray:
        for _ in range(many):
            rows, _, _ = index.top_k(queries, k, threads=threads)
        return rows

    def both(queries: np.ndarray) -> np.ndarray:
        return list(pool.map(lambda threads: ask(queries, threads), (1, 1)))[1]

    return {
        "one": lambda queries, _: ask(queries, 1),
        "two": lambda queries, _: ask(queries, 2),
        "callers": lambda queries, _: both(queries),
    }


def beside_itself(cells: list[str]) -> None:
    """A table of what two threads gain, inside of one call and of two callers; then by bytes."""
    line(
        "items", "d", "queries", "x of threads=2", "x of two callers", "bytes: threads=2", "callers"
    )
    line(*["---:"] * 7)
    for text in cells:
        cell = tuple(map(int, text.split(",")))
        gains = []
        for codes in (None, kernels.quantize_items(vectors(cell))):
            index = kernels.ItemIndex(vectors(cell), codes=codes, resident=True)
            with ThreadPoolExecutor(2) as pool:
                turns = take_turns_at(cell, own_calls(index, cell, pool))
            two, callers = (turns.times_as_fast(name, "one") for name in ("two", "callers"))
            gains += [f"{two:.2f}", f"{2 * callers:.2f}"]
        line(*(f"{number:,}" for number in cell[:3]), *gains)


def beside_python(text: str) -> None:
    """A table of what two and four callers gain, by bytes, with something to do between calls."""
    line("items", "d", "steps of Python", "one caller", "x of two callers", "x of four")
    line(*["---:"] * 6)
    cell = tuple(map(int, text.split(",")))
    items, k = vectors(cell), cell[3]
    index = kernels.ItemIndex(items, codes=kernels.quantize_items(items), resident=True)
    [(queries, _)] = questions(cell, 1)
    for steps in (0, 300, 1000, 2000, 5000):

        def ask(_: int, steps: int = steps) -> None:
            for _ in range(CALLS):
                index.top_k(queries, k)
                for _ in range(steps):
                    pass

        with ThreadPoolExecutor(4) as pool:
            callers: dict[str, Callable[[int], object]] = {
                str(count): lambda _, count=count, pool=pool: list(pool.map(ask, range(count)))
                for count in (1, 2, 4)
            }
            turns = take_turns(callers, rounds=20)
        gains = [f"{count * turns.times_as_fast(str(count), '1'):.2f}" for count in (2, 4)]
        alone = turns.median("1") / CALLS
        line(f"{cell[0]:,}", cell[1], f"{steps:,}", f"{alone * 1e6:.1f} us", *gains)


def main(arguments: list[str]) -> None:
    """Measure the cells named, or all."""
    print_machine("faiss-cpu", "implicit")
    print("OpenBLAS core", os.environ.get("OPENBLAS_CORETYPE", "as it finds it"), end="\n\n")
    if arguments[:1] == ["threads"]:
        beside_itself(arguments[1:] or [*THREADED])
        print()
        beside_python((arguments[1:] or THREADED)[0])
        return
    beside_rivals(arguments or [*CELLS, *LARGE])
    if arguments or "OPENBLAS_CORETYPE" in os.environ:
        return
    print()
    beside_itself([*THREADED])
    print()
    beside_python(THREADED[0])
    print(flush=True)
    again = {**os.environ, "OPENBLAS_CORETYPE": "SkylakeX"}
    subprocess.run([sys.executable, __file__, *LARGE], env=again, check=True)  # noqa: S603


if __name__ == "__main__":
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        if os.environ.get(name) != "1":  # read when a library is loaded, and some are
            alone = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
            os.execve(sys.executable, [sys.executable, __file__, *sys.argv[1:]], alone)  # noqa: S606
    main(sys.argv[1:])
