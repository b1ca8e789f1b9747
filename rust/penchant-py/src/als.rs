//! Matrix factorisation of likings by alternating least squares.

use crate::arrays::{matrix, rows, vector};
use crate::errors::OrRaise;
use crate::numbers::{real, whole};
use crate::pinned::Pinned;
use crate::progress::Progress;
use crate::sparse::{csr, rows_of};
use crate::turns::Turns;
use numpy::{IntoPyArray, PyArray1, PyArray2};
use penchant_kernels::als::{FoldIn, Known, Loss, Settings, fit};
use penchant_kernels::csr::Csr;
use penchant_kernels::{Isa, Matrix};
use pyo3::prelude::*;

/// User and item factors, as Python gets them.
type Factors<'py> = (Bound<'py, PyArray2<f32>>, Bound<'py, PyArray2<f32>>);

/// Factors of likings by alternating least squares: `(user_factors, item_factors)`, float32.
///
/// `indptr`, `indices` and `values` are the likings, users x items (`columns`); a value is a liking's
/// weight c, 0 or more, usually 1. The factors p of users and q of items minimise (Hu, Koren and
/// Volinsky 2008; Rendle, Krichene, Zhang and Koren 2021)
///
///     sum over likings of c (1 - p . q)^2  +  unobserved_weight x sum over all pairs of (p . q)^2
///       + sum over rows of  regularization x (sum of c + unobserved_weight x others)^frequency_scaling
///                           x |row|^2
///
/// where `others` is the number of rows on the other side. In each of `iterations` every item, then
/// every user, takes three steps of conjugate gradients; at the end users are solved exactly, as
/// `AlsFoldIn` does it. A row without likings is zero. One `seed` gives one set of bits, for any
/// number of `threads` and on any machine.
///
/// With `item_prior`, items x factors float32, liked items start from it and are pulled to it instead of
/// zero: the last sum is then of |row - prior|^2 for items. Users start from `user_start`, users x factors
/// float32, where it is given.
///
/// `progress(iteration)` is called after each iteration, counted from 0; when it returns False,
/// training stops there and the factors are returned as they stand. What it raises, and an interrupt
/// from the keyboard, pass through.
///
/// `SettingsError` for a setting out of its range (factors: 1 to 512), `DataError` for damaged likings
/// or a weight that is negative or not finite, `FitDiverged` when float32 is too narrow.
/// O(iterations x (likings x factors + rows x factors^2) + users x factors^3) time,
/// O(likings + rows x factors) memory.
#[pyfunction]
#[pyo3(signature = (
    indptr, indices, values, columns, *, factors, iterations, unobserved_weight, regularization,
    frequency_scaling, seed, threads = 1, item_prior = None, user_start = None, progress = None
))]
#[expect(clippy::too_many_arguments, reason = "each is a keyword in Python")]
fn als<'py>(
    py: Python<'py>,
    indptr: &Bound<'py, PyAny>,
    indices: &Bound<'py, PyAny>,
    values: &Bound<'py, PyAny>,
    #[pyo3(from_py_with = whole)] columns: usize,
    #[pyo3(from_py_with = whole)] factors: usize,
    #[pyo3(from_py_with = whole)] iterations: usize,
    #[pyo3(from_py_with = real)] unobserved_weight: f32,
    #[pyo3(from_py_with = real)] regularization: f32,
    #[pyo3(from_py_with = real)] frequency_scaling: f32,
    #[pyo3(from_py_with = whole)] seed: u64,
    #[pyo3(from_py_with = whole)] threads: usize,
    item_prior: Option<&Bound<'py, PyAny>>,
    user_start: Option<&Bound<'py, PyAny>>,
    progress: Option<&Bound<'py, PyAny>>,
) -> PyResult<Factors<'py>> {
    let likes = csr(indptr, indices, values, columns)?;
    let known = Known {
        users: rows(user_start, "user_start")?,
        items: rows(item_prior, "item_prior")?,
    };
    let settings = Settings {
        factors,
        iterations,
        loss: Loss {
            unobserved_weight,
            regularization,
            frequency_scaling,
        },
        seed,
        threads,
    };
    let mut progress = Progress::new(progress);
    let fitted = py.detached(|| {
        fit(&likes, &settings, known, Isa::best(), |iteration| {
            progress.ask(Some((iteration,)))
        })
    });
    progress.into_result()?;
    let model = fitted.or_raise(py)?;
    Ok((
        rows_of(py, model.user_factors, factors, likes.rows())?,
        rows_of(py, model.item_factors, factors, columns)?,
    ))
}

