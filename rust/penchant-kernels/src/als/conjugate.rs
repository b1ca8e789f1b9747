//! A row's system of equations, improved by a few steps of conjugate gradients.
//!
//! The matrix `αG + λI + Σ c x xᵀ` is never made: it is applied to a vector by one walk over the rows
//! x that are liked. Each is read once for its dot product and once, from the first cache, for the
//! sum that the product goes into.

#![expect(
    clippy::inline_always,
    reason = "each caller compiles the inner loops for its own instruction set"
)]

use super::Loss;
use crate::Isa;
use crate::csr::Csr;
use crate::simd::{Lanes, Simd, Work, run};

/// Steps a row takes in each sweep. It starts from where the last sweep left it, so the steps of
/// later sweeps go on with the same system nearly.
const STEPS: usize = 3;

/// Squared length of a residual that is as good as none; less of it could underflow on the way.
const SOLVED: f32 = 1e-30;

/// Likings whose dot products are summed over lanes together.
const BATCH: usize = 4;

/// Widths of rows, in lanes of 16, that the inner loop is compiled for.
const WIDTHS: [usize; 10] = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32];

/// Lanes of 16 that hold `factors` numbers, rounded up to a width that is compiled.
pub(super) fn width_of(factors: usize) -> usize {
    let needed = factors.div_ceil(16);
    let fits = WIDTHS.into_iter().find(|&width| width >= needed);
    fits.unwrap_or(WIDTHS[WIDTHS.len() - 1])
}

/// The side that stands still, and what the other one likes of it.
pub(super) struct Side<'a> {
    pub(super) likes: &'a Csr<'a>,
    pub(super) fixed: &'a [Lanes],
    /// αG, a row for each factor.
    pub(super) gram: &'a [Lanes],
    /// What each row is pulled to; zero without.
    pub(super) prior: Option<&'a [Lanes]>,
    pub(super) loss: Loss,
    pub(super) isa: Isa,
}

/// Improves `rows`, of `width` lanes each, which are those of `side.likes` from `first` on.
pub(super) fn improve(side: &Side<'_>, width: usize, first: usize, rows: &mut [Lanes]) {
    match width {
        1 => improve_wide::<1>(side, first, rows),
        2 => improve_wide::<2>(side, first, rows),
        3 => improve_wide::<3>(side, first, rows),
        4 => improve_wide::<4>(side, first, rows),
        6 => improve_wide::<6>(side, first, rows),
        8 => improve_wide::<8>(side, first, rows),
        12 => improve_wide::<12>(side, first, rows),
        16 => improve_wide::<16>(side, first, rows),
        24 => improve_wide::<24>(side, first, rows),
        _ => improve_wide::<32>(side, first, rows),
    }
}

fn improve_wide<const N: usize>(side: &Side<'_>, first: usize, rows: &mut [Lanes]) {
    let (rows, _) = rows.as_chunks_mut::<N>();
    let others = side.fixed.len() / N;
    for (at, row) in rows.iter_mut().enumerate() {
        let liked = side.likes.checked_range(first + at);
        if liked.is_empty() {
            continue;
        }
        let weights = &side.likes.values()[liked.clone()];
        let prior = side
            .prior
            .map(|prior| &prior.as_chunks::<N>().0[first + at]);
        run(
            side.isa,
            System {
                columns: &side.likes.indices()[liked],
                weights,
                fixed: side.fixed.as_chunks::<N>().0,
                gram: side.gram.as_chunks::<N>().0,
                pull: side.loss.pull(weights, others),
                prior,
                row,
            },
        );
    }
}

/// One row and its equations.
struct System<'a, const N: usize> {
    columns: &'a [i32],
    weights: &'a [f32],
    fixed: &'a [[Lanes; N]],
    gram: &'a [[Lanes; N]],
    pull: f32,
    prior: Option<&'a [Lanes; N]>,
    row: &'a mut [Lanes; N],
}

