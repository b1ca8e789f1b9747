//! Rows that may be among the k best of a query, known by bounds of their scores.

use crate::kth::{crowded, full, nearly_kth};

/// Collects rows until it is full, then drops those that k others are certain to beat.
///
/// Only rows that the query may get are pushed: the bar rests on them. A push costs O(1) on average,
/// whatever k is.
#[derive(Debug)]
pub(crate) struct Candidates {
    k: usize,
    rows: Vec<Candidate>,
    keys: Vec<i32>,
    bar: f32,
}

/// What came of a push.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pushed {
    /// The row is one more.
    Kept,
    /// The bar may have risen.
    Sifted,
    /// The bar may have risen, but few rows have left: too many are too close to call. Drain them.
    Crowded,
}

#[derive(Debug, Clone, Copy)]
struct Candidate {
    row: i32,
    lower: f32,
    upper: f32,
}

impl Candidates {
    /// Start with no rows. O(k) memory; `k` is at least 1.
    pub(crate) fn new(k: usize) -> Self {
        Self {
            k,
            rows: Vec::with_capacity(full(k)),
            keys: Vec::with_capacity(full(k)),
            bar: f32::NEG_INFINITY,
        }
    }

    /// k rows are certain to score this much or more: a row that comes after them must score more to
    /// be among the k best.
    #[inline]
    pub(crate) fn bar(&self) -> f32 {
        self.bar
    }

    /// Keep a row whose score lies between two bounds, neither of them NaN.
    #[inline]
    pub(crate) fn push(&mut self, row: i32, lower: f32, upper: f32) -> Pushed {
        self.rows.push(Candidate { row, lower, upper });
        if self.rows.len() < full(self.k) {
            Pushed::Kept
        } else {
            self.sift()
        }
    }

    /// Rows that are still candidates, in no particular order; none are left behind.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = i32> + '_ {
        if self.rows.len() > self.k {
            self.sift();
        }
        self.rows.drain(..).map(|candidate| candidate.row)
    }

    /// Raise the bar to nearly the k-th greatest lower bound, and drop what can't reach it.
    #[inline(never)]
    fn sift(&mut self) -> Pushed {
        let lower = self.rows.iter().map(|row| row.lower);
        self.bar = self.bar.max(nearly_kth(lower, self.k, &mut self.keys));
        let mut kept = 0;
        for place in 0..self.rows.len() {
            let candidate = self.rows[place];
            self.rows[kept] = candidate;
            kept += usize::from(candidate.upper >= self.bar); // no branch to guess
        }
        self.rows.truncate(kept);
        if crowded(self.rows.len(), self.k) {
            Pushed::Crowded
        } else {
            Pushed::Sifted
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Candidates, Pushed, full};

    /// Push exact scores 0, 1, 2 ... in an order that jumps about.
    fn pushed(k: usize, count: usize) -> (Candidates, Vec<Pushed>) {
        let mut candidates = Candidates::new(k);
        let scores = (0..count).map(|i| i * 7919 % count);
        let told = scores.map(|score| candidates.push(score as i32, score as f32, score as f32));
        let told = told.collect();
        (candidates, told)
    }

    #[test]
    fn the_best_stay_and_the_bar_is_one_that_k_of_them_reach() {
        for k in [1, 2, 10, 100] {
            let (mut candidates, told) = pushed(k, 1000);
            assert!(told.contains(&Pushed::Sifted) && !told.contains(&Pushed::Crowded));
            let bar = candidates.bar();
            assert!(bar > 500.0 && bar <= (1000 - k) as f32, "{k}: {bar}");
            let mut rows: Vec<i32> = candidates.drain().collect();
            rows.sort_unstable();
            assert!(rows.len() < full(k) && rows.len() >= k);
            assert!(rows.ends_with(&(1000 - k as i32..1000).collect::<Vec<_>>()));
        }
    }

    #[test]
    fn a_row_stays_as_long_as_its_upper_bound_reaches_the_bar() {
        let mut candidates = Candidates::new(1);
        candidates.push(0, -100.0, 60.0);
        candidates.push(1, -100.0, 40.0);
        for row in 2..full(1) as i32 {
            candidates.push(row, 50.0, 50.0);
        }
        assert!(candidates.bar() <= 50.0 && candidates.bar() > 40.0);
        let rows: Vec<i32> = candidates.drain().collect();
        assert!(rows.contains(&0) && !rows.contains(&1));
    }

    #[test]
    fn equal_scores_crowd() {
        let mut candidates = Candidates::new(3);
        let told: Vec<Pushed> = (0..full(3))
            .map(|row| candidates.push(row as i32, 1.0, 1.0))
            .collect();
        assert_eq!(told.last(), Some(&Pushed::Crowded));
        assert_eq!(candidates.drain().count(), full(3));
        assert_eq!(candidates.drain().count(), 0);
    }
}
