"""Optuna behind a small door: what it is asked, what it is told, and where it keeps that.

What is kept is a journal of JSON lines (Optuna's JournalFileBackend); nothing is pickled. Every
trial's draws follow from the seed and the number of trials finished before, so a study that is
resumed goes on as if it had never stopped.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
import optuna
from optuna.storages import BaseStorage, InMemoryStorage, JournalStorage
from optuna.storages.journal import (
    JournalFileBackend,
    JournalFileOpenLock,
    JournalFileSymlinkLock,
)
from optuna.trial import TrialState
from penchant.errors import DataError
from penchant.settings import Choices

from penchant_tune.spaces import Dial

_RANDOM_TRIALS = 10
_BEFORE_PRUNING = 5
_FIRST_BYTES = b'{"op_code"'


@dataclass(frozen=True)
class Trial:
    """One set of values and what came of it.

    values: by the name of the setting. parts: the metric on each validation part that was measured.
    outcome: "complete", "pruned" (given up as worse than most after some parts) or "failed", with
    the `reason`. value: the mean of the parts of a complete trial, else None.
    """

    number: int
    values: Mapping[str, Any]
    outcome: Literal["complete", "pruned", "failed"]
    value: float | None
    parts: tuple[float, ...]
    reason: str = ""


class Study:
    """A search for the best values of some dials."""

    def __init__(
        self, name: str, dials: Sequence[Dial], *, lower: bool, seed: int, storage: Path | None
    ) -> None:
        self._dials, self._seed, self._lower = dials, seed, lower
        self._study = optuna.create_study(
            study_name=name,
            direction="minimize" if lower else "maximize",
            storage=_storage(storage),
            load_if_exists=True,
            pruner=optuna.pruners.MedianPruner(n_startup_trials=_BEFORE_PRUNING),
        )

    @property
    def finished(self) -> tuple[Trial, ...]:
        """All trials that came to an end, the first first."""
        ended = [trial for trial in self._study.get_trials(deepcopy=False) if _ended(trial)]
        return tuple(_read(number, trial) for number, trial in enumerate(ended))

    def best(self) -> Trial | None:
        """The best complete trial; of equal ones the first."""
        complete = [trial for trial in self.finished if trial.value is not None]
        sign = 1 if self._lower else -1
        return min(complete, key=lambda trial: sign * (trial.value or 0.0), default=None)

    def ask(self) -> Asked:
        """The next values to try: those of the recipe first."""
        number = len(self.finished)
        dials = self._dials
        if number == 0:
            # What the recipe leaves to the data, None, no range holds: its own trial does so too.
            dials = [dial for dial in dials if _usable(dial)]
            self._study.enqueue_trial({dial.name: dial.start for dial in dials})
        drawn = np.random.SeedSequence([self._seed, number]).generate_state(1)[0]
        self._study.sampler = optuna.samplers.TPESampler(
            seed=int(drawn), n_startup_trials=_RANDOM_TRIALS
        )
        return Asked(self._study, self._study.ask(), dials)


class Asked:
    """A trial under way."""

    def __init__(self, study: optuna.Study, trial: optuna.Trial, dials: Sequence[Dial]) -> None:
        self._study, self._trial = study, trial
        self._parts: list[float] = []
        values: dict[str, Any] = {}
        for dial in dials:
            if dial.matters(values):
                values[dial.name] = _suggested(trial, dial)
        self.values: Mapping[str, Any] = MappingProxyType(values)
        trial.set_user_attr("values", values)

    def report(self, value: float) -> bool:
        """Tell the metric on the next part; True where going on is not worth it."""
        self._parts.append(value)
        self._trial.report(float(np.mean(self._parts)), len(self._parts))
        self._trial.set_user_attr("parts", self._parts)
        return self._trial.should_prune()

    def complete(self) -> None:
        self._study.tell(self._trial, float(np.mean(self._parts)))

    def prune(self) -> None:
        self._study.tell(self._trial, state=TrialState.PRUNED)

    def fail(self, reason: str) -> None:
        self._trial.set_user_attr("reason", reason)
        self._study.tell(self._trial, state=TrialState.FAIL)

    def drop(self) -> None:
        """Forget a trial that was broken off, unless it had come to its end."""
        self._study.tell(self._trial, state=TrialState.FAIL, skip_if_finished=True)


@contextmanager
def quiet() -> Iterator[None]:
    """Keep Optuna's log of every trial to itself."""
    log = logging.getLogger("optuna")
    before = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(before)


def _storage(path: Path | None) -> BaseStorage:
    if path is None:
        return InMemoryStorage()
    # Windows lets few users make the symbolic links that Optuna locks by.
    lock = (JournalFileOpenLock if os.name == "nt" else JournalFileSymlinkLock)(str(path))
    try:
        if path.exists():
            lock.acquire()  # another process may be writing a line
            try:
                _check(path)
            finally:
                lock.release()
    except OSError as error:
        raise DataError(f"storage {str(path)!r} can't be used: {error.strerror}") from None
    return JournalStorage(JournalFileBackend(str(path), lock_obj=lock))


def _check(path: Path) -> None:
    """Read a journal through, and cut off a last line that a killed process left half written.

    Raises DataError for a file that is no journal, or is broken further up, and OSError.
    """
    with path.open("r+b") as file:
        whole = 0
        for number, line in enumerate(file, start=1):
            if not line.endswith(b"\n") and line.startswith(_FIRST_BYTES[: len(line)]):
                file.truncate(whole)
                return
            try:
                if "op_code" not in json.loads(line):
                    raise ValueError(line)
            except (ValueError, TypeError):
                what = (
                    "is no journal of a study"
                    if number == 1
                    else f"is broken: line {number} is not of a journal"
                )
                raise DataError(f"storage {str(path)!r} {what}; name another file") from None
            whole += len(line)


def _usable(dial: Dial) -> bool:
    return isinstance(dial.space, Choices) or isinstance(dial.start, int | float)


def _suggested(trial: optuna.Trial, dial: Dial) -> Any:
    space = dial.space
    if isinstance(space, Choices):
        return trial.suggest_categorical(dial.name, space.values)
    if space.whole:
        return trial.suggest_int(dial.name, int(space.low), int(space.high), log=space.log)
    drawn = trial.suggest_float(dial.name, space.low, space.high, log=space.log)
    # Four digits read well in a recipe, and no setting cares for the fifth; ends stay ends.
    return drawn if drawn == dial.start else min(max(float(f"{drawn:.4g}"), space.low), space.high)


def _ended(trial: optuna.trial.FrozenTrial) -> bool:
    failed = trial.state == TrialState.FAIL and "reason" in trial.user_attrs
    return failed or trial.state in (TrialState.COMPLETE, TrialState.PRUNED)


def _read(number: int, trial: optuna.trial.FrozenTrial) -> Trial:
    outcomes: dict[TrialState, Literal["complete", "pruned", "failed"]] = {
        TrialState.COMPLETE: "complete",
        TrialState.PRUNED: "pruned",
        TrialState.FAIL: "failed",
    }
    told = trial.user_attrs
    return Trial(
        number,
        MappingProxyType(dict(told["values"])),
        outcomes[trial.state],
        trial.value if trial.state == TrialState.COMPLETE else None,
        tuple(told.get("parts", ())),
        str(told.get("reason", "")),
    )
