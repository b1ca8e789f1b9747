"""What is promised by every component, and by every one that is fitted."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pytest

from penchant.data import Dataset
from penchant.errors import FitCancelled, SettingsError
from penchant.protocols import FitContext, Kind, PredictsRatings, Scores, capability
from penchant.registry import Registry
from penchant.testing import data as toys
from penchant.testing.checks import (
    equal_states,
    from_many_threads,
    plain_state,
    portable,
    same_bits,
    untouched,
)


class Contract:
    """The tests of any component; subclass the contract of its kind instead.

    name: the full name, such as "mf.sgd". `settings`: those to test it with; small ones run faster.
    plugins: the plugin modules by namespace; None means those installed.
    """

    kind: ClassVar[Kind]
    name: ClassVar[str]
    settings: ClassVar[Mapping[str, Any]] = MappingProxyType({})
    plugins: ClassVar[Mapping[str, Any] | None] = None

    def registry(self) -> Registry:
        """Make the registry that the component is built from."""
        if self.plugins is not None:
            return Registry(self.plugins, strict=False)
        return Registry.discover(strict=False)

    def build(self) -> Any:
        """Build the component, from a registry of its own."""
        return self.registry().build(self.kind, {**self.settings, "use": self.name})

    def test_the_plugin_has_no_problems(self) -> None:
        namespace = self.name.partition(".")[0]
        problems = [str(p) for p in self.registry().problems if p.namespace == namespace]
        assert not problems, "; ".join(problems)

    def test_the_component_is_declared_with_one_line_about_it(self) -> None:
        summary = self.registry().component(self.name, self.kind).summary
        assert summary.strip(), f"{self.name} needs a summary; `penchant plugins` shows it"
        assert "\n" not in summary, f"the summary of {self.name} must be one line, got {summary!r}"

    def test_an_unknown_setting_is_refused(self) -> None:
        spec = {**self.settings, "use": self.name, "no_such_setting": 1}
        try:
            self.registry().build(self.kind, spec)
        except SettingsError as error:
            assert "no_such_setting" in str(error), f"the error must name the setting, got {error}"
        else:
            pytest.fail(f"{self.name} took the unknown setting 'no_such_setting'")

    def test_settings_are_frozen(self) -> None:
        from penchant.settings import describe_settings, make_settings

        cls = self.registry().component(self.name, self.kind).settings
        made = make_settings(cls, self.settings, self.name)
        for setting in describe_settings(cls):
            with pytest.raises((AttributeError, TypeError, ValueError)):
                setattr(made, setting.name, None)


class FittedContract(Contract):
    """The tests of any component that is fitted.

    cancellable: True for a component that asks `FitContext.cancelled` between steps of long work.
    """

    cancellable: ClassVar[bool] = False

    def dataset(self) -> Dataset:
        """Give the data to fit; override it for a component that needs other data."""
        return toys.toy_dataset()

    def datasets(self) -> dict[str, Dataset]:
        """Give the data to fit by name: the usual ones and the smallest there are."""
        return {"usual": self.dataset(), "one user": toys.one_user(), "one item": toys.one_item()}

    def fit(self, data: Dataset, *, seed: int = 7, threads: int = 1, **context: Any) -> Any:
        """Build the component and fit it."""
        return self.build().fit(data, FitContext(seed=seed, threads=threads, **context))

    def answers(self, fitted: Any, data: Dataset) -> dict[str, npt.NDArray[Any]]:
        """Give all that the fitted component says about the data."""
        raise NotImplementedError

    def test_the_same_seed_gives_the_same_bits(self) -> None:
        data = self.dataset()
        self._same(self.fit(data), self.fit(data), data, "the same seed must give the same bits")

    def test_more_threads_give_the_same_bits(self) -> None:
        data = self.dataset()
        self._same(
            self.fit(data, threads=2), self.fit(data), data, "threads=2 must give threads=1's bits"
        )

    def test_fitting_leaves_the_data_alone(self) -> None:
        data = self.dataset()
        untouched([data], lambda: self.fit(data), "fit must not change the data")

    def test_answering_changes_nothing_fitted(self) -> None:
        data = self.dataset()
        fitted = self.fit(data)
        untouched(
            [data, *_held(fitted.state())],
            lambda: self.answers(fitted, data),
            "answering must not change the data or the fitted component",
        )

    def test_eight_threads_at_once_get_what_one_gets(self) -> None:
        data = self.dataset()
        fitted = self.fit(data)
        wanted = self.answers(fitted, data)
        for got in from_many_threads(lambda: self.answers(fitted, data)):
            for what, array in wanted.items():
                same_bits(got[what], array, f"{what} must be the same from many threads")

    def test_state_is_arrays_of_numbers_and_json(self) -> None:
        plain_state(self.fit(self.dataset()).state())

    def test_restore_brings_everything_back(self) -> None:
        data = self.dataset()
        fitted = self.fit(data)
        state = portable(fitted.state())
        restored = self.build().restore(state)
        self._same(restored, fitted, data, "what was restored must answer with the same bits")
        equal_states(restored.state(), state)

    def test_ratings_are_foretold_in_the_unit_of_the_values(self) -> None:
        for by in (0.0, 20.0):
            data = toys.raised(self.dataset(), by)
            rates = capability(fitted := self.fit(data), PredictsRatings)
            if rates is None or not rates.predicts_ratings:
                return
            scorer = capability(fitted, Scores)
            assert scorer is not None, "predicts_ratings needs `score`"
            log = data.interactions
            foretold = scorer.score(toys.known(data), None)[log.user, log.item]
            low, high = float(log.value.min()), float(log.value.max())
            least, most = float(foretold.min()), float(foretold.max())
            room = (high - low) / 2
            assert low - room <= least, f"ratings of {low:g} to {high:g} are foretold as {least:g}"
            assert most <= high + room, f"ratings of {low:g} to {high:g} are foretold as {most:g}"

    def test_progress_runs_from_zero_to_the_total(self) -> None:
        told: list[tuple[Any, ...]] = []
        self.fit(self.dataset(), progress=lambda *step: told.append(step))
        for task, done, total, *_ in told:
            assert 0 <= done <= total, f"progress of {task!r} must run to {total}, got {done}"
        for task in {step[0] for step in told}:
            steps = [step[1] for step in told if step[0] == task]
            assert steps == sorted(steps), f"progress of {task!r} must not go back: {steps}"

    def test_ctrl_c_passes_through(self) -> None:
        told = []

        def progress(*step: Any) -> None:
            told.append(step)
            raise KeyboardInterrupt

        try:
            self.fit(self.dataset(), progress=progress)
        except KeyboardInterrupt:
            return
        assert not told, "fit must let a KeyboardInterrupt through"

    def test_a_cancelled_fit_stops(self) -> None:
        if not self.cancellable:
            return
        with pytest.raises(FitCancelled):
            self.fit(self.dataset(), cancelled=lambda: True)

    def _same(self, got: Any, wanted: Any, data: Dataset, promise: str) -> None:
        these, those = self.answers(got, data), self.answers(wanted, data)
        assert these, "the kit found nothing to compare"
        for what, array in those.items():
            same_bits(np.asarray(these[what]), array, f"{promise} ({what})")


def _held(state: Any) -> list[Any]:
    """The holders of arrays of a state; none where it has no arrays at all."""
    return [state.arrays, *(holder for part in state.parts.values() for holder in _held(part))]
