"""What is promised by every extractor."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from penchant.data import Dataset
from penchant.protocols import I32, Features, Kind
from penchant.queries import Csr
from penchant.testing import data as toys
from penchant.testing.checks import floats, same_bits, untouched
from penchant.testing.contract import FittedContract


class ExtractorContract(FittedContract):
    """The tests of an extractor.

    cancellable: True for one that asks `FitContext.cancelled` between steps of long work.
    """

    kind: ClassVar[Kind] = "extractor"

    def answers(self, fitted: Any, data: Dataset) -> dict[str, npt.NDArray[Any]]:
        """Give the features of all rows."""
        return {"features": dense(fitted.extract(data, all_rows(fitted, data)))}

    def test_features_are_finite_float32_with_names_that_fit(self) -> None:
        for name, data in self.datasets().items():
            fitted = self.fit(data)
            assert fitted.side in ("users", "items"), f"side must be users or items: {fitted.side}"
            rows = all_rows(fitted, data)
            features = fitted.extract(data, rows)
            assert isinstance(features, Features), f"extract must give Features, got {features!r}"
            table, names = dense(features), features.names
            floats(table, (len(rows), table.shape[1]), f"features ({name})")
            assert not names or len(names) == table.shape[1], (
                f"{len(names)} names for {table.shape[1]} columns"
            )
            assert len(set(names)) == len(names), "a column name stands twice"

    def test_features_differ_between_rows_that_differ(self) -> None:
        data = self.dataset()
        fitted = self.fit(data)
        table = dense(fitted.extract(data, all_rows(fitted, data)))
        assert len(np.unique(table, axis=0)) > 1, "all rows have the same features"

    def test_chosen_rows_are_rows_of_the_whole(self) -> None:
        data = self.dataset()
        fitted = self.fit(data)
        rows = all_rows(fitted, data)
        whole = dense(fitted.extract(data, rows))
        chosen = np.array([rows[-1], 0, rows[-1], rows[len(rows) // 2]], np.int32)
        promise = "the features of chosen rows must be rows of the whole"
        same_bits(dense(fitted.extract(data, chosen)), whole[chosen], promise)
        for row in rows.tolist():
            alone = dense(fitted.extract(data, np.array([row], np.int32)))
            same_bits(alone[0], whole[row], promise)
        none = dense(fitted.extract(data, np.empty(0, np.int32)))
        floats(none, (0, whole.shape[1]), "features of no rows")

    def test_rows_unseen_at_fit_have_features(self) -> None:
        fitted = self.fit(self.dataset())
        wider = toys.toy_dataset(users=18, items=14)
        rows = all_rows(fitted, wider)
        known = dense(fitted.extract(self.dataset(), all_rows(fitted, self.dataset())))
        floats(dense(fitted.extract(wider, rows)), (len(rows), known.shape[1]), "unseen rows")

    def test_extracting_leaves_the_rows_alone(self) -> None:
        data = self.dataset()
        fitted = self.fit(data)
        rows = all_rows(fitted, data)
        untouched([rows, data], lambda: fitted.extract(data, rows), "extract must not change rows")


def all_rows(fitted: Any, data: Dataset) -> I32:
    """Give all rows of the side that an extraction describes."""
    return np.arange(len(data.users if fitted.side == "users" else data.items), dtype=np.int32)


def dense(features: Features) -> npt.NDArray[Any]:
    """Give the matrix of features spread out."""
    matrix = features.matrix
    return matrix.to_dense() if isinstance(matrix, Csr) else matrix
