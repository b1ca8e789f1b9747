//! Factors of somebody who was not there when a model was trained: the steps of training, while
//! all other rows stand still.

#![expect(
    clippy::inline_always,
    reason = "each caller compiles the inner loops for its own instruction set"
)]

use super::choose::{Found, draw_other, rank_weights, search};
use super::logistic::pull;
use super::rows::{width_of, with_width};
use super::{Loss, Settings};
use crate::filter::Ragged;
use crate::parallel::{Queue, together, useful_threads};
use crate::random::Draws;
use crate::simd::{Lanes, Simd, Work, run};
use crate::{Isa, KernelError, Matrix};

/// Factors for each row of likings, by `settings.epochs` passes over it, from zero.
///
/// A step moves the row's factors as [`super::fit`] moves a user's, one step at a time. The items
/// drawn follow from the seed and the epoch alone, so a row gets the same bits whatever rows stand
/// beside it, for any number of threads and on any instruction set. A row without likings, or that
/// likes everything, gets zeros. `O(epochs * likings * factors)`, for WARP times the tries needed.
///
/// # Errors
/// When a setting is out of its range, sizes differ, or factors leave the finite numbers.
pub fn fold_in(
    likes: &Ragged<'_>,
    items: &Matrix<'_>,
    settings: &Settings,
    isa: Isa,
) -> Result<Vec<f32>, KernelError> {
    let factors = check(likes, items, settings)?;
    let threads = useful_threads(settings.threads, likes.rows())?;
    let mut vectors = vec![0.0; likes.rows() * factors];
    let queue = Queue::new(vectors.chunks_exact_mut(factors).enumerate());
    together(threads, || {
        while let Some((row, vector)) = queue.take() {
            descend(likes.get(row), items, settings, isa, None, vector);
        }
    });
    if vectors.iter().all(|number| number.is_finite()) {
        Ok(vectors)
    } else {
        Err(KernelError::Diverged(format!(
            "folding in diverged: factors are no longer finite numbers; lower learning_rate (it \
             is {})",
            settings.learning_rate
        )))
    }
}

/// What each item that somebody likes adds to the score of `target`: the part that steps for it
/// have in the factors of [`fold_in`], times the target's. They sum to the score, but for rounding.
///
/// # Errors
/// As [`fold_in`], and when `likes` isn't one row or `target` is out of range.
pub fn shares(
    likes: &Ragged<'_>,
    items: &Matrix<'_>,
    target: usize,
    settings: &Settings,
    isa: Isa,
) -> Result<Vec<f32>, KernelError> {
    let factors = check(likes, items, settings)?;
    if likes.rows() != 1 {
        return Err(KernelError::Shape(format!(
            "there are {} rows of likings, and there must be one",
            likes.rows()
        )));
    }
    if target >= items.rows() {
        return Err(KernelError::Request(format!(
            "target is {target}, and must be a row from 0 to {}",
            items.rows() as i64 - 1
        )));
    }
    let liked = likes.get(0);
    let mut shares = vec![0.0; liked.len()];
    let mut vector = vec![0.0; factors];
    let to = Some((target, &mut shares[..]));
    descend(liked, items, settings, isa, to, &mut vector);
    Ok(shares)
}

/// The length of a row of factors.
fn check(
    likes: &Ragged<'_>,
    items: &Matrix<'_>,
    settings: &Settings,
) -> Result<usize, KernelError> {
    settings.check()?;
    if items.dim() != settings.factors || items.rows() != likes.columns() {
        return Err(KernelError::Shape(format!(
            "there are {} items of {} factors, and there must be {} of {}",
            items.rows(),
            items.dim(),
            likes.columns(),
            settings.factors
        )));
    }
    Ok(settings.factors)
}

fn descend(
    liked: &[i32],
    items: &Matrix<'_>,
    settings: &Settings,
    isa: Isa,
    shares: Option<(usize, &mut [f32])>,
    vector: &mut [f32],
) {
    if liked.len() == items.rows() {
        return;
    }
    with_width!(width_of(settings.factors), N => {
        let work = Descent::<N> { liked, items, settings, shares, vector };
        run(isa, work);
    });
}

