//! The k best rows so far, kept in the caller's own result arrays.

use crate::filter::Gate;
use crate::reservoir::{Entry, Reservoir};

/// The greatest k that a heap serves better than a reservoir.
const HEAP: usize = 32;

/// The k best rows of one query: up to 32 in a bounded heap with the worst at its root, over the
/// two output arrays; more in a reservoir, which takes up to three times the memory.
///
/// Greater scores are better and equal scores go to the lower row, so the order is total and the
/// result does not depend on the order of offers. A row whose score is NaN is never kept.
#[derive(Debug)]
pub(crate) struct Selection<'a> {
    rows: &'a mut [i32],
    scores: &'a mut [f32],
    kept: usize,
    bar: f32,
    gate: Gate<'a>,
    reservoir: Option<Reservoir>,
}

impl<'a> Selection<'a> {
    /// Start with nothing kept; the arrays' length is k.
    pub(crate) fn new(rows: &'a mut [i32], scores: &'a mut [f32], gate: Gate<'a>) -> Self {
        debug_assert_eq!(rows.len(), scores.len());
        // With k = 0 nothing can enter: every comparison with NaN is false.
        let bar = if rows.is_empty() {
            f32::NAN
        } else {
            f32::NEG_INFINITY
        };
        Self {
            reservoir: (rows.len() > HEAP).then(|| Reservoir::new(rows.len())),
            rows,
            scores,
            kept: 0,
            bar,
            gate,
        }
    }

    /// The least score that can still enter: kernels drop every block of rows in which no score is
    /// `>=` it. It may let through what [`Self::offer`] then refuses, never the reverse, as long as
    /// rows are offered in ascending order.
    #[inline]
    pub(crate) fn bar(&self) -> f32 {
        self.bar
    }

    /// What a row after all that were offered must exceed to enter; infinity when none can.
    pub(crate) fn to_exceed(&self) -> f32 {
        match self.bar {
            bar if bar.is_nan() => f32::INFINITY,
            bar => bar.next_down(),
        }
    }

    /// Whether the query may get the row.
    #[inline]
    pub(crate) fn admits(&self, row: i32) -> bool {
        self.gate.admits(row)
    }

    /// Keep the row if it is among the k best and the gate admits it. O(log k) when it enters.
    #[inline]
    pub(crate) fn offer(&mut self, row: i32, score: f32) {
        if score >= self.bar {
            self.offer_gated(row, score);
        }
    }

    /// [`Self::offer`] without the first glance at the bar: for rows in any order.
    pub(crate) fn offer_gated(&mut self, row: i32, score: f32) {
        let k = self.rows.len();
        if score.is_nan() || k == 0 {
            return;
        }
        if let Some(reservoir) = &mut self.reservoir {
            if score >= reservoir.worst()
                && self.gate.admits(row)
                && reservoir.push(Entry { row, score })
            {
                self.bar = just_above(reservoir.worst());
            }
        } else if self.kept < k {
            if self.gate.admits(row) {
                self.rise(row, score);
                self.kept += 1;
                if self.kept == k {
                    self.raise_bar();
                }
            }
        } else if better(score, row, self.scores[0], self.rows[0]) && self.gate.admits(row) {
            self.sink(row, score, k);
            self.raise_bar();
        }
    }

    /// Rows that may be among the k best: these, if there are as many, and some more.
    pub(crate) fn kept(&self) -> impl Iterator<Item = (i32, f32)> + '_ {
        let in_heap = (0..self.kept).map(|slot| (self.rows[slot], self.scores[slot]));
        let reservoir = self.reservoir.as_ref().map_or(&[][..], Reservoir::entries);
        in_heap.chain(reservoir.iter().map(|entry| (entry.row, entry.score)))
    }

    /// Sort the kept rows best first, pad the rest, and say how many were kept. O(k log k).
    pub(crate) fn finish(mut self) -> i32 {
        if let Some(reservoir) = &mut self.reservoir {
            for (slot, entry) in reservoir.finish().iter().enumerate() {
                (self.rows[slot], self.scores[slot]) = (entry.row, entry.score);
                self.kept = slot + 1;
            }
        }
        self.rows[self.kept..].fill(-1);
        self.scores[self.kept..].fill(f32::NEG_INFINITY);
        let heap = if self.reservoir.is_some() {
            0
        } else {
            self.kept
        };
        for end in (1..heap).rev() {
            let (row, score) = (self.rows[end], self.scores[end]);
            self.rows[end] = self.rows[0];
            self.scores[end] = self.scores[0];
            self.sink(row, score, end);
        }
        self.kept as i32
    }

    fn raise_bar(&mut self) {
        self.bar = just_above(self.scores[0]);
    }

    /// Put a row at the end and let it rise.
    fn rise(&mut self, row: i32, score: f32) {
        let mut hole = self.kept;
        while hole > 0 {
            let parent = (hole - 1) / 2;
            if !better(self.scores[parent], self.rows[parent], score, row) {
                break;
            }
            self.scores[hole] = self.scores[parent];
            self.rows[hole] = self.rows[parent];
            hole = parent;
        }
        self.scores[hole] = score;
        self.rows[hole] = row;
    }

    /// Put a row in the root's place in a heap of `len` and let it sink.
    fn sink(&mut self, row: i32, score: f32, len: usize) {
        let mut hole = 0;
        loop {
            let mut child = 2 * hole + 1;
            if child >= len {
                break;
            }
            let other = child + 1;
            if other < len
                && better(
                    self.scores[child],
                    self.rows[child],
                    self.scores[other],
                    self.rows[other],
                )
            {
                child = other;
            }
            if !better(score, row, self.scores[child], self.rows[child]) {
                break;
            }
            self.scores[hole] = self.scores[child];
            self.rows[hole] = self.rows[child];
            hole = child;
        }
        self.scores[hole] = score;
        self.rows[hole] = row;
    }
}

