//! Factors of users and items from likings alone, by comparing what a user likes with what it is
//! not known to like: BPR (Rendle et al. 2009) and WARP (Weston, Bengio and Usunier 2011).
//!
//! Training goes in rounds. First every liking of the round chooses an item that its user does not
//! like, out of the whole catalogue; then these triples of user, liked and other item are stepped
//! one after another. What is chosen follows from the seed and from the factors as they stood
//! before the round, and the order of steps from the data, so threads change nothing but the time.

mod choose;
mod fold_in;
mod logistic;
mod new_items;
mod plan;
mod rows;
mod schedule;
mod step;

use crate::crew::crew;
use crate::filter::Ragged;
use crate::parallel::useful_threads;
use crate::{Isa, KernelError, Matrix};
use choose::Round;
use plan::Plan;
use rows::Rows;
use std::ops::ControlFlow;

pub use fold_in::{fold_in, shares};
pub use new_items::{MAX_RIVALS, Rivals, fold_in_items, rivals};

/// The most factors that a row may have.
pub const MAX_FACTORS: usize = 512;

/// The most items that a liking may be compared with at a time.
pub const MAX_TRIES: usize = 1000;

/// Rounds of an epoch: more choose by fresher factors, and cost more visits of the same users.
const ROUNDS: usize = 4;

/// Which comparisons move the factors, and how far. A comparison's lead is the score of the liked
/// item less that of the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// Bayesian personalised ranking: any other item, pulled by `1 / (1 + e^lead)`.
    Bpr,
    /// Weighted approximate-rank pairwise loss: the first of `max_tries` items that comes within 1
    /// of the liked one, pulled by the logarithm of the rank that this foretells.
    Warp {
        /// Items to try before a liking is taken to rank well; 1 to [`MAX_TRIES`].
        max_tries: usize,
    },
}

/// How to train.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Which comparisons count.
    pub loss: Loss,
    /// Length of a row of factors; 1 to [`MAX_FACTORS`].
    pub factors: usize,
    /// Passes over all likings.
    pub epochs: usize,
    /// Size of the steps of the first epoch.
    pub learning_rate: f32,
    /// The learning rate is multiplied by this after each epoch.
    pub decay: f32,
    /// Weight of the squared factors, added once per comparison.
    pub regularization: f32,
    /// Where the factors start from, and which items are drawn.
    pub seed: u64,
    /// How many threads to use; the result doesn't depend on it.
    pub threads: usize,
}

/// What training leaves. A row without likings has factors of zero, an item that nobody likes has
/// only been compared with others.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// `factors` numbers for each user.
    pub user_factors: Vec<f32>,
    /// `factors` numbers for each item.
    pub item_factors: Vec<f32>,
    /// For each epoch the share of likings that led over an item drawn at random.
    pub train_auc: Vec<f32>,
}

/// Comparisons with items drawn at random, and how many of them came out right.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    right: u64,
    made: u64,
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.right += other.right;
        self.made += other.made;
    }
}

/// The steps of one epoch.
#[derive(Clone, Copy, Debug)]
struct Rates {
    loss: Loss,
    learning_rate: f32,
    /// What a step leaves of a row before it is moved.
    keep: f32,
}

impl Settings {
    fn rates(&self, learning_rate: f32) -> Rates {
        Rates {
            loss: self.loss,
            learning_rate,
            keep: 1.0 - learning_rate * self.regularization,
        }
    }

    /// Whether each setting is in its range.
    ///
    /// # Errors
    /// [`KernelError::Setting`] for the first that isn't.
    pub fn check(&self) -> Result<(), KernelError> {
        let wrong = |name: &str, value: &dyn std::fmt::Display, wanted: &str| {
            Err(KernelError::Setting(format!(
                "{name} is {value}, and must be {wanted}"
            )))
        };
        if !(1..=MAX_FACTORS).contains(&self.factors) {
            return wrong(
                "factors",
                &self.factors,
                &format!("from 1 to {MAX_FACTORS}"),
            );
        }
        if let Loss::Warp { max_tries } = self.loss
            && !(1..=MAX_TRIES).contains(&max_tries)
        {
            return wrong("max_tries", &max_tries, &format!("from 1 to {MAX_TRIES}"));
        }
        if !(self.learning_rate > 0.0 && self.learning_rate.is_finite()) {
            return wrong("learning_rate", &self.learning_rate, "above 0");
        }
        if !(self.decay > 0.0 && self.decay <= 1.0) {
            return wrong("decay", &self.decay, "above 0 and at most 1");
        }
        if !(self.regularization >= 0.0 && self.regularization.is_finite()) {
            return wrong("regularization", &self.regularization, "0 or above");
        }
        Ok(())
    }
}

