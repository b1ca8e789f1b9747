//! The portable path: the reference for the others and the fallback everywhere.

use std::ops::Range;

use super::Rows;
use crate::Matrix;
use crate::canonical::dot;
use crate::heap::Selection;

/// Offer each row of the range with its score.
pub(super) fn scan(
    items: Matrix<'_>,
    query: &[f32],
    rows: Range<usize>,
    selection: &mut Selection<'_>,
) {
    for row in rows {
        selection.offer(row as i32, dot(query, items.row(row)));
    }
}

/// Write the score of each row.
pub(super) fn score(items: Matrix<'_>, query: &[f32], rows: Rows<'_>, scores: &mut [f32]) {
    for (position, score) in scores.iter_mut().enumerate() {
        *score = dot(query, items.row(rows.get(position)));
    }
}
