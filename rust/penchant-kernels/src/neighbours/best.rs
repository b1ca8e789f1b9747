//! The k best neighbours that were offered to each row.

use crate::csr::CsrBuf;
use crate::parallel::{Queue, together};

/// For each row up to 2k keys; when there would be more, the best k stay and set the row's bar.
///
/// So an offer costs O(1) on average for any k, where a heap's costs O(log k).
pub(super) struct Best {
    kept: Vec<Vec<u64>>,
    /// What a similarity must reach to enter.
    bars: Vec<f32>,
    k: usize,
}

impl Best {
    pub(super) fn new(rows: usize, k: usize) -> Self {
        Self {
            kept: vec![Vec::new(); rows],
            bars: vec![f32::NEG_INFINITY; rows],
            k,
        }
    }

    /// Whether `row` or one of the rows from `start` on would keep one of their similarities.
    #[inline]
    pub(super) fn any_may_enter(&self, row: usize, start: usize, similarities: &[f32]) -> bool {
        let bar = self.bars[row];
        let bars = &self.bars[start..][..similarities.len()];
        similarities
            .iter()
            .zip(bars)
            .fold(false, |any, (&similarity, &other)| {
                any | (similarity >= bar.min(other) && similarity != 0.0)
            })
    }

    /// Offers each of two rows the other; a similarity of 0 is none.
    #[inline]
    pub(super) fn offer_to_both(&mut self, row: usize, other: usize, similarity: f32) {
        if similarity != 0.0 {
            self.offer(row, other, similarity);
            self.offer(other, row, similarity);
        }
    }

    #[inline]
    fn offer(&mut self, row: usize, other: usize, similarity: f32) {
        if similarity >= self.bars[row] {
            let kept = &mut self.kept[row];
            if kept.len() == 2 * self.k {
                keep_best(kept, self.k);
                self.bars[row] = neighbour(kept[self.k - 1]).0;
            }
            kept.push(key(similarity, other));
        }
    }
}

/// Leaves the `k` greatest keys, the least of them last.
fn keep_best(keys: &mut Vec<u64>, k: usize) {
    if k < keys.len() {
        keys.select_nth_unstable_by(k - 1, |a, b| b.cmp(a));
        keys.truncate(k);
    }
}

/// What the threads found, as one matrix with the best k of each row, best first.
pub(super) fn best_of_all(found: Vec<Best>, threads: usize) -> CsrBuf {
    in_order(merged(found, threads), threads)
}

/// The k best keys of each row, in any order.
fn merged(found: Vec<Best>, threads: usize) -> Vec<Vec<u64>> {
    let mut found = found.into_iter();
    let Some(Best { mut kept, k, .. }) = found.next() else {
        return Vec::new();
    };
    let mut others: Vec<_> = found.map(|best| best.kept.into_iter()).collect();
    let queue = Queue::new(kept.iter_mut().map(|keys| {
        let more: Vec<_> = others.iter_mut().filter_map(Iterator::next).collect();
        (keys, more)
    }));
    together(threads, || {
        while let Some((keys, more)) = queue.take() {
            for found in &more {
                keys.extend(found);
            }
            keep_best(keys, k);
        }
    });
    kept
}

/// The neighbours behind the keys of each row, best first.
fn in_order(kept: Vec<Vec<u64>>, threads: usize) -> CsrBuf {
    let mut indptr = vec![0];
    for keys in &kept {
        indptr.push(indptr[indptr.len() - 1] + keys.len() as i64);
    }
    let total = kept.iter().map(Vec::len).sum();
    let (mut indices, mut values) = (vec![0; total], vec![0.0; total]);
    let mut free = (&mut indices[..], &mut values[..]);
    let queue = Queue::new(kept.into_iter().map(|keys| {
        let (free_indices, free_values) = std::mem::take(&mut free);
        let (indices, more_indices) = free_indices.split_at_mut(keys.len());
        let (values, more_values) = free_values.split_at_mut(keys.len());
        free = (more_indices, more_values);
        (keys, indices, values)
    }));
    together(threads, || {
        while let Some((mut keys, indices, values)) = queue.take() {
            keys.sort_unstable_by(|a, b| b.cmp(a));
            for ((index, value), key) in indices.iter_mut().zip(values).zip(keys) {
                (*value, *index) = neighbour(key);
            }
        }
    });
    CsrBuf {
        indptr,
        indices,
        values,
    }
}

/// A number that is greater for a better neighbour: a greater similarity, then a lower row.
fn key(similarity: f32, row: usize) -> u64 {
    let bits = similarity.to_bits();
    let ordered = if bits >> 31 == 0 {
        bits | 1 << 31
    } else {
        !bits
    };
    u64::from(ordered) << 32 | u64::from(!(row as u32))
}

/// The similarity and the row behind a [`key`].
fn neighbour(key: u64) -> (f32, i32) {
    let ordered = (key >> 32) as u32;
    let bits = if ordered >> 31 == 1 {
        ordered & !(1 << 31)
    } else {
        !ordered
    };
    (f32::from_bits(bits), !(key as u32) as i32)
}

#[cfg(test)]
mod tests {
    use super::{Best, best_of_all, key, neighbour};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn keys_are_ordered_as_neighbours_and_lead_back(
            a in (-1.0_f32..=1.0, 0_i32..i32::MAX), b in (-1.0_f32..=1.0, 0_i32..i32::MAX)
        ) {
            let key = |(similarity, row): (f32, i32)| key(similarity, row as usize);
            prop_assert_eq!(neighbour(key(a)), a);
            let better = b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)).is_lt();
            prop_assert_eq!(key(a) > key(b), better);
        }

        #[test]
        fn the_k_best_are_kept_whatever_the_order_and_the_threads(
            offers in prop::collection::vec(-4_i8..5, 0..60).prop_shuffle(), k in 1_usize..9,
        ) {
            // Row 0 is offered row i + 1 with the i-th similarity, by one of two threads.
            let mut threads = [Best::new(61, k), Best::new(61, k)];
            for (at, &offer) in offers.iter().enumerate() {
                threads[at % 2].offer_to_both(0, at + 1, f32::from(offer));
            }
            let merged = best_of_all(threads.into(), 2);
            let mut expected: Vec<_> = (1..).zip(&offers).filter(|(_, offer)| **offer != 0).collect();
            expected.sort_by_key(|&(row, offer)| (-offer, row));
            expected.truncate(k);
            let rows: Vec<i32> = expected.iter().map(|&(row, _)| row).collect();
            prop_assert_eq!(&merged.indices[..merged.indptr[1] as usize], &rows[..]);
        }
    }

    #[test]
    fn a_chunk_may_enter_when_one_row_would_keep_one() {
        let mut best = Best::new(4, 1);
        for similarity in [0.5, 0.6, 0.7] {
            for (row, other) in [(0, 1), (2, 3)] {
                best.offer_to_both(row, other, similarity);
            }
        }
        assert!(!best.any_may_enter(0, 1, &[0.2, 0.2, 0.2]));
        assert!(best.any_may_enter(0, 1, &[0.2, 0.2, 0.9]));
        assert!(!Best::new(4, 1).any_may_enter(0, 1, &[0.0, 0.0, 0.0]));
    }
}
