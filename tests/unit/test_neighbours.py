"""Most similar rows, on matrices whose angles a person can see."""

from itertools import pairwise

import numpy as np
import pytest
from penchant.errors import DataError, SettingsError
from penchant.kernels import neighbours


def csr(dense):
    dense = np.asarray(dense, np.float32)
    rows, columns = np.nonzero(dense)
    indptr = np.searchsorted(rows, np.arange(len(dense) + 1)).astype(np.int64)
    return indptr, columns.astype(np.int32), dense[rows, columns], dense.shape[1]


def found(dense, k, **settings):
    indptr, indices, values = neighbours(*csr(dense), k, **settings)
    return [
        list(zip(indices[a:b].tolist(), values[a:b].tolist(), strict=True))
        for a, b in pairwise(indptr)
    ]


def test_the_nearest_rows_come_first_and_a_row_is_not_its_own_neighbour():
    root = float(np.float32(np.sqrt(0.5)))
    assert found([[1, 1], [1, 0], [3, 3]], 2) == [
        [(2, 1.0), (1, root)],
        [(0, root), (2, root)],
        [(0, 1.0), (1, root)],
    ]


def test_ties_go_to_the_lower_row():
    assert [[row for row, _ in rows] for rows in found(np.ones((4, 1)), 2)] == [
        [1, 2],
        [0, 2],
        [0, 1],
        [0, 1],
    ]


def test_rows_without_common_columns_or_without_entries_have_no_neighbours():
    assert found([[1, 0], [0, 1], [0, 0]], 5) == [[], [], []]


def test_opposite_rows_are_neighbours_of_last_resort():
    assert found([[1.0], [-2.0], [3.0]], 2)[0] == [(2, 1.0), (1, -1.0)]


def test_shrinkage_trusts_a_larger_overlap_more():
    rows = [[1, 1, 1, 0], [1, 1, 1, 0], [0, 0, 1, 0]]
    shrunk = dict(found(rows, 2, shrinkage=1.0)[0])
    assert shrunk[1] == pytest.approx(3 / 4)
    assert shrunk[2] == pytest.approx(1 / np.sqrt(3) * 1 / 2)


@pytest.mark.parametrize(
    ("similarity", "expected"),
    [
        ("cosine", 23 / np.sqrt(35 * 21)),
        ("adjusted_cosine", -np.sqrt(1 / 2)),  # (5 - 4, 3 - 2) and (4 - 4, 1 - 2)
        ("pearson", 1),
        ("jaccard", 2 / 4),
        ("euclidean", 1 / (1 + (1 + 4) / 2)),
    ],
)
def test_each_similarity_is_what_a_person_works_out(similarity, expected):
    rows = [[5, 3, 0, 1], [4, 1, 2, 0], [3, 2, 2, 0]]
    assert dict(found(rows, 2, similarity=similarity)[0])[1] == pytest.approx(expected)


def test_progress_hears_of_rows_and_what_it_raises_passes_through():
    heard = []
    found(np.ones((3, 1)), 1, progress=lambda *words: heard.append(words))
    assert heard == [(3, 3)]

    def stop(done, rows):
        raise InterruptedError(f"{done} of {rows}")

    with pytest.raises(InterruptedError, match="3 of 3"):
        found(np.ones((3, 1)), 1, progress=stop)


def test_the_answer_is_a_sparse_matrix_of_the_usual_dtypes():
    arrays = neighbours(*csr(np.zeros((3, 2))), 1)
    assert [array.dtype for array in arrays] == [np.int64, np.int32, np.float32]
    assert arrays[0].tolist() == [0, 0, 0, 0]
    assert neighbours(*csr(np.zeros((0, 2))), 1)[0].tolist() == [0]


def test_wrong_settings_are_refused():
    matrix = csr([[1.0]])
    with pytest.raises(SettingsError, match="k is 0, and must be at least 1"):
        neighbours(*matrix, 0)
    with pytest.raises(SettingsError, match="shrinkage is -1, and must be 0 or a positive number"):
        neighbours(*matrix, 1, shrinkage=-1.0)
    with pytest.raises(SettingsError, match="similarity is 'cos', and must be 'cosine', 'adj"):
        neighbours(*matrix, 1, similarity="cos")
    with pytest.raises(SettingsError, match="threads is 0"):
        neighbours(*matrix, 1, threads=0)
    with pytest.raises(DataError, match="row 0 has the value inf, and values must be finite"):
        neighbours(*csr([[np.inf]]), 1)
