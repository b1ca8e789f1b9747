"""Comparing strategies: fitted on one train part, asked the same questions, timed alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from penchant.components import Spec
from penchant.evaluation.ranking import Evaluation, evaluate_recommender
from penchant.evaluation.table import Comparison, Contestant
from penchant.fitting import discover_for, fit

if TYPE_CHECKING:
    from penchant.components import SpecLike
    from penchant.evaluation.splits import Split
    from penchant.model import Model
    from penchant.protocols import Progress
    from penchant.registry import Registry

METRICS = ("ndcg@10", "recall@10", "coverage@10")
_TIMED_USERS = 200


@dataclass(frozen=True)
class Compared:
    """A contestant with what stands behind its row: the fitted model and the figures a user."""

    row: Contestant
    evaluation: Evaluation
    model: Model


def compare(
    contestants: Mapping[str, SpecLike],
    split: Split,
    *,
    metrics: Sequence[str] = METRICS,
    encoder: SpecLike | None = None,
    seed: int = 0,
    threads: int = 1,
    registry: Registry | None = None,
    progress: Progress | None = None,
    done: Callable[[Compared], None] | None = None,
) -> tuple[Compared, ...]:
    """Fit every contestant on `split.train` and judge it on the split.

    contestants: a recommender, or a scorer, by a name for the table. `done` hears of each as it is
    finished. The time of a request is the median over up to 200 evaluated users of one
    `model.recommend(user, k=10)`, everything included, on one thread.
    """
    compared = []
    for position, (name, spec) in enumerate(contestants.items()):
        if progress is not None:
            progress("comparing", position, len(contestants), name)
        model = fit(
            split.train,
            encoder=encoder,
            seed=seed,
            threads=threads,
            registry=registry,
            progress=progress,
            recommender=_as_recommender(spec, registry),
        )
        evaluation = evaluate_recommender(model.recommender, split, metrics=metrics)
        row = Contestant(
            name,
            evaluation.values,
            float(str(model.facts["fit_seconds"])),
            _microseconds(model, split.users),
        )
        compared.append(Compared(row, evaluation, model))
        if done is not None:
            done(compared[-1])
    if progress is not None:
        progress("comparing", len(contestants), len(contestants))
    return tuple(compared)


def table(compared: Sequence[Compared], title: str = "") -> Comparison:
    """The rows as one printable comparison."""
    return Comparison(tuple(one.row for one in compared), title)


def _as_recommender(spec: SpecLike, registry: Registry | None) -> Spec:
    chosen = Spec.of(spec)
    kind = (registry or discover_for(chosen)).kind_of(chosen.name)
    if kind == "recommender":
        return chosen
    return Spec("base.top_k", {"scorer": chosen.to_json()})


def _microseconds(model: Model, users: np.ndarray) -> float | None:
    if not len(users):
        return None
    asked = model.users.ids(users[:: max(1, len(users) // _TIMED_USERS)][:_TIMED_USERS])
    model.recommend(asked[0], k=10)
    seconds = []
    for user_id in asked:
        started = time.perf_counter()
        model.recommend(user_id, k=10)
        seconds.append(time.perf_counter() - started)
    return float(np.median(seconds)) * 1e6
