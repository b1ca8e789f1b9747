//! Items that are pulled to what is foretold of them instead of zero.
//!
//! A step keeps `1 - pace x regularization` of a row, so an epoch keeps that to the power of the
//! row's ratings, and a pull to a prior gives the rest of the prior back. It is given at once, before
//! the epoch: the inner loop knows nothing of it, and ratings have the last word.

use super::blocks::Counts;
use super::settings::{Optimizer, Rates};
use super::state::Side;
use super::step::Pace;
use crate::{KernelError, Matrix};

/// What is foretold of items before they are rated: a row of factors for each, and its bias last.
#[derive(Clone, Copy)]
pub(super) struct Prior<'a>(Matrix<'a>);

impl<'a> Prior<'a> {
    /// # Errors
    /// When the rows have another shape, or a number that is not finite.
    pub(super) fn new(
        given: Matrix<'a>,
        n_items: usize,
        factors: usize,
    ) -> Result<Self, KernelError> {
        let wanted = factors + 1;
        if (given.rows(), given.dim()) != (n_items, wanted) {
            return Err(KernelError::Shape(format!(
                "item_prior has {} rows of {} numbers, and must have {n_items} rows of {wanted}: \
                 factors and a bias",
                given.rows(),
                given.dim()
            )));
        }
        match given.values().iter().position(|value| !value.is_finite()) {
            None => Ok(Self(given)),
            Some(at) => Err(KernelError::Data(format!(
                "item_prior is {} in row {}, and must be finite",
                given.values()[at],
                at / wanted
            ))),
        }
    }

    /// Moves the items there from where they start; one never rated stays there.
    pub(super) fn start(self, items: &mut Side) {
        self.give(items, |_, _| (1.0, 1.0));
    }

    /// Gives back what one epoch's steps will take of the prior. O(items x factors).
    pub(super) fn pull(
        self,
        items: &mut Side,
        counts: &Counts,
        optimizer: Optimizer,
        rates: Rates,
    ) {
        self.give(items, |items, row| {
            let pace = Pace::of(optimizer, rates, items.squares(row));
            let count = counts.items[row];
            (
                lost(pace.factors * rates.regularization, count),
                lost(pace.bias * rates.bias_regularization, count),
            )
        });
    }

    /// Adds shares of the prior: of factors, and of the bias.
    fn give(self, items: &mut Side, shares: impl Fn(&Side, usize) -> (f32, f32)) {
        for row in 0..self.0.rows() {
            let (of_factors, of_bias) = shares(items, row);
            if let [factors @ .., bias] = self.0.row(row) {
                items.add(row, factors, of_factors);
                items.bias[row] += of_bias * bias;
            }
        }
    }
}

/// The part that `steps` steps take away, each of them `step` of what there is.
fn lost(step: f32, mut steps: u32) -> f32 {
    let mut once = (1.0 - f64::from(step)).max(0.0);
    let mut kept = 1.0;
    // By squaring, since the power of a standard library may differ from machine to machine.
    while steps > 0 {
        if steps & 1 == 1 {
            kept *= once;
        }
        once *= once;
        steps >>= 1;
    }
    (1.0 - kept) as f32
}

#[cfg(test)]
mod tests {
    use super::lost;

    #[test]
    fn what_steps_take_is_what_is_left_of_one() {
        let exact = [lost(0.25, 0), lost(0.25, 1), lost(0.5, 3), lost(1.5, 2)];
        assert_eq!(
            exact.map(f32::to_bits),
            [0.0, 0.25, 0.875, 1.0].map(f32::to_bits)
        );
        assert!((lost(0.01, 1000) - 0.999_956_8).abs() < 1e-6);
    }
}
