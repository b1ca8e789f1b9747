//! The most similar rows of a sparse matrix, and what they say.

use crate::arrays::{together, vector};
use crate::errors::{OrRaise, shape_error};
use crate::numbers::{real, whole};
use crate::progress::Progress;
use crate::sparse::{AnyTriple, Triple, csr, triple};
use crate::turns::Turns;
use numpy::ndarray::Array3;
use numpy::{IntoPyArray, PyArray3};
use penchant_kernels::nearest_means as means;
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
        .detached(|| {
            penchant_kernels::neighbours::neighbours(&matrix, &settings, |done, rows| {
                progress.tell((done, rows))
            })
        })
        .or_raise(py)?;
    progress.into_result()?;
    Ok(triple(py, found.unwrap_or_default()))
}

/// Weighted sums over the first `k` of ranked lists that speak in a row: (n, 2, lists) float32.
///
/// `(indptr, indices, values)` is a sparse matrix (n rows, `columns` columns), the triple `lists`
/// one whose rows may be in any order of columns, best first for neighbours. For row r and list l,
/// `[r, 0, l]` is the sum of weight * value and `[r, 1, l]` that of the weights, over the first `k`
/// entries of l in whose columns r has an entry; both are 0 where fewer than `least` meet. `which`,
/// int32, names the lists to use, in this order; `None` uses all.
///
/// Sums are float64 in the order of a list, rounded once; the bits depend neither on the batch nor
/// on `threads`. `DataError` for damage, a value that isn't finite or a list that doesn't exist,
/// `SettingsError` for `k` or `threads` below 1. O(n x entries of the lists) time at most: a list is
/// left where k were met.
#[pyfunction]
#[pyo3(signature = (
    indptr, indices, values, lists, columns, k, *, which = None, least = 1, threads = 1
))]
#[expect(
    clippy::too_many_arguments,
    reason = "a sparse matrix is three arrays and a width"
)]
fn nearest_means<'py>(
    py: Python<'py>,
    indptr: &Bound<'py, PyAny>,
    indices: &Bound<'py, PyAny>,
    values: &Bound<'py, PyAny>,
    lists: &Bound<'py, PyAny>,
    #[pyo3(from_py_with = whole)] columns: usize,
    #[pyo3(from_py_with = whole)] k: usize,
    which: Option<&Bound<'py, PyAny>>,
    #[pyo3(from_py_with = whole)] least: usize,
    #[pyo3(from_py_with = whole)] threads: usize,
) -> PyResult<Bound<'py, PyArray3<f32>>> {
    let (ends, who, weights): AnyTriple<'_> =
        together(lists, "lists", "a triple (indptr, indices, values)")?;
    let lists = csr(&ends, &who, &weights, columns)?;
    let given = csr(indptr, indices, values, columns)?;
    let which = which.map(|rows| vector(rows, "which")).transpose()?;
    let told = py
        .detached(|| means::nearest_means(&given, &lists, which, k, least, threads))
        .or_raise(py)?;
    let count = which.map_or(lists.rows(), <[i32]>::len);
    Array3::from_shape_vec((given.rows(), 2, count), told)
        .map(|told| told.into_pyarray(py))
        .map_err(|error| shape_error(py, error.to_string()))
}

/// Adds this module's functions.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(neighbours, module)?)?;
    module.add_function(wrap_pyfunction!(nearest_means, module)?)
}
