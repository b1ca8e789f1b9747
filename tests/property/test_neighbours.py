"""Most similar rows against the dense matrix of cosines."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from penchant.kernels import neighbours

VALUES = st.sampled_from([0.0, 0.0, 0.0, 1.0, 2.5, -1.0, 0.1])
MATRICES = hnp.arrays(np.float32, st.tuples(st.integers(0, 40), st.integers(0, 9)), elements=VALUES)


def csr(dense):
    rows, columns = np.nonzero(dense)
    indptr = np.searchsorted(rows, np.arange(len(dense) + 1)).astype(np.int64)
    return indptr, columns.astype(np.int32), dense[rows, columns], dense.shape[1]


def naive(dense, shrinkage):
    wide = dense.astype(np.float64)
    norms = np.sqrt((wide**2).sum(1))
    scale = np.outer(norms, norms)
    cosine = np.divide(wide @ wide.T, scale, out=np.zeros_like(scale), where=scale > 0)
    present = (dense != 0).astype(np.float64)
    overlap = present @ present.T
    if shrinkage:
        cosine *= overlap / (overlap + shrinkage)
    np.fill_diagonal(cosine, 0)
    return cosine


@given(MATRICES, st.integers(1, 6), st.sampled_from([0.0, 3.0]), st.integers(1, 3))
def test_no_row_is_nearer_than_those_returned(dense, k, shrinkage, threads):
    expected = naive(dense, shrinkage)
    indptr, indices, values = neighbours(*csr(dense), k, shrinkage=shrinkage, threads=threads)
    for row, similarities in enumerate(expected):
        rows = indices[indptr[row] : indptr[row + 1]]
        got = values[indptr[row] : indptr[row + 1]]
        assert len(set(rows.tolist()) - {row}) == len(rows)
        np.testing.assert_allclose(got, similarities[rows], atol=1e-6)
        nonzero = similarities[np.abs(similarities) > 1e-6]
        best = np.sort(nonzero)[::-1][:k]
        np.testing.assert_allclose(got[: len(best)], best, atol=1e-6)
        assert np.abs(got[len(best) :]).max(initial=0) <= 1e-6


@given(MATRICES, st.integers(1, 6))
def test_threads_do_not_change_a_bit(dense, k):
    one, three = (neighbours(*csr(dense), k, threads=threads) for threads in (1, 3))
    assert [array.tobytes() for array in one] == [array.tobytes() for array in three]
