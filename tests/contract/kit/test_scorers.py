"""Scorers, sound and broken."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest
from penchant.data import Dataset
from penchant.protocols import FitContext, State
from penchant.queries import Queries
from penchant.testing import (
    ScorerContract,
)

from .plugins import FittedTogether, Together, check, contract, failures, scorer


def test_a_sound_scorer_passes() -> None:
    check(scorer())


def test_scores_that_depend_on_the_batch_are_found() -> None:
    class Broken(FittedTogether):
        def score(self, queries: Queries, items: Any, /) -> Any:
            scores = super().score(queries, items)
            return scores - scores.mean(axis=0) if len(scores) else scores

    check(scorer(Broken), "a_batch_scores_as_its_queries_alone")


def test_scores_that_are_not_a_number_are_found() -> None:
    class Broken(FittedTogether):
        def score(self, queries: Queries, items: Any, /) -> Any:
            scores = super().score(queries, items)
            scores[(queries.rows >= 0) & ~self.answers(queries)] = np.nan
            return scores

    check(scorer(Broken), "scores_are_finite_float32_of_all_items")


def test_scores_of_another_dtype_are_found() -> None:
    class Broken(FittedTogether):
        def score(self, queries: Queries, items: Any, /) -> Any:
            return super().score(queries, items).astype(np.float64)

    check(
        scorer(Broken),
        "scores_are_finite_float32_of_all_items",
        "nobody_and_nothing_have_empty_scores",
        "a_stranger_without_history_gets_finite_scores",
    )


def test_scores_in_another_order_than_the_items_asked_for_are_found() -> None:
    class Broken(FittedTogether):
        def score(self, queries: Queries, items: Any, /) -> Any:
            return super().score(queries, None if items is None else np.sort(items))

    check(scorer(Broken), "chosen_items_score_as_in_the_whole_catalogue")


def test_no_queries_that_are_an_error_are_found() -> None:
    class Broken(FittedTogether):
        def score(self, queries: Queries, items: Any, /) -> Any:
            return np.stack(
                [super(Broken, self).score(queries, items)[q] for q in range(len(queries))]
            )

    check(scorer(Broken), "nobody_and_nothing_have_empty_scores")


def test_queries_that_are_written_to_are_found() -> None:
    class Broken(FittedTogether):
        def score(self, queries: Queries, items: Any, /) -> Any:
            if queries.times is not None and queries.times.flags.writeable:
                queries.times[:] = 0
            return super().score(queries, items)

    check(scorer(Broken), "scoring_leaves_the_queries_alone")


def test_data_that_are_written_to_by_a_fit_are_found() -> None:
    class Broken(Together):
        def fit(self, data: Dataset, context: FitContext, /) -> Any:
            time = data.interactions.time
            assert time is not None
            holder = time if time.base is None else time.base
            holder.setflags(write=True)
            holder[:] += 1
            return super().fit(data, context)

    check(contract(ScorerContract, Broken), "fitting_leaves_the_data_alone")


def test_fitted_arrays_that_are_written_to_by_answering_are_found() -> None:
    class Broken(FittedTogether):
        def __init__(self, together: Any, min_value: float) -> None:
            super().__init__(together, min_value)
            self.asked = np.zeros(1, np.int64)

        def score(self, queries: Queries, items: Any, /) -> Any:
            self.asked += 1
            return super().score(queries, items)

        def state(self) -> State:
            return State({"together": self.together, "asked": self.asked}, super().state().meta)

    check(scorer(Broken), "answering_changes_nothing_fitted", "restore_brings_everything_back")


def test_a_fit_that_ignores_its_seed_is_found() -> None:
    class Broken(Together):
        def fit(self, data: Dataset, context: FitContext, /) -> Any:
            fitted = super().fit(data, context)
            fitted.together += np.random.default_rng().random(fitted.together.shape, np.float32)
            return fitted

        def restore(self, state: State, /) -> Any:
            return super().restore(state)

    check(
        contract(ScorerContract, Broken, datasets=lambda self: {"usual": self.dataset()}),
        "the_same_seed_gives_the_same_bits",
        "more_threads_give_the_same_bits",
    )


def test_a_fit_that_depends_on_its_threads_is_found() -> None:
    class Broken(Together):
        def fit(self, data: Dataset, context: FitContext, /) -> Any:
            fitted = super().fit(data, context)
            fitted.together += context.threads
            return fitted

    check(contract(ScorerContract, Broken), "more_threads_give_the_same_bits")


def test_a_scorer_that_is_not_safe_from_many_threads_is_found() -> None:
    class Broken(FittedTogether):
        def score(self, queries: Queries, items: Any, /) -> Any:
            elsewhere = threading.current_thread() is not threading.main_thread()
            return super().score(queries, items) + np.float32(elsewhere)

    check(scorer(Broken), "eight_threads_at_once_get_what_one_gets")


def test_a_state_that_lacks_an_array_is_found() -> None:
    class Broken(FittedTogether):
        def state(self) -> State:
            return State({}, {"min_value": self.min_value})

    check(scorer(Broken), "restore_brings_everything_back")


def test_a_state_that_loses_a_threshold_is_found() -> None:
    class Broken(FittedTogether):
        def state(self) -> State:
            return State({"together": self.together}, {"min_value": 0.0})

    check(scorer(Broken), "restore_brings_everything_back")


@pytest.mark.parametrize(
    "state",
    [
        State({"names": np.array(["a", "b"])}),
        State({"names": np.array([None, "b"], object)}),
        State({}, {"half_life": float("inf")}),
        State({}, {}, {"inner": State({}, {"half_life": float("inf")})}),
    ],
)
def test_a_state_that_is_not_plain_is_found(state: State) -> None:
    class Broken(FittedTogether):
        def state(self) -> State:
            sound = super().state()
            return State(
                {**sound.arrays, **state.arrays}, {**sound.meta, **state.meta}, state.parts
            )

    assert "test_state_is_arrays_of_numbers_and_json" in failures(scorer(Broken))
