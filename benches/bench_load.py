"""Loading a model of a million items: mapped, verified, resident, and shared by four processes.

And a small one of 500 items, of which most of the time is the search for the plugin that it names;
whoever loads many models gives them one registry.

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
from common import model_of, print_machine

ITEMS, FACTORS = 1_000_000, 64


def save(folder: Path) -> None:
    """Save a model over random factors, with a million text ids."""
    draw = np.random.default_rng(0)
    users = draw.standard_normal((1_000, FACTORS), np.float32)
    model_of(users, draw.standard_normal((ITEMS, FACTORS), np.float32), seen=20).save(folder)


def milliseconds(folder: Path, **options: Any) -> list[float]:
    """Milliseconds of 21 loads in this process, files in the page cache."""
    taken = []
    for _ in range(22):
        started = time.perf_counter()
        penchant.load(folder, **options)
        taken.append((time.perf_counter() - started) * 1e3)
    return taken[1:]


def small(folder: Path) -> None:
    """Save a small model of one strategy."""
    draw = np.random.default_rng(0)
    likings = np.unique(draw.integers(0, 200 * 500, 4_000))
    events = {"user_id": likings // 500, "item_id": likings % 500}
    penchant.fit(penchant.Dataset.from_frame(events), scorers=["cf.item_knn"]).save(folder)


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
    print_machine()
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
        small(Path(parent) / "small")
        for name, options in {
            "small, plugin searched for": {},
            "small, registry given": {"registry": penchant.Registry.discover(only={"cf"})},
        }.items():
            taken = milliseconds(Path(parent) / "small", **options)
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
