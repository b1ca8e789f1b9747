//! The k best of many rows where k is too large for a heap.

use std::cmp::Ordering;

use crate::kth::{crowded, full, nearly_kth};

/// A row and its score, which is not NaN.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    pub(crate) row: i32,
    pub(crate) score: f32,
}

impl Entry {
    /// Best first: greater scores, then lower rows. +0 ties with -0.
    #[allow(clippy::trivially_copy_pass_by_ref)] // what sorting wants
    pub(crate) fn order(&self, other: &Self) -> Ordering {
        let by_score = other.score.partial_cmp(&self.score);
        by_score
            .unwrap_or(Ordering::Equal)
            .then(self.row.cmp(&other.row))
    }
}

/// Rows as they come, half as many again as are wanted; when it is full, most of the others leave.
///
/// A row costs O(1) on average, where a heap takes O(log k) steps that no branch predictor foresees.
#[derive(Debug)]
pub(crate) struct Reservoir {
    k: usize,
    entries: Vec<Entry>,
    keys: Vec<i32>,
    worst: f32,
}

impl Reservoir {
    /// Start with nothing kept; `k` is at least 1.
    pub(crate) fn new(k: usize) -> Self {
        Self {
            k,
            entries: Vec::new(),
            keys: Vec::new(),
            worst: f32::NEG_INFINITY,
        }
    }

    /// k rows or more score this or better, once it is more than negative infinity.
    pub(crate) fn worst(&self) -> f32 {
        self.worst
    }

    /// Keep a row. Whether [`worst`](Self::worst) may have risen.
    pub(crate) fn push(&mut self, entry: Entry) -> bool {
        self.entries.push(entry);
        let sift = self.entries.len() == full(self.k);
        if sift {
            self.sift();
        }
        sift
    }

    /// What is kept: the k best, if there are as many, and some more; in no order.
    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The k best, best first. O(k log k).
    pub(crate) fn finish(&mut self) -> &[Entry] {
        self.cut();
        self.entries.sort_unstable_by(Entry::order);
        &self.entries
    }

    #[inline(never)]
    fn sift(&mut self) {
        let scores = self.entries.iter().map(|entry| entry.score);
        self.worst = nearly_kth(scores, self.k, &mut self.keys);
        self.entries.retain(|entry| entry.score >= self.worst);
        if crowded(self.entries.len(), self.k) {
            self.cut(); // many are equal, and only their rows tell which stay
        }
    }

    /// Keep exactly the k best.
    fn cut(&mut self) {
        if self.entries.len() > self.k {
            self.entries
                .select_nth_unstable_by(self.k - 1, Entry::order);
            self.entries.truncate(self.k);
            self.worst = self.entries[self.k - 1].score;
        }
    }
}
