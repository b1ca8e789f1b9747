//! Room for the results of a batch, and the selections that fill it.

use crate::KernelError;
use crate::filter::Filter;
use crate::heap::Selection;

/// Where the k best rows of each query go: best first, equal scores by lower row, then padding of
/// row -1 and score -inf.
#[derive(Debug)]
pub struct Best<'a> {
    pub(super) k: usize,
    rows: &'a mut [i32],
    scores: &'a mut [f32],
    counts: &'a mut [i32],
}

impl<'a> Best<'a> {
    /// View arrays of `counts.len()` queries by `k`.
    ///
    /// # Errors
    /// [`KernelError::Shape`] when the arrays do not have queries × k entries.
    pub fn new(
        k: usize,
        rows: &'a mut [i32],
        scores: &'a mut [f32],
        counts: &'a mut [i32],
    ) -> Result<Self, KernelError> {
        let entries = counts.len().checked_mul(k);
        if entries != Some(rows.len()) || rows.len() != scores.len() {
            return Err(KernelError::Shape(format!(
                "the {k} best of {} queries do not fit arrays of {} rows and {} scores",
                counts.len(),
                rows.len(),
                scores.len()
            )));
        }
        Ok(Self {
            k,
            rows,
            scores,
            counts,
        })
    }

    /// How many queries have room.
    pub(super) fn queries(&self) -> usize {
        self.counts.len()
    }

    /// Let `fill` offer rows to one selection a query, then sort, pad and count.
    pub(super) fn fill(self, filter: &Filter<'_>, fill: impl FnOnce(&mut [Selection<'_>])) {
        let mut selections = selections(self.k, self.rows, self.scores, self.counts.len(), filter);
        fill(&mut selections);
        for (selection, count) in selections.into_iter().zip(self.counts) {
            *count = selection.finish();
        }
    }
}

/// One empty selection a query over arrays of queries × k.
pub(super) fn selections<'a>(
    k: usize,
    rows: &'a mut [i32],
    scores: &'a mut [f32],
    queries: usize,
    filter: &Filter<'a>,
) -> Vec<Selection<'a>> {
    if k == 0 {
        return (0..queries)
            .map(|query| Selection::new(&mut [], &mut [], filter.gate(query)))
            .collect();
    }
    rows.chunks_exact_mut(k)
        .zip(scores.chunks_exact_mut(k))
        .enumerate()
        .map(|(query, (rows, scores))| Selection::new(rows, scores, filter.gate(query)))
        .collect()
}
