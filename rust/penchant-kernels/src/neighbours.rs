//! The most similar rows of a sparse matrix, without the dense matrix of similarities.
//!
//! A row's dot products with all others are gathered by walking, for each of its columns, the rows
//! that have an entry there, into one dense row of sums. Cosine is symmetric, so only later rows
//! are visited and each similarity is offered to both. The order on (similarity, row) is total, so
//! the k best of a row don't depend on the order in which they are offered, nor on threads.

use crate::KernelError;
use crate::csr::{Csr, CsrBuf};
use crate::parallel::{Queue, together, useful_threads};
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

/// Rows that a thread takes at once: enough to make the queue cheap, few enough to share evenly.
const BLOCK: usize = 16;

/// For each row of `matrix` the `k` other rows with the greatest cosine, best first, ties to the
/// lower row; a similarity of 0 is none.
///
/// With `shrinkage` > 0 a similarity is multiplied by `overlap / (overlap + shrinkage)`, where
/// `overlap` counts the columns in which both rows have an entry: little evidence counts less
/// (Bell and Koren 2007). Rows are scaled by a power of two first, so values of any magnitude work.
/// Dot products are summed in f32 in the order of the columns.
///
/// O(sum over columns of entries^2 / 2) time, O(threads x rows x k + entries) memory.
///
/// # Errors
/// When `k` or `threads` is 0, `shrinkage` is negative or not finite, a value is not finite, or the
/// arrays are damaged.
pub fn neighbours(
    matrix: &Csr<'_>,
    k: usize,
    shrinkage: f64,
    threads: usize,
) -> Result<CsrBuf, KernelError> {
    if k == 0 {
        return Err(KernelError::Setting(
            "k is 0, and must be at least 1".into(),
        ));
    }
    if !(shrinkage >= 0.0 && shrinkage.is_finite()) {
        return Err(KernelError::Setting(format!(
            "shrinkage is {shrinkage}, and must be 0 or a positive number"
        )));
    }
    matrix.check()?;
    let rows = matrix.rows();
    let k = k.min(rows.saturating_sub(1));
    let threads = useful_threads(threads, rows.div_ceil(BLOCK))?;
    let likeness = Likeness::new(matrix, shrinkage)?;
    let queue = Queue::new((0..rows).step_by(BLOCK));
    let found = Mutex::new(Vec::new());
    together(threads, || {
        let mut search = Search::new(&likeness, k);
        while let Some(start) = queue.take() {
            (start..rows.min(start + BLOCK)).for_each(|row| search.visit(row));
        }
        found
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(search.best);
    });
    Ok(merge(
        &found.into_inner().unwrap_or_else(PoisonError::into_inner),
        rows,
    ))
}

/// The matrix, scaled by rows, ready to be walked both ways.
struct Likeness<'a> {
    matrix: Csr<'a>,
    /// Values of the matrix, each row scaled so that its greatest one is in [1, 2).
    values: Vec<f32>,
    by_column: CsrBuf,
    /// Where in `by_column` the entry after each entry of the matrix stands.
    next: Vec<usize>,
    /// 1 / Euclidean norm of each scaled row, 0 for a row of zeros.
    inverse_norms: Vec<f64>,
    shrinkage: f64,
}

impl<'a> Likeness<'a> {
    fn new(matrix: &Csr<'a>, shrinkage: f64) -> Result<Self, KernelError> {
        let mut values = Vec::with_capacity(matrix.entries());
        let mut inverse_norms = Vec::with_capacity(matrix.rows());
        for row in 0..matrix.rows() {
            let raw = &matrix.values()[matrix.checked_range(row)];
            if let Some(value) = raw.iter().find(|value| !value.is_finite()) {
                return Err(KernelError::Data(format!(
                    "row {row} has the value {value}, and values must be finite"
                )));
            }
            let scale = power_of_two_below(raw).recip();
            let start = values.len();
            values.extend(raw.iter().map(|&value| (f64::from(value) * scale) as f32));
            let squares = values[start..]
                .iter()
                .map(|&value| f64::from(value).powi(2));
            let norm = squares.sum::<f64>().sqrt();
            inverse_norms.push(if norm > 0.0 { norm.recip() } else { 0.0 });
        }
        let scaled = matrix.with_values(&values);
        let mut next = vec![0; matrix.entries()];
        let by_column = scaled.checked_transpose(|entry, at| next[entry] = at + 1);
        Ok(Self {
            matrix: *matrix,
            values,
            by_column,
            next,
            inverse_norms,
            shrinkage,
        })
    }

    /// The entries below `entry` in its column, as a range of `by_column`.
    fn later(&self, entry: usize) -> Range<usize> {
        let column = self.matrix.indices()[entry] as usize;
        self.next[entry]..self.by_column.indptr[column + 1] as usize
    }

    fn similarity(&self, row: usize, other: usize, dot: f32, overlap: u32) -> f32 {
        let cosine = f64::from(dot) * self.inverse_norms[row] * self.inverse_norms[other];
        let cosine = cosine.clamp(-1.0, 1.0);
        if self.shrinkage > 0.0 {
            let overlap = f64::from(overlap);
            (cosine * (overlap / (overlap + self.shrinkage))) as f32
        } else {
            cosine as f32
        }
    }
}