/// The bar over the worst of k: only a strictly greater score beats it when rows ascend.
fn just_above(worst: f32) -> f32 {
    if worst == f32::INFINITY {
        f32::NAN
    } else {
        worst.next_up()
    }
}

/// Whether the first of two rows comes before the second.
#[inline]
#[allow(clippy::float_cmp)] // equal scores are a tie, and +0 ties with -0
pub(crate) fn better(score: f32, row: i32, other_score: f32, other_row: i32) -> bool {
    score > other_score || (score == other_score && row < other_row)
}

#[cfg(test)]
mod tests {
    use super::Selection;
    use crate::filter::Filter;

    fn best(k: usize, offers: &[(i32, f32)]) -> (Vec<i32>, Vec<f32>, i32) {
        let (mut rows, mut scores) = (vec![7; k], vec![7.0; k]);
        let mut selection = Selection::new(&mut rows, &mut scores, Filter::default().gate(0));
        for &(row, score) in offers {
            selection.offer_gated(row, score);
        }
        let kept = selection.finish();
        (rows, scores, kept)
    }

    #[test]
    fn the_best_come_first() {
        let (rows, scores, kept) = best(2, &[(0, 1.0), (1, 3.0), (2, 2.0)]);
        assert_eq!((rows, scores, kept), (vec![1, 2], vec![3.0, 2.0], 2));
    }

    #[test]
    fn equal_scores_keep_the_lower_row_in_any_order_of_offers() {
        let offers = [(4, 1.0), (2, 1.0), (0, 1.0), (3, 1.0), (1, -0.0), (5, 0.0)];
        for turn in 0..offers.len() {
            let mut turned = offers;
            turned.rotate_left(turn);
            assert_eq!(best(5, &turned).0, [0, 2, 3, 4, 1]);
        }
    }

    #[test]
    fn too_few_rows_are_padded() {
        let (rows, scores, kept) = best(3, &[(9, f32::NEG_INFINITY), (8, f32::NAN)]);
        assert_eq!((rows, kept), (vec![9, -1, -1], 1));
        assert!(scores.iter().all(|&score| score == f32::NEG_INFINITY));
    }

    #[test]
    fn nothing_is_kept_of_nothing() {
        assert_eq!(best(0, &[(1, 1.0)]).2, 0);
    }

    #[test]
    fn a_large_k_gets_the_same_rows_in_the_same_order() {
        // Scores of 0 to 6, so that most are equal and the order of rows decides.
        let offers: Vec<(i32, f32)> = (0..2000)
            .map(|i| i * 7919 % 2000)
            .map(|row| (row, (row % 7) as f32))
            .collect();
        for k in [31, 32, 33, 100, 1000, 1999, 2000, 2500] {
            let mut expected = offers.clone();
            expected.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
            expected.truncate(k);
            let (rows, scores, kept) = best(k, &offers);
            assert_eq!(kept as usize, expected.len());
            for (slot, (row, score)) in expected.into_iter().enumerate() {
                assert_eq!(
                    (rows[slot], scores[slot].to_bits()),
                    (row, score.to_bits()),
                    "{k}"
                );
            }
        }
    }

    #[test]
    fn the_bar_of_a_reservoir_lets_in_whatever_is_among_the_best() {
        let (mut rows, mut scores) = ([0; 40], [0.0; 40]);
        let mut selection = Selection::new(&mut rows, &mut scores, Filter::default().gate(0));
        let score = |row: i32| (row * 7919 % 5000) as f32;
        for row in 0..5000 {
            selection.offer(row, score(row));
        }
        assert!(selection.bar() > 4500.0 && selection.bar() < 4961.0);
        assert_eq!(selection.finish(), 40);
        assert_eq!(
            scores.map(|score| score as i32),
            std::array::from_fn(|slot| 4999 - slot as i32)
        );
    }

    #[test]
    fn the_bar_rises_just_above_the_worst_of_k() {
        let (mut rows, mut scores) = ([0; 1], [0.0; 1]);
        let mut selection = Selection::new(&mut rows, &mut scores, Filter::default().gate(0));
        assert!(selection.bar() == f32::NEG_INFINITY);
        selection.offer(0, -0.0);
        assert_eq!(selection.bar().to_bits(), 1);
        selection.offer(1, 0.0);
        selection.offer(2, f32::INFINITY);
        assert!(selection.bar().is_nan());
        assert_eq!(selection.kept().collect::<Vec<_>>(), [(2, f32::INFINITY)]);
    }
}
