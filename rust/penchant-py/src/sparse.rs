//! Sparse products and the transpose, over CSR triples of numpy arrays.

use crate::arrays::array;
use crate::errors::{Class, kernel_error};
use numpy::ndarray::Array2;
use numpy::{IntoPyArray, Ix1, Ix2, PyArray1, PyArray2, PyReadonlyArray1, PyUntypedArrayMethods};
use penchant_kernels::csr::{Csr, CsrBuf};
use penchant_kernels::sparse;
use pyo3::prelude::*;

/// Three arrays of a sparse matrix, as Python gets them.
pub type Triple<'py> = (
    Bound<'py, PyArray1<i64>>,
    Bound<'py, PyArray1<i32>>,
    Bound<'py, PyArray1<f32>>,
);

/// Three arguments of Python that should be the arrays of a sparse matrix.
type AnyTriple<'py> = (Bound<'py, PyAny>, Bound<'py, PyAny>, Bound<'py, PyAny>);

/// Borrowed arrays of a sparse matrix, checked for dtype and layout.
pub struct CsrArrays<'py> {
    indptr: PyReadonlyArray1<'py, i64>,
    indices: PyReadonlyArray1<'py, i32>,
    values: PyReadonlyArray1<'py, f32>,
}

impl<'py> CsrArrays<'py> {
    pub fn new(
        indptr: &Bound<'py, PyAny>,
        indices: &Bound<'py, PyAny>,
        values: &Bound<'py, PyAny>,
    ) -> PyResult<Self> {
        Ok(Self {
            indptr: array::<i64, Ix1>("indptr", indptr)?,
            indices: array::<i32, Ix1>("indices", indices)?,
            values: array::<f32, Ix1>("values", values)?,
        })
    }

    pub fn view(&self, columns: usize) -> PyResult<Csr<'_>> {
        let (indptr, indices) = (self.indptr.as_slice()?, self.indices.as_slice()?);
        Csr::new(indptr, indices, self.values.as_slice()?, columns)
            .map_err(|error| kernel_error(self.indptr.py(), &error))
    }
}

/// Gives the arrays of `matrix` to Python, without a copy.
pub fn triple(py: Python<'_>, matrix: CsrBuf) -> Triple<'_> {
    (
        matrix.indptr.into_pyarray(py),
        matrix.indices.into_pyarray(py),
        matrix.values.into_pyarray(py),
    )
}

/// `numbers` as a matrix of Python with rows of `width`.
pub fn rows_of(
    py: Python<'_>,
    numbers: Vec<f32>,
    width: usize,
    rows: usize,
) -> PyResult<Bound<'_, PyArray2<f32>>> {
    Array2::from_shape_vec((rows, width), numbers)
        .map(|matrix| matrix.into_pyarray(py))
        .map_err(|error| Class::Shape.error(py, &error.to_string()))
}

/// The transpose of a sparse matrix of `columns` columns: `(indptr, indices, values)`.
///
/// The columns of a new row are ascending. O(entries + rows + columns).
#[pyfunction]
pub fn transpose<'py>(
    py: Python<'py>,
    indptr: &Bound<'py, PyAny>,
    indices: &Bound<'py, PyAny>,
    values: &Bound<'py, PyAny>,
    columns: usize,
) -> PyResult<Triple<'py>> {
    let arrays = CsrArrays::new(indptr, indices, values)?;
    let matrix = arrays.view(columns)?;
    let turned = py
        .detach(|| matrix.transpose())
        .map_err(|error| kernel_error(py, &error))?;
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
pub fn sparse_dense<'py>(
    py: Python<'py>,
    indptr: &Bound<'py, PyAny>,
    indices: &Bound<'py, PyAny>,
    values: &Bound<'py, PyAny>,
    dense: &Bound<'py, PyAny>,
    out_rows: Option<&Bound<'py, PyAny>>,
    threads: usize,
) -> PyResult<Bound<'py, PyArray2<f32>>> {
    let arrays = CsrArrays::new(indptr, indices, values)?;
    let dense = array::<f32, Ix2>("dense", dense)?;
    let [columns, width] = [dense.shape()[0], dense.shape()[1]];
    let rows = out_rows
        .map(|rows| array::<i32, Ix1>("out_rows", rows))
        .transpose()?;
    let (matrix, numbers) = (arrays.view(columns)?, dense.as_slice()?);
    let rows = rows.as_ref().map(|rows| rows.as_slice()).transpose()?;
    let product = py
        .detach(|| sparse::sparse_dense(&matrix, numbers, width, rows, threads))
        .map_err(|error| kernel_error(py, &error))?;
    rows_of(py, product, width, rows.map_or(matrix.rows(), <[i32]>::len))
}

/// A sparse matrix (n rows, c columns) times another (c rows, `columns` columns): (n, columns)
/// float32, dense.
///
/// `other` is the triple of the second matrix. Order of the additions and checks are those of
/// `sparse_dense`. O(n x columns + products that are added).
#[pyfunction]
#[pyo3(signature = (indptr, indices, values, other, columns, *, threads = 1))]
pub fn sparse_sparse<'py>(
    py: Python<'py>,
    indptr: &Bound<'py, PyAny>,
    indices: &Bound<'py, PyAny>,
    values: &Bound<'py, PyAny>,
    other: AnyTriple<'py>,
    columns: usize,
    threads: usize,
) -> PyResult<Bound<'py, PyArray2<f32>>> {
    let arrays = CsrArrays::new(indptr, indices, values)?;
    let (other_indptr, other_indices, other_values) = other;
    let others = CsrArrays::new(&other_indptr, &other_indices, &other_values)?;
    let right = others.view(columns)?;
    let left = arrays.view(right.rows())?;
    let product = py
        .detach(|| sparse::sparse_sparse(&left, &right, threads))
        .map_err(|error| kernel_error(py, &error))?;
    rows_of(py, product, columns, left.rows())
}
