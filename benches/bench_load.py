"""Loading a model of a million items: mapped, verified, resident, and shared by four processes.

uv run python benches/bench_load.py
"""

from __future__ import annotations

import json
import multiprocessing
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import penchant

ITEMS, FACTORS = 1_000_000, 62  # with the two columns of biases: vectors of 64


def save(folder: Path) -> None:
    """Save an `mf.sgd` model over random factors, with a million text ids."""
    from penchant_mf.fitted import FittedSgd, Ridge

    draw = np.random.default_rng(0)
    users = 1_000
    data = penchant.Dataset.from_frame(
        {
            "user_id": [f"user-{row}" for row in np.repeat(np.arange(users), 20)],
            "item_id": [f"item-{row}" for row in draw.integers(0, ITEMS, users * 20)],
            "rating": draw.integers(1, 6, users * 20).astype(np.float32),
        },
        items={"item_id": [f"item-{row}" for row in range(ITEMS)]},
    )
    small = penchant.fit(data, scorers=[penchant.use("mf.sgd", factors=2, epochs=1)])
    fitted = FittedSgd.of(
        3.5,
        draw.standard_normal((users, FACTORS), np.float32),
        np.zeros(users, np.float32),
        draw.standard_normal((ITEMS, FACTORS), np.float32),
        np.zeros(ITEMS, np.float32),
        Ridge(0.1, 0.1),
    )
    from penchant.builtin.top_k import FittedTopK

    penchant.Model(
        spec=small.spec,
        users=small.users,
        items=small.items,
        past=small.past,
        recommender=FittedTopK(fitted, resident=False, threads=1),
        fallback=small.fallback,
        generator=small.generator,
        facts=small.facts,
    ).save(folder)


def milliseconds(folder: Path, **options: Any) -> list[float]:
    """Milliseconds of seven loads in this process, files in the page cache."""
    taken = []
    for _ in range(8):
        started = time.perf_counter()
        penchant.load(folder, **options)
        taken.append((time.perf_counter() - started) * 1e3)
    return taken[1:]


def resident_and_shared(folder: str, gate: Any, out: Any) -> None:
    """In a process of its own: load, rank once, and tell RSS and PSS while the others hold too."""
    model = penchant.load(folder)
    model.recommend("user-1")
    gate.wait()
    text = Path("/proc/self/smaps_rollup").read_text()
    sizes = {line.split(":")[0]: int(line.split()[1]) for line in text.splitlines()[1:]}
    out.put((sizes["Rss"] / 1024, sizes["Pss"] / 1024))
    gate.wait()


def main() -> dict[str, Any]:
    """Measure, and give the figures."""
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent) / "model"
        save(folder)
        size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
        figures: dict[str, Any] = {"MB": round(size / 1e6)}
        for name, options in {
            "mapped, verify=False": {"verify": False},
            "mapped, verify=True": {},
            "resident, verify=False": {"verify": False, "resident": True},
        }.items():
            taken = milliseconds(folder, **options)
            figures[name] = {
                "median_ms": round(float(np.median(taken)), 1),
                "worst_ms": round(max(taken), 1),
            }
        if Path("/proc/self/smaps_rollup").exists():
            context = multiprocessing.get_context("spawn")
            gate, out = context.Barrier(4), context.Queue()
            workers = [
                context.Process(target=resident_and_shared, args=(str(folder), gate, out))
                for _ in range(4)
            ]
            for worker in workers:
                worker.start()
            found = [out.get(timeout=120) for _ in workers]
            for worker in workers:
                worker.join()
            figures["4 processes, RSS MB each"] = [round(rss) for rss, _ in found]
            figures["4 processes, PSS MB each"] = [round(pss) for _, pss in found]
    for name, value in figures.items():
        print(f"{name:28s} {value}")
    return figures


if __name__ == "__main__":
    print(json.dumps(main()))
