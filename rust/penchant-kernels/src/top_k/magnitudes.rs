//! The greatest absolute values of the items, which bound what a [fast sum](super::bound) may be off.

use std::ops::Range;
use std::sync::OnceLock;

use super::pieces::piece_rows;
use super::quantized::Codes;
use crate::Matrix;

/// Items to rank, with what is worth knowing about them in advance.
#[derive(Debug, Clone, Copy)]
pub struct Items<'a> {
    pub(super) matrix: Matrix<'a>,
    pub(super) magnitudes: Option<&'a Magnitudes>,
    pub(super) codes: Option<Codes<'a>>,
}

impl<'a> Items<'a> {
    /// Items that are ranked again and again, whose magnitudes are kept where the caller says.
    #[must_use]
    pub fn with(matrix: Matrix<'a>, magnitudes: &'a Magnitudes) -> Self {
        Self {
            matrix,
            magnitudes: Some(magnitudes),
            codes: None,
        }
    }

    /// The same items, to be scanned by their codes where that is faster.
    #[must_use]
    pub fn quantized(self, codes: Option<Codes<'a>>) -> Self {
        Self { codes, ..self }
    }
}

/// Items of which nothing is known: each batch reads them once more.
impl<'a> From<Matrix<'a>> for Items<'a> {
    fn from(matrix: Matrix<'a>) -> Self {
        Self {
            matrix,
            magnitudes: None,
            codes: None,
        }
    }
}

/// The greatest absolute value in each piece of a matrix, found when a batch first asks.
///
/// It belongs to one matrix whose values never change. 4 bytes for 256 KB of items.
#[derive(Debug, Default)]
pub struct Magnitudes(OnceLock<Box<[f32]>>);

impl Magnitudes {
    /// A number that no value of the rows exceeds; not finite when one of them is not.
    #[cfg(target_arch = "x86_64")]
    pub(super) fn of_rows(&self, items: Matrix<'_>, rows: &Range<usize>) -> f32 {
        let step = piece_rows(items.dim());
        let pieces = self.0.get_or_init(|| {
            let pieces = items.values().chunks(step * items.dim().max(1));
            pieces.map(magnitude).collect()
        });
        let within = rows.start / step..rows.end.div_ceil(step).min(pieces.len());
        let bits = pieces[within].iter().map(|greatest| greatest.to_bits());
        f32::from_bits(bits.max().unwrap_or_default())
    }
}

/// The greatest absolute value; not finite when a value is not. 0 for no values.
#[allow(clippy::inline_always)] // so that it is part of a function compiled for wide registers
#[inline(always)]
pub(super) fn magnitude(values: &[f32]) -> f32 {
    // As whole numbers, bits of absolute values have the order of the values, and a NaN comes last.
    let bits = values.iter().map(|value| value.abs().to_bits() as i32);
    f32::from_bits(bits.fold(0, i32::max) as u32)
}

#[cfg(test)]
mod tests {
    use super::{Magnitudes, magnitude};
    use crate::Matrix;

    #[test]
    fn the_greatest_absolute_value_is_found_and_nothing_finite_hides_what_is_not() {
        assert_eq!(magnitude(&[]).to_bits(), 0);
        assert_eq!(magnitude(&[1.0, -3.0, 2.0]).to_bits(), 3.0_f32.to_bits());
        assert_eq!(magnitude(&[-0.0, -1e-45]).to_bits(), 1);
        assert!(magnitude(&[f32::MAX, f32::NEG_INFINITY]).is_infinite());
        assert!(magnitude(&[f32::INFINITY, -f32::NAN, 1.0]).is_nan());
    }

    #[test]
    fn rows_are_bounded_by_the_pieces_they_lie_in() {
        let rows = 3000;
        let mut values = vec![1.0; rows * 64];
        values[2500 * 64 + 7] = -9.0;
        let items = Matrix::new(&values, rows, 64).unwrap();
        let known = Magnitudes::default();
        let of_rows = |rows| known.of_rows(items, &rows).to_bits();
        assert_eq!(of_rows(0..100), 1.0_f32.to_bits());
        assert_eq!(of_rows(2400..2600), 9.0_f32.to_bits());
        assert_eq!(of_rows(0..rows), 9.0_f32.to_bits());
        assert_eq!(of_rows(0..0), 0);
    }
}
