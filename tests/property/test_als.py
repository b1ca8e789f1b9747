"""`kernels.als` and `AlsFoldIn` against NumPy's float64, and with arrays that don't fit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from penchant import kernels
from penchant.errors import DataError, PenchantError, ShapeError

LOSS = {"unobserved_weight": 0.2, "regularization": 0.05, "frequency_scaling": 0.5}

weights_of_rows = st.lists(
    st.lists(st.sampled_from([0.0, 0.0, 0.5, 1.0, 3.0]), min_size=7, max_size=7),
    min_size=1,
    max_size=9,
)


def sparse(dense: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    indptr = np.concatenate([[0], np.cumsum((dense != 0).sum(1))]).astype(np.int64)
    return indptr, np.nonzero(dense)[1].astype(np.int32), dense[dense != 0].astype(np.float32)


def solved(weights: np.ndarray, fixed: np.ndarray, prior: np.ndarray | None = None) -> np.ndarray:
    """The row of factors that minimizes the loss, by NumPy."""
    known = weights.sum() + LOSS["unobserved_weight"] * len(fixed)
    pull = LOSS["regularization"] * known ** LOSS["frequency_scaling"]
    matrix = fixed.T @ (fixed * (weights + LOSS["unobserved_weight"])[:, None])
    prior = np.zeros(fixed.shape[1]) if prior is None else prior
    right = fixed.T @ weights + pull * prior
    found: np.ndarray = np.linalg.solve(matrix + pull * np.eye(fixed.shape[1]), right)
    return found if weights.any() else prior


@settings(max_examples=60)
@given(rows=weights_of_rows, factors=st.integers(1, 40), seed=st.integers(0, 99))
def test_rows_are_folded_in_as_numpy_solves_them(
    rows: list[list[float]], factors: int, seed: int
) -> None:
    dense = np.array(rows)
    fixed = np.random.default_rng(seed).standard_normal((7, factors)).astype(np.float32)
    fold = kernels.AlsFoldIn(fixed, **LOSS)
    found = fold.rows(*sparse(dense), threads=2)
    for row, weights in zip(found, dense, strict=True):
        wanted = solved(weights, fixed.astype(np.float64))
        np.testing.assert_allclose(row, wanted, rtol=1e-3, atol=1e-3)
        alone = sparse(weights[None])
        assert fold.rows(*alone)[0].tobytes() == row.tobytes()
        shares = fold.shares(alone[1], alone[2], fixed[0])
        np.testing.assert_allclose(shares.sum(), row @ fixed[0], rtol=1e-3, atol=1e-3)


@settings(max_examples=30)
@given(rows=weights_of_rows, factors=st.integers(1, 40), seed=st.integers(0, 99))
def test_rows_are_pulled_to_their_prior_as_numpy_solves_them(
    rows: list[list[float]], factors: int, seed: int
) -> None:
    dense, draw = np.array(rows), np.random.default_rng(seed)
    fixed = draw.standard_normal((7, factors)).astype(np.float32)
    prior = draw.standard_normal((len(dense), factors)).astype(np.float32)
    found = kernels.AlsFoldIn(fixed, **LOSS).rows(*sparse(dense), prior=prior, threads=2)
    for row, weights, pulled in zip(found, dense, prior, strict=True):
        wanted = solved(weights, fixed.astype(np.float64), pulled)
        np.testing.assert_allclose(row, wanted, rtol=1e-3, atol=1e-3)


def test_a_prior_of_another_shape_is_refused() -> None:
    fixed, likes = np.ones((3, 2), np.float32), sparse(np.ones((4, 3)))
    with pytest.raises(ShapeError, match=r"known of rows has 3 rows of 2 .* must have 4 rows of 2"):
        kernels.AlsFoldIn(fixed, **LOSS).rows(*likes, prior=fixed)
    with pytest.raises(ShapeError, match=r"known of items has 3 rows of 2 .* 3 rows of 5"):
        kernels.als(*likes, 3, factors=5, iterations=1, **LOSS, seed=0, item_prior=fixed)
    users = np.ones((4, 2), np.float32)
    users[1] = np.nan
    with pytest.raises(DataError, match=r"known of users is NaN in row 1, and must be finite"):
        kernels.als(*likes, 3, factors=2, iterations=1, **LOSS, seed=0, user_start=users)


@settings(max_examples=30)
@given(rows=weights_of_rows, factors=st.integers(1, 20))
def test_users_are_left_where_numpy_would_put_them(rows: list[list[float]], factors: int) -> None:
    dense = np.array(rows)
    users, items = kernels.als(*sparse(dense), 7, factors=factors, iterations=5, **LOSS, seed=1)
    for user, weights in zip(users, dense, strict=True):
        wanted = solved(weights, items.astype(np.float64))
        np.testing.assert_allclose(user, wanted, rtol=1e-3, atol=1e-3)
    unliked = ~dense.any(0)
    assert not items[unliked].any()


@pytest.mark.parametrize("at", [0, 1, 2])
@pytest.mark.parametrize("wrong", ["dtype", "strides", "dimensions", "a list"])
def test_arrays_of_another_kind_are_refused_by_name(at: int, wrong: str) -> None:
    arrays: list[object] = list(sparse(np.ones((2, 3))))
    good = np.asarray(arrays[at])
    arrays[at] = {
        "dtype": good.astype(np.float64),
        "strides": np.repeat(good, 2)[::2],
        "dimensions": good[None],
        "a list": good.tolist(),
    }[wrong]
    name = ("indptr", "indices", "values")[at]
    with pytest.raises((PenchantError, TypeError), match=name):
        kernels.als(*arrays, 3, factors=2, iterations=1, **LOSS, seed=0)  # type: ignore[arg-type]


def test_arrays_that_nobody_may_write_are_read() -> None:
    arrays = sparse(np.ones((2, 3)))
    fixed = np.ones((3, 2), np.float32)
    for array in (*arrays, fixed):
        array.setflags(write=False)
    kernels.als(*arrays, 3, factors=2, iterations=1, **LOSS, seed=0)
    kernels.AlsFoldIn(fixed, **LOSS).rows(*arrays)


def test_rows_of_the_wrong_width_and_columns_out_of_range_are_refused() -> None:
    indptr, indices, values = sparse(np.ones((2, 3)))
    with pytest.raises(DataError, match="row 0 has columns from 0 to 2, and the matrix has 2"):
        kernels.als(indptr, indices, values, 2, factors=2, iterations=1, **LOSS, seed=0)
    with pytest.raises(ShapeError, match="values has 5 entries"):
        kernels.als(indptr, indices, values[:5], 3, factors=2, iterations=1, **LOSS, seed=0)
    with pytest.raises(DataError, match="columns from 0 to 2, and the matrix has 2 columns"):
        kernels.AlsFoldIn(np.ones((2, 2), np.float32), **LOSS).rows(indptr, indices, values)
