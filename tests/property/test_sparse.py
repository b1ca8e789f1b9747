"""Sparse products against numpy, and against themselves in other batches and threads."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from penchant.kernels import sparse_dense, sparse_sparse, transpose

SIZES = st.integers(0, 9)
NUMBERS = st.sampled_from([0.0, 0.0, 0.0, 0.1, -1.7, 2.5, 1e-3, 3e3])


def csr(dense):
    rows, columns = np.nonzero(dense)
    indptr = np.searchsorted(rows, np.arange(len(dense) + 1))
    return indptr.astype(np.int64), columns.astype(np.int32), dense[rows, columns]


@st.composite
def matrix(draw, rows, columns):
    dense = draw(hnp.arrays(np.float32, (rows, columns), elements=NUMBERS))
    return dense, csr(dense)


@st.composite
def products(draw):
    n, c, m = draw(SIZES), draw(SIZES), draw(st.integers(0, 40))
    return draw(matrix(n, c)), draw(matrix(c, m))


@given(products())
def test_a_product_is_what_numpy_says_and_has_one_set_of_bits(pair):
    (a, left), (b, right) = pair
    product = sparse_dense(*left, b)
    exact = a.astype(np.float64) @ b.astype(np.float64)
    bound = np.abs(a).astype(np.float64) @ np.abs(b).astype(np.float64)
    assert (np.abs(product - exact) <= 1e-6 * bound).all()
    for again in (
        sparse_dense(*left, b, threads=3),
        sparse_sparse(*left, right, b.shape[1]),
        sparse_sparse(*left, right, b.shape[1], threads=3),
    ):
        assert again.tobytes() == product.tobytes()
    for row in range(len(a)):
        alone = sparse_dense(*left, b, out_rows=np.array([row], np.int32))
        assert alone.tobytes() == product[row].tobytes()


@given(st.data(), SIZES, SIZES)
def test_a_transpose_is_the_dense_transpose(data, rows, columns):
    dense, arrays = data.draw(matrix(rows, columns))
    for array, expected in zip(transpose(*arrays, columns), csr(dense.T), strict=True):
        assert array.tolist() == expected.tolist()
