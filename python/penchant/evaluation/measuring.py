"""One cell of a comparison: a strategy, fitted on a split with a seed, and all its figures."""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from penchant.benchmark import PeakMemory
from penchant.evaluation.chance import ByRow, Chance
from penchant.evaluation.judging import Evaluation, joined, judge
from penchant.evaluation.ranking import evaluate_scorer, ranked_lists, whole_rankings
from penchant.evaluation.ratings import evaluate_ratings
from penchant.evaluation.segments import by_item_past, by_user_past
from penchant.metrics import parse_metrics

if TYPE_CHECKING:
    from penchant.components import SpecLike
    from penchant.evaluation.parting import Split
    from penchant.metrics import MetricName
    from penchant.model import Model
    from penchant.protocols import FittedRecommender, Progress
    from penchant.registry import Registry

Curve: TypeAlias = tuple[tuple[float, float], ...]

CHANCE = "chance"
_REQUESTS = 500
_REQUEST_SECONDS = 2.0
# How fits tell of their progress in figures: "RMSE 0.9123", "AUC 0.8".
_FIGURE = re.compile(r"([A-Za-z][\w@ ]*?) (-?\d+(?:\.\d+)?(?:e-?\d+)?)")


@dataclass(frozen=True, slots=True, eq=False)
class Cell:
    """What was measured of one strategy on one split with one seed.

    name: the strategy's in the comparison. `split`: the kind. `evaluation`: of all users.
    segments: by kind ("users", "items") and label, the first metric of a part (`segments`); empty
        where it has no value for each user.
    fit_seconds: wall seconds. `p50_us`, `p99_us`: microseconds of one `model.recommend(user, k=10)`
        on one thread, everything included, over the evaluated users. `megabytes`: of the saved
        model. None where there is nothing to measure (chance).
    curves: by what the fit told ("mf.sgd: RMSE"), (step, figure) pairs.
    place: which of the comparison's splits it was; cells of one place are pairs.
    fit_megabytes: memory of the process at the peak of the fit, less that before it; None where the
        system doesn't say, or other fits ran at the same time.
    """

    name: str
    split: str
    seed: int
    evaluation: Evaluation
    segments: Mapping[str, Mapping[str, Evaluation]]
    fit_seconds: float | None = None
    p50_us: float | None = None
    p99_us: float | None = None
    megabytes: float | None = None
    curves: Mapping[str, Curve] = field(default_factory=lambda: MappingProxyType({}))
    place: int = 0
    fit_megabytes: float | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """A strategy that could not be fitted on a split with a seed, or not measured, and why."""

    name: str
    split: str
    seed: int
    reason: str


def measure(
    name: str,
    recommender: SpecLike,
    split: Split,
    *,
    metrics: Sequence[str],
    seed: int = 0,
    fit_seed: int | None = None,
    threads: int = 1,
    registry: Registry | None = None,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
    alone: bool = True,
) -> Cell:
    """Fit a recommender on `split.train` and measure it on the split.

    fit_seed: of the fit, where it is not `seed`. alone: whether nothing else runs in this process;
    otherwise there is no telling whose the memory is.
    """
    from penchant.fitting import fit

    told = _Curves(progress)
    with PeakMemory() as memory:
        model = fit(
            split.train,
            recommender=recommender,
            seed=seed if fit_seed is None else fit_seed,
            threads=threads,
            registry=registry,
            progress=told,
            cancelled=cancelled,
        )
    evaluation, segments = _figures(model.recommender, split, parse_metrics(metrics))
    p50, p99 = _microseconds(model, split)
    return Cell(
        name,
        split.kind,
        seed,
        evaluation,
        segments,
        float(str(model.facts["fit_seconds"])),
        p50,
        p99,
        _megabytes(model),
        told.curves(),
        fit_megabytes=memory.megabytes if alone else None,
    )


def measure_chance(split: Split, *, metrics: Sequence[str], seed: int = 0) -> Cell:
    """What a model without any clue would reach: the least that a figure must beat."""
    ranks = [str(name) for name in parse_metrics(metrics) if not name.rates]
    evaluation = evaluate_scorer(Chance(len(split.train.items)), split, metrics=ranks)
    return Cell(CHANCE, split.kind, seed, evaluation, {})