/// All steps of one row of likings.
struct Descent<'a, const N: usize> {
    liked: &'a [i32],
    items: &'a Matrix<'a>,
    settings: &'a Settings,
    /// The item whose score is shared out, and the share of each liking.
    shares: Option<(usize, &'a mut [f32])>,
    vector: &'a mut [f32],
}

impl<const N: usize> Work for Descent<'_, N> {
    type Output = ();

    #[inline(always)]
    fn on<S: Simd>(mut self, simd: S) {
        let Self {
            liked,
            items,
            settings,
            ..
        } = self;
        let row = |item: usize| widened::<N>(items.row(item));
        let own: Vec<[Lanes; N]> = liked.iter().map(|&item| row(item as usize)).collect();
        let target = self.shares.as_ref().map(|(target, _)| row(*target));
        let mut user = [simd.splat(0.0); N];
        let mut learning_rate = settings.learning_rate;
        let weights = match settings.loss {
            Loss::Bpr => vec![],
            Loss::Warp { max_tries } => rank_weights(items.rows(), max_tries),
        };
        for epoch in 0..settings.epochs {
            let rates = settings.rates(learning_rate);
            let keep = simd.splat(rates.keep);
            // No row of users is the last one that a number can name.
            let mut draws = Draws::new(&[settings.seed, epoch as u64, u64::MAX]);
            for (place, (&item, own)) in liked.iter().zip(&own).enumerate() {
                let (other, pull) = match settings.loss {
                    Loss::Bpr => {
                        let Some(other) = draw_other(liked, items.rows(), &mut draws) else {
                            continue;
                        };
                        let other = row(other as usize);
                        let [lead] = simd.totals([dot(simd, &user, &ahead(simd, own, &other))]);
                        (other, learning_rate * pull(lead))
                    }
                    Loss::Warp { max_tries } => {
                        let sizes = (items.rows(), max_tries);
                        let found = search(simd, &user, row, (item, liked), &mut draws, sizes);
                        let Found {
                            other: Some((tries, other)),
                            ..
                        } = found
                        else {
                            continue;
                        };
                        (row(other as usize), learning_rate * weights[tries])
                    }
                };
                let ahead = ahead(simd, own, &other);
                let wide = simd.splat(pull);
                for (p, ahead) in user.iter_mut().zip(&ahead) {
                    *p = simd.fma(*ahead, wide, simd.mul(*p, keep));
                }
                if let (Some((_, shares)), Some(target)) = (&mut self.shares, &target) {
                    shares.iter_mut().for_each(|share| *share *= rates.keep);
                    let mut wide = [simd.splat(0.0); N];
                    for (wide, lanes) in wide.iter_mut().zip(target) {
                        *wide = simd.load(lanes);
                    }
                    let [score] = simd.totals([dot(simd, &wide, &ahead)]);
                    shares[place] += pull * score;
                }
            }
            learning_rate *= settings.decay;
        }
        for (numbers, p) in self.vector.chunks_mut(16).zip(user) {
            let mut lanes = Lanes::ZERO;
            simd.store(p, &mut lanes);
            numbers.copy_from_slice(&lanes.0[..numbers.len()]);
        }
    }
}

/// A row as whole lanes, zeros after its last number.
pub(super) fn widened<const N: usize>(row: &[f32]) -> [Lanes; N] {
    let mut lanes = [Lanes::ZERO; N];
    for (lanes, numbers) in lanes.iter_mut().zip(row.chunks(16)) {
        lanes.0[..numbers.len()].copy_from_slice(numbers);
    }
    lanes
}

/// The liked row less the other.
#[inline(always)]
fn ahead<S: Simd, const N: usize>(
    simd: S,
    liked: &[Lanes; N],
    other: &[Lanes; N],
) -> [S::Vector; N] {
    let mut ahead = [simd.splat(0.0); N];
    for ((ahead, q), r) in ahead.iter_mut().zip(liked).zip(other) {
        *ahead = simd.sub(simd.load(q), simd.load(r));
    }
    ahead
}

/// Products summed in each lane.
#[inline(always)]
pub(super) fn dot<S: Simd, const N: usize>(
    simd: S,
    a: &[S::Vector; N],
    b: &[S::Vector; N],
) -> S::Vector {
    let mut sum = simd.splat(0.0);
    for (a, b) in a.iter().zip(b) {
        sum = simd.fma(*a, *b, sum);
    }
    sum
}
