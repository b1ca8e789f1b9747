//! Biased matrix factorisation of explicit ratings by stochastic gradient descent.
//!
//! A rating is predicted as `mean + user bias + item bias + user factors . item factors`
//! (Koren, Bell and Volinsky 2009). An epoch walks over all ratings once, user by user; the factors
//! of the user stay in registers, and four of its ratings are stepped together.

mod blocks;
mod prior;
mod settings;
pub(crate) mod start;
mod state;
mod step;

use crate::parallel::useful_threads;
use crate::{Isa, KernelError, Matrix};
use blocks::{Counts, Cuts, Grid};
use prior::Prior;
pub use settings::{Optimizer, Settings};
use state::{Plan, State};
use std::ops::ControlFlow;

/// The most factors that a row may have.
pub const MAX_FACTORS: usize = 512;

/// Below so many ratings one block holds all: threads would cost more than they save.
const SMALL: usize = 1 << 18;

/// Ranges of users and of items otherwise: up to so many threads have something to do.
const RANGES: usize = 4;

/// Explicit ratings, as coordinates in any order.
#[derive(Clone, Copy, Debug)]
pub struct Ratings<'a> {
    /// User row of each rating.
    pub users: &'a [i32],
    /// Item row of each rating.
    pub items: &'a [i32],
    /// The ratings.
    pub values: &'a [f32],
    /// How many users there are.
    pub n_users: usize,
    /// How many items there are.
    pub n_items: usize,
}

/// What training leaves. A row without ratings has no bias and factors of zero, or what the prior says.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// Mean of all ratings.
    pub mean: f64,
    /// A number for each user.
    pub user_bias: Vec<f32>,
    /// A number for each item.
    pub item_bias: Vec<f32>,
    /// `factors` numbers for each user.
    pub user_factors: Vec<f32>,
    /// `factors` numbers for each item.
    pub item_factors: Vec<f32>,
    /// Root mean squared error of each epoch, every error taken just before its step.
    pub train_rmse: Vec<f32>,
    /// Root mean squared error on held-out ratings after each epoch; empty without any.
    pub validation_rmse: Vec<f32>,
    /// The epochs that the model has seen. With held-out ratings: the number that errs least on
    /// them.
    pub epochs: usize,
}

/// What `progress` hears.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Progress {
    /// A part of an epoch is done.
    Part,
    /// An epoch is done.
    Epoch {
        /// Its number, from 0.
        epoch: usize,
        /// The training error.
        train_rmse: f64,
        /// The error on held-out ratings, where there are some.
        validation_rmse: Option<f64>,
    },
}

