//! The most similar rows of a sparse matrix.

use crate::errors::OrRaise;
use crate::numbers::{real, whole};
use crate::progress::Progress;
use crate::sparse::{Triple, csr, triple};
use penchant_kernels::neighbours::Settings;
use pyo3::prelude::*;

/// For each row of a sparse matrix (n rows, `columns` columns) the `k` most similar other rows, as
/// `(indptr, indices, values)`: the rows and their similarities, best first, ties to the lower row.
///
/// `similarity` of rows a and b, where c are the columns in which both have an entry:
///
/// - `"cosine"`: a.b / (|a| |b|), an absent entry being 0;
/// - `"adjusted_cosine"`: the cosine over c alone, once each column's mean is taken from its entries
///   (Sarwar, Karypis, Konstan and Riedl 2001);
/// - `"pearson"`: the correlation over c alone;
/// - `"jaccard"`: |c| / (columns that a or b has), whatever the values;
/// - `"euclidean"`: 1 / (1 + mean over c of (a - b)^2).
///
/// With `shrinkage` > 0 a similarity is multiplied by |c| / (|c| + shrinkage) (Bell and Koren 2007).
/// A row has fewer than k neighbours when fewer have a similarity that isn't 0; negative ones come
/// last. Dot products of "cosine" are float32 sums in the order of the columns, all other sums
/// float64; the bits don't depend on `threads`. An entry counts as one even if it holds a 0.
///
/// `progress(done, rows)` is called now and then; what it raises, and an interrupt from the
/// keyboard, pass through.
///
/// The columns of a row must be ascending and unique, the values finite: `DataError` otherwise.
/// `SettingsError` for `k` below 1, a negative `shrinkage` or an unknown `similarity`.
/// O(sum over columns of entries^2 / 2) time, O(threads x n x k + entries) memory.
#[pyfunction]
#[pyo3(signature = (
    indptr, indices, values, columns, k, *, similarity = "cosine", shrinkage = 0.0, threads = 1,
    progress = None
))]
#[expect(
    clippy::too_many_arguments,
    reason = "a sparse matrix is three arrays and a width"
)]
fn neighbours<'py>(
    py: Python<'py>,
    indptr: &Bound<'py, PyAny>,
    indices: &Bound<'py, PyAny>,
    values: &Bound<'py, PyAny>,
    #[pyo3(from_py_with = whole)] columns: usize,
    #[pyo3(from_py_with = whole)] k: usize,
    similarity: &str,
    #[pyo3(from_py_with = real)] shrinkage: f64,
    #[pyo3(from_py_with = whole)] threads: usize,
    progress: Option<&Bound<'py, PyAny>>,
) -> PyResult<Triple<'py>> {
    let matrix = csr(indptr, indices, values, columns)?;
    let settings = Settings {
        k,
        similarity: similarity.parse().or_raise(py)?,
        shrinkage,
        threads,
    };
    let mut progress = Progress::new(progress);
    let found = py
        .detach(|| {
            penchant_kernels::neighbours::neighbours(&matrix, &settings, |done, rows| {
                progress.tell((done, rows))
            })
        })
        .or_raise(py)?;
    progress.into_result()?;
    Ok(triple(py, found.unwrap_or_default()))
}

/// Adds this module's function.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(neighbours, module)?)
}
