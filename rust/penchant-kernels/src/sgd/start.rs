//! Where factors start from: small numbers that follow from a seed, the same on every machine.

use crate::random::Draws;
use crate::simd::Lanes;

/// Half the width of a uniform distribution with standard deviation 0.1.
const HALF_WIDTH: f32 = 0.173_205_08;

/// Factors in the order of their rows, from one stream.
pub(super) struct Start {
    draws: Draws,
}

impl Start {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            draws: Draws::new(&[seed]),
        }
    }

    /// Rows of `factors` numbers in `width` lanes; rows that no rating speaks of are zero, and
    /// their numbers are drawn all the same, so that they don't shift those of others.
    pub(super) fn rows(
        &mut self,
        rated: &[i32],
        n: usize,
        factors: usize,
        width: usize,
    ) -> Vec<Lanes> {
        let mut known = vec![false; n];
        for &row in rated {
            known[row as usize] = true;
        }
        let mut rows = vec![Lanes::ZERO; n * width];
        for (row, known) in rows.chunks_exact_mut(width).zip(known) {
            for factor in 0..factors {
                let number = self.number();
                if known {
                    row[factor / 16].0[factor % 16] = number;
                }
            }
        }
        rows
    }

    /// The next number, uniform in the range around zero.
    fn number(&mut self) -> f32 {
        let fraction = self.draws.fraction();
        (2.0 * fraction - 1.0) * HALF_WIDTH
    }
}
