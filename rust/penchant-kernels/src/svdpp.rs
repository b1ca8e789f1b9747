//! SVD++: matrix factorisation of ratings in which a user is also the sum of what was rated.
//!
//! A rating is predicted as `mean + b_u + b_i + q_i . (p_u + |N(u)|^-1/2 sum of y_j over N(u))`, where
//! N(u) are the items that u rated (Koren, "Factorization Meets the Neighborhood", 2008, eq. 15).
//!
//! A step for one rating moves every `y_j` of its user by the same amount, and the sum with them. So a
//! user's ratings are walked over with the sum at hand, kept up to date as if each `y_j` had moved, and the
//! `y_j` themselves are moved once at the end: the steps of the plain algorithm, O(factors) each instead
//! of O(|N(u)| factors).

#![expect(
    clippy::inline_always,
    reason = "each caller compiles it for its own instruction set"
)]

use crate::csr::Csr;
use crate::sgd::{self, Optimizer, start};
use crate::simd::{Lanes, Simd, Work, run};
use crate::{Isa, KernelError};
use std::ops::ControlFlow;

/// How to train.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Length of a row of factors.
    pub factors: usize,
    /// Passes over all ratings.
    pub epochs: usize,
    /// Size of the first steps.
    pub learning_rate: f32,
    /// The learning rate is multiplied by this after each epoch.
    pub decay: f32,
    /// Weight of the squared factors, added once per rating to its squared error.
    pub regularization: f32,
    /// Weight of the squared biases, likewise.
    pub bias_regularization: f32,
    /// Where the factors start from.
    pub seed: u64,
}

impl Settings {
    fn check(&self) -> Result<(), KernelError> {
        let Self {
            factors,
            epochs,
            learning_rate,
            decay,
            regularization,
            bias_regularization,
            seed,
        } = *self;
        let same = sgd::Settings {
            factors,
            epochs,
            optimizer: Optimizer::Sgd,
            learning_rate,
            decay,
            regularization,
            bias_regularization,
            patience: 1,
            seed,
            threads: 1,
        };
        same.check()
    }
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
    /// `factors` numbers for each user: p, without the sum over what was rated.
    pub user_factors: Vec<f32>,
    /// `factors` numbers for each item: q.
    pub item_factors: Vec<f32>,
    /// `factors` numbers for each item: y, what having rated it says of a user.
    pub rated_factors: Vec<f32>,
    /// Root mean squared error of each epoch, every error taken just before its step.
    pub train_rmse: Vec<f32>,
}

/// Trains a model on users x items. `progress` hears of each epoch and its error, and may break off: the
/// model is then as it stands.
///
/// An epoch walks over all ratings, user by user, and steps by `learning_rate` along half the negative
/// gradient of `error^2 + regularization (|p|^2 + |q|^2 + sum of |y_j|^2) + bias_regularization (b_u^2 +
/// b_i^2)`. p and q start uniform between `-0.03` and `0.03`, y at zero. One thread; one seed gives
/// one set of bits on any instruction set.
///
/// O(epochs x ratings x factors) time, O(rows x factors) memory.
///
/// # Errors
/// When there is no rating, a row is damaged, a rating is not finite, a setting is out of its range,
/// or training diverges.
pub fn fit(
    ratings: &Csr<'_>,
    settings: &Settings,
    isa: Isa,
    mut progress: impl FnMut(usize, f64) -> ControlFlow<()>,
) -> Result<Model, KernelError> {
    settings.check()?;
    ratings.check()?;
    let mean = sgd::mean_of(ratings.values())?;
    let mut state = State::new(ratings, settings)?;
    let mut train_rmse = vec![];
    let mut learning_rate = settings.learning_rate;
    for epoch in 0..settings.epochs {
        let squares = run(
            isa,
            Pass {
                ratings,
                state: &mut state,
                mean: mean as f32,
                learning_rate,
                keep: 1.0 - learning_rate * settings.regularization,
                keep_bias: 1.0 - learning_rate * settings.bias_regularization,
            },
        );
        let rmse = (squares / ratings.entries() as f64).sqrt();
        if !(rmse.is_finite() && state.is_finite()) {
            return Err(sgd::diverged(settings.learning_rate, epoch));
        }
        train_rmse.push(rmse as f32);
        learning_rate *= settings.decay;
        if progress(epoch, rmse).is_break() {
            break;
        }
    }
    let rows = |lanes: &[Lanes]| start::numbers(lanes, state.width, settings.factors);
    Ok(Model {
        mean,
        user_factors: rows(&state.users),
        item_factors: rows(&state.items),
        rated_factors: rows(&state.rated),
        user_bias: state.user_bias,
        item_bias: state.item_bias,
        train_rmse,
    })
}

/// The model while it is trained: rows of `width` lanes, zeros after the last factor.
struct State {
    width: usize,
    users: Vec<Lanes>,
    items: Vec<Lanes>,
    rated: Vec<Lanes>,
    user_bias: Vec<f32>,
    item_bias: Vec<f32>,
}

