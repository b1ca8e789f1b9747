//! The upper four bits of all codes once more, side by side: half the memory for a scan that waits for
//! it.
//!
//! A code plus 128 is a byte 16h + l. With p the codes of a query, h and l the halves of a row,
//!
//! Σ (16h + l) p = 16 h·p + 7.5 Σ p + (l − 7.5)·p ≤ 16 h·p + 7.5 Σ p + ‖l − 7.5‖ ‖p‖,
//!
//! by Cauchy and Schwarz. So the sum of upper halves, started that much higher, ends above 0 wherever
//! that of whole codes does. The greatest ‖l − 7.5‖ of each panel is kept.

use super::codes::{Codes, PANELS, ROWS, STEP};
use crate::Resident;

/// The bits that are kept.
pub(super) const UPPER: u8 = 0xF0;
/// Bytes of codes from which on a scan waits for memory long enough for halves to gain: measured, as
/// is the next one.
const LARGE: usize = 32 << 20;
/// The longest vectors that halves tell apart. The error of a sum of halves grows by √dim, next to the
/// scores of the best, which do not: at 128 columns a sixth of the panels of random items is left.
const LONGEST: usize = 96;

/// The upper halves of the codes of one matrix.
#[derive(Debug)]
pub struct UpperHalves {
    /// Two steps of a panel in one: the even one above, the odd one below.
    lines: Resident<u8>,
    errors: Vec<[f32; PANELS]>,
    width: usize,
}

impl UpperHalves {
    /// Take the upper halves of codes; None where reading less gains nothing: of fewer than 32 MB, and
    /// of vectors of more than 96 values. O(rows · dim) time, and half the memory of the codes.
    #[must_use]
    pub fn of_many(codes: Codes<'_>) -> Option<Self> {
        (codes.bytes().len() >= LARGE && codes.dim() <= LONGEST).then(|| Self::of(codes))
    }

    /// Take the upper halves of codes.
    pub(in crate::top_k) fn of(codes: Codes<'_>) -> Self {
        let panel_bytes = codes.steps() * STEP;
        let width = codes.steps().div_ceil(2) * STEP;
        let panels = codes.groups() * PANELS;
        let none = vec![0; width];
        let mut lines = Resident::joined(&vec![&none[..]; panels]);
        let mut errors = vec![[0.0; PANELS]; codes.groups()];
        if width > 0 {
            let whole = codes.bytes().chunks(panel_bytes);
            let halves = lines.values_mut().chunks_mut(width);
            let errors = errors.as_flattened_mut().iter_mut();
            for ((whole, halves), error) in whole.zip(halves).zip(errors) {
                take_upper(whole, halves);
                *error = greatest_error(whole, codes.dim());
            }
        }
        Self {
            lines,
            errors,
            width,
        }
    }

    /// The halves of one group, panel after panel.
    pub(super) fn group(&self, group: usize) -> &[u8] {
        let bytes = PANELS * self.width;
        &self.lines.values()[group * bytes..][..bytes]
    }

    /// The greatest ‖l − 7.5‖₂ of each panel of a group.
    pub(super) fn errors(&self, group: usize) -> &[f32; PANELS] {
        &self.errors[group]
    }

    /// Whether they may be halves of those codes.
    pub(super) fn fit(&self, codes: Codes<'_>) -> bool {
        (self.errors.len(), self.width) == (codes.groups(), codes.steps().div_ceil(2) * STEP)
    }
}

/// Put the upper halves of two steps into one, for a panel.
fn take_upper(whole: &[u8], halves: &mut [u8]) {
    for (two, halves) in whole.chunks(2 * STEP).zip(halves.chunks_mut(STEP)) {
        let (even, odd) = two.split_at(STEP);
        for (half, even) in halves.iter_mut().zip(even) {
            *half = even & UPPER;
        }
        for (half, odd) in halves.iter_mut().zip(odd) {
            *half |= odd >> 4;
        }
    }
}

/// The greatest ‖l − 7.5‖₂ of the rows of a panel, over their `dim` columns, rounded up.
fn greatest_error(whole: &[u8], dim: usize) -> f32 {
    // Of 2l − 15, so that squares are whole.
    let mut squares = [0_u32; ROWS];
    for (step, bytes) in whole.chunks(STEP).enumerate() {
        let columns = (dim - 4 * step).min(4);
        for (sum, four) in squares.iter_mut().zip(bytes.as_chunks::<4>().0) {
            for byte in &four[..columns] {
                let twice = 2 * i32::from(byte & !UPPER) - 15;
                *sum += (twice * twice) as u32;
            }
        }
    }
    let most = squares.into_iter().fold(0, u32::max);
    ((f64::from(most).sqrt() / 2.0) as f32).next_up()
}