/// The power of two of the greatest magnitude, 1 where all are zero.
fn power_of_two_below(values: &[f32]) -> f64 {
    let greatest = values
        .iter()
        .fold(0.0_f32, |greatest, value| greatest.max(value.abs()));
    if greatest == 0.0 {
        return 1.0;
    }
    // Every f32, subnormal or not, is a normal f64: without its fraction it is a power of two.
    f64::from_bits(f64::from(greatest).to_bits() & 0x7FF0_0000_0000_0000)
}

/// What one thread needs to visit rows, and the best that it has seen.
struct Search<'a> {
    likeness: &'a Likeness<'a>,
    dots: Vec<f32>,
    overlaps: Vec<u32>,
    touched: Vec<i32>,
    best: Best,
}

impl<'a> Search<'a> {
    fn new(likeness: &'a Likeness<'a>, k: usize) -> Self {
        let rows = likeness.matrix.rows();
        let counted = if likeness.shrinkage > 0.0 { rows } else { 0 };
        Self {
            likeness,
            dots: vec![0.0; rows],
            overlaps: vec![0; counted],
            touched: Vec::new(),
            best: Best {
                heaps: vec![0; rows * k],
                k,
            },
        }
    }

    /// Offers the similarity of `row` and each later row to both.
    fn visit(&mut self, row: usize) {
        let likeness = self.likeness;
        let entries = likeness.matrix.checked_range(row);
        let work: usize = entries
            .clone()
            .map(|entry| likeness.later(entry).len())
            .sum();
        let later = row + 1..self.dots.len();
        if work == 0 || self.best.k == 0 {
            return;
        }
        // A list of the rows met costs a branch a step; looking at all rows costs one step each.
        let listed = work < later.len() / 2;
        for entry in entries {
            let value = likeness.values[entry];
            let range = likeness.later(entry);
            let others = &likeness.by_column.indices[range.clone()];
            let values = &likeness.by_column.values[range];
            if listed {
                self.touched
                    .extend(others.iter().filter(|&&o| self.dots[o as usize] == 0.0));
            }
            for (&other, &weight) in others.iter().zip(values) {
                self.dots[other as usize] += value * weight;
            }
            if !self.overlaps.is_empty() {
                for &other in others {
                    self.overlaps[other as usize] += 1;
                }
            }
        }
        if listed {
            let mut touched = std::mem::take(&mut self.touched);
            touched
                .drain(..)
                .for_each(|other| self.offer(row, other as usize));
            self.touched = touched;
        } else {
            later.for_each(|other| self.offer(row, other));
        }
    }

    /// Takes the sum of `other` (a second time it is 0) and offers the similarity to both rows.
    #[inline]
    fn offer(&mut self, row: usize, other: usize) {
        let overlap = self.overlaps.get_mut(other).map_or(0, std::mem::take);
        let dot = std::mem::take(&mut self.dots[other]);
        if dot != 0.0 {
            let similarity = self.likeness.similarity(row, other, dot, overlap);
            self.best.offer(row, similarity, other);
            self.best.offer(other, similarity, row);
        }
    }
}

/// A heap of k keys for each row, the worst one first; a key of 0 is a free place.
struct Best {
    heaps: Vec<u64>,
    k: usize,
}

impl Best {
    #[inline]
    fn offer(&mut self, row: usize, similarity: f32, other: usize) {
        let key = key(similarity, other as i32);
        let heap = &mut self.heaps[row * self.k..][..self.k];
        if key > heap[0] && similarity != 0.0 {
            replace_worst(heap, key);
        }
    }
}

fn replace_worst(heap: &mut [u64], key: u64) {
    let mut at = 0;
    loop {
        let (left, right) = (2 * at + 1, 2 * at + 2);
        let Some(&first) = heap.get(left) else { break };
        let (child, least) = match heap.get(right) {
            Some(&second) if second < first => (right, second),
            _ => (left, first),
        };
        if least >= key {
            break;
        }
        heap[at] = least;
        at = child;
    }
    heap[at] = key;
}

/// A number that is greater for a better neighbour: a greater similarity, then a lower row. It is
/// never 0, since no row is -1.
fn key(similarity: f32, row: i32) -> u64 {
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

/// What the threads found, as one matrix with the best k of each row, best first.
fn merge(found: &[Best], rows: usize) -> CsrBuf {
    let mut merged = CsrBuf {
        indptr: vec![0],
        ..CsrBuf::default()
    };
    let mut keys: Vec<u64> = Vec::new();
    for row in 0..rows {
        keys.clear();
        for best in found {
            let heap = &best.heaps[row * best.k..][..best.k];
            keys.extend(heap.iter().filter(|&&key| key != 0));
        }
        keys.sort_unstable_by(|a, b| b.cmp(a));
        for &key in keys.iter().take(found.first().map_or(0, |best| best.k)) {
            let (similarity, other) = neighbour(key);
            merged.indices.push(other);
            merged.values.push(similarity);
        }
        merged.indptr.push(merged.indices.len() as i64);
    }
    merged
}

#[cfg(test)]
mod tests;
