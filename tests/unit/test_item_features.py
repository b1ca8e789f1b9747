"""Rows of length 1, dense and sparse, their likeness, and what they foretell."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from penchant.item_text import TextMap, described, likeness, stacked, unit, unit_rows
from penchant.queries import Csr


class Unread:
    """Stands for what describes items where nothing is to be described."""

    describe = words = state = None


def sparse(dense: np.ndarray) -> Csr:
    rows, columns = np.nonzero(dense)
    values = dense[rows, columns].astype(np.float32)
    return Csr.from_pairs(rows.astype(np.int32), columns.astype(np.int32), values, dense.shape)


@given(st.integers(1, 5), st.integers(1, 400), st.integers(0, 99))
def test_a_row_is_scaled_to_the_same_bits_alone(rows: int, columns: int, seed: int) -> None:
    matrix = np.random.default_rng(seed).normal(size=(rows, columns)).astype(np.float32)
    together = unit(matrix)
    for row in range(rows):
        np.testing.assert_array_equal(unit(matrix[row : row + 1])[0], together[row])
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-6)


@pytest.mark.parametrize("row", [[0, 0], [1e-9, -1e-9]])
def test_a_row_of_next_to_nothing_becomes_zeros(row: list[float]) -> None:
    np.testing.assert_array_equal(unit(np.array([row], np.float32)), [[0, 0]])


def test_sparse_rows_become_the_dense_ones_and_lose_entries_of_zero() -> None:
    matrix = Csr(
        np.array([0, 2, 2, 4], np.int64),
        np.array([0, 2, 1, 2], np.int32),
        np.array([3, 4, 0, 2], np.float32),
        3,
    )
    scaled = unit_rows(matrix)
    np.testing.assert_allclose(scaled.to_dense(), [[0.6, 0, 0.8], [0, 0, 0], [0, 0, 1]])
    assert scaled.nnz == 3
    assert (
        described(scaled).tolist() == described(scaled.to_dense()).tolist() == [True, False, True]
    )


def test_likeness_is_the_cosine_in_either_form() -> None:
    these = np.array([[1, 0, 0], [0.6, 0.8, 0]], np.float32)
    those = np.array([[0, 1, 0], [1, 0, 0], [0, 0, 0]], np.float32)
    wanted = [[0, 1, 0], [0.8, 0.6, 0]]
    np.testing.assert_allclose(likeness(these, those), wanted, atol=1e-6)
    np.testing.assert_allclose(likeness(sparse(these), sparse(those)), wanted, atol=1e-6)
    with pytest.raises(TypeError, match="all dense or all sparse"):
        likeness(these, sparse(those))


def test_stacked_rows_stand_one_below_the_other() -> None:
    upper, lower = np.eye(2, 3, dtype=np.float32), np.full((1, 3), 2, np.float32)
    both = stacked(sparse(upper), sparse(lower))
    np.testing.assert_array_equal(both.to_dense(), np.vstack([upper, lower]))


@pytest.mark.parametrize("form", ["dense", "sparse"])
def test_a_map_foretells_what_a_person_would(form: str) -> None:
    words = np.array([[1, 0], [0, 1], [1, 0], [0, 1], [0, 0]], np.float32)
    factors = np.array([[2, 1], [0, 3], [2, 1], [9, 9], [5, 5]], np.float32)
    features: Any = words if form == "dense" else sparse(words)
    rows = np.array([0, 1, 2, 4], np.int32)  # the fourth is nobody's, the last says nothing
    found = TextMap.learn(Unread(), features, factors, rows, 1e-3, 1)  # type: ignore[arg-type]
    wanted = [[2, 1], [0, 3], [2, 1], [0, 3], [0, 0]]
    np.testing.assert_allclose(found.of(features), wanted, atol=0.01)


def test_a_map_learned_from_nothing_foretells_nothing() -> None:
    nobody = np.empty(0, np.int32)
    features = np.eye(3, dtype=np.float32)
    found = TextMap.learn(Unread(), features, features, nobody, 1.0, 1)  # type: ignore[arg-type]
    assert not found.of(features).any()
