//! Biased matrix factorisation of explicit ratings by stochastic gradient descent.
//!
//! A rating is predicted as `mean + user bias + item bias + user factors . item factors`
//! (Koren, Bell and Volinsky 2009). An epoch walks over all ratings once, user by user; the factors
//! of the user stay in registers, and four of its ratings are stepped together.

mod blocks;
mod start;
mod step;

use crate::parallel::{Queue, together, useful_threads};
use crate::simd::Lanes;
use crate::{Isa, KernelError};
use blocks::Grid;
use start::Start;
use std::ops::{ControlFlow, Range};
use step::{Part, Pass, Rates, WIDTHS};

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

/// How to train.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Length of a row of factors.
    pub factors: usize,
    /// Passes over all ratings.
    pub epochs: usize,
    /// Size of the steps of the first epoch.
    pub learning_rate: f32,
    /// The learning rate is multiplied by this after each epoch.
    pub decay: f32,
    /// Weight of the squared factors, added once per rating to its squared error.
    pub regularization: f32,
    /// Weight of the squared biases, likewise.
    pub bias_regularization: f32,
    /// Where the factors start from.
    pub seed: u64,
    /// How many threads to use; the result doesn't depend on it.
    pub threads: usize,
}

/// What training leaves. A row without ratings has no bias and factors of zero.
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
}

/// Trains a model. `progress` hears the epoch (from 0) and its training error after each, and may
/// stop the training there; the model is then as it stands.
///
/// An epoch minimises, one rating after another, `error^2 + regularization * (|p|^2 + |q|^2) +
/// bias_regularization * (b_u^2 + b_i^2)` with steps of `learning_rate` times half the gradient.
/// Factors start uniform with a standard deviation of `0.1`. One seed gives one set of bits, for any
/// number of threads and on any instruction set.
///
/// O(epochs x ratings x factors) time, O(ratings + rows x factors) memory.
///
/// # Errors
/// When lengths differ, there is no rating, a row is out of range, a rating is not finite, a
/// setting is out of its range, or training diverges.
pub fn fit(
    ratings: &Ratings<'_>,
    settings: &Settings,
    isa: Isa,
    mut progress: impl FnMut(usize, f64) -> ControlFlow<()>,
) -> Result<Model, KernelError> {
    check_settings(settings)?;
    let mean = checked_mean(ratings)?;
    let size = if ratings.values.len() < SMALL {
        1
    } else {
        RANGES
    };
    let threads = useful_threads(settings.threads, size)?;
    let grid = Grid::new(ratings, mean, size)?;
    let width = width_of(settings.factors);
    let mut state = State::new(ratings, settings, width);
    let pass = step::pass(isa, width);

    let mut train_rmse = Vec::with_capacity(settings.epochs);
    let mut learning_rate = settings.learning_rate;
    for epoch in 0..settings.epochs {
        let rates = Rates {
            learning_rate,
            decay: learning_rate * settings.regularization,
            bias_decay: learning_rate * settings.bias_regularization,
        };
        let squares = state.epoch(&grid, pass, rates, threads);
        let rmse = (squares / ratings.values.len() as f64).sqrt();
        if !rmse.is_finite() {
            return Err(diverged(settings, epoch));
        }
        train_rmse.push(rmse as f32);
        learning_rate *= settings.decay;
        if progress(epoch, rmse).is_break() {
            break;
        }
    }
    if !state.is_finite() {
        return Err(diverged(settings, train_rmse.len().saturating_sub(1)));
    }
    Ok(state.into_model(mean, train_rmse, settings.factors))
}

