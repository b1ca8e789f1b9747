//! The most similar rows of a sparse matrix.

use crate::errors::OrRaise;
use crate::sparse::{Triple, csr, triple};
use pyo3::prelude::*;

/// For each row of a sparse matrix (n rows, `columns` columns) the `k` other rows with the greatest
/// cosine, as `(indptr, indices, values)`: the rows and their similarities, best first, ties to the
/// lower row.
///
/// A row has fewer than k neighbours when fewer have a similarity that isn't 0; negative ones come
/// last. With `shrinkage` > 0 a similarity is multiplied by `overlap / (overlap + shrinkage)`,
/// where `overlap` is the number of columns in which both rows have an entry (Bell and Koren 2007).
/// Dot products are float32 sums in the order of the columns; the bits don't depend on `threads`.
/// The columns of a row must be ascending and unique, the values finite: `DataError` otherwise.
/// `SettingsError` for `k` below 1 or a negative `shrinkage`.
/// O(sum over columns of entries^2 / 2) time, O(threads x n x k + entries) memory.
#[pyfunction]
#[pyo3(signature = (indptr, indices, values, columns, k, *, shrinkage = 0.0, threads = 1))]
#[expect(
    clippy::too_many_arguments,
    reason = "a sparse matrix is three arrays and a width"
)]
fn neighbours<'py>(
    py: Python<'py>,
    indptr: &Bound<'py, PyAny>,
    indices: &Bound<'py, PyAny>,
    values: &Bound<'py, PyAny>,
    columns: usize,
    k: usize,
    shrinkage: f64,
    threads: usize,
) -> PyResult<Triple<'py>> {
    let matrix = csr(indptr, indices, values, columns)?;
    let found = py
        .detach(|| penchant_kernels::neighbours::neighbours(&matrix, k, shrinkage, threads))
        .or_raise(py)?;
    Ok(triple(py, found))
}

/// Adds this module's function.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(neighbours, module)?)
}