def by_row(cells: Sequence[Cell], split: Split) -> tuple[str, ...]:
    """Name those whose lists are as good as the rows of the items, user by user.

    That is what a model makes of items that it can't tell apart, as of all new ones; tables are
    often sorted by age or fame, so that it may beat chance by far. cells: of that split. Nobody is
    named by a metric without a value for each user and a cut.
    """
    metric = next((name for cell in cells for name in cell.evaluation.per_user), None)
    if metric is None or not parse_metrics([metric])[0].k:
        return ()
    found = evaluate_scorer(ByRow(len(split.train.items)), split, metrics=[metric])
    values = found.per_user[metric]
    return tuple(
        cell.name
        for cell in cells
        if values.any() and np.array_equal(cell.evaluation.per_user.get(metric, ()), values)
    )


def _figures(
    fitted: FittedRecommender, split: Split, names: Sequence[MetricName]
) -> tuple[Evaluation, Mapping[str, Mapping[str, Evaluation]]]:
    """All metrics of everybody, and the first one of parts of users and items."""
    found: list[Evaluation] = []
    segments: dict[str, Mapping[str, Evaluation]] = {}
    cut = [name for name in names if name.k]
    if cut:
        rows, counts = ranked_lists(fitted, split, max(name.k for name in cut))
        found.append(judge(rows, counts, split, map(str, cut)))
        main = str(names[0])
        if names[0].k and main in found[0].per_user:
            parts = {"users": by_user_past(split), "items": by_item_past(split)}
            for kind, labelled in parts.items():
                segments[kind] = {
                    label: judge(*_of(rows, counts, split, part), part, [main])
                    for label, part in labelled.items()
                }
    whole = [name for name in names if not (name.k or name.rates)]
    if whole:
        found.append(whole_rankings(fitted, split, whole))
    rates = [str(name) for name in names if name.rates]
    if rates:
        found.append(evaluate_ratings(fitted, split, metrics=rates))
    return joined(names, found), segments


def _of(
    rows: np.ndarray, counts: np.ndarray, whole: Split, part: Split
) -> tuple[np.ndarray, np.ndarray]:
    """The lists of the users of a part, whose rows ascend among those of the whole."""
    at = np.searchsorted(whole.users, part.users)
    return rows[at], counts[at]


class _Curves:
    """Hears the progress of a fit, passes it on, and keeps the figures it tells."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self._points: dict[str, list[tuple[float, float]]] = {}

    def __call__(self, task: str, done: float, total: float, detail: str = "", /) -> None:
        figure = _FIGURE.fullmatch(detail)
        if figure is not None:
            points = self._points.setdefault(f"{task}: {figure[1]}", [])
            points.append((float(done), float(figure[2])))
        if self._progress is not None:
            self._progress(task, done, total, detail)

    def curves(self) -> dict[str, Curve]:
        """A curve needs two points; steps that start anew (a second model) make no line."""
        return {
            name: tuple(points)
            for name, points in self._points.items()
            if len(points) > 1 and all(a[0] < b[0] for a, b in pairwise(points))
        }


def _microseconds(model: Model, split: Split) -> tuple[float, float]:
    """The median and the 99th percentile of up to 500 requests, or of two seconds of them."""
    step = max(1, len(split.users) // _REQUESTS)
    asked = model.users.ids(split.users[::step][:_REQUESTS])
    model.recommend(asked[0], k=10)
    taken: list[float] = []
    while len(taken) < _REQUESTS and sum(taken) < _REQUEST_SECONDS:
        user = asked[len(taken) % len(asked)]
        started = time.perf_counter()
        model.recommend(user, k=10)
        taken.append(time.perf_counter() - started)
    p50, p99 = np.quantile(taken, (0.5, 0.99)) * 1e6
    return float(p50), float(p99)


def _megabytes(model: Model) -> float:
    with tempfile.TemporaryDirectory() as folder:
        saved = Path(folder) / "model"
        model.save(saved)
        return sum(file.stat().st_size for file in saved.rglob("*") if file.is_file()) / 1e6
