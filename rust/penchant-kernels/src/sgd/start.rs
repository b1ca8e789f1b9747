//! Where factors start from: small numbers that follow from a seed, the same on every machine.

use super::simd::Lanes;

/// Half the width of a uniform distribution with standard deviation 0.1.
const HALF_WIDTH: f32 = 0.173_205_08;

/// A stream of numbers: `SplitMix64` (Steele, Lea and Flood 2014), its top 24 bits as a fraction.
pub(super) struct Start {
    state: u64,
}

impl Start {
    pub(super) fn new(seed: u64) -> Self {
        Self { state: seed }
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
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.state;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^= bits >> 31;
        let fraction = (bits >> 40) as f32 / (1_u32 << 24) as f32;
        (2.0 * fraction - 1.0) * HALF_WIDTH
    }
}