impl State {
    fn new(ratings: &Csr<'_>, settings: &Settings) -> Result<Self, KernelError> {
        let mut of_users = vec![0; ratings.rows()];
        for (row, count) in of_users.iter_mut().enumerate() {
            *count = ratings.row(row)?.0.len() as u32;
        }
        let mut of_items = vec![0; ratings.columns()];
        for &item in ratings.indices() {
            of_items[item as usize] += 1;
        }
        let width = settings.factors.div_ceil(16);
        let side = |side, counts: &[u32]| {
            start::rows(settings.seed, side, counts, settings.factors, width, 1)
        };
        Ok(Self {
            width,
            users: side(0, &of_users),
            items: side(1, &of_items),
            rated: vec![Lanes::ZERO; of_items.len() * width],
            user_bias: vec![0.0; of_users.len()],
            item_bias: vec![0.0; of_items.len()],
        })
    }

    fn is_finite(&self) -> bool {
        let lanes = self.users.iter().chain(&self.items).chain(&self.rated);
        let factors = lanes.flat_map(|lanes| &lanes.0);
        let mut all = factors.chain(&self.user_bias).chain(&self.item_bias);
        all.all(|value| value.is_finite())
    }
}

/// One pass over all ratings.
struct Pass<'a> {
    ratings: &'a Csr<'a>,
    state: &'a mut State,
    mean: f32,
    learning_rate: f32,
    /// What a step leaves of a factor.
    keep: f32,
    /// What a step leaves of a bias.
    keep_bias: f32,
}

impl Work for Pass<'_> {
    /// The sum of squared errors.
    type Output = f64;

    #[inline(always)]
    fn on<S: Simd>(self, simd: S) -> f64 {
        let Self {
            ratings,
            state,
            mean,
            learning_rate,
            keep,
            keep_bias,
        } = self;
        let width = state.width;
        let (ones, keeping) = (simd.splat(1.0), simd.splat(keep));
        // The sum over what the user rated, and what its y have gained, times the root of their number.
        let mut sum = vec![Lanes::ZERO; width];
        let mut gain = vec![Lanes::ZERO; width];
        let mut squares = 0.0;
        for user in 0..ratings.rows() {
            let range = ratings.checked_range(user);
            if range.is_empty() {
                continue;
            }
            let rated = &ratings.indices()[range.clone()];
            let share = 1.0 / (rated.len() as f32).sqrt();
            sum.fill(Lanes::ZERO);
            gain.fill(Lanes::ZERO);
            for &item in rated {
                let row = &state.rated[item as usize * width..][..width];
                add(simd, &mut sum, row, simd.splat(share));
            }
            let own = &mut state.users[user * width..][..width];
            let mut left = 1.0;
            for (&item, &value) in rated.iter().zip(&ratings.values()[range]) {
                let other = &mut state.items[item as usize * width..][..width];
                let mut dot = simd.splat(0.0);
                for ((q, p), z) in other.iter().zip(&*own).zip(&sum) {
                    let taste = simd.fma(simd.load(p), ones, simd.load(z));
                    dot = simd.fma(simd.load(q), taste, dot);
                }
                let [dot] = simd.totals([dot]);
                let bias = &mut state.item_bias[item as usize];
                let error = value - mean - state.user_bias[user] - *bias - dot;
                squares += f64::from(error) * f64::from(error);
                let step = learning_rate * error;
                *bias = keep_bias.mul_add(*bias, step);
                state.user_bias[user] = keep_bias.mul_add(state.user_bias[user], step);
                left *= keep;
                let step = simd.splat(step);
                let rows = other.iter_mut().zip(own.iter_mut());
                for (((q, p), z), w) in rows.zip(&mut sum).zip(&mut gain) {
                    let old = simd.load(q);
                    let pull = simd.mul(step, old);
                    let taste = simd.fma(simd.load(p), ones, simd.load(z));
                    simd.store(simd.fma(step, taste, simd.mul(keeping, old)), q);
                    for moved in [p, z, w] {
                        simd.store(simd.fma(keeping, simd.load(moved), pull), moved);
                    }
                }
            }
            let left = simd.splat(left);
            for &item in rated {
                let row = &mut state.rated[item as usize * width..][..width];
                for lanes in &mut *row {
                    simd.store(simd.mul(left, simd.load(lanes)), lanes);
                }
                add(simd, row, &gain, simd.splat(share));
            }
        }
        squares
    }
}

/// Adds `share` times the lanes of `from` to those of `to`.
#[inline(always)]
fn add<S: Simd>(simd: S, to: &mut [Lanes], from: &[Lanes], share: S::Vector) {
    for (to, from) in to.iter_mut().zip(from) {
        simd.store(simd.fma(share, simd.load(from), simd.load(to)), to);
    }
}

#[cfg(test)]
mod tests;
