"""`penchant bench`: what a model's answers cost on this machine, beside rivals installed here."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from penchant.cli.output import json_option, print_json, print_table

if TYPE_CHECKING:
    from penchant.benchmark.requests import Cost
    from penchant.benchmark.rivals import Standing
    from penchant.model import Model

_LOADS = 5
_BATCHES = (1, 32)
_RIVALS = ("faiss-cpu", "implicit", "threadpoolctl")


@click.command()
@click.argument("folder", metavar="MODEL", type=click.Path(path_type=Path))
@click.option("-k", default=10, type=click.IntRange(1), show_default=True, help="Items to ask for.")
@click.option(
    "--seconds",
    default=1.0,
    type=click.FloatRange(0, min_open=True),
    show_default=True,
    help="How long to ask each kind of request.",
)
@click.option(
    "--threads",
    default=2,
    type=click.IntRange(1),
    show_default=True,
    help="Callers that ask at once, besides one alone.",
)
@click.option("--resident", is_flag=True, help="Load item vectors into memory of this process.")
@json_option
def bench(
    folder: Path, k: int, seconds: float, threads: int, resident: bool, as_json: bool
) -> None:
    """Time MODEL on this machine: loading, requests, memory, and rivals on the same vectors.

    Rivals are faiss and implicit, where they are installed, and NumPy, where threadpoolctl is.
    Their answers are compared with penchant's before anything is timed; all take turns, on one
    thread each, so that a busy machine troubles all alike.
    """
    from penchant.benchmark import machine, memory
    from penchant.benchmark.requests import measure, requests

    loads, model = _loads(folder, resident=resident)
    callers = tuple(sorted({1, threads}))
    costs = [
        measure(name, ask, seconds=seconds, threads=callers)
        for name, ask in requests(model, k=k).items()
    ]
    standings = _race(model, k, seconds)
    document: dict[str, Any] = {
        "model": str(folder),
        "users": len(model.users),
        "items": len(model.items),
        "megabytes": sum(f.stat().st_size for f in folder.rglob("*") if f.is_file()) / 1e6,
        "k": k,
        "machine": machine(*_RIVALS),
        "load_ms": loads,
        "memory_mb": memory(),
        "requests": [asdict(cost) for cost in costs],
        "ranking": [asdict(standing) for standing in standings],
    }
    if as_json:
        print_json(document)
        return
    _tell(document, costs, standings)


def _loads(folder: Path, *, resident: bool) -> tuple[dict[str, float], Model]:
    """Milliseconds of loading with and without checksums, the quickest of five, and the model."""
    import penchant

    model = penchant.load(folder, resident=resident)
    best = {}
    for name, verify in (("verified", True), ("unverified", False)):
        taken = []
        for _ in range(_LOADS):
            started = time.perf_counter()
            penchant.load(folder, verify=verify, resident=resident)
            taken.append(time.perf_counter() - started)
        best[name] = min(taken) * 1e3
    return best, model


def _race(model: Model, k: int, seconds: float) -> list[Standing]:
    """Rank known users' vectors; nothing where the strategy is no dot product."""
    import numpy as np

    from penchant.benchmark.rivals import race
    from penchant.protocols import Factored, capability
    from penchant.queries import Queries

    factored = capability(model.recommender, Factored)
    if factored is None:
        return []
    standings = []
    for batch in _BATCHES:
        rows = np.arange(batch, dtype=np.int32) % len(model.users)
        queries = Queries.known(rows, model.past.events, model.past.times)
        vectors = np.ascontiguousarray(factored.query_vectors(queries))
        k = min(k, len(model.items))
        standings += race(factored.item_vectors, vectors, k, seconds=seconds)
    return standings


def _tell(document: dict[str, Any], costs: list[Cost], standings: list[Standing]) -> None:
    click.echo(
        f"{document['model']}: {document['users']:,} users, {document['items']:,} items, "
        f"{document['megabytes']:.1f} MB"
    )
    facts = document["machine"]
    click.echo(", ".join(f"{name} {value}" for name, value in facts.items() if value is not None))
    loads = document["load_ms"]
    click.echo(
        f"Loads in {loads['verified']:.1f} ms with checksums, {loads['unverified']:.1f} ms without."
    )
    if document["memory_mb"] is not None:
        click.echo("Memory of this process: {rss:.0f} MB resident.".format(**document["memory_mb"]))
    callers = sorted(costs[0].per_second)
    print_table(
        f"Requests for {document['k']} items",
        (
            *("request", "p50 us", "p95 us", "p99 us"),
            *(f"per second, {n} caller{'s' if n > 1 else ''}" for n in callers),
        ),
        [
            (
                cost.request,
                *(f"{us:,.1f}" for us in (cost.p50_us, cost.p95_us, cost.p99_us)),
                *(f"{cost.per_second[n]:,.0f}" for n in callers),
            )
            for cost in costs
        ],
    )
    if standings:
        print_table(
            "Ranking alone, on the same vectors, one thread",
            ("who", "queries", "p50 us", "times as fast as penchant"),
            [
                (s.contestant, s.queries, f"{s.p50_us:,.1f}", f"{s.times_as_fast:.2f}")
                for s in standings
            ],
        )
        missing = [n for n in _RIVALS if facts[n] is None]
        if missing:
            click.echo(f"Not installed, so not compared: {', '.join(missing)}.")
    else:
        click.echo("This strategy is no dot product, so there is no rival for its ranking alone.")