/// Trains a model. `progress` hears the epoch, from 0, after each of its rounds, and after the last
/// one also the epoch's `train_auc`; it may stop the training there, and the model is then as it
/// stands.
///
/// A step lowers `loss + regularization / 2 * (|p|^2 + |q|^2 + |r|^2)` of one comparison, where p, q
/// and r are the factors of user, liked and other item, and the loss is `ln(1 + e^-lead)` (BPR), or
/// `weight * max(0, 1 - lead)` (WARP). Four steps at a time are computed from the factors before
/// them. The weight of an item found by try t of n - 1 others is `ln((n - 1) / t) / ln(n - 1)`, the
/// quotient rounded down: 1 for the first try. Factors start uniform around 0 with a standard
/// deviation of `0.1 / sqrt(factors)`. One seed gives one set of bits, for any number of threads
/// and on any instruction set.
///
/// `O(epochs * likings * factors)` time, for WARP times the tries that are needed; O(likings + rows
/// * factors) memory.
///
/// # Errors
/// When there is no liking, a setting is out of its range, or training diverges.
pub fn fit(
    likes: &Ragged<'_>,
    settings: &Settings,
    isa: Isa,
    progress: impl FnMut(usize, Option<f64>) -> ControlFlow<()>,
) -> Result<Model, KernelError> {
    check(likes, settings)?;
    let rows = Rows::start(likes, settings);
    train(likes, settings, rows, 0, isa, progress)
}

/// What a training of fewer epochs left, to be gone on from.
#[derive(Clone, Copy, Debug)]
pub struct Start<'a> {
    /// The factors of users.
    pub users: Matrix<'a>,
    /// The factors of items.
    pub items: Matrix<'a>,
    /// How many whole epochs have led there.
    pub epochs: usize,
}

/// Goes on where a training of fewer epochs, with settings that were the same otherwise, has come:
/// the bits of [`fit`], in the time of the epochs that are left. `train_auc` is of these alone.
///
/// # Errors
/// As there, and when the start has other shapes or as many epochs as there are to be, or more.
pub fn go_on(
    likes: &Ragged<'_>,
    settings: &Settings,
    start: &Start<'_>,
    isa: Isa,
    progress: impl FnMut(usize, Option<f64>) -> ControlFlow<()>,
) -> Result<Model, KernelError> {
    check(likes, settings)?;
    for (name, matrix, rows) in [
        ("users", &start.users, likes.rows()),
        ("items", &start.items, likes.columns()),
    ] {
        if (matrix.rows(), matrix.dim()) != (rows, settings.factors) {
            return Err(KernelError::Shape(format!(
                "the factors of {name} to start from are {} x {}, and must be {rows} x {}",
                matrix.rows(),
                matrix.dim(),
                settings.factors
            )));
        }
    }
    if start.epochs >= settings.epochs {
        return Err(KernelError::Setting(format!(
            "epochs is {}, and must be above the {} that led to the start",
            settings.epochs, start.epochs
        )));
    }
    let rows = (Rows::of(&start.users), Rows::of(&start.items));
    train(likes, settings, rows, start.epochs, isa, progress)
}

fn check(likes: &Ragged<'_>, settings: &Settings) -> Result<(), KernelError> {
    settings.check()?;
    if likes.entries() == 0 {
        return Err(KernelError::Data(
            "there are 0 likings, and there must be at least 1".into(),
        ));
    }
    Ok(())
}

fn train(
    likes: &Ragged<'_>,
    settings: &Settings,
    (mut users, mut items): (Rows, Rows),
    first: usize,
    isa: Isa,
    mut progress: impl FnMut(usize, Option<f64>) -> ControlFlow<()>,
) -> Result<Model, KernelError> {
    let plan = Plan::new(likes);
    let threads = useful_threads(settings.threads, plan.users.len())?;
    crew(threads, |crew| {
        let mut buckets = plan.buckets();
        let mut train_auc = Vec::new();
        // Step by step, for the rounding.
        let mut learning_rate =
            (0..first).fold(settings.learning_rate, |rate, _| rate * settings.decay);
        'training: for epoch in first..settings.epochs {
            let rates = settings.rates(learning_rate);
            let mut tally = Tally::default();
            for number in 0..ROUNDS {
                let round = Round {
                    likes,
                    plan: &plan,
                    stream: [settings.seed, epoch as u64],
                    number,
                };
                tally += round.choose(isa, settings.loss, (&users, &items), &mut buckets, crew);
                tally += plan.step(isa, rates, (&mut users, &mut items), &buckets, crew);
                if number + 1 < ROUNDS && progress(epoch, None).is_break() {
                    break 'training;
                }
            }
            if !(users.are_finite() && items.are_finite()) {
                return Err(diverged(settings, epoch));
            }
            let auc = tally.right as f64 / tally.made.max(1) as f64;
            train_auc.push(auc as f32);
            learning_rate *= settings.decay;
            if progress(epoch, Some(auc)).is_break() {
                break;
            }
        }
        Ok(Model {
            user_factors: users.narrow(settings.factors),
            item_factors: items.narrow(settings.factors),
            train_auc,
        })
    })
}

fn diverged(settings: &Settings, epoch: usize) -> KernelError {
    KernelError::Diverged(format!(
        "training diverged in epoch {}: factors are no longer finite numbers; lower learning_rate \
         (it is {}) or regularization (it is {})",
        epoch + 1,
        settings.learning_rate,
        settings.regularization
    ))
}

#[cfg(test)]
mod tests;
