"""The demo's plot: load, split, compare, recommend, explain, save, load again."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from penchant.demo import strategies
from penchant.demo.sources import find
from penchant.errors import DataError, UnknownComponent
from penchant.evaluation.bootstrap import paired_bootstrap
from penchant.evaluation.comparison import METRICS, compare_on
from penchant.evaluation.newcomers import cold_item_split
from penchant.evaluation.parting import Split
from penchant.evaluation.splits import user_time_split
from penchant.evaluation.table import Comparison
from penchant.metrics import rmse

if TYPE_CHECKING:
    from collections.abc import Callable

    from penchant.demo.sources import DemoData
    from penchant.evaluation.measuring import Cell
    from penchant.evaluation.report import Report
    from penchant.model import Model
    from penchant.protocols import Progress
    from penchant.recommendations import Recommendations
    from penchant.registry import Registry


def run(
    *,
    data: Path | None,
    encoder: Path | None,
    save: Path,
    say: Callable[[str], None],
    progress: Progress | None,
) -> dict[str, Any]:
    """Run the demo; says everything through `say` and gives the figures as JSON."""
    from penchant.registry import Registry

    started = time.perf_counter()
    registry = Registry.discover()
    needed = {"cf.ease", "cf.item_knn", "mf.sgd", "content.text", "hybrid.weighted"}
    missing = sorted(needed - set(registry.names("scorer")))
    if missing:
        raise UnknownComponent(
            f"the demo compares {', '.join(missing)}, which this installation lacks; "
            "pip install penchant[standard]"
        )
    source = find(data)
    say(f"Data: {source.note}")
    say(f"{source.dataset.describe()}\n")
    reads = strategies.choose_encoder(encoder, registry, say, threads=min(cores(), 4))
    texts = source.dataset.items.texts()
    before = time.perf_counter()
    registry.encoder(reads).encode([text for text in texts if text])
    say(f"Read {len(texts):,} descriptions in {time.perf_counter() - before:.0f} s, once for all.")

    fitting = _Fitting(registry, min(cores(), 4), progress)
    warm = _warm(source, strategies.warm(reads), fitting, say)
    ratings = _ratings(source, fitting, say)
    cold = _cold(source, strategies.cold(reads), fitting, say)

    import penchant

    model = penchant.fit(
        source.dataset,
        scorers=[strategies.hybrid(reads)],
        registry=registry,
        threads=fitting.threads,
        progress=progress,
    )
    _people(source, model, say)
    model.save(save)
    before = time.perf_counter()
    again = penchant.load(save, registry=registry)
    milliseconds = (time.perf_counter() - before) * 1e3
    user = someone(model)
    same = again.recommend(user).ids == model.recommend(user).ids
    say(f"Saved the hybrid, fitted on all events, in {save};")
    say(
        f"loaded again in {milliseconds:.0f} ms, every checksum compared, it answers "
        f"{'the same' if same else 'DIFFERENTLY'}.\n"
    )
    say("Next, try:")
    say(f"  penchant recommend {save} {user} -k 5")
    say(f'  penchant recommend {save} --text "{source.question}"')
    say(f"  penchant inspect {save}")
    say("  penchant fit your-ratings.csv --user user_id --item item_id -o your-model/")
    say(f"Done with the model? Delete {save}")
    seconds = time.perf_counter() - started
    say(f"\nThe demo took {seconds:.0f} s.")
    return {
        "data": source.name,
        "encoder": reads.to_json(),
        "warm": warm,
        "ratings": ratings,
        "cold": cold,
        "model": str(save),
        "loads_the_same": same,
        "seconds": round(seconds, 1),
    }


@dataclass(frozen=True)
class _Fitting:
    """How everything in the demo is fitted."""

    registry: Registry
    threads: int
    progress: Progress | None

    def compare(self, contestants: dict[str, Any], split: Split) -> Report:
        return compare_on(
            contestants,
            [(split, 0)],
            threads=self.threads,
            registry=self.registry,
            progress=self.progress,
        )


def cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _warm(
    source: DemoData,
    contestants: dict[str, Any],
    fitting: _Fitting,
    say: Callable[[str], None],
) -> dict[str, Any]:
    split = user_time_split(source.dataset, keep_negatives=False)
    report = fitting.compare(contestants, split)
    title = (
        f"\nWarm: each user's latest 20 % of liked {source.name} held out and ranked among all "
        f"{len(source.dataset.items):,} ({len(split.users)} users)"
    )
    comparison = _table(report, title)
    say(comparison.to_text())
    by_name = {cell.name: cell for cell in report.cells}
    for other in ("popular", "item-kNN", "EASE"):
        _against(by_name["hybrid"], by_name[other], say)
    _notes(split, say)
    return dict(comparison.to_json())


def _ratings(source: DemoData, fitting: _Fitting, say: Callable[[str], None]) -> dict[str, float]:
    """How well `mf.sgd` foretells ratings, which is what it learns; the table judges choices."""
    import penchant

    log = source.dataset.interactions
    held_out = np.random.default_rng(0).random(len(log)) < 0.1
    train, test = source.dataset.subset(~held_out), log.filtered(held_out)
    model = penchant.fit(
        train, scorers=["mf.sgd"], registry=fitting.registry, threads=fitting.threads
    )
    foretold = model.predict(model.users.ids(test.user), model.items.vocabulary.ids(test.item))
    mean = np.full(len(test), train.interactions.value.mean(dtype=np.float64))
    errors = {"mf.sgd": rmse(foretold, test.value), "mean": rmse(mean, test.value)}
    say(
        f"  SGD factors foretell ratings, not choices: RMSE {errors['mf.sgd']:.3f} on a random "
        f"tenth of the ratings, where the mean rating has {errors['mean']:.3f}"
    )
    return errors


def _cold(
    source: DemoData,
    contestants: dict[str, Any],
    fitting: _Fitting,
    say: Callable[[str], None],
) -> dict[str, Any] | None:
    try:
        split = cold_item_split(source.dataset, keep_negatives=False)
    except DataError as error:
        say(f"\nCold: left out, for {error}")
        return None
    report = fitting.compare(contestants, split)
    hidden = 0 if split.candidates is None else len(split.candidates)
    comparison = _table(
        report,
        f"\nCold: {hidden:,} {source.name} hidden from the fit and ranked among themselves "
        f"({len(split.users)} users)",
    )
    say(comparison.to_text())
    by_name = {cell.name: cell for cell in report.cells}
    _against(by_name["content"], by_name["TF-IDF"], say)
    _notes(split, say)
    return dict(comparison.to_json())


def _table(report: Report, title: str) -> Comparison:
    """The only table, without marks: the sentences below it say what matters."""
    (section,) = report.sections
    rows = section.comparison.rows
    return Comparison(tuple(replace(row, differences={}) for row in rows), title)


def _against(one: Cell, other: Cell, say: Callable[[str], None]) -> None:
    metric = METRICS[0]
    interval = paired_bootstrap(other.evaluation.per_user[metric], one.evaluation.per_user[metric])
    say(
        f"  {one.name} against {other.name}: {metric} {interval.difference:+.4f} "
        f"(95 % interval {interval.low:+.4f} to {interval.high:+.4f})"
    )


def _notes(split: Split, say: Callable[[str], None]) -> None:
    for warning in split.warnings:
        say(f"  Note: {warning}")


def _people(source: DemoData, model: Model, say: Callable[[str], None]) -> None:
    """One user with reasons, one question in words, one stranger."""
    past, user = model.past, someone(model)
    row = model.users.row(user)
    history, times = past.of(row)
    order = np.argsort(-times, kind="stable") if times is not None else np.arange(history.nnz)
    values = history.row_values(0)
    say(f"\nUser {user} lately:")
    for position in order[:5].tolist():
        say(f"  {values[position]:.1f}  {model.items.name(int(history.indices[position]))}")
    answer = model.recommend(user, k=5)
    say(f"and is shown, by {answer.source}:")
    for item in answer.ids:
        say(f"  {model.explain(user, item)}")

    words = model.recommend(text=source.question, k=5)
    say(f'\nAsked for "{source.question}":')
    _list(model, words, say)

    clicks = model.recommend(user, k=3).ids
    stranger = model.recommend(history=clicks, k=5)
    named = [model.items.name(model.items.vocabulary.row(click)) for click in clicks]
    say(f"\nA stranger who clicked on {'; '.join(named)}:")
    _list(model, stranger, say)
    say("")


def someone(model: Model) -> str | int:
    """The first user with about thirty likings: enough to go by, few enough to look at."""
    counts = model.past.events.at_least(model.past.min_value).counts()
    return model.users.id(int(np.argsort(np.abs(counts - 30), kind="stable")[0]))


def _list(model: Model, answer: Recommendations, say: Callable[[str], None]) -> None:
    for item in answer.ids:
        say(f"  {model.items.name(model.items.vocabulary.row(item))}")
