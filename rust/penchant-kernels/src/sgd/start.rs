//! Where factors start from: small numbers that follow from a seed, the same on every machine.

use crate::parallel::{Queue, together};
use crate::random::Draws;
use crate::simd::Lanes;

/// How far from zero a factor may start. What a row starts with is noise to the others until the
/// descent has pulled it away, so little is best; far less, and the first epochs are spent on growing.
const HALF_WIDTH: f32 = 0.03;

/// Rows that a thread takes at once.
const PIECE: usize = 1 << 10;

/// Rows of `factors` numbers in `width` lanes, uniform around zero. `counts` says how often each
/// row is rated: one that never is gets zeros. A row's numbers follow from the seed, the side and
/// its own number, so other rows don't shift them. O(rows x factors).
pub(crate) fn rows(
    seed: u64,
    side: u64,
    counts: &[u32],
    factors: usize,
    width: usize,
    threads: usize,
) -> Vec<Lanes> {
    let mut rows = vec![Lanes::ZERO; counts.len() * width];
    let pieces = rows.chunks_mut(PIECE * width).zip(counts.chunks(PIECE));
    let queue = Queue::new(pieces.enumerate());
    together(threads, || {
        while let Some((piece, (rows, counts))) = queue.take() {
            let first = (piece * PIECE) as u64;
            for ((at, row), &count) in (first..).zip(rows.chunks_exact_mut(width)).zip(counts) {
                if count == 0 {
                    continue;
                }
                let mut draws = Draws::new(&[seed, side, at]);
                for factor in 0..factors {
                    row[factor / 16].0[factor % 16] = (2.0 * draws.fraction() - 1.0) * HALF_WIDTH;
                }
            }
        }
    });
    rows
}

/// The first `factors` numbers of each row of `width` lanes.
pub(crate) fn numbers(rows: &[Lanes], width: usize, factors: usize) -> Vec<f32> {
    let mut numbers = Vec::with_capacity(rows.len() / width * factors);
    for row in rows.chunks_exact(width) {
        for (lanes, left) in row.iter().zip((0..factors).step_by(16)) {
            numbers.extend_from_slice(&lanes.0[..16.min(factors - left)]);
        }
    }
    numbers
}
