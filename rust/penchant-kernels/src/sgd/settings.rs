//! How to train, and which settings can be used.

use super::MAX_FACTORS;
use crate::KernelError;

/// How far a step along the gradient goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Optimizer {
    /// The learning rate, for all rows.
    Sgd,
    /// The learning rate over the root of one and the row's squared gradients so far, the mean over
    /// its factors and the bias apart (Duchi, Hazan and Singer 2011; one number a row: Chin,
    /// Zhuang, Juan and Lin, "A Learning-rate Schedule for Stochastic Gradient Methods to Matrix
    /// Factorization", 2015).
    Adagrad,
}

/// How to train.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Length of a row of factors.
    pub factors: usize,
    /// Passes over all ratings, at the most.
    pub epochs: usize,
    /// How steps follow from the learning rate.
    pub optimizer: Optimizer,
    /// Size of the first steps.
    pub learning_rate: f32,
    /// The learning rate is multiplied by this after each epoch.
    pub decay: f32,
    /// Weight of the squared factors, added once per rating to its squared error.
    pub regularization: f32,
    /// Weight of the squared biases, likewise.
    pub bias_regularization: f32,
    /// Epochs without a lower error on held-out ratings, after which training stops.
    pub patience: usize,
    /// Where the factors start from.
    pub seed: u64,
    /// How many threads to use; the result doesn't depend on it.
    pub threads: usize,
}

/// What the steps of one epoch need to know.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rates {
    pub(super) learning_rate: f32,
    pub(super) regularization: f32,
    pub(super) bias_regularization: f32,
    /// How many factors there are.
    pub(super) factors: f32,
}

impl Settings {
    pub(super) fn rates(&self, learning_rate: f32) -> Rates {
        Rates {
            learning_rate,
            regularization: self.regularization,
            bias_regularization: self.bias_regularization,
            factors: self.factors as f32,
        }
    }

    pub(crate) fn check(&self) -> Result<(), KernelError> {
        if !(1..=MAX_FACTORS).contains(&self.factors) {
            return Err(KernelError::Setting(format!(
                "factors is {}, and must be from 1 to {MAX_FACTORS}",
                self.factors
            )));
        }
        if self.patience == 0 {
            return Err(KernelError::Setting(
                "patience is 0, and must be at least 1".into(),
            ));
        }
        let ranges = [
            (
                "learning_rate",
                self.learning_rate,
                f32::MIN_POSITIVE,
                f32::MAX,
            ),
            ("decay", self.decay, f32::MIN_POSITIVE, 1.0),
            ("regularization", self.regularization, 0.0, f32::MAX),
            (
                "bias_regularization",
                self.bias_regularization,
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
}
