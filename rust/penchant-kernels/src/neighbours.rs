//! The most similar rows of a sparse matrix, without the dense matrix of similarities.
//!
//! What a row shares with all others is gathered by walking, for each of its columns, the rows that
//! have an entry there, into one dense row of sums. Likeness is symmetric, so only later rows are
//! visited and each similarity is offered to both. The order on (similarity, row) is total, so the
//! k best of a row don't depend on the order in which they are offered, nor on threads.

mod best;
mod similarity;

pub use similarity::Similarity;

use crate::KernelError;
use crate::csr::{Csr, CsrBuf};
use crate::parallel::{Queue, together, useful_threads};
use best::{Best, best_of_all};
use similarity::{Adjusted, Cosine, Euclidean, Jaccard, Pearson, Shared, ShrunkCosine};
use std::ops::{ControlFlow, Range};
use std::sync::{Mutex, PoisonError};

/// Rows that a thread takes at once: enough to make the queue cheap, few enough to share evenly.
const BLOCK: usize = 16;
/// Pairs of entries between two calls of `progress`, some tenths of a second.
const ROUND: usize = 1 << 27;
/// Similarities that are held against the bars together.
const LANES: usize = 16;

/// What to look for.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// How many other rows each row keeps.
    pub k: usize,
    /// How alike two rows are.
    pub similarity: Similarity,
    /// A similarity is multiplied by `overlap / (overlap + shrinkage)`, where `overlap` counts the
    /// columns in which both rows have an entry: little evidence counts less (Bell and Koren 2007).
    pub shrinkage: f64,
    /// How many threads to use; the result doesn't depend on it.
    pub threads: usize,
}

/// For each row of `matrix` the `k` most similar other rows, best first, ties to the lower row; a
/// similarity of 0 is none. An entry counts as one even if it holds a 0.
///
/// `progress` hears, now and then, how many of the rows are done; `None` comes back where it breaks
/// off.
///
/// O(sum over columns of entries^2 / 2) time, O(threads x rows x k + entries) memory.
///
/// # Errors
/// When `k` or `threads` is 0, `shrinkage` is negative or not finite, a value is not finite, or the
/// arrays are damaged.
pub fn neighbours(
    matrix: &Csr<'_>,
    settings: &Settings,
    progress: impl FnMut(usize, usize) -> ControlFlow<()>,
) -> Result<Option<CsrBuf>, KernelError> {
    let shrinkage = settings.shrinkage;
    if settings.k == 0 {
        return Err(KernelError::Setting(
            "k is 0, and must be at least 1".into(),
        ));
    }
    if !(shrinkage >= 0.0 && shrinkage.is_finite()) {
        return Err(KernelError::Setting(format!(
            "shrinkage is {shrinkage}, and must be 0 or a positive number"
        )));
    }
    let threads = useful_threads(settings.threads, matrix.rows().div_ceil(BLOCK))?;
    matrix.check()?;
    for row in 0..matrix.rows() {
        let values = &matrix.values()[matrix.checked_range(row)];
        if let Some(value) = values.iter().find(|value| !value.is_finite()) {
            return Err(KernelError::Data(format!(
                "row {row} has the value {value}, and values must be finite"
            )));
        }
    }
    let k = settings.k.min(matrix.rows().saturating_sub(1));
    let run = Run {
        matrix,
        k,
        threads,
        progress,
    };
    Ok(match settings.similarity {
        Similarity::Cosine if shrinkage == 0.0 => run.search(Cosine::new(matrix)),
        Similarity::Cosine => run.search(ShrunkCosine::new(matrix, shrinkage)),
        Similarity::AdjustedCosine => run.search(Adjusted::new(matrix, shrinkage)),
        Similarity::Pearson => run.search(Pearson::new(matrix, shrinkage)),
        Similarity::Jaccard => run.search(Jaccard::new(matrix, shrinkage)),
        Similarity::Euclidean => run.search(Euclidean::new(matrix, shrinkage)),
    })
}

/// A call whose arguments are checked.
struct Run<'a, P> {
    matrix: &'a Csr<'a>,
    k: usize,
    threads: usize,
    progress: P,
}

