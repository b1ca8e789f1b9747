//! A query as bytes, and what its sums of codes must exceed.

use super::codes::{Bounds, PANELS, SCALES, nearest};

/// Bars are cut to ±2³⁰: no sum of codes is as great.
const FAR: f32 = (1 << 30) as f32;

/// A query in codes.
#[derive(Debug)]
pub(super) struct Codes {
    /// Four codes at a time, as they meet a step of a panel; an even number, with zeros at the end.
    pub(super) steps: Vec<i32>,
    /// What a sum has too much, since an item's byte is its code plus 128.
    excess: i32,
    /// The sum of the codes p, and ‖p‖₂.
    sum: i32,
    length: f32,
    /// Codes of a unit.
    inverse: f32,
    /// ‖q‖₂, and ‖q − q̂‖₂ for the codes q̂; infinite where there are none.
    norm: f32,
    error: f32,
}

impl Codes {
    /// Quantize a query to whole numbers from -`levels` to `levels`. O(dim).
    pub(super) fn of(query: &[f32], levels: f32) -> Self {
        let greatest = query
            .iter()
            .fold(0.0, |most: f32, value| most.max(value.abs()));
        let norm = up(length(query.iter().map(|&value| f64::from(value))));
        let mut codes = Self {
            steps: vec![0; 2 * query.len().div_ceil(8)],
            excess: 0,
            sum: 0,
            length: 0.0,
            inverse: 1.0,
            norm,
            error: norm,
        };
        if greatest == 0.0 && norm == 0.0 {
            return codes;
        }
        if !SCALES.contains(&greatest) || !norm.is_finite() {
            (codes.norm, codes.error) = (f32::INFINITY, f32::INFINITY);
            return codes;
        }
        codes.inverse = levels / greatest;
        let (mut sum, mut squares) = (0, 0);
        for (step, values) in codes.steps.iter_mut().zip(query.chunks(4)) {
            let mut four = [0; 4];
            for (code, &value) in four.iter_mut().zip(values) {
                let whole = nearest(value * codes.inverse);
                *code = whole as u8;
                sum += whole;
                squares += whole * whole;
            }
            *step = i32::from_le_bytes(four);
        }
        (codes.sum, codes.excess) = (sum, 128 * sum);
        codes.length = up(f64::from(squares).sqrt());
        let scale = 1.0 / f64::from(codes.inverse);
        let offs = query
            .iter()
            .map(|&value| f64::from(value) - f64::from(nearest(value * codes.inverse)) * scale);
        codes.error = up(length(offs));
        codes
    }

    /// What the sums of each panel must start with, so that only those that end above 0 can belong to
    /// a score above `bar`.
    #[allow(clippy::inline_always)] // so that it is part of a function compiled for wide registers
    #[inline(always)]
    #[allow(clippy::manual_clamp)] // which would leave a NaN
    pub(super) fn starts(&self, bar: f32, bounds: Bounds<'_>, starts: &mut [i32; PANELS]) {
        for (panel, start) in starts.iter_mut().enumerate() {
            let margin = self.norm * bounds.errors[panel] + self.error * bounds.norms[panel];
            let sum = (bar - margin) * self.inverse * bounds.inverses[panel];
            // A bound that is no number becomes the least one: then every row is scored. Cutting off
            // a fraction may have rounded up, by less than 1; one more is for underflows.
            let threshold = sum.max(-FAR).min(FAR) as i32 - 2;
            *start = -self.excess - threshold;
        }
    }

    /// What the sums of upper halves must start with, so that each ends above 0 where that of whole
    /// codes, which starts with `starts`, does. `errors` are the greatest ‖l − 7.5‖₂ of the panels.
    #[allow(clippy::inline_always)] // as above
    #[inline(always)]
    pub(super) fn starts_of_halves(
        &self,
        starts: &[i32; PANELS],
        errors: &[f32; PANELS],
    ) -> [i32; PANELS] {
        let mean = 7.5 * self.sum as f32;
        std::array::from_fn(|panel| {
            // Each of both terms is less than 2²⁴, so three roundings and a fraction that is cut off
            // are less than 8.
            starts[panel] + (mean + errors[panel] * self.length) as i32 + 8
        })
    }
}

/// ‖·‖₂.
fn length(values: impl Iterator<Item = f64>) -> f64 {
    values.map(|value| value * value).sum::<f64>().sqrt()
}

/// A float that is no less, whatever doubles have lost.
fn up(value: f64) -> f32 {
    if value == 0.0 {
        0.0
    } else {
        ((value * (1.0 + 1e-9)) as f32).next_up()
    }
}
