"""Ties between users."""

from __future__ import annotations

import pytest
from penchant.data import Relations
from penchant.errors import DataError, ShapeError


def test_repeated_edges_add_up():
    ties = Relations.of([0, 2, 0], [1, 0, 1], [1.0, 0.5, 2.0], n_users=3)
    assert len(ties) == 3
    assert ties.by_source.to_dense().tolist() == [[0, 3, 0], [0, 0, 0], [0.5, 0, 0]]
    assert ties.by_source is ties.by_source


def test_weights_default_to_one():
    assert Relations.of([0], [0], n_users=1).weight.tolist() == [1.0]


def test_no_edges_are_fine():
    assert Relations.of([], [], n_users=0).by_source.nnz == 0


def test_bad_edges_are_refused():
    with pytest.raises(DataError, match=r"a target is out of range; there are 2 users"):
        Relations.of([0], [2], n_users=2)
    with pytest.raises(ShapeError, match=r"a source, a target and a weight an edge, got 1, 2 and"):
        Relations.of([0], [0, 1], n_users=2)
