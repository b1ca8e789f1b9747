//! The inner loop: one pass over the ratings of a block.
//!
//! It is written once over [`Simd`] and compiled for each instruction set and width of rows, so
//! that a user's factors stay in registers. All instruction sets give the same bits.

#![expect(
    clippy::inline_always,
    reason = "each caller compiles it for its own instruction set"
)]

use super::blocks::{Block, Entry};
use super::settings::{Optimizer, Rates};
use crate::Isa;
use crate::simd::{Lanes, Simd, Work, run};

/// Ratings of one user that are stepped at once: their errors come from the same user factors, and
/// four sums over lanes cost little more than one.
const BATCH: usize = 4;

/// Sums of the squared gradients that a row has met: of its factors, in the mean, and of its bias.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Squares {
    factors: f32,
    bias: f32,
}

/// Rows of users or of items that a block may write.
pub(super) struct Rows<'a> {
    pub(super) factors: &'a mut [Lanes],
    pub(super) bias: &'a mut [f32],
    /// Written by Adagrad alone.
    pub(super) squares: &'a mut [Squares],
}

/// Widths of rows, in lanes of 16, that the inner loop is compiled for.
pub(super) const WIDTHS: [usize; 10] = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32];

/// One pass over a block with its users and items: the sum of squared errors, each taken before
/// its step.
pub(super) type Pass = fn(Isa, &Block, Rows<'_>, Rows<'_>, Rates) -> f64;

/// The pass for rows of `width` lanes, one of [`WIDTHS`].
pub(super) fn pass(optimizer: Optimizer, width: usize) -> Pass {
    match optimizer {
        Optimizer::Sgd => pass_of_width::<false>(width),
        Optimizer::Adagrad => pass_of_width::<true>(width),
    }
}

fn pass_of_width<const ADAPTIVE: bool>(width: usize) -> Pass {
    match width {
        1 => visit_on::<1, ADAPTIVE>,
        2 => visit_on::<2, ADAPTIVE>,
        3 => visit_on::<3, ADAPTIVE>,
        4 => visit_on::<4, ADAPTIVE>,
        6 => visit_on::<6, ADAPTIVE>,
        8 => visit_on::<8, ADAPTIVE>,
        12 => visit_on::<12, ADAPTIVE>,
        16 => visit_on::<16, ADAPTIVE>,
        24 => visit_on::<24, ADAPTIVE>,
        _ => visit_on::<32, ADAPTIVE>,
    }
}

fn visit_on<const N: usize, const ADAPTIVE: bool>(
    isa: Isa,
    block: &Block,
    users: Rows<'_>,
    items: Rows<'_>,
    rates: Rates,
) -> f64 {
    let visit = Visit::<N, ADAPTIVE> {
        block,
        users,
        items,
        rates,
    };
    run(isa, visit)
}

struct Visit<'a, const N: usize, const ADAPTIVE: bool> {
    block: &'a Block,
    users: Rows<'a>,
    items: Rows<'a>,
    rates: Rates,
}

/// A user in registers while its ratings are walked over.
struct User<V, const N: usize> {
    factors: [V; N],
    bias: f32,
    squares: Squares,
}

/// The items of a block, rows of `N` lanes.
struct Items<'a, const N: usize> {
    factors: &'a mut [[Lanes; N]],
    bias: &'a mut [f32],
    squares: &'a mut [Squares],
}

impl<const N: usize, const ADAPTIVE: bool> Work for Visit<'_, N, ADAPTIVE> {
    type Output = f64;

    #[inline(always)]
    fn on<S: Simd>(self, simd: S) -> f64 {
        let Self {
            block,
            users,
            items,
            rates,
        } = self;
        let (rows, _) = users.factors.as_chunks_mut::<N>();
        let mut items = Items {
            factors: items.factors.as_chunks_mut::<N>().0,
            bias: items.bias,
            squares: items.squares,
        };
        let mut errors = 0.0;
        let mut entries = &block.entries[..];
        for run in &block.runs {
            let (mine, others) = entries.split_at(run.length as usize);
            let at = run.user as usize;
            let row = &mut rows[at];
            let mut user = User {
                factors: [simd.splat(0.0); N],
                bias: users.bias[at],
                squares: users.squares[at],
            };
            for (vector, lanes) in user.factors.iter_mut().zip(&*row) {
                *vector = simd.load(lanes);
            }
            let (batches, left) = mine.as_chunks::<BATCH>();
            for batch in batches {
                // The items two batches on, of this user or the next: their rows lie anywhere.
                entries = &entries[BATCH..];
                for entry in entries.iter().skip(BATCH).take(BATCH) {
                    simd.prefetch(&items.factors[entry.item as usize]);
                }
                errors += step::<_, N, BATCH, ADAPTIVE>(simd, batch, &mut user, &mut items, rates);
            }
            errors += match *left {
                [a, b, c] => {
                    step::<_, N, 3, ADAPTIVE>(simd, &[a, b, c], &mut user, &mut items, rates)
                }
                [a, b] => step::<_, N, 2, ADAPTIVE>(simd, &[a, b], &mut user, &mut items, rates),
                [a] => step::<_, N, 1, ADAPTIVE>(simd, &[a], &mut user, &mut items, rates),
                _ => 0.0,
            };
            entries = others;
            for (vector, lanes) in user.factors.iter().zip(row) {
                simd.store(*vector, lanes);
            }
            users.bias[at] = user.bias;
            users.squares[at] = user.squares;
        }
        errors
    }
}

