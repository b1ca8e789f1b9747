"""Extractors, sound and broken."""

from __future__ import annotations

from typing import Any

import numpy as np
from penchant.data import Dataset
from penchant.protocols import Features, FitContext, State
from penchant.testing import (
    Contract,
    ExtractorContract,
)

from .plugins import check, contract, failures


class FittedYears:
    """Gives the year of an item, counted from the first year seen at fit."""

    side = "items"
    names: tuple[str, ...] = ("years",)

    def __init__(self, first: float) -> None:
        self.first = first

    def extract(self, data: Dataset, rows: Any, /) -> Features:
        years = data.items.number("year")[rows] - self.first
        return Features(years.astype(np.float32).reshape(-1, 1), self.names)

    def state(self) -> State:
        return State({}, {"first": self.first})


def extractor(**methods: Any) -> type[Contract]:
    fitted = type("Fitted", (FittedYears,), methods)

    class Years:
        def fit(self, data: Dataset, context: FitContext, /) -> Any:
            return fitted(float(data.items.number("year").min()))

        def restore(self, state: State, /) -> Any:
            return fitted(state.meta["first"])

    return contract(ExtractorContract, Years)


def years(self: Any, data: Dataset, rows: Any) -> Features:
    return FittedYears.extract(self, data, rows)


def test_a_sound_extractor_passes() -> None:
    check(extractor())


def test_features_of_other_rows_are_found() -> None:
    def extract(self: Any, data: Dataset, rows: Any, /) -> Features:
        return years(self, data, np.sort(rows))

    check(extractor(extract=extract), "chosen_rows_are_rows_of_the_whole")


def test_features_scaled_by_what_stands_beside_are_found() -> None:
    def extract(self: Any, data: Dataset, rows: Any, /) -> Features:
        table = years(self, data, rows).matrix
        return Features(table - table.mean(axis=0) if len(table) else table)  # type: ignore[union-attr,operator]

    check(extractor(extract=extract), "chosen_rows_are_rows_of_the_whole")


def test_an_extractor_that_knows_only_what_it_was_fitted_on_is_found() -> None:
    def extract(self: Any, data: Dataset, rows: Any, /) -> Features:
        return Features(np.arange(10, dtype=np.float32).reshape(-1, 1)[rows])

    check(extractor(extract=extract), "rows_unseen_at_fit_have_features")


def test_features_that_are_not_a_number_are_found() -> None:
    def extract(self: Any, data: Dataset, rows: Any, /) -> Features:
        table = np.array(years(self, data, rows).matrix)
        table[rows == 0] = np.nan
        return Features(table)

    assert failures(extractor(extract=extract)) == {
        "test_features_are_finite_float32_with_names_that_fit",
        "test_rows_unseen_at_fit_have_features",
    }


def test_names_that_do_not_fit_the_columns_are_found() -> None:
    check(
        extractor(names=("years", "months")),
        "features_are_finite_float32_with_names_that_fit",
    )


def test_the_same_features_for_all_are_found() -> None:
    def extract(self: Any, data: Dataset, rows: Any, /) -> Features:
        return Features(np.ones((len(rows), 1), np.float32))

    check(extractor(extract=extract), "features_differ_between_rows_that_differ")


def test_rows_that_are_written_to_are_found() -> None:
    def extract(self: Any, data: Dataset, rows: Any, /) -> Features:
        features = years(self, data, rows)
        rows[:] = 0
        return features

    assert "test_extracting_leaves_the_rows_alone" in failures(extractor(extract=extract))
