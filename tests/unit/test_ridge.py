"""A map from features to vectors, on rows whose answer a person can see."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from penchant.errors import DataError, SettingsError, ShapeError
from penchant.kernels import RidgeSystem, ridge

X = np.array([[4], [6]], np.float32)
F = np.array([[8], [12]], np.float32)


def sparse(dense: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    rows, columns = np.nonzero(dense)
    indptr = np.searchsorted(rows, np.arange(len(dense) + 1)).astype(np.int64)
    return indptr, columns.astype(np.int32), dense[rows, columns], dense.shape[1]


@pytest.mark.parametrize("features", [X, sparse(X)], ids=["dense", "sparse"])
def test_a_line_through_two_points_is_pulled_towards_their_mean(features: Any) -> None:
    # Centred: x = -1 and 1, f = -2 and 2, so the slope is 4 / (2 + regularization).
    coefficients, intercept = ridge(features, F, regularization=2.0)
    assert coefficients.tolist() == [[1.0]]
    assert intercept.tolist() == [5.0]


def test_new_rows_are_mapped_as_the_old_ones_were_made() -> None:
    draw = np.random.default_rng(0)
    truth = draw.standard_normal((20, 6), np.float32)
    features = draw.standard_normal((300, 20), np.float32)
    coefficients, intercept = ridge(features, features @ truth + 3, regularization=1e-3)
    new = draw.standard_normal((10, 20), np.float32)
    assert np.allclose(new @ coefficients + intercept, new @ truth + 3, atol=1e-3)


@pytest.mark.parametrize(("rows", "columns"), [(200, 50), (50, 200)])
def test_dense_sparse_and_float64_agree_and_threads_change_no_bit(rows: int, columns: int) -> None:
    draw = np.random.default_rng(1)
    features = draw.standard_normal((rows, columns), np.float32)
    features[draw.random((rows, columns)) < 0.8] = 0
    targets = draw.standard_normal((rows, 17), np.float32)
    weights = draw.random(rows, np.float32)
    means = weights @ features / weights.sum(), weights @ targets / weights.sum()
    x, f = features.astype(np.float64) - means[0], targets - means[1]
    weighted = x.T * weights
    expected = np.linalg.solve(weighted @ x + 2 * np.eye(columns), weighted @ f)
    for given in (features, sparse(features)):
        found = ridge(given, targets, regularization=2.0, weights=weights)
        assert np.allclose(found[0], expected, atol=1e-5)
        assert np.allclose(found[1], means[1] - means[0] @ expected, atol=1e-5)
        again = ridge(given, targets, regularization=2.0, weights=weights, threads=4)
        assert [a.tobytes() for a in again] == [a.tobytes() for a in found]


def test_read_only_arrays_will_do() -> None:
    x, f = X.copy(), F.copy()
    x.setflags(write=False)
    f.setflags(write=False)
    assert ridge(x, f, regularization=2.0)[0].tolist() == [[1.0]]


@pytest.mark.parametrize(
    ("arguments", "settings", "error", "sentence"),
    [
        ((X, F), {"regularization": 0.0}, SettingsError, "regularization is 0, and must be"),
        ((X, F[:1]), {}, ShapeError, "targets has 1 rows, and must have one for each of the 2"),
        ((X, F), {"weights": np.ones(3, np.float32)}, ShapeError, "weights has 3 numbers"),
        ((X, F), {"weights": np.zeros(2, np.float32)}, DataError, "no row counts"),
        ((X * np.nan, F), {}, DataError, "features holds NaN in row 0"),
        ((X, F * np.inf), {}, DataError, "targets holds inf in row 0"),
        ((X, F), {"threads": 0}, SettingsError, "threads is 0, and must be at least 1"),
        ((X.astype(np.float64), F), {}, ShapeError, "features has dtype float64"),
        ((X[:, 0], F), {}, ShapeError, "features has 1 dimensions, but 2 are needed"),
        ((X.tolist(), F), {}, TypeError, "features must be a numpy array of float32, got list"),
        ((sparse(X)[:3], F), {}, ShapeError, "features is a tuple of 3, and must be an array or"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_sentence(
    arguments: Any, settings: dict[str, Any], error: type[Exception], sentence: str
) -> None:
    with pytest.raises(error, match=sentence.replace("(", r"\(")):
        ridge(*arguments, **{"regularization": 1.0, **settings})


@pytest.mark.parametrize("features", [X, sparse(X)], ids=["dense", "sparse"])
def test_one_system_gives_the_map_to_any_targets(features: Any) -> None:
    system = RidgeSystem(features, regularization=2.0)
    for targets in (F, np.hstack([F, -F, X]).astype(np.float32), F[:, :0]):
        found, alone = system.map(targets), ridge(features, targets, regularization=2.0)
        assert [a.tobytes() for a in found] == [a.tobytes() for a in alone]
        assert [a.shape for a in found] == [a.shape for a in alone]
    with pytest.raises(ShapeError, match="targets has 1 rows, and must have one for each of the 2"):
        system.map(F[:1])
    with pytest.raises(SettingsError, match=r"regularization is 0, and must be greater than 0"):
        RidgeSystem(features, regularization=0.0)