/// Trains a model. `progress` is called several times an epoch, and may break off: the model is then
/// as it stands, or as it was when it erred least on held-out ratings.
///
/// An epoch minimises, one rating after another, `error^2 + regularization * (|p|^2 + |q|^2) +
/// bias_regularization * (b_u^2 + b_i^2)` with steps of `learning_rate` times half the gradient.
/// Factors start uniform between `-0.03` and `0.03`, which suits ratings that spread by about 1. One
/// seed gives one set of bits, for any number of threads and on any instruction set.
///
/// With `validation` the result is the model after the epoch whose error on it is lowest, the first
/// of equals, and training stops when `patience` epochs haven't lowered it.
///
/// With `item_prior`, factors and a bias for each item, an item starts there, and is pulled there instead
/// of to zero: the loss has `|q - prior|^2` and `(b_i - prior)^2`. The pull of an epoch is made at once, before it, with
/// the steps of that moment.
///
/// O(epochs x ratings x factors) time, O(ratings + rows x factors) memory.
///
/// # Errors
/// When lengths differ, there is no rating, a row is out of range, a rating is not finite, a
/// setting is out of its range, or training diverges.
pub fn fit(
    ratings: &Ratings<'_>,
    validation: Option<&Ratings<'_>>,
    item_prior: Option<Matrix<'_>>,
    settings: &Settings,
    isa: Isa,
    mut progress: impl FnMut(Progress) -> ControlFlow<()>,
) -> Result<Model, KernelError> {
    settings.check()?;
    let prior = item_prior
        .map(|given| Prior::new(given, ratings.n_items, settings.factors))
        .transpose()?;
    let mean = checked_mean(ratings)?;
    let small = ratings.values.len() < SMALL;
    let size = if small { 1 } else { RANGES };
    let threads = useful_threads(settings.threads, size)?;
    let counts = Counts::new(ratings, threads)?;
    let cuts = Cuts::new(&counts, size);
    let grid = Grid::new(ratings, mean, &cuts, threads);
    let mut held_out = None;
    if let Some(validation) = validation {
        checked_mean(validation)?;
        Counts::new(validation, threads)?;
        let grid = Grid::new(validation, mean, &cuts, threads);
        held_out = Some((grid, validation.values.len()));
    }
    let plan = Plan {
        cuts: &cuts,
        isa,
        threads,
    };
    let mut state = State::new(&counts, settings, threads);
    if let Some(prior) = prior {
        prior.start(&mut state.items);
    }
    let mut kept: Option<(State, usize, f64)> = None;
    let (mut train_rmse, mut validation_rmse) = (vec![], vec![]);
    let mut learning_rate = settings.learning_rate;
    for epoch in 0..settings.epochs {
        let mut part = || progress(Progress::Part);
        let rates = settings.rates(learning_rate);
        if let Some(prior) = prior {
            prior.pull(&mut state.items, &counts, settings.optimizer, rates);
        }
        let ControlFlow::Continue(squares) =
            state.epoch(&grid, &plan, settings.optimizer, rates, &mut part)
        else {
            break;
        };
        let trained = (squares / ratings.values.len() as f64).sqrt();
        let mut validated = None;
        if let Some((grid, n)) = &held_out {
            let ControlFlow::Continue(squares) = state.squares(grid, &plan, settings, part) else {
                break;
            };
            let rmse = (squares / *n as f64).sqrt();
            validated = Some(rmse);
            validation_rmse.push(rmse as f32);
            match &mut kept {
                Some((_, _, best)) if rmse >= *best => {}
                Some((best, epochs, best_rmse)) => {
                    best.clone_from(&state);
                    (*epochs, *best_rmse) = (epoch + 1, rmse);
                }
                None => kept = Some((state.clone(), epoch + 1, rmse)),
            }
        }
        if !(trained.is_finite() && validated.is_none_or(f64::is_finite)) {
            return Err(diverged(settings.learning_rate, epoch));
        }
        train_rmse.push(trained as f32);
        learning_rate *= settings.decay;
        let told = progress(Progress::Epoch {
            epoch,
            train_rmse: trained,
            validation_rmse: validated,
        });
        let stale = matches!(&kept, Some((_, best, _)) if epoch + 1 - best >= settings.patience);
        if told.is_break() || stale {
            break;
        }
    }
    let (state, epochs) = match kept {
        Some((state, epochs, _)) => (state, epochs),
        None => (state, train_rmse.len()),
    };
    if !state.is_finite() {
        return Err(diverged(settings.learning_rate, epochs.saturating_sub(1)));
    }
    Ok(Model {
        mean,
        user_factors: state.users.rows(settings.factors),
        item_factors: state.items.rows(settings.factors),
        user_bias: state.users.bias,
        item_bias: state.items.bias,
        train_rmse,
        validation_rmse,
        epochs,
    })
}

fn checked_mean(ratings: &Ratings<'_>) -> Result<f64, KernelError> {
    let Ratings {
        users,
        items,
        values,
        ..
    } = ratings;
    if users.len() != values.len() || items.len() != values.len() {
        return Err(KernelError::Shape(format!(
            "there are {} users, {} items and {} ratings, and there must be one of each per rating",
            users.len(),
            items.len(),
            values.len()
        )));
    }
    mean_of(values)
}

/// The mean of ratings, which must be finite, and some but not more than 32 bits can number.
pub(crate) fn mean_of(values: &[f32]) -> Result<f64, KernelError> {
    if values.is_empty() || u32::try_from(values.len()).is_err() {
        return Err(KernelError::Data(format!(
            "there are {} ratings, and there must be from 1 to {}",
            values.len(),
            u32::MAX
        )));
    }
    if let Some(at) = values.iter().position(|value| !value.is_finite()) {
        return Err(KernelError::Data(format!(
            "ratings[{at}] is {}, and ratings must be finite",
            values[at]
        )));
    }
    Ok(values.iter().map(|&value| f64::from(value)).sum::<f64>() / values.len() as f64)
}

pub(crate) fn diverged(learning_rate: f32, epoch: usize) -> KernelError {
    KernelError::Diverged(format!(
        "training diverged in epoch {}: the error is no longer a finite number; lower \
         learning_rate (it is {learning_rate})",
        epoch + 1
    ))
}

#[cfg(test)]
mod tests;
