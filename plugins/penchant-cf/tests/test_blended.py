"""Neighbours by likings and vectors: as a walk over all columns would find them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from penchant import kernels
from penchant.item_text import as_sparse, side_by_side, unit, unit_rows, values_of
from penchant.queries import Csr
from penchant_cf.blended import blended_neighbours, side_by_side_rows


def drawn(seed: int, items: int, users: int, width: int) -> tuple[Csr, np.ndarray]:
    """Likings of `items` x `users`, and vectors; some items lack the ones, some the others."""
    draw = np.random.default_rng(seed)
    liked = as_sparse((draw.random((items, users)) < 0.3).astype(np.float32))
    vectors = unit(draw.normal(size=(items, width)).astype(np.float32))
    vectors[draw.random(items) < 0.2] = 0
    return unit_rows(liked), vectors


def silent(done: int, rows: int) -> None:
    assert 0 < done <= rows


@given(
    seed=st.integers(0, 2**32 - 1),
    items=st.integers(2, 30),
    k=st.integers(1, 8),
    shrinkage=st.sampled_from([0.0, 5.0]),
    share=st.floats(0.05, 0.95),
)
def test_the_neighbours_are_those_of_a_walk_over_all_columns(
    seed: int, items: int, k: int, shrinkage: float, share: float
) -> None:
    likes, vectors = drawn(seed, items, 9, 4)
    together = side_by_side([likes, vectors], [1 - share, share])
    assert isinstance(together, Csr)
    wanted = kernels.neighbours(
        together.indptr,
        together.indices,
        values_of(together),
        together.columns,
        k,
        shrinkage=shrinkage,
    )
    found = blended_neighbours(
        *side_by_side_rows(likes, vectors, share), k, shrinkage, 1, silent, at_once=3 * items
    )
    np.testing.assert_array_equal(found[0], wanted[0])
    np.testing.assert_allclose(found[2], wanted[2], atol=2e-6)


@pytest.mark.parametrize("shrinkage", [0.0, 5.0])
def test_blocks_and_threads_change_no_bit(shrinkage: float) -> None:
    halves = side_by_side_rows(*drawn(1, 40, 12, 8), 0.2)
    whole = blended_neighbours(*halves, 5, shrinkage, 1, silent)
    for threads, at_once in ((2, 1), (1, 130), (8, 1000)):
        parts = blended_neighbours(*halves, 5, shrinkage, threads, silent, at_once)
        for one, other in zip(whole, parts, strict=True):
            assert one.tobytes() == other.tobytes()


def test_an_item_of_one_half_is_as_long_as_the_others() -> None:
    likes, vectors = drawn(3, 30, 9, 4)
    rows, beside = side_by_side_rows(likes, vectors, 0.3)
    length = np.square(rows.to_dense()).sum(axis=1) + np.square(beside).sum(axis=1)
    known = (likes.counts() > 0) | vectors.any(axis=1)
    assert not vectors.any(axis=1).all()
    np.testing.assert_allclose(length, known, atol=1e-5)
