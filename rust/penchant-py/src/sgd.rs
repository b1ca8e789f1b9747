//! Matrix factorisation by stochastic gradient descent.

use crate::arrays::{matrix, vector};
use crate::errors::OrRaise;
use crate::numbers::{fits_memory, real, whole};
use crate::progress::Progress;
use crate::sparse::rows_of;
use crate::turns::Turns;
use numpy::{IntoPyArray, PyArray1, PyArray2};
use penchant_kernels::sgd::{Model, Optimizer, Progress as Step, Ratings, Settings, fit};
use penchant_kernels::{Isa, KernelError, Matrix};
use pyo3::prelude::*;

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
    /// (epochs run,) float32: root mean squared error on validation after each; empty without.
    validation_rmse: Py<PyArray1<f32>>,
    /// How many epochs the arrays have seen.
    epochs: usize,
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
            validation_rmse: model.validation_rmse.into_pyarray(py).unbind(),
            epochs: model.epochs,
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
/// after each epoch. With the `optimizer` "adagrad" a row's steps are divided by the root of one
/// plus the squared gradients that it has met, the mean over its factors and its bias apart (Chin,
/// Zhuang, Juan and Lin 2015). Factors start uniform between -0.03 and 0.03. One `seed`
/// gives one set of bits, for any number of `threads` and on any machine; up to 4 threads are of use,
/// and below 262,144 ratings one.
///
/// With `validation`, three such arrays of held-out ratings, the arrays returned are those of the
/// epoch after which they were foretold best, the first of equals; training stops when `patience`
/// epochs in a row haven't foretold them better. A validation pass costs about as much per rating as
/// a training pass.
///
/// With `item_prior`, (`n_items`, factors + 1) float32, items start from these factors and, in the last
/// column, biases, and are pulled to them instead of to zero: at the start of each epoch, as far as its
/// steps will pull to zero. An item without ratings stays there.
///
/// `progress(epoch, rmse)` is called after each epoch, counted from 0, with the error on
/// `validation`, or else the training error; when it returns False, training stops there. What it
/// raises, and an interrupt from the keyboard, pass through; the latter within an epoch too.
///
/// `FitDiverged` when the error leaves the finite numbers, `SettingsError` for a setting out of
/// its range (factors: 1 to 512), `DataError` for a row out of range, a rating that isn't finite, or
/// no rating at all. O(epochs x n x factors) time, O(n + rows x factors) memory.
#[pyfunction]
#[pyo3(signature = (
    users, items, ratings, n_users, n_items, *, factors, epochs, learning_rate, decay,
    regularization, bias_regularization, seed, optimizer = "sgd", validation = None, patience = 1,
    item_prior = None, threads = 1, progress = None
))]
#[expect(clippy::too_many_arguments, reason = "each is a keyword in Python")]
#[expect(
    clippy::needless_pass_by_value,
    reason = "a tuple from Python is made anew"
)]
fn sgd(
    py: Python<'_>,
    users: &Bound<'_, PyAny>,
    items: &Bound<'_, PyAny>,
    ratings: &Bound<'_, PyAny>,
    #[pyo3(from_py_with = whole)] n_users: usize,
    #[pyo3(from_py_with = whole)] n_items: usize,
    #[pyo3(from_py_with = whole)] factors: usize,
    #[pyo3(from_py_with = whole)] epochs: usize,
    #[pyo3(from_py_with = real)] learning_rate: f32,
    #[pyo3(from_py_with = real)] decay: f32,
    #[pyo3(from_py_with = real)] regularization: f32,
    #[pyo3(from_py_with = real)] bias_regularization: f32,
    #[pyo3(from_py_with = whole)] seed: u64,
    optimizer: &str,
    validation: Option<(Bound<'_, PyAny>, Bound<'_, PyAny>, Bound<'_, PyAny>)>,
    #[pyo3(from_py_with = whole)] patience: usize,
    item_prior: Option<&Bound<'_, PyAny>>,
    #[pyo3(from_py_with = whole)] threads: usize,
    progress: Option<&Bound<'_, PyAny>>,
) -> PyResult<SgdModel> {
    let parameters = n_users
        .saturating_add(n_items)
        .saturating_mul(factors.saturating_add(1));
    fits_memory(parameters, || {
        format!("{factors} factors of {n_users} users and {n_items} items")
    })
    .or_raise(py)?;
    let ratings = Ratings {
        users: vector(users, "users")?,
        items: vector(items, "items")?,
        values: vector(ratings, "ratings")?,
        n_users,
        n_items,
    };
    let validation = match &validation {
        None => None,
        Some((users, items, values)) => Some(Ratings {
            users: vector(users, "validation users")?,
            items: vector(items, "validation items")?,
            values: vector(values, "validation ratings")?,
            n_users,
            n_items,
        }),
    };
    let prior = match item_prior {
        None => None,
        Some(given) => {
            let (numbers, rows, width) = matrix(given, "item_prior")?;
            Some(Matrix::new(numbers, rows, width).or_raise(py)?)
        }
    };
    let settings = Settings {
        factors,
        epochs,
        optimizer: named(optimizer).or_raise(py)?,
        learning_rate,
        decay,
        regularization,
        bias_regularization,
        patience,
        seed,
        threads,
    };
    let mut progress = Progress::new(progress);
    let fitted = py.detached(|| {
        fit(
            &ratings,
            validation.as_ref(),
            prior,
            &settings,
            Isa::best(),
            |step| progress.ask(words(step)),
        )
    });
    progress.into_result()?;
    SgdModel::new(py, fitted.or_raise(py)?, factors)
}

/// The optimizer of that name.
fn named(optimizer: &str) -> Result<Optimizer, KernelError> {
    match optimizer {
        "sgd" => Ok(Optimizer::Sgd),
        "adagrad" => Ok(Optimizer::Adagrad),
        _ => Err(KernelError::Setting(format!(
            "optimizer is {optimizer:?}, and must be \"sgd\" or \"adagrad\""
        ))),
    }
}

/// What `progress` is told, after whole epochs only.
fn words(step: Step) -> Option<(usize, f64)> {
    match step {
        Step::Part => None,
        Step::Epoch {
            epoch,
            train_rmse,
            validation_rmse,
        } => Some((epoch, validation_rmse.unwrap_or(train_rmse))),
    }
}

/// Adds this module's class and function.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<SgdModel>()?;
    module.add_function(wrap_pyfunction!(sgd, module)?)
}
