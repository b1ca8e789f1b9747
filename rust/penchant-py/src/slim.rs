//! SLIM: columns as sparse sums of the others.

use crate::errors::OrRaise;
use crate::numbers::{real, whole};
use crate::progress::Progress;
use crate::sparse::{Triple, csr, triple};
use crate::turns::Turns;
use penchant_kernels::slim::Settings;
use pyo3::prelude::*;

/// SLIM (Ning and Karypis, "SLIM: Sparse Linear Methods for Top-N Recommender Systems", 2011, eq. 4):
/// for each column y of a sparse matrix X (n rows, `columns` columns) the weights w of the least
///
///     |y - Xw|^2 / 2 + l2 x |w|^2 / 2 + l1 x sum of |w|
///
/// where y itself weighs 0 and, with `non_negative`, no weight is below 0. Comes back as
/// `(indptr, indices, values)`: row j holds the columns that foretell column j, ascending, and their
/// weights, none of them 0.
///
/// Coordinate descent until no weight's slope is farther from its optimum than a ten-thousandth of the
/// steepest slope at w = 0. Sums are float64 in one order; the bits don't depend on `threads`.
///
/// `progress(done, columns)` is called now and then; what it raises, and an interrupt from the
/// keyboard, pass through.
///
/// The columns of a row must be ascending and unique, the values finite: `DataError` otherwise.
/// `SettingsError` for a negative `l1`, an `l2` that isn't positive, or `threads` below 1, `FitDiverged`
/// for a weight beyond float32. O(entries + threads x (n + columns) + weights) memory; a pass over what
/// may weigh for a column reads the columns that share more than `l1` with it, where neither values nor
/// weights are negative, and all of them otherwise.
#[pyfunction]
#[pyo3(signature = (
    indptr, indices, values, columns, *, l1, l2, non_negative = true, threads = 1, progress = None
))]
#[expect(
    clippy::too_many_arguments,
    reason = "a sparse matrix is three arrays and a width"
)]
fn slim<'py>(
    py: Python<'py>,
    indptr: &Bound<'py, PyAny>,
    indices: &Bound<'py, PyAny>,
    values: &Bound<'py, PyAny>,
    #[pyo3(from_py_with = whole)] columns: usize,
    #[pyo3(from_py_with = real)] l1: f64,
    #[pyo3(from_py_with = real)] l2: f64,
    non_negative: bool,
    #[pyo3(from_py_with = whole)] threads: usize,
    progress: Option<&Bound<'py, PyAny>>,
) -> PyResult<Triple<'py>> {
    let matrix = csr(indptr, indices, values, columns)?;
    let settings = Settings {
        l1,
        l2,
        non_negative,
        threads,
    };
    let mut progress = Progress::new(progress);
    let found = py
        .detached(|| {
            penchant_kernels::slim::slim(&matrix, &settings, |done, columns| {
                progress.tell((done, columns))
            })
        })
        .or_raise(py)?;
    progress.into_result()?;
    Ok(triple(py, found.unwrap_or_default()))
}

/// Adds this module's function.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(slim, module)?)
}
