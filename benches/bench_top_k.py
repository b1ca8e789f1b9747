"""Exact top-10 by dot product, one query and a batch, beside faiss and NumPy, on one thread.

uv run --group bench python benches/bench_top_k.py
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from penchant import kernels

CELLS = ((64, 64, 1), (10_000, 64, 1), (10_000, 66, 1), (100_000, 128, 1), (1_000_000, 64, 1))
CELLS += ((10_000, 64, 32), (100_000, 128, 32))


def contestants(items: np.ndarray) -> dict[str, Callable[[np.ndarray], np.ndarray]]:
    """Name to a call that gives (n, 10) rows for (n, d) queries."""
    import faiss

    faiss.omp_set_num_threads(1)
    flat = faiss.IndexFlatIP(items.shape[1])
    flat.add(items)
    mapped, resident = kernels.ItemIndex(items), kernels.ItemIndex(items, resident=True)

    def by_numpy(queries: np.ndarray) -> np.ndarray:
        scores = queries @ items.T
        best = np.argpartition(scores, -10, axis=1)[:, -10:]
        order = np.argsort(-np.take_along_axis(scores, best, 1), axis=1)
        return np.take_along_axis(best, order, 1)

    return {
        "faiss": lambda queries: flat.search(queries, 10)[1],
        "numpy": by_numpy,
        "penchant": lambda queries: mapped.top_k(queries, 10)[0],
        "penchant, resident": lambda queries: resident.top_k(queries, 10)[0],
    }


def main(rounds: int = 9) -> list[dict[str, Any]]:
    """Measure every cell, and give the figures."""
    draw, figures = np.random.default_rng(0), []
    for items, dim, batch in CELLS:
        vectors = draw.standard_normal((items, dim), np.float32)
        queries = draw.standard_normal((rounds * 8, batch, dim), np.float32)
        calls = contestants(vectors)
        answers = {name: call(queries[0]) for name, call in calls.items()}
        for name, rows in answers.items():
            assert (np.sort(rows) == np.sort(answers["faiss"])).all(), f"{name} answers otherwise"
        times: dict[str, list[float]] = {name: [] for name in calls}
        repeats = max(1, min(8, int(2e9 / (items * dim * batch))))
        for round_ in range(rounds):
            for name, call in calls.items():
                taken = []
                for query in queries[round_ * 8 : round_ * 8 + repeats]:
                    started = time.perf_counter()
                    call(query)
                    taken.append(time.perf_counter() - started)
                times[name].append(float(np.median(taken)))
        base = np.array(times["faiss"])
        print(f"\n{items:,} x {dim}, {batch} at once")
        for name, found in times.items():
            row = {
                "cell": [items, dim, batch],
                "name": name,
                "us": round(float(np.median(found)) * 1e6, 1),
                "x_faiss": round(float(np.median(base / np.array(found))), 2),
            }
            figures.append(row)
            print(f"  {name:20s} {row['us']:10.1f} us  {row['x_faiss']:5.2f} x faiss")
    return figures


if __name__ == "__main__":
    print(json.dumps(main()))