/// Steps of one row.
#[derive(Clone, Copy)]
pub(super) struct Pace {
    pub(super) factors: f32,
    pub(super) bias: f32,
}

impl Pace {
    /// The steps of a row that has met these squared gradients.
    pub(super) fn of(optimizer: Optimizer, rates: Rates, squares: Squares) -> Self {
        match optimizer {
            Optimizer::Sgd => Self::new::<false>(rates, squares),
            Optimizer::Adagrad => Self::new::<true>(rates, squares),
        }
    }

    /// Adagrad's: the learning rate over the root of one and the squared gradients so far.
    #[inline(always)]
    fn new<const ADAPTIVE: bool>(rates: Rates, squares: Squares) -> Self {
        let rate = rates.learning_rate;
        if ADAPTIVE {
            Self {
                factors: rate / (1.0 + squares.factors).sqrt(),
                bias: rate / (1.0 + squares.bias).sqrt(),
            }
        } else {
            Self {
                factors: rate,
                bias: rate,
            }
        }
    }

    /// Adds what a step of factors, `moved` its squared length, and the gradient of a bias tell.
    #[inline(always)]
    fn learn(self, squares: &mut Squares, moved: f32, factors: f32, bias_gradient: f32) {
        squares.factors += moved / self.factors / self.factors / factors;
        squares.bias = bias_gradient.mul_add(bias_gradient, squares.bias);
    }
}

/// Steps `B` ratings of one user, and returns the sum of their squared errors. The item rows are
/// stepped one after another, so that an item which stands twice takes both steps.
#[inline(always)]
fn step<S: Simd, const N: usize, const B: usize, const ADAPTIVE: bool>(
    simd: S,
    batch: &[Entry; B],
    user: &mut User<S::Vector, N>,
    items: &mut Items<'_, N>,
    rates: Rates,
) -> f64 {
    let zero = simd.splat(0.0);
    let rows = batch.map(|entry| entry.item as usize);
    let mut sums = [zero; B];
    for (&row, sum) in rows.iter().zip(&mut sums) {
        for (p, q) in user.factors.iter().zip(&items.factors[row]) {
            *sum = simd.fma(*p, simd.load(q), *sum);
        }
    }
    let dots = simd.totals(sums);
    let mut errors = [0.0; B];
    let (mut squared_errors, mut sum_of_errors) = (0.0, 0.0);
    for (at, entry) in batch.iter().enumerate() {
        let error = entry.value - (user.bias + items.bias[rows[at]] + dots[at]);
        squared_errors += error * error;
        sum_of_errors += error;
        errors[at] = error;
    }

    let own = Pace::new::<ADAPTIVE>(rates, user.squares);
    let theirs = rows.map(|row| Pace::new::<ADAPTIVE>(rates, items.squares[row]));
    let own_pulls = errors.map(|error| simd.splat(own.factors * error));
    let mut pulls = own_pulls;
    let mut keeps = [zero; B];
    for (at, pace) in theirs.iter().enumerate() {
        pulls[at] = simd.splat(pace.factors * errors[at]);
        keeps[at] = simd.splat(1.0 - pace.factors * rates.regularization);
    }
    let own_keep = simd.splat(1.0 - B as f32 * (own.factors * rates.regularization));
    let minus = simd.splat(-1.0);
    let (mut own_move, mut moves) = ([zero], [zero; B]);
    // Lane by lane, so that a lane of the user is done with before the next one is needed.
    for (lane, p) in user.factors.iter_mut().enumerate() {
        let mut moved = simd.mul(*p, own_keep);
        for (at, &row) in rows.iter().enumerate() {
            let lanes = &mut items.factors[row][lane];
            let q = simd.load(lanes);
            moved = simd.fma(q, own_pulls[at], moved);
            let stepped = simd.fma(*p, pulls[at], simd.mul(q, keeps[at]));
            simd.store(stepped, lanes);
            if ADAPTIVE {
                let way = simd.fma(q, minus, stepped);
                moves[at] = simd.fma(way, way, moves[at]);
            }
        }
        if ADAPTIVE {
            let way = simd.fma(*p, minus, moved);
            own_move[0] = simd.fma(way, way, own_move[0]);
        }
        *p = moved;
    }

    let moves = if ADAPTIVE {
        simd.totals(moves)
    } else {
        [0.0; B]
    };
    for (at, &row) in rows.iter().enumerate() {
        let (pace, bias) = (theirs[at], &mut items.bias[row]);
        if ADAPTIVE {
            let gradient = errors[at] - rates.bias_regularization * *bias;
            pace.learn(&mut items.squares[row], moves[at], rates.factors, gradient);
        }
        let keep = 1.0 - pace.bias * rates.bias_regularization;
        *bias = bias.mul_add(keep, pace.bias * errors[at]);
    }
    if ADAPTIVE {
        let gradient = sum_of_errors - B as f32 * (rates.bias_regularization * user.bias);
        let [moved] = simd.totals(own_move);
        own.learn(&mut user.squares, moved, rates.factors, gradient);
    }
    let keep = 1.0 - B as f32 * (own.bias * rates.bias_regularization);
    user.bias = user.bias.mul_add(keep, own.bias * sum_of_errors);
    f64::from(squared_errors)
}