impl<P: FnMut(usize, usize) -> ControlFlow<()>> Run<'_, P> {
    fn search<S: Shared>(mut self, (shared, values): (S, Vec<f32>)) -> Option<CsrBuf> {
        let rows = self.matrix.rows();
        let pairs = Pairs::new(self.matrix, values);
        let new = || Search::new(&pairs, &shared, self.k);
        let searches = Mutex::new((0..self.threads).map(|_| new()).collect::<Vec<_>>());
        let mut done = 0;
        while done < rows {
            let end = pairs.end_of_round(done);
            let queue = Queue::new((done..end).step_by(BLOCK));
            together(self.threads, || {
                let taken = locked(&searches).pop();
                if let Some(mut search) = taken {
                    while let Some(start) = queue.take() {
                        (start..end.min(start + BLOCK)).for_each(|row| search.visit(row));
                    }
                    locked(&searches).push(search);
                }
            });
            done = end;
            if (self.progress)(done, rows).is_break() {
                return None;
            }
        }
        let searches = searches
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        let found = searches.into_iter().map(|search| search.best).collect();
        Some(best_of_all(found, self.threads))
    }
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The matrix, ready to be walked both ways.
struct Pairs<'a> {
    matrix: &'a Csr<'a>,
    values: Vec<f32>,
    /// The rows of each column's entries, and their values.
    others: Vec<(u32, f32)>,
    ends: Vec<i64>,
    /// Where in `others` the entry after each entry of the matrix stands.
    next: Vec<usize>,
}

impl<'a> Pairs<'a> {
    fn new(matrix: &'a Csr<'a>, values: Vec<f32>) -> Self {
        let mut next = vec![0; matrix.entries()];
        let by_column = matrix
            .with_values(&values)
            .checked_transpose(|entry, at| next[entry] = at + 1);
        let rows = by_column.indices.iter().map(|&row| row as u32);
        Self {
            matrix,
            others: rows.zip(by_column.values).collect(),
            ends: by_column.indptr,
            values,
            next,
        }
    }

    /// The entries below `entry` in its column, as a range of `others`.
    fn later(&self, entry: usize) -> Range<usize> {
        let column = self.matrix.indices()[entry] as usize;
        self.next[entry]..self.ends[column + 1] as usize
    }

    /// How many pairs of entries a row and later rows make.
    fn work(&self, row: usize) -> usize {
        let entries = self.matrix.checked_range(row);
        entries.map(|entry| self.later(entry).len()).sum()
    }

    /// Where the round that begins at `row` ends.
    fn end_of_round(&self, row: usize) -> usize {
        let (mut end, mut work) = (row, 0);
        while end < self.matrix.rows() && work < ROUND {
            work += self.work(end);
            end += 1;
        }
        end
    }
}

/// What one thread needs to visit rows, and the best that it has seen.
struct Search<'a, S: Shared> {
    pairs: &'a Pairs<'a>,
    shared: &'a S,
    sums: Vec<S::Sums>,
    touched: Vec<u32>,
    best: Best,
}

impl<'a, S: Shared> Search<'a, S> {
    fn new(pairs: &'a Pairs<'a>, shared: &'a S, k: usize) -> Self {
        let rows = pairs.matrix.rows();
        Self {
            pairs,
            shared,
            sums: vec![S::Sums::default(); rows],
            touched: Vec::new(),
            best: Best::new(rows, k),
        }
    }

    /// Offers the similarity of `row` and each later row to both.
    fn visit(&mut self, row: usize) {
        let work = self.pairs.work(row);
        if work == 0 {
            return;
        }
        // A list of the rows met costs a branch a step; looking at all rows costs one step each.
        if work < (self.sums.len() - row) / 2 {
            self.gather::<true>(row);
            let mut touched = std::mem::take(&mut self.touched);
            for other in touched.drain(..) {
                let sums = std::mem::take(&mut self.sums[other as usize]);
                let similarity = self.shared.similarity(&sums, row, other as usize);
                self.best.offer_to_both(row, other as usize, similarity);
            }
            self.touched = touched;
        } else {
            self.gather::<false>(row);
            self.offer_all_later(row);
        }
    }

    /// Adds up what `row` shares with later rows.
    fn gather<const LISTED: bool>(&mut self, row: usize) {
        for entry in self.pairs.matrix.checked_range(row) {
            let value = self.pairs.values[entry];
            for &(other, weight) in &self.pairs.others[self.pairs.later(entry)] {
                let sums = &mut self.sums[other as usize];
                if LISTED && !S::met(sums) {
                    self.touched.push(other);
                }
                S::add(sums, value, weight);
            }
        }
    }

    /// Most similarities are under the bars of both rows, which is seen for many at once.
    fn offer_all_later(&mut self, row: usize) {
        let first = row + 1;
        for (at, sums) in self.sums[first..].chunks_mut(LANES).enumerate() {
            let start = first + at * LANES;
            let mut similarities = [0.0; LANES];
            for (lane, (similarity, sums)) in similarities.iter_mut().zip(&mut *sums).enumerate() {
                *similarity = self.shared.similarity(sums, row, start + lane);
            }
            let similarities = &similarities[..sums.len()];
            if self.best.any_may_enter(row, start, similarities) {
                for (lane, &similarity) in similarities.iter().enumerate() {
                    self.best.offer_to_both(row, start + lane, similarity);
                }
            }
            sums.fill(S::Sums::default());
        }
    }
}

#[cfg(test)]
mod tests;
