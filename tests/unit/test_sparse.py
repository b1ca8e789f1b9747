"""Sparse products and the transpose on matrices small enough to multiply by eye."""

import numpy as np
import pytest
from penchant.errors import DataError, SettingsError, ShapeError
from penchant.kernels import sparse_dense, sparse_sparse, transpose


def csr(dense):
    dense = np.asarray(dense, np.float32)
    rows, columns = np.nonzero(dense)
    indptr = np.zeros(len(dense) + 1, np.int64)
    np.cumsum(np.bincount(rows, minlength=len(dense)), out=indptr[1:])
    return indptr, columns.astype(np.int32), dense[rows, columns]


A = csr([[1, 0, 2], [0, 0, 0], [0, 3, 0]])
B = np.array([[1, 10], [2, 20], [3, 30]], np.float32)


def test_a_transpose_has_rows_for_columns():
    indptr, indices, values = transpose(*A, 3)
    assert indptr.tolist() == [0, 1, 2, 3]
    assert indices.tolist() == [0, 2, 0]
    assert values.tolist() == [1, 3, 2]
    assert (indptr.dtype, indices.dtype, values.dtype) == (np.int64, np.int32, np.float32)


def test_a_transpose_has_a_row_for_a_column_that_nothing_stands_in():
    indptr, _, _ = transpose(*csr([[0, 1]]), 4)
    assert indptr.tolist() == [0, 0, 1, 1, 1]


def test_sparse_times_dense_is_the_product_that_one_computes_by_hand():
    assert sparse_dense(*A, B).tolist() == [[7, 70], [0, 0], [6, 60]]


def test_chosen_rows_come_in_the_order_asked_and_minus_one_is_zeros():
    product = sparse_dense(*A, B, out_rows=np.array([2, -1, 0, 2], np.int32))
    assert product.tolist() == [[6, 60], [0, 0], [7, 70], [6, 60]]


def test_sparse_times_sparse_is_the_same_product():
    assert sparse_sparse(*A, csr(B), 2).tolist() == [[7, 70], [0, 0], [6, 60]]


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (0, 0)])
def test_empty_sides_give_empty_products(shape):
    rows, width = shape
    none = csr(np.zeros((rows, 3)))
    dense = np.zeros((3, width), np.float32)
    assert sparse_dense(*none, dense).shape == shape
    assert sparse_sparse(*none, csr(dense), width).shape == shape


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(DataError, match="row 0 has columns from 0 to 2, and the matrix has 2 col"):
        sparse_dense(*A, B[:2])
    with pytest.raises(ShapeError, match=r"values has 2 entries, .* each of the 3 indices"):
        sparse_dense(A[0], A[1], A[2][:2], B)
    with pytest.raises(ShapeError, match="dense has dtype float64, but float32 is needed"):
        sparse_dense(*A, B.astype(np.float64))
    with pytest.raises(ShapeError, match="dense is not C-contiguous"):
        sparse_dense(*A, np.asfortranarray(B))
    with pytest.raises(ShapeError, match="indptr is empty"):
        transpose(A[0][:0], A[1][:0], A[2][:0], 3)


def test_damaged_rows_are_named():
    indptr, indices, values = A
    with pytest.raises(DataError, match="the columns of row 0 are not ascending and unique"):
        transpose(indptr, indices[::-1].copy() * 0, values, 3)
    with pytest.raises(DataError, match="indptr runs from 0 to 2, and must run from 0 to 3"):
        transpose(indptr[:2], indices, values, 3)
    with pytest.raises(DataError, match="row 2 has columns from -1 to -1"):
        sparse_sparse(indptr, np.array([0, 2, -1], np.int32), values, csr(B), 2)
    with pytest.raises(DataError, match="indptr says that row 1 is entries 2 to -5"):
        sparse_dense(np.array([0, 2, -5, 3]), indices, values, B)


def test_a_row_that_does_not_exist_is_refused():
    for row in (3, -2):
        with pytest.raises(DataError, match=f"out_rows holds {row}, and must hold -1 or rows of"):
            sparse_dense(*A, B, out_rows=np.array([row], np.int32))


def test_no_thread_at_all_is_refused():
    with pytest.raises(SettingsError, match="threads is 0, and must be at least 1"):
        sparse_dense(*A, B, threads=0)
