//! How far a fast sum can be from the canonical score.
//!
//! A batch adds up the products of a query q and a row x in the order that suits its registers, and
//! asks this file by how much that may differ from the [canonical](crate::canonical) sum. Rows that
//! may enter in spite of the difference are then scored canonically; so no fast sum ever decides
//! anything, and none is returned.
//!
//! **The bound.** Write u = 2⁻²⁴, γₙ = n·u / (1 − n·u) and S = Σ|qᵢxᵢ|. A sum in which every product
//! passes through at most n roundings differs from the exact one by at most γₙ·S (N. J. Higham,
//! *Accuracy and Stability of Numerical Algorithms*, 2nd edition 2002, sections 3.1 and 4.2; a fused
//! multiply-add rounds once). In the fast sum, a chain of d fused multiply-adds, n is d; in the
//! canonical one, ⌈d/16⌉ steps a lane and 4 additions of lanes, n is ⌈d/16⌉ + 4. Both are about the
//! same exact sum, so they differ by at most the sum of the two γ, times S; and S ≤ ‖q‖₁·max|xᵢ|
//! (Hölder).
//!
//! The bounds f ± m that are built from a fast sum f and its margin m, and what a sum must exceed to
//! reach a bar, are rounded floats themselves. That costs at most 3u·S where it matters: bars beyond
//! ±2S decide the same whichever way they are rounded. So m has 4u·S more.
//!
//! **Underflow.** A step whose result is subnormal adds an absolute error of at most 2⁻¹⁵⁰, or 2⁻¹²⁶
//! where a host has told the FPU to flush such results to zero; 2d + 16 steps are in both sums.
//!
//! **Overflow.** No partial sum is greater than (1 + γ)·S. Where S may reach 2¹²⁶, or is not a number
//! at all, there is no bound, and the rows must be scored canonically.
//!
//! The bound itself is computed in doubles, whose roundings the factor [`SLACK`] outweighs for any
//! length that fits the other conditions.

use crate::canonical::LANES;

/// Half the distance from 1 to the next float.
const ROUNDING: f64 = 1.0 / (1 << 24) as f64;
/// Covers the roundings of the bound's own arithmetic, below 2⁻³² relative.
const SLACK: f64 = 1.0 + 1e-6;
/// Vectors longer than this are scored canonically: n·u must be well below 1.
const LONGEST: usize = 1 << 20;
/// The least absolute value that an `f32` holds with full precision, 2⁻¹²⁶.
const TINY: f64 = f32::MIN_POSITIVE as f64;
/// A sum of magnitudes below this can't overflow, 2¹²⁶.
const HUGE: f64 = 1.0 / TINY;

/// The bound for vectors of one length.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bound {
    relative: f64,
    absolute: f64,
}

impl Bound {
    pub(super) fn of(dim: usize) -> Self {
        let gamma = |n: usize| {
            let n = n as f64 * ROUNDING;
            n / (1.0 - n)
        };
        let relative = if dim <= LONGEST {
            (gamma(dim) + gamma(dim.div_ceil(LANES) + 4) + 4.0 * ROUNDING) * SLACK
        } else {
            f64::INFINITY
        };
        Self {
            relative,
            absolute: (2 * dim + LANES) as f64 * TINY,
        }
    }

    /// The greatest difference between the two sums of a query of that [`norm`] and a row none of
    /// whose values exceeds that magnitude; nothing where there is no bound.
    pub(super) fn margin(self, norm: f64, magnitude: f32) -> Option<f32> {
        let sum = norm * f64::from(magnitude);
        if sum == 0.0 {
            return Some(0.0); // products and sums are all zero
        }
        let margin = self.relative * sum + self.absolute;
        (sum < HUGE && margin < HUGE).then(|| (margin as f32).next_up())
    }
}

/// ‖q‖₁; not finite when an entry is not.
pub(super) fn norm(query: &[f32]) -> f64 {
    query.iter().map(|&value| f64::from(value.abs())).sum()
}

#[cfg(test)]
mod tests {
    use super::{Bound, norm};
    use crate::canonical::dot;

    /// The sum of a fast path: one chain of multiply-adds.
    fn chain(a: &[f32], b: &[f32]) -> f32 {
        a.iter().zip(b).fold(0.0, |sum, (x, y)| x.mul_add(*y, sum))
    }

    #[test]
    fn the_bound_holds_where_nearly_everything_cancels() {
        let mut largest = 0.0_f32;
        for dim in [1, 2, 15, 16, 17, 66, 128, 1000] {
            // Great terms of both signs, and a remainder that is all rounding.
            let a: Vec<f32> = (0..dim)
                .map(|i| 1.0 + (i * 37 % 101) as f32 / 7.0)
                .collect();
            let b: Vec<f32> = (0..dim).map(|i| [3.3, -3.3][i % 2] / a[i]).collect();
            let greatest = b.iter().fold(0.0, |most: f32, value| most.max(value.abs()));
            let margin = Bound::of(dim).margin(norm(&a), greatest).unwrap();
            let off = (chain(&a, &b) - dot(&a, &b)).abs();
            assert!(off <= margin, "{dim}: {off} > {margin}");
            largest = largest.max(off / margin);
        }
        assert!(
            largest > 1e-4,
            "the two sums do differ, by {largest} of the margin"
        );
    }

    #[test]
    fn a_query_of_zeros_is_certain() {
        assert_eq!(Bound::of(8).margin(norm(&[0.0, -0.0]), f32::MAX), Some(0.0));
        assert_eq!(Bound::of(8).margin(norm(&[1e-45; 8]), 0.0), Some(0.0));
    }

    #[test]
    fn products_that_underflow_have_a_margin_of_their_own() {
        let margin = Bound::of(2).margin(norm(&[1e-30, 1e-30]), 1e-30).unwrap();
        assert!(margin >= 2.0 * f32::MIN_POSITIVE);
    }

    #[test]
    fn there_is_no_bound_where_a_sum_may_overflow_or_is_no_number() {
        let of = |query: &[f32], greatest| Bound::of(query.len()).margin(norm(query), greatest);
        assert!(of(&[1e18, 1e18], 1e19).is_some());
        for (query, greatest) in [
            ([1e19, 1e19], 1e19),
            ([f32::NAN, 1.0], 1.0),
            ([f32::INFINITY, 1.0], 1.0),
            ([1.0, 1.0], f32::NAN),
            ([1.0, 1.0], f32::INFINITY),
        ] {
            assert_eq!(of(&query, greatest), None);
        }
        assert_eq!(Bound::of(1 << 21).margin(1.0, 1.0), None);
    }
}
