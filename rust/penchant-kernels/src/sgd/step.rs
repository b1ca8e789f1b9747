//! The inner loop: one pass over the ratings of a block.
//!
//! It is written once, over rows of 16 lanes, and compiled for each instruction set. Every product
//! that is added is fused, every sum over lanes has one fixed tree, so all of them give the same
//! bits.

use super::blocks::{Block, Entry};
use crate::Isa;

/// Sixteen neighbouring factors: one AVX-512 register, two of AVX2, four of NEON.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(C, align(64))]
pub(super) struct Lanes(pub(super) [f32; 16]);

impl Lanes {
    pub(super) const ZERO: Self = Self([0.0; 16]);
}

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
        visit::<N>(block, part, rates)
    }
    #[target_feature(enable = "avx2,fma")]
    fn avx2<const N: usize>(block: &Block, part: Part<'_>, rates: Rates) -> f64 {
        visit::<N>(block, part, rates)
    }
    assert!(isa.available());
    match isa {
        // SAFETY: the assertion above says that the processor has what the function needs.
        Isa::Avx512 => |block, part, rates| unsafe { avx512::<N>(block, part, rates) },
        // SAFETY: the same.
        Isa::Avx2 => |block, part, rates| unsafe { avx2::<N>(block, part, rates) },
        Isa::Scalar => visit::<N>,
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn pass_of<const N: usize>(_isa: Isa) -> Pass {
    visit::<N>
}

#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "each caller compiles it for its own instruction set"
)]
fn visit<const N: usize>(block: &Block, part: Part<'_>, rates: Rates) -> f64 {
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
        entries = others;
        let mut user = users[run.user as usize];
        let mut bias = user_bias[run.user as usize];
        let (batches, left) = mine.as_chunks::<BATCH>();
        for batch in batches {
            squares += step(batch, &mut user, &mut bias, items, item_bias, rates);
        }
        for single in left.as_chunks::<1>().0 {
            squares += step(single, &mut user, &mut bias, items, item_bias, rates);
        }
        users[run.user as usize] = user;
        user_bias[run.user as usize] = bias;
    }
    squares
}

/// Steps `B` ratings of one user. The item rows are stepped one after another, so that an item
/// which stands twice takes both steps.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "each caller compiles it for its own instruction set"
)]
fn step<const N: usize, const B: usize>(
    batch: &[Entry; B],
    user: &mut [Lanes; N],
    user_bias: &mut f32,
    items: &mut [[Lanes; N]],
    item_bias: &mut [f32],
    rates: Rates,
) -> f64 {
    let mut sums = [Lanes::ZERO; B];
    for (entry, sum) in batch.iter().zip(&mut sums) {
        let item = &items[entry.item as usize];
        for (p, q) in user.iter().zip(item) {
            for lane in 0..16 {
                sum.0[lane] = p.0[lane].mul_add(q.0[lane], sum.0[lane]);
            }
        }
    }
    let mut pulls = [0.0; B];
    let mut squares = 0.0;
    let mut pull_of_all = 0.0;
    for (at, entry) in batch.iter().enumerate() {
        let bias = item_bias[entry.item as usize];
        let error = entry.value - (*user_bias + bias + total(&sums[at]));
        squares += error * error;
        pulls[at] = rates.learning_rate * error;
        pull_of_all += pulls[at];
    }
    let mut moved = *user;
    let keep = 1.0 - B as f32 * rates.decay;
    for p in &mut moved {
        for lane in 0..16 {
            p.0[lane] *= keep;
        }
    }
    let keep = 1.0 - rates.decay;
    let keep_bias = 1.0 - rates.bias_decay;
    for (entry, &pull) in batch.iter().zip(&pulls) {
        let item = &mut items[entry.item as usize];
        for n in 0..N {
            for lane in 0..16 {
                let q = item[n].0[lane];
                moved[n].0[lane] = q.mul_add(pull, moved[n].0[lane]);
                item[n].0[lane] = user[n].0[lane].mul_add(pull, q * keep);
            }
        }
        let bias = &mut item_bias[entry.item as usize];
        *bias = bias.mul_add(keep_bias, pull);
    }
    *user = moved;
    *user_bias = user_bias.mul_add(1.0 - B as f32 * rates.bias_decay, pull_of_all);
    f64::from(squares)
}

/// Sum of lanes: halves are added until one is left.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "each caller compiles it for its own instruction set"
)]
fn total(lanes: &Lanes) -> f32 {
    let v = &lanes.0;
    let mut eight = [0.0; 8];
    for lane in 0..8 {
        eight[lane] = v[lane] + v[lane + 8];
    }
    let mut four = [0.0; 4];
    for lane in 0..4 {
        four[lane] = eight[lane] + eight[lane + 4];
    }
    (four[0] + four[2]) + (four[1] + four[3])
}
