//! Factors of an item that was not there when a model was trained: the steps of training that it
//! would have taken part in, while all other rows stand still.
//!
//! An item takes part in two ways. Its likings are compared with other items, which says how it
//! ranks for those who like it. And it is itself the other item of any liking of anybody, which says
//! where it ranks for all the rest: without those steps a new item would come out on top of
//! everything. They need a sample of the likings trained on, [`Rivals`].

#![expect(
    clippy::inline_always,
    reason = "each caller compiles the inner loops for its own instruction set"
)]

use super::choose::{draw_other, rank_weights, search};
use super::fold_in::{dot, widened};
use super::logistic::pull;
use super::rows::{width_of, with_width};
use super::{Loss, Settings};
use crate::filter::Ragged;
use crate::parallel::{Queue, together, useful_threads};
use crate::random::Draws;
use crate::simd::{Lanes, Simd, Work, run};
use crate::{Isa, KernelError, Matrix};

/// The most likings that are kept to compare new items with.
pub const MAX_RIVALS: usize = 4096;

/// The most of them that a new item is compared with in an epoch.
const MAX_STEPS: usize = 1024;

/// Likings that a new item is compared with as the other item.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rivals {
    /// Who likes.
    pub users: Vec<i32>,
    /// The score of what they like.
    pub scores: Vec<f32>,
    /// What the comparisons with one new item weigh in an epoch, for all the likings that this one
    /// stands for: how often the item would be drawn, for WARP times the weight of the try.
    pub weights: Vec<f32>,
}

/// A sample of likings, evenly spaced, of at most [`MAX_RIVALS`].
///
/// The factors are those that training left. `O(MAX_RIVALS * factors)`, for WARP times the tries.
///
/// # Errors
/// When a setting is out of its range or sizes differ.
pub fn rivals(
    likes: &Ragged<'_>,
    users: &Matrix<'_>,
    items: &Matrix<'_>,
    settings: &Settings,
    isa: Isa,
) -> Result<Rivals, KernelError> {
    check(likes, users, items, settings)?;
    let mut found = Rivals::default();
    with_width!(width_of(settings.factors), N => {
        run(isa, Sample::<N> { likes, users, items, settings, found: &mut found });
    });
    Ok(found)
}

/// Factors for each new item, by `settings.epochs` passes over `likers`, from zero.
///
/// likers: for each new item the rows of users who like it. likes: for each user the old items that
/// it likes, as far as they matter: those of likers.
///
/// The items and rivals drawn follow from the seed and the epoch alone, so an item gets the same
/// bits whatever items stand beside it, for any number of threads and on any instruction set. An
/// item that nobody likes gets zeros. `O(epochs * (likers + rivals drawn) * factors)`, for WARP
/// likers times the tries that are needed.
///
/// # Errors
/// When a setting is out of its range, sizes differ, or factors leave the finite numbers.
pub fn fold_in_items(
    likers: &Ragged<'_>,
    likes: &Ragged<'_>,
    users: &Matrix<'_>,
    items: &Matrix<'_>,
    rivals: &Rivals,
    settings: &Settings,
    isa: Isa,
) -> Result<Vec<f32>, KernelError> {
    check(likes, users, items, settings)?;
    if likers.columns() != users.rows() {
        return Err(KernelError::Shape(format!(
            "likers are of {} users, and there must be {}",
            likers.columns(),
            users.rows()
        )));
    }
    let sizes = [
        rivals.users.len(),
        rivals.scores.len(),
        rivals.weights.len(),
    ];
    if sizes.iter().any(|&size| size != sizes[0]) {
        return Err(KernelError::Shape(format!(
            "rivals have {} users, {} scores and {} weights, and must have as many of each",
            sizes[0], sizes[1], sizes[2]
        )));
    }
    if let Some(user) =
        (rivals.users.iter()).find(|&&user| user < 0 || user as usize >= users.rows())
    {
        return Err(KernelError::Data(format!(
            "rivals hold the user {user}, and there are {}",
            users.rows()
        )));
    }
    let factors = settings.factors;
    let threads = useful_threads(settings.threads, likers.rows())?;
    let mut vectors = vec![0.0; likers.rows() * factors];
    let queue = Queue::new(vectors.chunks_exact_mut(factors).enumerate());
    together(threads, || {
        while let Some((row, vector)) = queue.take() {
            let likers = likers.get(row);
            if likers.is_empty() {
                continue;
            }
            with_width!(width_of(factors), N => {
                run(isa, Descent::<N> { likers, likes, users, items, rivals, settings, vector });
            });
        }
    });
    if vectors.iter().all(|number| number.is_finite()) {
        Ok(vectors)
    } else {
        Err(KernelError::Diverged(format!(
            "folding in items diverged: factors are no longer finite numbers; lower learning_rate \
             (it is {})",
            settings.learning_rate
        )))
    }
}

