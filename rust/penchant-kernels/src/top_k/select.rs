//! Selection from scores that are there already, for scorers that are no dot product.

use super::Best;
use crate::KernelError;
use crate::Matrix;
use crate::filter::Filter;

/// Scores that are compared with the bar at a time.
const BLOCK: usize = 32;

/// Find the k best columns of each row of `scores`, queries × items.
///
/// Order, ties, padding, filter and NaN as [`top_k`](super::top_k). O(queries · items).
///
/// # Errors
/// [`KernelError::Shape`] when the number of results differs from the number of rows.
pub fn select_top_k(
    scores: Matrix<'_>,
    filter: &Filter<'_>,
    best: Best<'_>,
) -> Result<(), KernelError> {
    if best.queries() != scores.rows() {
        return Err(KernelError::Shape(format!(
            "{} rows of scores do not fit {} results",
            scores.rows(),
            best.queries()
        )));
    }
    filter.check(scores.rows(), scores.dim())?;
    best.fill(filter, |selections| {
        for (query, selection) in selections.iter_mut().enumerate() {
            let scores = scores.row(query);
            if let Some(listed) = filter.listed(query) {
                for &row in listed {
                    selection.offer(row, scores[row as usize]);
                }
                continue;
            }
            for (block, part) in scores.chunks(BLOCK).enumerate() {
                let bar = selection.bar();
                // `count`, not `any`: without an early exit the comparison is vectorised.
                if part.iter().filter(|&&score| score >= bar).count() > 0 {
                    for (place, &score) in part.iter().enumerate() {
                        selection.offer((block * BLOCK + place) as i32, score);
                    }
                }
            }
        }
    });
    Ok(())
}
