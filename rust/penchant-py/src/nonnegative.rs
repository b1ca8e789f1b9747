//! Least squares without negative numbers: one side of a non-negative factorisation at a time.

use crate::arrays::{matrix, rows, vector};
use crate::errors::OrRaise;
use crate::numbers::{fits_memory, real, whole};
use crate::sparse::{csr, rows_of};
use crate::turns::Turns;
use numpy::PyArray2;
use penchant_kernels::nonnegative::{self, Settings};
use penchant_kernels::{Isa, Matrix};
use pyo3::prelude::*;

/// For each row of a sparse matrix the numbers, none below 0, that foretell its values best:
/// (n, factors) float32.
///
/// `(indptr, indices, values)` has n rows and a column for each row of `fixed`, (columns, factors)
/// float32. A row of the result minimises over x >= 0
///
///     sum over the row's entries of (value - fixed[column] . x)^2  +  regularization x entries x |x|^2
///       + prior_weight x |x - prior|^2
///
/// where `prior` is (factors,) float32, no number below 0, or left out with its weight; one coordinate after another (Franc, Hlavac and Navara 2005), from `start`, (n, factors) float32,
/// or zeros, until a sweep moves none by more than a millionth of the largest, `sweeps` times at the
/// most. A row without entries is the prior, zeros without one. In turns over both sides, a few sweeps each, this is the
/// non-negative matrix factorisation of the entries that are there (Kim and Park 2008; Hsieh and
/// Dhillon 2011).
///
/// A row's bits depend neither on the rows beside it, nor on `threads`, nor on the machine.
/// `SettingsError` for a setting out of its range (factors: 1 to 512), `ShapeError` for shapes that
/// don't fit, `DataError` for damage or a number that isn't finite, `FitDiverged` when the sums of a
/// row leave the range of float32. O(entries x factors^2 + n x sweeps x factors^2) time.
#[pyfunction]
#[pyo3(signature = (
    indptr, indices, values, fixed, *, regularization, prior = None, prior_weight = 0.0,
    sweeps = 1000, start = None, threads = 1
))]
#[expect(
    clippy::too_many_arguments,
    reason = "a sparse matrix is three arrays, and the rest are keywords in Python"
)]
fn nonnegative_least_squares<'py>(
    py: Python<'py>,
    indptr: &Bound<'py, PyAny>,
    indices: &Bound<'py, PyAny>,
    values: &Bound<'py, PyAny>,
    fixed: &Bound<'py, PyAny>,
    #[pyo3(from_py_with = real)] regularization: f32,
    prior: Option<&Bound<'py, PyAny>>,
    #[pyo3(from_py_with = real)] prior_weight: f32,
    #[pyo3(from_py_with = whole)] sweeps: usize,
    start: Option<&Bound<'py, PyAny>>,
    #[pyo3(from_py_with = whole)] threads: usize,
) -> PyResult<Bound<'py, PyArray2<f32>>> {
    let (numbers, columns, factors) = matrix(fixed, "fixed")?;
    let fixed = Matrix::new(numbers, columns, factors).or_raise(py)?;
    let values = csr(indptr, indices, values, columns)?;
    let start = rows(start, "start")?;
    let prior = prior.map(|prior| vector(prior, "prior")).transpose()?;
    fits_memory(values.rows().saturating_mul(factors), || {
        format!("{factors} factors of {} rows", values.rows())
    })
    .or_raise(py)?;
    let settings = Settings {
        regularization,
        prior: prior.map(|prior| (prior, prior_weight)),
        sweeps,
        threads,
    };
    let solved = py
        .detached(|| nonnegative::rows(&values, fixed, start, &settings, Isa::best()))
        .or_raise(py)?;
    rows_of(py, solved, factors, values.rows())
}

/// Adds this module's function.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(nonnegative_least_squares, module)?)
}
