//! Maps from features to vectors, by ridge regression.

use crate::arrays::{matrix, vector};
use crate::errors::{OrRaise, shape_error};
use crate::numbers::{real, whole};
use crate::sparse::{csr, rows_of};
use crate::turns::Turns;
use numpy::{IntoPyArray, PyArray1, PyArray2};
use penchant_kernels::ridge::{Features, Map, Settings, System, ridge as solved};
use penchant_kernels::{Isa, Matrix};
use pyo3::prelude::*;
use pyo3::types::PyTuple;

/// Coefficients and intercept, as Python gets them.
type Arrays<'py> = (Bound<'py, PyArray2<f32>>, Bound<'py, PyArray1<f32>>);

/// The map from features to targets by ridge regression: `(coefficients, intercept)`, (d, t) and
/// (t,) float32, so that a row x of features is mapped to `x @ coefficients + intercept`.
///
/// `features` are (n, d) float32, or a sparse matrix as `(indptr, indices, values, columns)`;
/// `targets` (n, t) float32, `weights` (n,) float32 of at least 0, or None for 1 each. The map has
/// the least sum over rows of `weight x |target - its estimate|^2`, plus `regularization` times the
/// sum of the squared coefficients (Hoerl and Kennard 1970); the intercept is not pulled. It maps
/// what no training has seen to what training gives: a new item's text to its factors.
///
/// Solved in closed form, in float32: relative errors are about 1e-7 x the largest eigenvalue of the
/// features' products / `regularization`. The bits depend neither on `threads` nor on the machine.
/// With m = min(n, d), at most 8192, O(n x d x m / 2 + m^3 / 3 + n x d x t) time, less by the zeros of
/// sparse features, and O(m^2 + n x d) memory. The cubic part runs on one thread.
///
/// `DataError` for a number that isn't finite, weights that are negative or all 0, or a system that
/// float32 can't solve; `SettingsError` for a `regularization` that isn't greater than 0 or a system
/// that is too large; `ShapeError` for shapes that don't fit.
#[pyfunction]
#[pyo3(signature = (features, targets, *, regularization, weights = None, threads = 1))]
fn ridge<'py>(
    py: Python<'py>,
    features: &Bound<'py, PyAny>,
    targets: &Bound<'py, PyAny>,
    #[pyo3(from_py_with = real)] regularization: f32,
    weights: Option<&Bound<'py, PyAny>>,
    #[pyo3(from_py_with = whole)] threads: usize,
) -> PyResult<Arrays<'py>> {
    let (values, rows, count) = matrix(targets, "targets")?;
    let targets = Matrix::new(values, rows, count).or_raise(py)?;
    let (parts, settings) = (
        sparse_parts(features)?,
        settings_of(regularization, weights, threads)?,
    );
    let features = features_of(features, parts.as_ref())?;
    let columns = features.columns();
    let map = py
        .detached(|| solved(&features, &targets, &settings, Isa::best()))
        .or_raise(py)?;
    handed_over(py, map, (columns, count))
}

/// The equations of `ridge` for features that several maps are learned from: `map(targets)` gives
/// what `ridge` gives for them, the same bits, without the cubic part.
///
/// Arguments and errors are those of `ridge`. Holds m^2 floats and a copy of the features.
#[pyclass(frozen, module = "penchant._kernels")]
pub struct RidgeSystem(System);

#[pymethods]
impl RidgeSystem {
    #[new]
    #[pyo3(signature = (features, *, regularization, weights = None, threads = 1))]
    fn new(
        py: Python<'_>,
        features: &Bound<'_, PyAny>,
        #[pyo3(from_py_with = real)] regularization: f32,
        weights: Option<&Bound<'_, PyAny>>,
        #[pyo3(from_py_with = whole)] threads: usize,
    ) -> PyResult<Self> {
        let (parts, settings) = (
            sparse_parts(features)?,
            settings_of(regularization, weights, threads)?,
        );
        let features = features_of(features, parts.as_ref())?;
        py.detached(|| System::new(&features, &settings, Isa::best()))
            .or_raise(py)
            .map(Self)
    }

    /// The map to `targets` (n, t) float32: `(coefficients, intercept)`, (d, t) and (t,) float32.
    #[pyo3(signature = (targets, *, threads = 1))]
    fn map<'py>(
        &self,
        py: Python<'py>,
        targets: &Bound<'py, PyAny>,
        #[pyo3(from_py_with = whole)] threads: usize,
    ) -> PyResult<Arrays<'py>> {
        let (values, rows, count) = matrix(targets, "targets")?;
        let targets = Matrix::new(values, rows, count).or_raise(py)?;
        let map = py
            .detached(|| self.0.map(&targets, threads, Isa::best()))
            .or_raise(py)?;
        handed_over(py, map, (self.0.columns(), count))
    }
}

fn settings_of<'a>(
    regularization: f32,
    weights: Option<&'a Bound<'_, PyAny>>,
    threads: usize,
) -> PyResult<Settings<'a>> {
    Ok(Settings {
        weights: weights
            .map(|weights| vector(weights, "weights"))
            .transpose()?,
        regularization,
        threads,
    })
}

fn features_of<'a>(
    features: &'a Bound<'_, PyAny>,
    parts: Option<&'a Parts<'_>>,
) -> PyResult<Features<'a>> {
    if let Some((indptr, indices, values, columns)) = parts {
        return Ok(Features::Sparse(csr(indptr, indices, values, *columns)?));
    }
    let (values, rows, columns) = matrix(features, "features")?;
    let matrix = Matrix::new(values, rows, columns).or_raise(features.py())?;
    Ok(Features::Dense(matrix))
}

/// A map as arrays, of `shape` features and targets.
fn handed_over(py: Python<'_>, map: Map, shape: (usize, usize)) -> PyResult<Arrays<'_>> {
    Ok((
        rows_of(py, map.coefficients, shape.1, shape.0)?,
        map.intercept.into_pyarray(py),
    ))
}

type Parts<'py> = (
    Bound<'py, PyAny>,
    Bound<'py, PyAny>,
    Bound<'py, PyAny>,
    usize,
);

/// The parts of a sparse matrix, if `features` is a tuple.
fn sparse_parts<'py>(features: &Bound<'py, PyAny>) -> PyResult<Option<Parts<'py>>> {
    let Ok(tuple) = features.cast::<PyTuple>() else {
        return Ok(None);
    };
    match tuple.extract() {
        Ok(parts) => Ok(Some(parts)),
        Err(_) => Err(shape_error(
            features.py(),
            format!(
                "features is a tuple of {}, and must be an array or (indptr, indices, values, \
                 columns)",
                tuple.len()
            ),
        )),
    }
}

/// Adds what this module has to the extension.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<RidgeSystem>()?;
    module.add_function(wrap_pyfunction!(ridge, module)?)
}
