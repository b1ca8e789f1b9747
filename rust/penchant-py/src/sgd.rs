//! Matrix factorisation by stochastic gradient descent.

use crate::arrays::vector;
use crate::errors::OrRaise;
use crate::sparse::rows_of;
use numpy::{IntoPyArray, PyArray1, PyArray2};
use penchant_kernels::Isa;
use penchant_kernels::sgd::{Model, Ratings, Settings, fit};
use pyo3::prelude::*;
use std::ops::ControlFlow;

/// What `sgd` leaves, as arrays. A row without ratings has a bias and factors of zero.
#[pyclass(frozen, get_all, module = "penchant._kernels")]
pub struct SgdModel {
    /// Mean of all ratings.
    mean: f64,
    /// (`n_users`,) float32.
    user_bias: Py<PyArray1<f32>>,
    /// (`n_items`,) float32.
    item_bias: Py<PyArray1<f32>>,
    /// (`n_users`, factors) float32.
    user_factors: Py<PyArray2<f32>>,
    /// (`n_items`, factors) float32.
    item_factors: Py<PyArray2<f32>>,
    /// (epochs run,) float32: root mean squared error, each error taken just before its step.
    train_rmse: Py<PyArray1<f32>>,
}

impl SgdModel {
    fn new(py: Python<'_>, model: Model, factors: usize) -> PyResult<Self> {
        let (users, items) = (model.user_bias.len(), model.item_bias.len());
        Ok(Self {
            mean: model.mean,
            user_bias: model.user_bias.into_pyarray(py).unbind(),
            item_bias: model.item_bias.into_pyarray(py).unbind(),
            user_factors: rows_of(py, model.user_factors, factors, users)?.unbind(),
            item_factors: rows_of(py, model.item_factors, factors, items)?.unbind(),
            train_rmse: model.train_rmse.into_pyarray(py).unbind(),
        })
    }
}

/// Biased matrix factorisation of n explicit ratings by stochastic gradient descent.
///
/// `users`, `items` (n,) int32 and `ratings` (n,) float32 are coordinates in any order; a pair that
/// stands twice counts twice. A rating is predicted as `mean + user_bias + item_bias + user_factors
/// . item_factors` (Koren, Bell and Volinsky 2009). Each epoch steps along half the gradient of
///
///     sum over ratings of  error^2 + regularization x (|p|^2 + |q|^2)
///                                  + bias_regularization x (user_bias^2 + item_bias^2)
///
/// user by user, four ratings of a user at once, by `learning_rate`, which is multiplied by `decay`
/// after each epoch. Factors start uniform around 0 with a standard deviation of 0.1. One `seed`
/// gives one set of bits, for any number of `threads` and on any machine; up to 4 threads are of
/// use, and below 262,144 ratings one.
///
/// `progress(epoch, rmse)` is called after each epoch, counted from 0, with the training error; when
/// it returns False, training stops there and the model is returned as it stands. What it raises,
/// and an interrupt from the keyboard, pass through.
///
/// `FitDiverged` when the error leaves the finite numbers, `SettingsError` for a setting out of
/// its range (factors: 1 to 512), `DataError` for a row out of range, a rating that isn't finite, or
/// no rating at all. O(epochs x n x factors) time, O(n + rows x factors) memory.
#[pyfunction]
#[pyo3(signature = (
    users, items, ratings, n_users, n_items, *, factors, epochs, learning_rate, decay,
    regularization, bias_regularization, seed, threads = 1, progress = None
))]
#[expect(clippy::too_many_arguments, reason = "each is a keyword in Python")]
fn sgd(
    py: Python<'_>,
    users: &Bound<'_, PyAny>,
    items: &Bound<'_, PyAny>,
    ratings: &Bound<'_, PyAny>,
    n_users: usize,
    n_items: usize,
    factors: usize,
    epochs: usize,
    learning_rate: f32,
    decay: f32,
    regularization: f32,
    bias_regularization: f32,
    seed: u64,
    threads: usize,
    progress: Option<&Bound<'_, PyAny>>,
) -> PyResult<SgdModel> {
    let ratings = Ratings {
        users: vector(users, "users")?,
        items: vector(items, "items")?,
        values: vector(ratings, "ratings")?,
        n_users,
        n_items,
    };
    let settings = Settings {
        factors,
        epochs,
        learning_rate,
        decay,
        regularization,
        bias_regularization,
        seed,
        threads,
    };
    let progress = progress.map(|progress| progress.clone().unbind());
    let mut raised = None;
    let fitted = py.detach(|| {
        fit(&ratings, &settings, Isa::best(), |epoch, rmse| match heard(
            progress.as_ref(),
            epoch,
            rmse,
        ) {
            Ok(true) => ControlFlow::Continue(()),
            Ok(false) => ControlFlow::Break(()),
            Err(error) => {
                raised = Some(error);
                ControlFlow::Break(())
            }
        })
    });
    match raised {
        Some(error) => Err(error),
        None => SgdModel::new(py, fitted.or_raise(py)?, factors),
    }
}

/// Tells `progress` and answers whether to go on. Signals are seen here, so Ctrl-C works.
fn heard(progress: Option<&Py<PyAny>>, epoch: usize, rmse: f64) -> PyResult<bool> {
    Python::attach(|py| {
        py.check_signals()?;
        match progress {
            None => Ok(true),
            Some(progress) => Ok(!progress
                .bind(py)
                .call1((epoch, rmse))?
                .is(false.into_pyobject(py)?)),
        }
    })
}

/// Adds this module's class and function.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<SgdModel>()?;
    module.add_function(wrap_pyfunction!(sgd, module)?)
}
