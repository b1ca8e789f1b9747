//! Who may step when: triples in buckets, and an order of the buckets.
//!
//! Users and items are cut into ranges. A bucket has the triples of a range of users whose liked
//! items lie in one range and whose other items in one range. Buckets that share no range can be
//! stepped side by side; those that do, one after another in an order that the data fix. The steps
//! are those of one thread, then, whatever the number of threads.

use super::rows::{Rows, with_width};
use super::schedule::{Ranges, Schedule};
use super::step::{Items, Step, Triple};
use super::{Rates, Tally};
use crate::Isa;
use crate::crew::Crew;
use crate::filter::Ragged;
use crate::simd::{Lanes, run};
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Below so many likings all are one bucket: threads would cost more than they save.
const SMALL: usize = 1 << 18;

/// Ranges of users otherwise, and so the most threads that have something to do.
const USER_RANGES: usize = 4;

/// Ranges of items otherwise: each bucket takes one or two.
const ITEM_RANGES: usize = 2 * USER_RANGES;

/// The ranges, and the order in which their buckets are stepped.
pub(super) struct Plan {
    pub(super) users: Vec<Range<usize>>,
    pub(super) items: Vec<Range<usize>>,
    /// The range of each item.
    pub(super) part_of_item: Vec<u8>,
    pieces: Vec<Piece>,
}

/// The triples of a range of users between two ranges of items, or within one, and how many pieces
/// use each range before this one.
#[derive(Clone, Copy, Debug)]
struct Piece {
    users: usize,
    items: [usize; 2],
    /// Ranges of items come first, then those of users.
    ranges: [(usize, usize); 3],
}

impl Ranges for Piece {
    fn ranges(&self) -> [(usize, usize); 3] {
        self.ranges
    }
}

/// The triples of a range of users, by ranges of the liked and the other item.
pub(super) type Buckets = Vec<Vec<Triple>>;

impl Plan {
    pub(super) fn new(likes: &Ragged<'_>) -> Self {
        let (user_ranges, item_ranges) = if likes.entries() < SMALL {
            (1, 1)
        } else {
            (USER_RANGES, ITEM_RANGES)
        };
        let of_user: Vec<usize> = (0..likes.rows())
            .map(|user| likes.get(user).len())
            .collect();
        // An item is as busy as it is liked and as it is drawn, which all are alike.
        let mut of_item = vec![likes.entries() / likes.columns() + 1; likes.columns()];
        for user in 0..likes.rows() {
            for &item in likes.get(user) {
                of_item[item as usize] += 1;
            }
        }
        let (users, items) = (cut(&of_user, user_ranges), cut(&of_item, item_ranges));
        let mut part_of_item = vec![0; likes.columns()];
        for (part, range) in items.iter().enumerate() {
            part_of_item[range.clone()].fill(part as u8);
        }
        Self {
            users,
            items,
            part_of_item,
            pieces: pieces(user_ranges, item_ranges),
        }
    }

    /// Empty buckets for each range of users.
    pub(super) fn buckets(&self) -> Vec<Buckets> {
        vec![vec![vec![]; self.items.len() * self.items.len()]; self.users.len()]
    }

    /// Steps all triples.
    pub(super) fn step(
        &self,
        isa: Isa,
        rates: Rates,
        (users, items): (&mut Rows, &mut Rows),
        buckets: &[Buckets],
        crew: &Crew,
    ) -> Tally {
        let width = users.width;
        let users: Vec<_> = split(&mut users.lanes, &self.users, width);
        let items: Vec<_> = split(&mut items.lanes, &self.items, width);
        let schedule = Schedule::new(&self.pieces, self.items.len() + self.users.len());
        let workers = AtomicUsize::new(0);
        let total = Mutex::new(Tally::default());
        crew.run(|| {
            let mut tally = Tally::default();
            let worker = workers.fetch_add(1, Ordering::Relaxed);
            while let Some(piece) = schedule.take(worker) {
                let [low, high] = piece.items;
                let bucket = |liked, other| &buckets[piece.users][liked * self.items.len() + other];
                // Nobody else has these, by the schedule.
                let mut users = own(&users[piece.users]);
                let mut lows = own(&items[low]);
                let mut step = |triples, items: Items<'_>| {
                    with_width!(width, N => {
                        let work = Step::<N> { triples, users: &mut users, items, rates };
                        tally += run(isa, work);
                    });
                };
                if low == high {
                    step(bucket(low, low), Items::Same(&mut lows));
                } else {
                    let mut highs = own(&items[high]);
                    step(bucket(low, high), Items::Apart(&mut lows, &mut highs));
                    step(bucket(high, low), Items::Apart(&mut highs, &mut lows));
                }
            }
            if let Ok(mut total) = total.lock() {
                *total += tally;
            }
        });
        total.into_inner().unwrap_or_default()
    }
}

