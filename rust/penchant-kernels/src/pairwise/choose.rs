//! Which item each liking is compared with: drawn from the whole catalogue, liked ones left out.
//!
//! Draws are named by seed, epoch, round and user, and read the factors as they stood before the
//! round, so users can choose side by side and nothing depends on who comes first.

#![expect(
    clippy::inline_always,
    reason = "each caller compiles the inner loops for its own instruction set"
)]

use super::plan::{Buckets, Plan};
use super::rows::{Rows, with_width};
use super::step::Triple;
use super::{Loss, ROUNDS, Tally};
use crate::Isa;
use crate::crew::Crew;
use crate::filter::Ragged;
use crate::parallel::Queue;
use crate::random::Draws;
use crate::simd::{Lanes, Simd, Work, run};
use std::borrow::Borrow;
use std::ops::Range;
use std::sync::Mutex;

/// Draws for a liking under BPR: a user who likes all but a few items is not searched for long.
const BPR_TRIES: usize = 16;

/// Items that are scored at once.
const BATCH: usize = 4;

/// A part of an epoch: every fourth liking of each user.
#[derive(Clone, Copy)]
pub(super) struct Round<'a> {
    pub(super) likes: &'a Ragged<'a>,
    pub(super) plan: &'a Plan,
    /// Seed and epoch.
    pub(super) stream: [u64; 2],
    /// 0 up to [`ROUNDS`].
    pub(super) number: usize,
}

impl<'a> Round<'a> {
    /// Fills the buckets; gives how many of the first draws came out right, where that is seen.
    pub(super) fn choose(
        self,
        isa: Isa,
        loss: Loss,
        (users, items): (&Rows, &Rows),
        buckets: &mut [Buckets],
        crew: &Crew,
    ) -> Tally {
        let queue = Queue::new(self.plan.users.iter().zip(buckets));
        let total = Mutex::new(Tally::default());
        crew.run(|| {
            let mut tally = Tally::default();
            while let Some((range, buckets)) = queue.take() {
                buckets.iter_mut().for_each(Vec::clear);
                match loss {
                    Loss::Bpr => self.draw(range, buckets),
                    Loss::Warp { max_tries } => with_width!(users.width, N => {
                        let work = Search::<N> {
                            round: self,
                            range,
                            users: &users.lanes,
                            items: &items.lanes,
                            weights: &rank_weights(items.lanes.len() / N, max_tries),
                            buckets,
                        };
                        tally += run(isa, work);
                    }),
                }
            }
            if let Ok(mut total) = total.lock() {
                *total += tally;
            }
        });
        total.into_inner().unwrap_or_default()
    }

    /// For each liking an item that its user doesn't like.
    fn draw(&self, range: &Range<usize>, buckets: &mut Buckets) {
        for user in range.clone() {
            let Some(Asker {
                likes,
                first,
                draws,
            }) = &mut self.asker(user)
            else {
                continue;
            };
            for &liked in likes[*first..].iter().step_by(ROUNDS) {
                if let Some(other) = draw_other(likes, self.likes.columns(), draws) {
                    self.put(buckets, user - range.start, liked, other, 1.0);
                }
            }
        }
    }

    /// What a user brings into the round; nobody comes who likes nothing, or everything.
    fn asker(&self, user: usize) -> Option<Asker<'a>> {
        let likes = self.likes.get(user);
        if likes.len() == self.likes.columns() {
            return None;
        }
        let [seed, epoch] = self.stream;
        // Where a user starts differs, so that rounds are about equally long.
        let start = Draws::new(&[seed, epoch, user as u64]).below(ROUNDS as u64) as usize;
        let first = (start + self.number) % ROUNDS;
        (first < likes.len()).then(|| Asker {
            likes,
            first,
            draws: Draws::new(&[seed, epoch, user as u64, self.number as u64]),
        })
    }

    fn put(&self, buckets: &mut Buckets, user: usize, liked: i32, other: i32, weight: f32) {
        let Plan {
            part_of_item,
            items,
            ..
        } = self.plan;
        let (liked, other) = (liked as usize, other as usize);
        let (from, to) = (part_of_item[liked] as usize, part_of_item[other] as usize);
        buckets[from * items.len() + to].push(Triple {
            user: user as u32,
            liked: (liked - items[from].start) as u32,
            other: (other - items[to].start) as u32,
            weight,
        });
    }
}

/// A user in a round: every [`ROUNDS`]th of its likings, from the first on, chooses.
struct Asker<'a> {
    likes: &'a [i32],
    first: usize,
    draws: Draws,
}

