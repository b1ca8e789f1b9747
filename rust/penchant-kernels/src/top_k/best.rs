//! Room for the results of a batch, and the selections that fill it.

use crate::KernelError;
use crate::filter::Filter;
use crate::heap::{Selection, better};

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

    /// The same room, for a while.
    pub(super) fn reborrow(&mut self) -> Best<'_> {
        Best {
            k: self.k,
            rows: self.rows,
            scores: self.scores,
            counts: self.counts,
        }
    }

    /// Take up a second answer to the same queries, about other rows: of both, the k best of each
    /// query stay. `rows` are what the rows of `other` are called here, and ascend. O(queries · k).
    pub(super) fn merge(&mut self, other: &Best<'_>, rows: &[i32]) {
        let mut merged = Vec::with_capacity(self.k);
        for (query, count) in self.counts.iter_mut().enumerate() {
            let first = query * self.k;
            let theirs = query * other.k..query * other.k + other.counts[query] as usize;
            let named = other.rows[theirs.clone()]
                .iter()
                .map(|&row| rows[row as usize]);
            let mut theirs = named.zip(other.scores[theirs].iter().copied()).peekable();
            let ours = first..first + *count as usize;
            let mut ours = (self.rows[ours.clone()].iter().copied())
                .zip(self.scores[ours].iter().copied())
                .peekable();
            merged.clear();
            while merged.len() < self.k {
                let next = match (ours.peek(), theirs.peek()) {
                    (Some(&(row, score)), Some(&(other_row, other_score)))
                        if better(other_score, other_row, score, row) =>
                    {
                        theirs.next()
                    }
                    (None, _) => theirs.next(),
                    _ => ours.next(),
                };
                match next {
                    Some(next) => merged.push(next),
                    None => break,
                }
            }
            *count = merged.len() as i32;
            for (slot, &(row, score)) in merged.iter().enumerate() {
                self.rows[first + slot] = row;
                self.scores[first + slot] = score;
            }
        }
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
