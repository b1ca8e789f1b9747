//! SLIM: each column of a matrix as a sparse sum of the others.
//!
//! Coordinate descent for the elastic net. The remains `y - Xw` of one column are kept, so that a
//! step costs the entries of the column that it moves ("naive updates", which Friedman, Hastie and
//! Tibshirani 2010, section 2.3, advise for sparse data); no matrix of columns by columns exists.
//! Passes over the columns whose weight isn't 0 alternate with passes over all that may get one
//! (section 2.5 there).
//!
//! A column is solved by one thread, in one order, so threads don't change a bit.

mod solver;

use crate::KernelError;
use crate::csr::{Csr, CsrBuf};
use crate::parallel::{Queue, together, useful_threads};
use solver::{Columns, Solver};
use std::ops::ControlFlow;

/// Columns that a thread takes at once.
const BLOCK: usize = 4;
/// Entries that columns are first held against between two calls of `progress`; passes read them
/// some tens of times, which takes some tenths of a second.
const ROUND: usize = 1 << 20;

/// What the sums are to be like.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// What a sum of sizes of weights costs: more of it leaves fewer weights.
    pub l1: f64,
    /// What half a sum of squares of weights costs: more of it leaves smaller weights.
    pub l2: f64,
    /// Whether no weight may be below 0.
    pub non_negative: bool,
    /// How many threads to use; the result doesn't depend on it.
    pub threads: usize,
}

/// For each column `y` of `matrix` X the weights w of the least
///
/// > |y - Xw|² / 2 + l2 |w|² / 2 + l1 Σ|w|
///
/// where the weight of y itself is 0, and none is negative if `non_negative` (Ning and Karypis 2011,
/// eq. 4): a row of the result, columns ascending, without zeros.
///
/// Passes end where no weight's slope is farther from its optimum than a ten-thousandth of the
/// steepest slope at w = 0, or after a thousand passes.
///
/// `progress` hears, now and then, how many of the columns are done; `None` comes back where it
/// breaks off.
///
/// O(entries + threads x (rows + columns) + weights) memory. A pass over all reads the columns that
/// share more than `l1` with y, where nothing is negative; otherwise all.
///
/// # Errors
/// When `threads` is 0, `l1` is negative, `l2` isn't positive, either isn't finite, a value isn't
/// finite, the arrays are damaged, or a weight is beyond the range of floats.
pub fn slim(
    matrix: &Csr<'_>,
    settings: &Settings,
    mut progress: impl FnMut(usize, usize) -> ControlFlow<()>,
) -> Result<Option<CsrBuf>, KernelError> {
    let Settings { l1, l2, .. } = *settings;
    if !(l1 >= 0.0 && l1.is_finite()) {
        return Err(KernelError::Setting(format!(
            "l1 is {l1}, and must be 0 or a positive number"
        )));
    }
    if !(l2 > 0.0 && l2.is_finite()) {
        return Err(KernelError::Setting(format!(
            "l2 is {l2}, and must be a positive number"
        )));
    }
    let count = matrix.columns();
    let threads = useful_threads(settings.threads, count.div_ceil(BLOCK))?;
    matrix.check()?;
    let columns = Columns::new(matrix)?;
    let mut found: Vec<Result<Vec<(u32, f32)>, KernelError>> = Vec::new();
    found.resize_with(count, || Ok(Vec::new()));
    let mut done = 0;
    while done < count {
        let end = end_of_round(&columns, done);
        let places = found[done..end].chunks_mut(BLOCK);
        let queue = Queue::new((done..end).step_by(BLOCK).zip(places));
        together(threads, || {
            let mut solver = Solver::new(&columns, settings);
            while let Some((start, places)) = queue.take() {
                for (column, place) in (start..).zip(places) {
                    *place = solver.solve(column);
                }
            }
        });
        done = end;
        if progress(done, count).is_break() {
            return Ok(None);
        }
    }
    let mut weights = CsrBuf {
        indptr: vec![0],
        ..CsrBuf::default()
    };
    for row in found {
        for (column, weight) in row? {
            weights.indices.push(column as i32);
            weights.values.push(weight);
        }
        weights.indptr.push(weights.indices.len() as i64);
    }
    Ok(Some(weights))
}

/// Where the round that begins at `column` ends.
fn end_of_round(columns: &Columns<'_>, column: usize) -> usize {
    let (mut end, mut work) = (column, 0);
    while end < columns.count() && work < ROUND {
        work += columns.reach(end);
        end += 1;
    }
    end
}

#[cfg(test)]
mod tests;
