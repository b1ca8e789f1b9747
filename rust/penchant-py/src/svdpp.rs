//! SVD++: ratings foretold from factors of users, of items, and of what users rated.

use crate::errors::OrRaise;
use crate::numbers::{fits_memory, real, whole};
use crate::progress::Progress;
use crate::sparse::{csr, rows_of};
use crate::turns::Turns;
use numpy::{IntoPyArray, PyArray1, PyArray2};
use penchant_kernels::Isa;
use penchant_kernels::svdpp::{Model, Settings, fit};
use pyo3::prelude::*;

/// What `svdpp` leaves, as arrays. A row without ratings has a bias and factors of zero.
#[pyclass(frozen, get_all, module = "penchant._kernels")]
pub struct SvdppModel {
    /// Mean of all ratings.
    mean: f64,
    /// (`n_users`,) float32.
    user_bias: Py<PyArray1<f32>>,
    /// (`n_items`,) float32.
    item_bias: Py<PyArray1<f32>>,
    /// (`n_users`, factors) float32: p, without what the user's history adds.
    user_factors: Py<PyArray2<f32>>,
    /// (`n_items`, factors) float32: q.
    item_factors: Py<PyArray2<f32>>,
    /// (`n_items`, factors) float32: y, what having rated the item says of a user.
    rated_factors: Py<PyArray2<f32>>,
    /// (epochs run,) float32: root mean squared error, each error taken just before its step.
    train_rmse: Py<PyArray1<f32>>,
}

impl SvdppModel {
    fn new(py: Python<'_>, model: Model, factors: usize) -> PyResult<Self> {
        let (users, items) = (model.user_bias.len(), model.item_bias.len());
        Ok(Self {
            mean: model.mean,
            user_bias: model.user_bias.into_pyarray(py).unbind(),
            item_bias: model.item_bias.into_pyarray(py).unbind(),
            user_factors: rows_of(py, model.user_factors, factors, users)?.unbind(),
            item_factors: rows_of(py, model.item_factors, factors, items)?.unbind(),
            rated_factors: rows_of(py, model.rated_factors, factors, items)?.unbind(),
            train_rmse: model.train_rmse.into_pyarray(py).unbind(),
        })
    }
}

/// SVD++ (Koren, "Factorization Meets the Neighborhood", 2008, eq. 15) by stochastic gradient descent.
///
/// `indptr`, `indices` and `values` are the ratings, users x items (`columns`). A rating is predicted as
/// `mean + user_bias + item_bias + q . (p + n^-1/2 x sum of y)`, with p the user's row of `user_factors`,
/// q the item's of `item_factors`, and the y those of the n items that the user rated, from
/// `rated_factors`. Each of `epochs` steps, user by user and rating by rating, by `learning_rate` along
/// half the gradient of
///
///     error^2 + regularization x (|p|^2 + |q|^2 + sum of |y|^2)
///             + bias_regularization x (user_bias^2 + item_bias^2)
///
/// and `learning_rate` is multiplied by `decay` after each. p and q start uniform between -0.03 and
/// 0.03, y at zero. One `seed` gives one set of bits on any machine. One thread works.
///
/// `progress(epoch, rmse)` is called after each epoch, counted from 0, with the training error; when it
/// returns False, training stops there. What it raises, and an interrupt from the keyboard, pass
/// through.
///
/// `FitDiverged` when a number is no longer finite, `SettingsError` for a setting out of its range
/// (factors: 1 to 512), `DataError` for damaged rows, a rating that isn't finite, or no rating at all.
/// O(epochs x ratings x factors) time, O(rows x factors) memory.
#[pyfunction]
#[pyo3(signature = (
    indptr, indices, values, columns, *, factors, epochs, learning_rate, decay, regularization,
    bias_regularization, seed, progress = None
))]
#[expect(clippy::too_many_arguments, reason = "each is a keyword in Python")]
fn svdpp(
    py: Python<'_>,
    indptr: &Bound<'_, PyAny>,
    indices: &Bound<'_, PyAny>,
    values: &Bound<'_, PyAny>,
    #[pyo3(from_py_with = whole)] columns: usize,
    #[pyo3(from_py_with = whole)] factors: usize,
    #[pyo3(from_py_with = whole)] epochs: usize,
    #[pyo3(from_py_with = real)] learning_rate: f32,
    #[pyo3(from_py_with = real)] decay: f32,
    #[pyo3(from_py_with = real)] regularization: f32,
    #[pyo3(from_py_with = real)] bias_regularization: f32,
    #[pyo3(from_py_with = whole)] seed: u64,
    progress: Option<&Bound<'_, PyAny>>,
) -> PyResult<SvdppModel> {
    let ratings = csr(indptr, indices, values, columns)?;
    let rows = ratings.rows().saturating_add(columns.saturating_mul(2));
    fits_memory(rows.saturating_mul(factors.saturating_add(1)), || {
        format!(
            "{factors} factors of {} users and {columns} items",
            ratings.rows()
        )
    })
    .or_raise(py)?;
    let settings = Settings {
        factors,
        epochs,
        learning_rate,
        decay,
        regularization,
        bias_regularization,
        seed,
    };
    let mut progress = Progress::new(progress);
    let fitted = py.detached(|| {
        fit(&ratings, &settings, Isa::best(), |epoch, rmse| {
            progress.ask(Some((epoch, rmse)))
        })
    });
    progress.into_result()?;
    SvdppModel::new(py, fitted.or_raise(py)?, factors)
}

/// Adds this module's class and function.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<SvdppModel>()?;
    module.add_function(wrap_pyfunction!(svdpp, module)?)
}