fn check_settings(settings: &Settings) -> Result<(), KernelError> {
    if !(1..=MAX_FACTORS).contains(&settings.factors) {
        return Err(KernelError::Setting(format!(
            "factors is {}, and must be from 1 to {MAX_FACTORS}",
            settings.factors
        )));
    }
    let ranges = [
        (
            "learning_rate",
            settings.learning_rate,
            f32::MIN_POSITIVE,
            f32::MAX,
        ),
        ("decay", settings.decay, f32::MIN_POSITIVE, 1.0),
        ("regularization", settings.regularization, 0.0, f32::MAX),
        (
            "bias_regularization",
            settings.bias_regularization,
            0.0,
            f32::MAX,
        ),
    ];
    match ranges
        .iter()
        .find(|(_, value, low, high)| !(low..=high).contains(&value))
    {
        None => Ok(()),
        Some((name, value, low, high)) => {
            let wanted = match (*low > 0.0, *high < f32::MAX) {
                (true, true) => "above 0 and at most 1",
                (true, false) => "above 0",
                _ => "0 or above",
            };
            Err(KernelError::Setting(format!(
                "{name} is {value}, and must be {wanted}"
            )))
        }
    }
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

fn diverged(settings: &Settings, epoch: usize) -> KernelError {
    KernelError::Diverged(format!(
        "training diverged in epoch {}: the error is no longer a finite number; lower \
         learning_rate (it is {})",
        epoch + 1,
        settings.learning_rate
    ))
}

/// Lanes of 16 that hold `factors` numbers, rounded up to a width that is compiled.
fn width_of(factors: usize) -> usize {
    let needed = factors.div_ceil(16);
    WIDTHS
        .into_iter()
        .find(|&width| width >= needed)
        .unwrap_or(WIDTHS[WIDTHS.len() - 1])
}

/// The model while it is trained: rows of whole lanes, zeros after the last factor. A factor that
/// starts at zero on both sides stays there.
struct State {
    width: usize,
    users: Vec<Lanes>,
    items: Vec<Lanes>,
    user_bias: Vec<f32>,
    item_bias: Vec<f32>,
}

impl State {
    fn new(ratings: &Ratings<'_>, settings: &Settings, width: usize) -> Self {
        let mut start = Start::new(settings.seed);
        let mut rows = |of_ratings: &[i32], n| start.rows(of_ratings, n, settings.factors, width);
        Self {
            width,
            users: rows(ratings.users, ratings.n_users),
            items: rows(ratings.items, ratings.n_items),
            user_bias: vec![0.0; ratings.n_users],
            item_bias: vec![0.0; ratings.n_items],
        }
    }

    /// One pass over all ratings; returns the sum of squared errors.
    fn epoch(&mut self, grid: &Grid, pass: Pass, rates: Rates, threads: usize) -> f64 {
        (0..grid.size)
            .map(|stratum| self.stratum(grid, stratum, pass, rates, threads))
            .sum()
    }

    fn stratum(
        &mut self,
        grid: &Grid,
        stratum: usize,
        pass: Pass,
        rates: Rates,
        threads: usize,
    ) -> f64 {
        let mut items: Vec<_> = split(&mut self.items, &grid.items, self.width)
            .zip(split(&mut self.item_bias, &grid.items, 1))
            .map(Some)
            .collect();
        let users = split(&mut self.users, &grid.users, self.width).zip(split(
            &mut self.user_bias,
            &grid.users,
            1,
        ));
        let mut squares = vec![0.0; grid.size];
        let pieces: Vec<_> = users
            .zip(grid.stratum(stratum))
            .zip(&mut squares)
            .filter_map(|(((users, user_bias), (at, block)), squares)| {
                let (items, item_bias) = items[at].take()?;
                Some((
                    block,
                    Part {
                        users,
                        user_bias,
                        items,
                        item_bias,
                    },
                    squares,
                ))
            })
            .collect();
        let queue = Queue::new(pieces.into_iter());
        together(threads, || {
            while let Some((block, part, squares)) = queue.take() {
                *squares = pass(block, part, rates);
            }
        });
        squares.iter().sum()
    }

    fn is_finite(&self) -> bool {
        let factors = self
            .users
            .iter()
            .chain(&self.items)
            .flat_map(|lanes| &lanes.0);
        factors
            .chain(&self.user_bias)
            .chain(&self.item_bias)
            .all(|value| value.is_finite())
    }

    fn into_model(self, mean: f64, train_rmse: Vec<f32>, factors: usize) -> Model {
        let rows = |lanes: &[Lanes]| -> Vec<f32> {
            let rows = lanes.chunks_exact(self.width);
            rows.flat_map(|row| row.iter().flat_map(|lanes| lanes.0).take(factors))
                .collect()
        };
        Model {
            mean,
            user_factors: rows(&self.users),
            item_factors: rows(&self.items),
            user_bias: self.user_bias,
            item_bias: self.item_bias,
            train_rmse,
        }
    }
}

/// The rows of each range, `width` values a row; the ranges follow each other.
fn split<'a, T>(
    mut values: &'a mut [T],
    ranges: &'a [Range<usize>],
    width: usize,
) -> impl Iterator<Item = &'a mut [T]> {
    ranges.iter().map(move |range| {
        let (part, rest) = std::mem::take(&mut values).split_at_mut(range.len() * width);
        values = rest;
        part
    })
}

#[cfg(test)]
mod tests;
