//! The inner loop: one pass over the ratings of a block.
//!
//! It is written once over [`Simd`] and compiled for each instruction set and width of rows, so
//! that a user's factors stay in registers. All instruction sets give the same bits.

use super::blocks::{Block, Entry};
use crate::Isa;
#[cfg(target_arch = "x86_64")]
use crate::simd::{Avx2, Avx512};
use crate::simd::{Lanes, Portable, Simd};

/// Ratings of one user that are stepped at once: their errors come from the same user factors, and
/// four sums over lanes cost little more than one.
const BATCH: usize = 4;

/// The steps of one epoch.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rates {
    pub(super) learning_rate: f32,
    /// Learning rate times regularization of factors and of biases.
    pub(super) decay: f32,
    pub(super) bias_decay: f32,
}

/// The parts of the model that a block may write: those of its users and of its items.
pub(super) struct Part<'a> {
    pub(super) users: &'a mut [Lanes],
    pub(super) user_bias: &'a mut [f32],
    pub(super) items: &'a mut [Lanes],
    pub(super) item_bias: &'a mut [f32],
}

/// Widths of rows, in lanes of 16, that the inner loop is compiled for.
pub(super) const WIDTHS: [usize; 10] = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32];

/// One pass over a block: the sum of squared errors, each taken before its step.
pub(super) type Pass = fn(&Block, Part<'_>, Rates) -> f64;

/// The pass for rows of `width` lanes, one of [`WIDTHS`], on an instruction set that is available.
pub(super) fn pass(isa: Isa, width: usize) -> Pass {
    match width {
        1 => pass_of::<1>(isa),
        2 => pass_of::<2>(isa),
        3 => pass_of::<3>(isa),
        4 => pass_of::<4>(isa),
        6 => pass_of::<6>(isa),
        8 => pass_of::<8>(isa),
        12 => pass_of::<12>(isa),
        16 => pass_of::<16>(isa),
        24 => pass_of::<24>(isa),
        _ => pass_of::<32>(isa),
    }
}

#[cfg(target_arch = "x86_64")]
fn pass_of<const N: usize>(isa: Isa) -> Pass {
    #[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl,avx2,fma")]
    fn avx512<const N: usize>(block: &Block, part: Part<'_>, rates: Rates) -> f64 {
        // SAFETY: whoever may call this function has what it is compiled for.
        visit::<_, N>(unsafe { Avx512::new_unchecked() }, block, part, rates)
    }
    #[target_feature(enable = "avx2,fma")]
    fn avx2<const N: usize>(block: &Block, part: Part<'_>, rates: Rates) -> f64 {
        // SAFETY: whoever may call this function has what it is compiled for.
        visit::<_, N>(unsafe { Avx2::new_unchecked() }, block, part, rates)
    }
    assert!(isa.available(), "{} is not available", isa.name());
    match isa {
        // SAFETY: the assertion above says that the processor has what the function needs.
        Isa::Avx512 => |block, part, rates| unsafe { avx512::<N>(block, part, rates) },
        // SAFETY: the same.
        Isa::Avx2 => |block, part, rates| unsafe { avx2::<N>(block, part, rates) },
        Isa::Scalar => |block, part, rates| visit::<_, N>(Portable, block, part, rates),
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn pass_of<const N: usize>(_isa: Isa) -> Pass {
    |block, part, rates| visit::<_, N>(Portable, block, part, rates)
}

#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "each caller compiles it for its own instruction set"
)]
fn visit<S: Simd, const N: usize>(simd: S, block: &Block, part: Part<'_>, rates: Rates) -> f64 {
    let Part {
        users,
        user_bias,
        items,
        item_bias,
    } = part;
    let (users, _) = users.as_chunks_mut::<N>();
    let (items, _) = items.as_chunks_mut::<N>();
    let mut squares = 0.0;
    let mut entries = &block.entries[..];
    for run in &block.runs {
        let (mine, others) = entries.split_at(run.length as usize);
        let row = &mut users[run.user as usize];
        let mut user = [simd.splat(0.0); N];
        for (vector, lanes) in user.iter_mut().zip(&*row) {
            *vector = simd.load(lanes);
        }
        let mut bias = user_bias[run.user as usize];
        let (batches, left) = mine.as_chunks::<BATCH>();
        for batch in batches {
            // The items two batches on, of this user or the next: their rows lie anywhere.
            entries = &entries[BATCH..];
            for entry in entries.iter().skip(BATCH).take(BATCH) {
                simd.prefetch(&items[entry.item as usize]);
            }
            squares += step(simd, batch, &mut user, &mut bias, items, item_bias, rates);
        }
        for single in left.as_chunks::<1>().0 {
            squares += step(simd, single, &mut user, &mut bias, items, item_bias, rates);
        }
        entries = others;
        for (vector, lanes) in user.iter().zip(row) {
            simd.store(*vector, lanes);
        }
        user_bias[run.user as usize] = bias;
    }
    squares
}

/// Steps `B` ratings of one user, and returns the sum of their squared errors. The item rows are
/// stepped one after another, so that an item which stands twice takes both steps.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "each caller compiles it for its own instruction set"
)]
fn step<S: Simd, const N: usize, const B: usize>(
    simd: S,
    batch: &[Entry; B],
    user: &mut [S::Vector; N],
    user_bias: &mut f32,
    items: &mut [[Lanes; N]],
    item_bias: &mut [f32],
    rates: Rates,
) -> f64 {
    let mut sums = [simd.splat(0.0); B];
    for (entry, sum) in batch.iter().zip(&mut sums) {
        for (p, q) in user.iter().zip(&items[entry.item as usize]) {
            *sum = simd.fma(*p, simd.load(q), *sum);
        }
    }
    let dots = simd.totals(sums);
    let mut pulls = [0.0; B];
    let mut squares = 0.0;
    let mut pull_of_all = 0.0;
    for (at, entry) in batch.iter().enumerate() {
        let bias = item_bias[entry.item as usize];
        let error = entry.value - (*user_bias + bias + dots[at]);
        squares += error * error;
        pulls[at] = rates.learning_rate * error;
        pull_of_all += pulls[at];
    }
    let keep = simd.splat(1.0 - B as f32 * rates.decay);
    let mut moved = *user;
    for p in &mut moved {
        *p = simd.mul(*p, keep);
    }
    let keep = simd.splat(1.0 - rates.decay);
    for (entry, &pull) in batch.iter().zip(&pulls) {
        let wide = simd.splat(pull);
        for ((lanes, p), moved) in items[entry.item as usize]
            .iter_mut()
            .zip(&*user)
            .zip(&mut moved)
        {
            let q = simd.load(lanes);
            *moved = simd.fma(q, wide, *moved);
            simd.store(simd.fma(*p, wide, simd.mul(q, keep)), lanes);
        }
        let bias = &mut item_bias[entry.item as usize];
        *bias = *bias * (1.0 - rates.bias_decay) + pull;
    }
    *user = moved;
    *user_bias = *user_bias * (1.0 - B as f32 * rates.bias_decay) + pull_of_all;
    f64::from(squares)
}
