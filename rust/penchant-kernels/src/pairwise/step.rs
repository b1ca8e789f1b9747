//! The inner loop: triples of user, liked and other item, four at a time.
//!
//! The four leads come from the rows as they stand before, so that four sums over lanes cost little
//! more than one; then the steps are made one after another, each on the rows that the last one
//! left, so that a row which stands in several takes all of them.

#![expect(
    clippy::inline_always,
    reason = "each caller compiles the inner loops for its own instruction set"
)]

use super::logistic::pull;
use super::{Loss, Rates, Tally};
use crate::simd::{Lanes, Simd, Work};

/// Triples whose leads are taken at once.
const BATCH: usize = 4;

/// A user, an item that it likes, and one that it is not known to like.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Triple {
    /// Row within a range of users.
    pub(super) user: u32,
    /// Row within a range of items.
    pub(super) liked: u32,
    /// Row within a range of items, not that of `liked`.
    pub(super) other: u32,
    pub(super) weight: f32,
}

/// The ranges of items that triples speak of.
pub(super) enum Items<'a> {
    /// Liked and other items are in one range.
    Same(&'a mut [Lanes]),
    /// Liked items are in the first, other items in the second.
    Apart(&'a mut [Lanes], &'a mut [Lanes]),
}

/// One step for each triple, rows of `N` lanes; gives how many comparisons came out right.
pub(super) struct Step<'a, const N: usize> {
    pub(super) triples: &'a [Triple],
    pub(super) users: &'a mut [Lanes],
    pub(super) items: Items<'a>,
    pub(super) rates: Rates,
}

impl<const N: usize> Work for Step<'_, N> {
    type Output = Tally;

    #[inline(always)]
    fn on<S: Simd>(self, simd: S) -> Tally {
        let (users, _) = self.users.as_chunks_mut();
        match self.items {
            Items::Same(items) => {
                let mut items = Same(items.as_chunks_mut().0);
                all::<S, N>(simd, self.triples, users, &mut items, self.rates)
            }
            Items::Apart(liked, other) => {
                let mut items = Apart(liked.as_chunks_mut().0, other.as_chunks_mut().0);
                all::<S, N>(simd, self.triples, users, &mut items, self.rates)
            }
        }
    }
}

/// Where liked and other items are looked up.
trait Pairs<const N: usize> {
    fn pair(&self, triple: &Triple) -> (&[Lanes; N], &[Lanes; N]);
    fn pair_mut(&mut self, triple: &Triple) -> Option<(&mut [Lanes; N], &mut [Lanes; N])>;
}

struct Same<'a, const N: usize>(&'a mut [[Lanes; N]]);

struct Apart<'a, const N: usize>(&'a mut [[Lanes; N]], &'a mut [[Lanes; N]]);

impl<const N: usize> Pairs<N> for Same<'_, N> {
    #[inline(always)]
    fn pair(&self, triple: &Triple) -> (&[Lanes; N], &[Lanes; N]) {
        (
            &self.0[triple.liked as usize],
            &self.0[triple.other as usize],
        )
    }

    #[inline(always)]
    fn pair_mut(&mut self, triple: &Triple) -> Option<(&mut [Lanes; N], &mut [Lanes; N])> {
        let rows = [triple.liked as usize, triple.other as usize];
        let [liked, other] = self.0.get_disjoint_mut(rows).ok()?;
        Some((liked, other))
    }
}

impl<const N: usize> Pairs<N> for Apart<'_, N> {
    #[inline(always)]
    fn pair(&self, triple: &Triple) -> (&[Lanes; N], &[Lanes; N]) {
        (
            &self.0[triple.liked as usize],
            &self.1[triple.other as usize],
        )
    }

    #[inline(always)]
    fn pair_mut(&mut self, triple: &Triple) -> Option<(&mut [Lanes; N], &mut [Lanes; N])> {
        let (liked, other) = (triple.liked as usize, triple.other as usize);
        Some((&mut self.0[liked], &mut self.1[other]))
    }
}

#[inline(always)]
fn all<S: Simd, const N: usize>(
    simd: S,
    triples: &[Triple],
    users: &mut [[Lanes; N]],
    items: &mut impl Pairs<N>,
    rates: Rates,
) -> Tally {
    let mut tally = Tally::default();
    let (batches, left) = triples.as_chunks::<BATCH>();
    let mut ahead = triples;
    for batch in batches {
        // The rows of the batch after the next lie anywhere.
        ahead = &ahead[BATCH..];
        for triple in ahead.iter().skip(BATCH).take(BATCH) {
            let (liked, other) = items.pair(triple);
            simd.prefetch(liked);
            simd.prefetch(other);
            simd.prefetch(&users[triple.user as usize]);
        }
        step(simd, batch, users, items, rates, &mut tally);
    }
    for single in left.as_chunks::<1>().0 {
        step(simd, single, users, items, rates, &mut tally);
    }
    tally
}

#[inline(always)]
fn step<S: Simd, const N: usize, const B: usize>(
    simd: S,
    batch: &[Triple; B],
    users: &mut [[Lanes; N]],
    items: &mut impl Pairs<N>,
    rates: Rates,
    tally: &mut Tally,
) {
    let mut sums = [simd.splat(0.0); B];
    for (triple, sum) in batch.iter().zip(&mut sums) {
        let (liked, other) = items.pair(triple);
        for ((p, q), r) in users[triple.user as usize].iter().zip(liked).zip(other) {
            *sum = simd.fma(simd.load(p), simd.sub(simd.load(q), simd.load(r)), *sum);
        }
    }
    let mut pulls = simd.totals(sums);
    for (lead, triple) in pulls.iter_mut().zip(batch) {
        *lead = match rates.loss {
            Loss::Bpr => {
                // The other item is one drawn at random, so its lead speaks for all.
                tally.made += 1;
                tally.right += u64::from(*lead > 0.0);
                rates.learning_rate * pull(*lead)
            }
            Loss::Warp { .. } if *lead < 1.0 => rates.learning_rate * triple.weight,
            Loss::Warp { .. } => 0.0,
        };
    }
    let keep = simd.splat(rates.keep);
    for (triple, pull) in batch.iter().zip(pulls) {
        if pull == 0.0 {
            continue;
        }
        let pull = simd.splat(pull);
        let Some((liked, other)) = items.pair_mut(triple) else {
            continue;
        };
        let user = &mut users[triple.user as usize];
        for ((p_lanes, q_lanes), r_lanes) in user.iter_mut().zip(liked).zip(other) {
            let (p, q, r) = (simd.load(p_lanes), simd.load(q_lanes), simd.load(r_lanes));
            let push = simd.mul(p, pull);
            simd.store(simd.fma(simd.sub(q, r), pull, simd.mul(p, keep)), p_lanes);
            simd.store(simd.fma(q, keep, push), q_lanes);
            simd.store(simd.sub(simd.mul(r, keep), push), r_lanes);
        }
    }
}