fn own<T>(range: &Mutex<T>) -> MutexGuard<'_, T> {
    range.lock().unwrap_or_else(PoisonError::into_inner)
}

/// All pieces, neighbours of which share as few ranges as can be: the pairs of item ranges meet as
/// in a tournament where everybody plays in every round, and each round is played once by each
/// range of users.
fn pieces(user_ranges: usize, item_ranges: usize) -> Vec<Piece> {
    let mut turns = vec![0; item_ranges + user_ranges];
    let mut pieces = vec![];
    for pairs in rounds(item_ranges) {
        for shift in 0..user_ranges {
            for (place, &items) in pairs.iter().enumerate() {
                let users = (place + shift) % user_ranges;
                let [low, high] = items;
                let used = [low, high, item_ranges + users];
                let ranges = used.map(|range| (range, turns[range]));
                turns[low] += 1;
                turns[high] += usize::from(high != low);
                turns[item_ranges + users] += 1;
                pieces.push(Piece {
                    users,
                    items,
                    ranges,
                });
            }
        }
    }
    pieces
}

/// Pairs of `n` ranges, each pair once, in rounds of pairs that share none (the circle method: one
/// stays, the others go round), and each range with itself.
fn rounds(n: usize) -> Vec<Vec<[usize; 2]>> {
    let others = n - 1;
    let mut rounds: Vec<Vec<[usize; 2]>> = (0..others)
        .map(|round| {
            let turned = |by: usize| (round + by) % others;
            let rest = (1..n / 2).map(|by| [turned(by), turned(others - by)]);
            std::iter::once([others, round]).chain(rest).collect()
        })
        .collect();
    let alone: Vec<_> = (0..n).map(|range| [range, range]).collect();
    rounds.extend(alone.chunks(n.div_ceil(2)).map(<[_]>::to_vec));
    rounds
}

/// Ranges of rows, `parts` of them, with about equal sums of `work`.
fn cut(work: &[usize], parts: usize) -> Vec<Range<usize>> {
    let total: usize = work.iter().sum();
    let (mut ranges, mut start, mut done) = (Vec::with_capacity(parts), 0, 0);
    for part in 1..parts {
        let mut stop = start;
        while stop < work.len() && done * parts < total * part {
            done += work[stop];
            stop += 1;
        }
        ranges.push(start..stop);
        start = stop;
    }
    ranges.push(start..work.len());
    ranges
}

/// The rows of each range, which follow each other.
fn split<'a>(
    mut lanes: &'a mut [Lanes],
    ranges: &[Range<usize>],
    width: usize,
) -> Vec<Mutex<&'a mut [Lanes]>> {
    let part = |range: &Range<usize>| {
        let (part, rest) = std::mem::take(&mut lanes).split_at_mut(range.len() * width);
        lanes = rest;
        Mutex::new(part)
    };
    ranges.iter().map(part).collect()
}

#[cfg(test)]
mod tests {
    use super::{cut, pieces, rounds};

    #[test]
    fn each_pair_meets_once_and_a_round_shares_no_range() {
        for n in [1, 2, 4, 8] {
            let mut met = vec![];
            for round in rounds(n) {
                let mut taken: Vec<usize> = round.iter().flat_map(|&[a, b]| [a, b]).collect();
                taken.sort_unstable();
                taken.dedup();
                let alone = round.iter().all(|[a, b]| a == b);
                assert_eq!(taken.len(), round.len() * if alone { 1 } else { 2 });
                met.extend(round.into_iter().map(|[a, b]| [a.min(b), a.max(b)]));
            }
            met.sort_unstable();
            let all: Vec<_> = (0..n).flat_map(|a| (a..n).map(move |b| [a, b])).collect();
            assert_eq!(met, all);
        }
    }

    #[test]
    fn turns_of_a_range_are_its_pieces_in_order() {
        let mut turns = [0; 12];
        let all = pieces(4, 8);
        assert_eq!(all.len(), 4 * (8 * 7 / 2 + 8));
        for piece in all {
            let [low, high] = piece.items;
            let used = [low, high, 8 + piece.users];
            assert_eq!(piece.ranges, used.map(|range| (range, turns[range])));
            turns[low] += 1;
            turns[high] += usize::from(high != low);
            turns[8 + piece.users] += 1;
        }
    }

    #[test]
    fn ranges_have_about_equal_work() {
        assert_eq!(cut(&[5, 1, 1, 1, 1, 1], 2), [0..1, 1..6]);
        assert_eq!(cut(&[1, 1, 1, 1], 4), [0..1, 1..2, 2..3, 3..4]);
        assert_eq!(cut(&[9], 3), [0..1, 1..1, 1..1]);
        assert_eq!(cut(&[], 2), [0..0, 0..0]);
    }
}