/// Rows for strangers: the exact minimum of the loss of `als` for a row, while those of the other
/// side, `fixed` (rows, factors) float32, stand still.
///
/// `fixed` is borrowed: the object keeps the array alive and reads it in every call, so nobody may
/// write to it. What all its rows add is summed up once, O(rows x factors^2).
#[pyclass(frozen, module = "penchant._kernels")]
struct AlsFoldIn {
    fixed: Pinned<f32>,
    rows: usize,
    factors: usize,
    known: FoldIn,
}

impl AlsFoldIn {
    fn matrix(&self, py: Python<'_>) -> PyResult<Matrix<'_>> {
        Matrix::new(self.fixed.slice(), self.rows, self.factors).or_raise(py)
    }
}

#[pymethods]
impl AlsFoldIn {
    #[new]
    #[pyo3(signature = (
        fixed, *, unobserved_weight, regularization, frequency_scaling, threads = 1
    ))]
    fn new(
        py: Python<'_>,
        fixed: &Bound<'_, PyAny>,
        #[pyo3(from_py_with = real)] unobserved_weight: f32,
        #[pyo3(from_py_with = real)] regularization: f32,
        #[pyo3(from_py_with = real)] frequency_scaling: f32,
        #[pyo3(from_py_with = whole)] threads: usize,
    ) -> PyResult<Self> {
        let (numbers, rows, factors) = matrix(fixed, "fixed")?;
        let view = Matrix::new(numbers, rows, factors).or_raise(py)?;
        let loss = Loss {
            unobserved_weight,
            regularization,
            frequency_scaling,
        };
        let known = py
            .detached(|| FoldIn::new(view, loss, Isa::best(), threads))
            .or_raise(py)?;
        Ok(Self {
            fixed: Pinned::of(fixed, numbers)?,
            rows,
            factors,
            known,
        })
    }

    /// Factors of each row of likings, n rows whose columns are rows of `fixed`: (n, factors) float32.
    ///
    /// Rows are pulled to those of `prior`, (n, factors) float32, or to zero, and a row without likings
    /// is just that. A row's bits depend neither on the rows beside it nor on `threads`. `FitDiverged` where the equations are singular in float32.
    /// O(likings x factors^2 + n x factors^3).
    #[pyo3(signature = (indptr, indices, values, *, prior = None, threads = 1))]
    fn rows<'py>(
        &self,
        py: Python<'py>,
        indptr: &Bound<'py, PyAny>,
        indices: &Bound<'py, PyAny>,
        values: &Bound<'py, PyAny>,
        prior: Option<&Bound<'py, PyAny>>,
        #[pyo3(from_py_with = whole)] threads: usize,
    ) -> PyResult<Bound<'py, PyArray2<f32>>> {
        let likes = csr(indptr, indices, values, self.rows)?;
        let prior = rows(prior, "prior")?;
        let fixed = self.matrix(py)?;
        let solved = py
            .detached(|| self.known.rows(fixed, &likes, prior, threads))
            .or_raise(py)?;
        rows_of(py, solved, self.factors, likes.rows())
    }

    /// What each liking of one row adds to its score of `target`, factors of the other kind:
    /// (likings,) float32, which sum to the score (Hu, Koren and Volinsky 2008, eq. 7).
    ///
    /// O(likings x factors^2 + factors^3).
    fn shares<'py>(
        &self,
        py: Python<'py>,
        indices: &Bound<'py, PyAny>,
        values: &Bound<'py, PyAny>,
        target: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyArray1<f32>>> {
        let (indices, values) = (vector(indices, "indices")?, vector(values, "values")?);
        let indptr = [0, indices.len() as i64];
        let likes = Csr::new(&indptr, indices, values, self.rows).or_raise(py)?;
        let (fixed, target) = (self.matrix(py)?, vector(target, "target")?);
        let shares = py
            .detached(|| self.known.shares(fixed, &likes, target))
            .or_raise(py)?;
        Ok(shares.into_pyarray(py))
    }
}

/// Adds this module's class and function.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<AlsFoldIn>()?;
    module.add_function(wrap_pyfunction!(als, module)?)
}