/// The weight of an item found by each try, counted from 0: the logarithm of the rank that the
/// number of tries foretells, as a share of the greatest.
pub(super) fn rank_weights(n_items: usize, max_tries: usize) -> Vec<f32> {
    let others = n_items.saturating_sub(1).max(1);
    let greatest = (others as f64).ln();
    let weight = |tries: usize| match (others / tries).max(1) {
        // Where nothing can rank below anything else, every fault weighs the same.
        _ if greatest == 0.0 => 1.0,
        rank => ((rank as f64).ln() / greatest) as f32,
    };
    (1..=max_tries).map(weight).collect()
}

/// The search of WARP, for a range of users and rows of `N` lanes.
struct Search<'a, const N: usize> {
    round: Round<'a>,
    range: &'a Range<usize>,
    users: &'a [Lanes],
    items: &'a [Lanes],
    weights: &'a [f32],
    buckets: &'a mut Buckets,
}

impl<const N: usize> Work for Search<'_, N> {
    type Output = Tally;

    #[inline(always)]
    fn on<S: Simd>(self, simd: S) -> Tally {
        let (users, _) = self.users.as_chunks::<N>();
        let (items, _) = self.items.as_chunks::<N>();
        let mut tally = Tally::default();
        for user in self.range.clone() {
            let Some(mut asker) = self.round.asker(user) else {
                continue;
            };
            let mut vector = [simd.splat(0.0); N];
            for (vector, lanes) in vector.iter_mut().zip(&users[user]) {
                *vector = simd.load(lanes);
            }
            for &liked in asker.likes[asker.first..].iter().step_by(ROUNDS) {
                let found = search(
                    simd,
                    &vector,
                    |item| &items[item],
                    (liked, asker.likes),
                    &mut asker.draws,
                    (items.len(), self.weights.len()),
                );
                tally.made += 1;
                tally.right += u64::from(found.right);
                if let Some((tries, other)) = found.other {
                    let weight = self.weights[tries];
                    let user = user - self.range.start;
                    self.round.put(self.buckets, user, liked, other, weight);
                }
            }
        }
        tally
    }
}

/// What a search for an item found.
pub(super) struct Found {
    /// Whether the liked item leads the first one drawn.
    pub(super) right: bool,
    /// How many items were tried before, and the item.
    pub(super) other: Option<(usize, i32)>,
}

/// The first of `max_tries` items drawn that the user doesn't like and that scores within 1 of
/// `liked`, or above it. `row` looks up an item's factors.
#[inline(always)]
pub(super) fn search<S: Simd, const N: usize, R: Borrow<[Lanes; N]>>(
    simd: S,
    user: &[S::Vector; N],
    row: impl Fn(usize) -> R,
    (liked, likes): (i32, &[i32]),
    draws: &mut Draws,
    (n_items, max_tries): (usize, usize),
) -> Found {
    // The liked item is scored along with the first ones drawn.
    let mut items = drawn(draws, n_items);
    items[0] = liked;
    let mut scores = scores(simd, user, &items.map(|item| row(item as usize)));
    let bar = scores[0] - 1.0;
    let right = scores[1] < scores[0];
    let (mut tries, mut first) = (0, 1);
    loop {
        for (&item, score) in items.iter().zip(scores).skip(first) {
            if tries == max_tries {
                return Found { right, other: None };
            }
            if score > bar && likes.binary_search(&item).is_err() {
                let other = Some((tries, item));
                return Found { right, other };
            }
            tries += 1;
        }
        items = drawn(draws, n_items);
        scores = self::scores(simd, user, &items.map(|item| row(item as usize)));
        first = 0;
    }
}

/// Any items, one as likely as another.
fn drawn(draws: &mut Draws, n_items: usize) -> [i32; BATCH] {
    [(); BATCH].map(|()| draws.below(n_items as u64) as i32)
}

#[inline(always)]
fn scores<S: Simd, const N: usize, R: Borrow<[Lanes; N]>>(
    simd: S,
    user: &[S::Vector; N],
    rows: &[R; BATCH],
) -> [f32; BATCH] {
    let mut sums = [simd.splat(0.0); BATCH];
    for (row, sum) in rows.iter().zip(&mut sums) {
        for (p, q) in user.iter().zip(row.borrow()) {
            *sum = simd.fma(*p, simd.load(q), *sum);
        }
    }
    simd.totals(sums)
}

/// An item that the user doesn't like, any one as likely as another; none where one isn't found
/// soon.
pub(super) fn draw_other(likes: &[i32], n_items: usize, draws: &mut Draws) -> Option<i32> {
    let items = std::iter::repeat_with(|| draws.below(n_items as u64) as i32);
    items
        .take(BPR_TRIES)
        .find(|item| likes.binary_search(item).is_err())
}