fn check(
    likes: &Ragged<'_>,
    users: &Matrix<'_>,
    items: &Matrix<'_>,
    settings: &Settings,
) -> Result<(), KernelError> {
    settings.check()?;
    let sides = [
        ("users", users, likes.rows()),
        ("items", items, likes.columns()),
    ];
    for (side, rows, wanted) in sides {
        if rows.dim() != settings.factors || rows.rows() != wanted {
            return Err(KernelError::Shape(format!(
                "there are {} {side} of {} factors, and there must be {wanted} of {}",
                rows.rows(),
                rows.dim(),
                settings.factors
            )));
        }
    }
    Ok(())
}

/// The choice of [`rivals`], rows of `N` lanes.
struct Sample<'a, const N: usize> {
    likes: &'a Ragged<'a>,
    users: &'a Matrix<'a>,
    items: &'a Matrix<'a>,
    settings: &'a Settings,
    found: &'a mut Rivals,
}

impl<const N: usize> Work for Sample<'_, N> {
    type Output = ();

    #[inline(always)]
    fn on<S: Simd>(self, simd: S) {
        let (entries, n_items) = (self.likes.entries(), self.items.rows());
        let count = entries.min(MAX_RIVALS);
        // What each try weighs, and all tries up to it.
        let totals: Vec<f32> = match self.settings.loss {
            Loss::Bpr => vec![],
            Loss::Warp { max_tries } => rank_weights(n_items, max_tries)
                .into_iter()
                .scan(0.0, |total, weight| {
                    *total += weight;
                    Some(*total)
                })
                .collect(),
        };
        let row = |item: usize| widened::<N>(self.items.row(item));
        let mut draws = Draws::new(&[self.settings.seed, u64::MAX]);
        let (mut before, mut taken) = (0, 0);
        for user in 0..self.likes.rows() {
            let liked = self.likes.get(user);
            let vector = loaded(simd, &widened::<N>(self.users.row(user)));
            // Sample number `taken` is the liking at that part of all likings.
            while taken < count && taken * entries / count < before + liked.len() {
                let item = liked[taken * entries / count - before];
                taken += 1;
                if liked.len() == n_items {
                    continue;
                }
                let weight = match self.settings.loss {
                    Loss::Bpr => 1.0 / (n_items - liked.len()) as f32,
                    Loss::Warp { max_tries } => {
                        let sizes = (n_items, max_tries);
                        let found = search(simd, &vector, row, (item, liked), &mut draws, sizes);
                        let last = found.other.map_or(max_tries - 1, |(tries, _)| tries);
                        totals[last] / n_items as f32
                    }
                };
                let item = loaded(simd, &row(item as usize));
                let [score] = simd.totals([dot(simd, &vector, &item)]);
                self.found.users.push(user as i32);
                self.found.scores.push(score);
                self.found
                    .weights
                    .push(weight * entries as f32 / count as f32);
            }
            before += liked.len();
        }
    }
}

/// All steps of one new item, rows of `N` lanes.
struct Descent<'a, const N: usize> {
    likers: &'a [i32],
    likes: &'a Ragged<'a>,
    users: &'a Matrix<'a>,
    items: &'a Matrix<'a>,
    rivals: &'a Rivals,
    settings: &'a Settings,
    vector: &'a mut [f32],
}

