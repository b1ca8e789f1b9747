"""The grid of a comparison: every recipe on every split, measured in turn or side by side.

Side by side means threads: kernels and NumPy give the interpreter free, nothing is copied to
another process, and what is finished is there whatever happens to the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from threading import Event, Lock
from typing import TYPE_CHECKING, TypeAlias

from penchant.benchmark import installed
from penchant.components import Spec
from penchant.deriving import Deriving
from penchant.errors import FitCancelled, PenchantError
from penchant.evaluation.journal import key_of
from penchant.evaluation.measuring import Cell, Failure, measure, measure_chance
from penchant.protocols import FitContext

if TYPE_CHECKING:
    from penchant.components import SpecLike
    from penchant.evaluation.journal import Journal
    from penchant.evaluation.parting import Split
    from penchant.protocols import Progress
    from penchant.registry import Registry

Task: TypeAlias = tuple[int, str]
"""A place among the splits, and the name of a recipe."""


@dataclass(frozen=True, kw_only=True)
class Grid:
    """What is to be measured: `specs` by name, on `parted`, splits with the seeds of their fits.

    The others are as `compare_on` takes them.
    """

    specs: Mapping[str, Spec]
    parted: Sequence[tuple[Split, int]]
    metrics: Sequence[str]
    encoder: SpecLike | None
    derive: Mapping[str, SpecLike]
    fit_seed: int | None
    threads: int
    registry: Registry

    def tasks(self) -> list[Task]:
        """All of it, split by split."""
        return [(place, name) for place in range(len(self.parted)) for name in self.specs]

    def chance(self) -> list[Cell]:
        """What random lists reach, where that is to be seen."""
        return [
            replace(measure_chance(split, metrics=self.metrics, seed=seed), place=place)
            for place, (split, seed) in enumerate(self.parted)
            if split.kind == "cold-item"
        ]

    def key(self, task: Task) -> str:
        """A digest of everything that a cell's figures follow from."""
        place, name = task
        split, seed = self.parted[place]
        return key_of(
            {
                "recipe": self.specs[name].to_json(),
                "train": split.train.fingerprint,
                "test": split.held_out.fingerprint,
                "split": split.kind,
                "seed": seed,
                "fit_seed": self.fit_seed,
                "metrics": list(self.metrics),
                "derive": {column: Spec.of(one).to_json() for column, one in self.derive.items()},
                "versions": {plugin.namespace: plugin.version for plugin in self.registry.plugins},
                "penchant": installed("penchant"),
            }
        )

    def prepared(self, place: int) -> Split:
        """The split with the columns that are derived from its train part."""
        split, seed = self.parted[place]
        if not self.derive:
            return split
        context = FitContext(seed=seed if self.fit_seed is None else self.fit_seed)
        columns = Deriving.of(self.derive, self.encoder, self.registry).fit(split.train, context)
        return replace(split, train=columns.onto(split.train))


class Work:
    """The measuring of a grid, and what has come of it: `cells` and `failures` by task.

    What is finished stays, however `run` ends. Cells that the journal holds are not measured again.
    """

    def __init__(self, grid: Grid, journal: Journal, progress: Progress | None) -> None:
        self._grid, self._journal, self._progress = grid, journal, progress
        self._lock, self._tasks = Lock(), grid.tasks()
        self._prepared: dict[int, Split] = {}
        self.cells: dict[Task, Cell] = {}
        self.failures: dict[Task, Failure] = {}
        self.failure: PenchantError | None = None

    @property
    def missing(self) -> int:
        """How many tasks came to no end."""
        return len(self._tasks) - len(self.cells) - len(self.failures)

    def run(self, workers: int) -> None:
        """Do what is to be done, `workers` tasks at a time.

        KeyboardInterrupt and FitCancelled are passed on. Fits that are under way then are asked to
        stop, and waited for.
        """
        if workers == 1:
            for task in self._tasks:
                self._do(task, None)
        else:
            self._side_by_side(workers)
        self._tell("")

    def _side_by_side(self, workers: int) -> None:
        stop = Event()
        with ThreadPoolExecutor(workers) as pool:
            futures = [pool.submit(self._do, task, stop.is_set) for task in self._tasks]
            try:
                for future in futures:
                    future.result()
            except BaseException:
                stop.set()
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _do(self, task: Task, cancelled: Callable[[], bool] | None) -> None:
        place, name = task
        grid, (split, seed) = self._grid, self._grid.parted[place]
        alone = cancelled is None
        self._tell(f"{name}, {split.name}, seed {seed}")
        key = grid.key(task)
        cell = self._journal.get(key)
        if cell is None:
            try:
                cell = measure(
                    name,
                    grid.specs[name],
                    self._split(place),
                    metrics=grid.metrics,
                    seed=seed,
                    fit_seed=grid.fit_seed,
                    threads=grid.threads,
                    registry=grid.registry,
                    progress=self._progress if alone else None,
                    cancelled=cancelled,
                    alone=alone,
                )
            except FitCancelled:
                raise
            except PenchantError as error:
                with self._lock:
                    self.failure = error
                    self.failures[task] = Failure(name, split.kind, seed, str(error))
                return
            with self._lock:
                self._journal.add(key, cell)
        with self._lock:
            self.cells[task] = replace(cell, name=name, place=place)

    def _split(self, place: int) -> Split:
        with self._lock:
            if place not in self._prepared:
                self._prepared[place] = self._grid.prepared(place)
            return self._prepared[place]

    def _tell(self, detail: str) -> None:
        if self._progress is not None:
            with self._lock:
                total = len(self._tasks)
                self._progress("comparing", total - self.missing, total, detail)
