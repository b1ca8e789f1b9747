//! Sparse products and the transpose, over CSR triples of numpy arrays.

use crate::arrays::{matrix, together, vector};
use crate::errors::{OrRaise, shape_error};
use crate::numbers::whole;
use crate::turns::Turns;
use numpy::ndarray::Array2;
use numpy::{IntoPyArray, PyArray1, PyArray2};
use penchant_kernels::csr::{Csr, CsrBuf};
use penchant_kernels::sparse;
use pyo3::prelude::*;

/// Three arrays of a sparse matrix, as Python gets them.
pub(crate) type Triple<'py> = (
    Bound<'py, PyArray1<i64>>,
    Bound<'py, PyArray1<i32>>,
    Bound<'py, PyArray1<f32>>,
);

/// Three arguments of Python that should be the arrays of a sparse matrix.
pub(crate) type AnyTriple<'py> = (Bound<'py, PyAny>, Bound<'py, PyAny>, Bound<'py, PyAny>);

/// A sparse matrix of `columns` columns over three arguments, checked for dtype and layout.
pub(crate) fn csr<'a>(
    indptr: &'a Bound<'_, PyAny>,
    indices: &'a Bound<'_, PyAny>,
    values: &'a Bound<'_, PyAny>,
    columns: usize,
) -> PyResult<Csr<'a>> {
    let py = indptr.py();
    let (indptr, indices) = (vector(indptr, "indptr")?, vector(indices, "indices")?);
    Csr::new(indptr, indices, vector(values, "values")?, columns).or_raise(py)
}

/// Gives the arrays of `matrix` to Python, without a copy.
pub(crate) fn triple(py: Python<'_>, matrix: CsrBuf) -> Triple<'_> {
    (
        matrix.indptr.into_pyarray(py),
        matrix.indices.into_pyarray(py),
        matrix.values.into_pyarray(py),
    )
}

/// `numbers` as a matrix of Python with rows of `width`.
pub(crate) fn rows_of(
    py: Python<'_>,
    numbers: Vec<f32>,
    width: usize,
    rows: usize,
) -> PyResult<Bound<'_, PyArray2<f32>>> {
    Array2::from_shape_vec((rows, width), numbers)
        .map(|matrix| matrix.into_pyarray(py))
        .map_err(|error| shape_error(py, error.to_string()))
}

/// The transpose of a sparse matrix of `columns` columns: `(indptr, indices, values)`.
///
/// The columns of a new row are ascending. O(entries + rows + columns).
#[pyfunction]
fn transpose<'py>(
    py: Python<'py>,
    indptr: &Bound<'py, PyAny>,
    indices: &Bound<'py, PyAny>,
    values: &Bound<'py, PyAny>,
    #[pyo3(from_py_with = whole)] columns: usize,
) -> PyResult<Triple<'py>> {
    let matrix = csr(indptr, indices, values, columns)?;
    let turned = py.detached(|| matrix.transpose()).or_raise(py)?;
    Ok(triple(py, turned))
}

/// A sparse matrix (n rows, c columns) times a dense one (c, m) float32: (n, m) float32.
///
/// `out_rows`, int32, asks for these rows of the product alone, in this order; -1 gives zeros.
/// A row's products are rounded, then added in the order of its columns, so the bits depend neither
/// on the batch, nor on `threads`, nor on the machine. Only rows that are used are checked.
/// O(entries of the rows x m).
#[pyfunction]
#[pyo3(signature = (indptr, indices, values, dense, *, out_rows = None, threads = 1))]
fn sparse_dense<'py>(
    py: Python<'py>,
    indptr: &Bound<'py, PyAny>,
    indices: &Bound<'py, PyAny>,
    values: &Bound<'py, PyAny>,
    dense: &Bound<'py, PyAny>,
    out_rows: Option<&Bound<'py, PyAny>>,
    #[pyo3(from_py_with = whole)] threads: usize,
) -> PyResult<Bound<'py, PyArray2<f32>>> {
    let (numbers, columns, width) = matrix(dense, "dense")?;
    let sparse = csr(indptr, indices, values, columns)?;
    let rows = out_rows.map(|rows| vector(rows, "out_rows")).transpose()?;
    let product = py
        .detached(|| sparse::sparse_dense(&sparse, numbers, width, rows, threads))
        .or_raise(py)?;
    rows_of(py, product, width, rows.map_or(sparse.rows(), <[i32]>::len))
}

/// A sparse matrix (n rows, c columns) times another (c rows, `columns` columns): (n, columns)
/// float32, dense.
///
/// `other` is the triple of the second matrix. Order of the additions and checks are those of
/// `sparse_dense`. O(n x columns + products that are added).
#[pyfunction]
#[pyo3(signature = (indptr, indices, values, other, columns, *, threads = 1))]
fn sparse_sparse<'py>(
    py: Python<'py>,
    indptr: &Bound<'py, PyAny>,
    indices: &Bound<'py, PyAny>,
    values: &Bound<'py, PyAny>,
    other: &Bound<'py, PyAny>,
    #[pyo3(from_py_with = whole)] columns: usize,
    #[pyo3(from_py_with = whole)] threads: usize,
) -> PyResult<Bound<'py, PyArray2<f32>>> {
    let (other_indptr, other_indices, other_values): AnyTriple<'_> =
        together(other, "other", "a triple (indptr, indices, values)")?;
    let right = csr(&other_indptr, &other_indices, &other_values, columns)?;
    let left = csr(indptr, indices, values, right.rows())?;
    let product = py
        .detached(|| sparse::sparse_sparse(&left, &right, threads))
        .or_raise(py)?;
    rows_of(py, product, columns, left.rows())
}

/// Adds this module's functions.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(transpose, module)?)?;
    module.add_function(wrap_pyfunction!(sparse_dense, module)?)?;
    module.add_function(wrap_pyfunction!(sparse_sparse, module)?)
}
