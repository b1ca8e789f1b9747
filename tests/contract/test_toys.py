"""The toy data and the naive twins: checked by answers that a person can see."""

from __future__ import annotations

import numpy as np
import pytest
from penchant.testing import naive
from penchant.testing.data import (
    blank,
    checkerboard,
    known,
    mixed,
    one_item,
    one_user,
    strangers,
    toy_dataset,
)


def test_a_user_likes_its_own_colour_and_dislikes_one_of_the_other() -> None:
    data = checkerboard(users=4, items=6)
    assert data.interactions.by_user().to_dense().tolist() == [
        [0, 1, 5, 0, 5, 0],
        [1, 0, 0, 5, 0, 5],
        [5, 0, 5, 1, 0, 0],
        [0, 5, 1, 5, 0, 0],
    ]
    assert data.positive_csr().counts().tolist() == [2, 2, 2, 2]


def test_the_items_tell_the_same_story_in_words() -> None:
    items = checkerboard(items=4).items
    dark = np.flatnonzero(items.where({"colour": "dark"}))
    assert dark.tolist() == [0, 2]
    for text in items.texts(rows=dark.astype(np.int32)):
        assert "dark" in text
        assert "telescope" in text


def test_the_toy_has_a_cold_item_and_a_user_who_likes_nothing() -> None:
    data = toy_dataset()
    assert data.interactions.by_item().counts().tolist()[-1] == 0
    assert data.interactions.by_user().counts().tolist()[-1] > 0
    assert data.positive_csr().counts().tolist()[-1] == 0
    assert (data.positive_csr().counts()[:-1] > 0).all()


def test_the_smallest_boards_have_likings_and_dislikings() -> None:
    for data in (one_user(), one_item()):
        assert sorted(set(data.interactions.value.tolist())) == [1.0, 5.0]
    assert (len(one_user().users), len(one_item().items)) == (1, 1)


def test_a_larger_board_begins_with_the_smaller_one() -> None:
    small, large = toy_dataset(), toy_dataset(users=18, items=14)
    rows = np.arange(len(small.items), dtype=np.int32)
    assert large.items.texts(rows=rows) == small.items.texts()


def test_every_kind_of_asker_is_there() -> None:
    data = toy_dataset()
    assert known(data).rows.tolist() == list(range(12))
    assert set(strangers(data).rows.tolist()) == {-1}
    assert mixed(data).rows.tolist()[:4] == [0, -1, 2, -1]
    assert strangers(data).history.nnz == mixed(data).history.nnz == len(data.interactions)
    assert blank(data).history.nnz == 0


def test_top_k_ranks_ties_by_lower_row_and_leaves_nan_out() -> None:
    assert naive.top_k([1.0, 3.0, 3.0, float("nan"), 2.0], 3) == [1, 2, 4]
    assert naive.top_k([1.0, 3.0, 3.0], 9, eligible=[0, 2]) == [2, 0]
    assert naive.top_k([], 3) == []


def test_dot_is_exact() -> None:
    assert naive.dot(np.array([[1e8, 1.0, -1e8]]), np.array([[1.0, 1.0, 1.0]])) == [[1.0]]
    assert naive.dot(np.empty((0, 2)), np.empty((3, 2))).shape == (0, 3)


def test_csr_and_dense_are_each_others_inverse() -> None:
    matrix = np.array([[0, 2, 0], [0, 0, 0], [1, 0, 3]], np.float32)
    indptr, indices, values = naive.csr(matrix)
    assert indptr.tolist() == [0, 1, 1, 3]
    assert indices.tolist() == [1, 0, 2]
    assert naive.dense(indptr, indices, values, 3).tolist() == matrix.tolist()
    assert naive.dense(indptr, indices, None, 3).sum() == 3


def test_cosines_of_a_right_angle_a_half_and_nothing() -> None:
    cosines = naive.cosine(np.array([[1, 0], [0, 2], [3, 3], [0, 0]]))
    half = 1 / np.sqrt(2)
    assert cosines[0].tolist() == pytest.approx([1, 0, half, 0])
    assert cosines[3].tolist() == [0, 0, 0, 0]


def test_neighbours_are_the_most_like_and_shrink_with_little_overlap() -> None:
    matrix = np.array([[1, 1, 0], [1, 1, 0], [0, 1, 0], [0, 0, 1]])
    assert [row for row, _ in naive.neighbours(matrix, 2)[0]] == [1, 2]
    assert naive.neighbours(matrix, 2)[3] == []
    (_, near), (_, far) = naive.neighbours(matrix, 2, shrinkage=1.0)[0]
    assert near == pytest.approx(2 / 3)
    assert far == pytest.approx(1 / np.sqrt(2) / 2)


def test_metrics_of_a_list_with_hits_in_the_first_and_third_place() -> None:
    ranked, relevant = [7, 3, 5, 1], {7, 5, 9}
    assert naive.precision(ranked, relevant, 4) == 0.5
    assert naive.recall(ranked, relevant, 4) == pytest.approx(2 / 3)
    assert naive.reciprocal_rank(ranked, relevant, 4) == 1.0
    assert naive.reciprocal_rank([0, 7], relevant, 2) == 0.5
    assert naive.reciprocal_rank([0, 1], relevant, 2) == 0.0
    assert naive.average_precision(ranked, relevant, 4) == pytest.approx((1 + 2 / 3) / 3)
    ideal = 1 + 1 / np.log2(3) + 1 / 2
    assert naive.ndcg(ranked, relevant, 4) == pytest.approx((1 + 1 / 2) / ideal)


def test_rmse_of_errors_of_one_and_two() -> None:
    assert naive.rmse([1.0, 4.0], [2.0, 2.0]) == pytest.approx(np.sqrt(2.5))