impl<const N: usize> Work for System<'_, N> {
    type Output = ();

    #[inline(always)]
    fn on<S: Simd>(self, simd: S) {
        // The gradient at the row, which is minus the residual.
        let mut left = self.applied(simd, self.row, 1.0);
        if let Some(prior) = self.prior {
            add(simd, &mut left, -self.pull, prior);
        }
        for lanes in &mut left {
            simd.store(simd.mul(simd.load(lanes), simd.splat(-1.0)), lanes);
        }
        let mut direction = left;
        let mut squares = dot(simd, &left, &left);
        for step in 1..=STEPS {
            if squares <= SOLVED {
                break;
            }
            let moved = self.applied(simd, &direction, 0.0);
            let length = squares / dot(simd, &direction, &moved);
            add(simd, self.row, length, &direction);
            if step == STEPS {
                break;
            }
            add(simd, &mut left, -length, &moved);
            let before = squares;
            squares = dot(simd, &left, &left);
            let keep = simd.splat(squares / before);
            for (direction, left) in direction.iter_mut().zip(&left) {
                let turned = simd.fma(simd.load(direction), keep, simd.load(left));
                simd.store(turned, direction);
            }
        }
    }
}

impl<const N: usize> System<'_, N> {
    /// The matrix times `vector`, less `wanted` times the right-hand side.
    #[inline(always)]
    fn applied<S: Simd>(&self, simd: S, vector: &[Lanes; N], wanted: f32) -> [Lanes; N] {
        let pull = simd.splat(self.pull);
        let mut sums: [S::Vector; N] =
            std::array::from_fn(|at| simd.mul(simd.load(&vector[at]), pull));
        let factors = vector.iter().flat_map(|lanes| lanes.0);
        for (factor, row) in factors.zip(self.gram) {
            let factor = simd.splat(factor);
            for (sum, lanes) in sums.iter_mut().zip(row) {
                *sum = simd.fma(simd.load(lanes), factor, *sum);
            }
        }
        let vector: [S::Vector; N] = std::array::from_fn(|at| simd.load(&vector[at]));
        let (columns, last_columns) = self.columns.as_chunks::<BATCH>();
        let (weights, last_weights) = self.weights.as_chunks::<BATCH>();
        let mut ahead = self.columns.iter().skip(2 * BATCH);
        for (columns, weights) in columns.iter().zip(weights) {
            for &column in ahead.by_ref().take(BATCH) {
                simd.prefetch(&self.fixed[column as usize]);
            }
            let rows = columns.map(|column| &self.fixed[column as usize]);
            pull_in(simd, &vector, rows, *weights, wanted, &mut sums);
        }
        for (&column, &weight) in last_columns.iter().zip(last_weights) {
            let row = &self.fixed[column as usize];
            pull_in(simd, &vector, [row], [weight], wanted, &mut sums);
        }
        let mut applied = [Lanes::ZERO; N];
        for (lanes, sum) in applied.iter_mut().zip(sums) {
            simd.store(sum, lanes);
        }
        applied
    }
}

/// Adds `weight * (row · vector - wanted) * row` for each of the rows.
#[inline(always)]
fn pull_in<S: Simd, const N: usize, const B: usize>(
    simd: S,
    vector: &[S::Vector; N],
    rows: [&[Lanes; N]; B],
    weights: [f32; B],
    wanted: f32,
    sums: &mut [S::Vector; N],
) {
    let mut products = [simd.splat(0.0); B];
    for (product, row) in products.iter_mut().zip(rows) {
        for (lanes, vector) in row.iter().zip(vector) {
            *product = simd.fma(simd.load(lanes), *vector, *product);
        }
    }
    for ((product, weight), row) in simd.totals(products).into_iter().zip(weights).zip(rows) {
        let by = simd.splat(weight * (product - wanted));
        for (sum, lanes) in sums.iter_mut().zip(row) {
            *sum = simd.fma(simd.load(lanes), by, *sum);
        }
    }
}

/// `into += by * vector`.
#[inline(always)]
fn add<S: Simd, const N: usize>(simd: S, into: &mut [Lanes; N], by: f32, vector: &[Lanes; N]) {
    let by = simd.splat(by);
    for (lanes, vector) in into.iter_mut().zip(vector) {
        simd.store(simd.fma(simd.load(vector), by, simd.load(lanes)), lanes);
    }
}

#[inline(always)]
fn dot<S: Simd, const N: usize>(simd: S, a: &[Lanes; N], b: &[Lanes; N]) -> f32 {
    let mut sum = simd.splat(0.0);
    for (a, b) in a.iter().zip(b) {
        sum = simd.fma(simd.load(a), simd.load(b), sum);
    }
    simd.totals([sum])[0]
}