impl<const N: usize> Work for Descent<'_, N> {
    type Output = ();

    #[inline(always)]
    fn on<S: Simd>(self, simd: S) {
        let Self {
            likers,
            rivals,
            settings,
            ..
        } = self;
        let user = |user: i32| loaded(simd, &widened::<N>(self.users.row(user as usize)));
        let n_items = self.items.rows();
        let weights = match settings.loss {
            Loss::Bpr => vec![],
            Loss::Warp { max_tries } => rank_weights(n_items, max_tries),
        };
        // As many steps as their weights sum to, so that none is much greater than those of likers.
        let total: f32 = rivals.weights.iter().sum();
        let others = (total.ceil() as usize).min(MAX_STEPS);
        let share = rivals.weights.len() as f32 / others.max(1) as f32;
        let steps = likers.len() + others;
        let mut item = [Lanes::ZERO; N];
        let mut learning_rate = settings.learning_rate;
        for epoch in 0..settings.epochs {
            let mut draws = Draws::new(&[settings.seed, epoch as u64, u64::MAX, 1]);
            for step in 0..steps {
                // Likers stand at even distances among the others.
                let place = step * likers.len() / steps;
                let (vector, push) = if (step + 1) * likers.len() / steps > place {
                    let liker = likers[place];
                    let vector = user(liker);
                    let liked = self.likes.get(liker as usize);
                    (
                        vector,
                        self.raise(simd, &item, &vector, liked, &weights, &mut draws),
                    )
                } else {
                    let rival = draws.below(rivals.users.len() as u64) as usize;
                    if likers.binary_search(&rivals.users[rival]).is_ok() {
                        continue;
                    }
                    let vector = user(rivals.users[rival]);
                    let [score] = simd.totals([dot(simd, &vector, &loaded(simd, &item))]);
                    let lead = rivals.scores[rival] - score;
                    let push = match settings.loss {
                        Loss::Bpr => pull(lead),
                        Loss::Warp { .. } => f32::from(lead < 1.0),
                    };
                    (vector, -push * share * rivals.weights[rival])
                };
                if push == 0.0 {
                    continue;
                }
                let keep = simd.splat(1.0 - learning_rate * settings.regularization);
                let push = simd.splat(learning_rate * push);
                for (q, p) in item.iter_mut().zip(vector) {
                    let kept = simd.mul(simd.load(q), keep);
                    simd.store(simd.fma(p, push, kept), q);
                }
            }
            learning_rate *= settings.decay;
        }
        for (numbers, lanes) in self.vector.chunks_mut(16).zip(item) {
            numbers.copy_from_slice(&lanes.0[..numbers.len()]);
        }
    }
}

impl<const N: usize> Descent<'_, N> {
    /// How far a liker of the item pulls it, by a comparison with an item that it doesn't like.
    #[inline(always)]
    fn raise<S: Simd>(
        &self,
        simd: S,
        item: &[Lanes; N],
        liker: &[S::Vector; N],
        liked: &[i32],
        weights: &[f32],
        draws: &mut Draws,
    ) -> f32 {
        let n_items = self.items.rows();
        // The new item has the row after the last.
        let row = |at: usize| {
            if at == n_items {
                *item
            } else {
                widened::<N>(self.items.row(at))
            }
        };
        match self.settings.loss {
            Loss::Bpr => draw_other(liked, n_items, draws).map_or(0.0, |other| {
                let scores = [row(n_items), row(other as usize)]
                    .map(|lanes| dot(simd, liker, &loaded(simd, &lanes)));
                let [score, other] = simd.totals(scores);
                pull(score - other)
            }),
            Loss::Warp { max_tries } => {
                let own = (n_items as i32, liked);
                let found = search(simd, liker, row, own, draws, (n_items, max_tries));
                found.other.map_or(0.0, |(tries, _)| weights[tries])
            }
        }
    }
}

#[inline(always)]
fn loaded<S: Simd, const N: usize>(simd: S, lanes: &[Lanes; N]) -> [S::Vector; N] {
    let mut vectors = [simd.splat(0.0); N];
    for (vector, lanes) in vectors.iter_mut().zip(lanes) {
        *vector = simd.load(lanes);
    }
    vectors
}

#[cfg(test)]
mod tests;
