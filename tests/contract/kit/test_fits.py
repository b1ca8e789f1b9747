"""Fits and declarations, sound and broken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from penchant import hookimpl
from penchant.data import Dataset
from penchant.protocols import FitContext
from penchant.testing import (
    Contract,
    ScorerContract,
)

from .plugins import Together, check, contract, scorer


def fitting(steps: Sequence[tuple[float, float]], **behaviour: Any) -> type[Contract]:
    class Fitting(Together):
        def fit(self, data: Dataset, context: FitContext, /) -> Any:
            from penchant.errors import FitCancelled

            for done, total in steps:
                try:
                    context.progress("steps", done, total)
                except KeyboardInterrupt:
                    if not behaviour.get("swallows"):
                        raise
                if behaviour.get("asks") and context.cancelled():
                    raise FitCancelled("stopped")
            return super().fit(data, FitContext(seed=context.seed))

    return contract(ScorerContract, Fitting, cancellable=behaviour.get("cancellable", False))


def test_a_fit_that_tells_its_progress_and_can_be_cancelled_passes() -> None:
    check(fitting([(0, 2), (1, 2), (2, 2)], asks=True, cancellable=True))


def test_progress_past_the_total_is_found() -> None:
    check(fitting([(0, 2), (3, 2)]), "progress_runs_from_zero_to_the_total")


def test_progress_that_goes_back_is_found() -> None:
    check(fitting([(1, 2), (0, 2)]), "progress_runs_from_zero_to_the_total")


def test_a_swallowed_ctrl_c_is_found() -> None:
    check(fitting([(0, 2)], swallows=True), "ctrl_c_passes_through")


def test_a_fit_that_can_not_be_cancelled_is_found() -> None:
    check(fitting([(0, 2)], cancellable=True), "a_cancelled_fit_stops")


class TakesAnything:
    __slots__ = ()

    def __init__(self, **anything: Any) -> None: ...


@dataclass(kw_only=True)
class Thawed:
    factors: int = 3


def test_an_unknown_setting_that_is_taken_is_found() -> None:
    check(scorer(settings=TakesAnything), "an_unknown_setting_is_refused")


def test_settings_that_can_be_changed_are_found() -> None:
    check(scorer(settings=Thawed), "settings_are_frozen")


@pytest.mark.parametrize("summary", ["", "one\ntwo"])
def test_a_summary_that_is_not_one_line_is_found(summary: str) -> None:
    check(scorer(summary=summary), "the_component_is_declared_with_one_line_about_it")


def test_a_plugin_with_a_problem_is_found() -> None:
    misspelt = {"penchant_scorer": hookimpl(lambda: None)}
    check(scorer(module=misspelt), "the_plugin_has_no_problems")
