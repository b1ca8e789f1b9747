//! Which piece of work comes next, where pieces that share a range go in an order known before.

use crate::crew::linger;
use std::ops::Deref;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Pieces looked at ahead of the first that nobody has taken: enough for a thread that ran ahead of
/// the others, few enough that none is left to the end.
const AHEAD: usize = 16;

/// Pieces of work, each of which uses some of many ranges.
///
/// Pieces that share a range are done one after another, in their order in the list; so what is
/// computed doesn't depend on who takes which.
pub(super) struct Schedule<'a, P> {
    pieces: &'a [P],
    state: Mutex<State>,
    /// How many pieces are done.
    done: AtomicUsize,
    changed: Condvar,
}

/// A piece of work.
pub(super) trait Ranges {
    /// The ranges that are used, and how many pieces use each before this one; a range may stand
    /// there twice.
    fn ranges(&self) -> [(usize, usize); 3];
}

struct State {
    taken: Vec<bool>,
    /// All pieces before it are taken.
    first: usize,
    /// For each range how many pieces have used it, and the last worker that did.
    ranges: Vec<(usize, usize)>,
}

impl State {
    /// The piece that is ready and shares most with what `worker` did last, so that it finds much
    /// of it in its cache; the earliest of several.
    fn ready<P: Ranges>(&self, pieces: &[P], worker: usize) -> Option<usize> {
        let mut best = None;
        let ahead = pieces.iter().enumerate().skip(self.first).take(AHEAD);
        for (at, piece) in ahead {
            let ranges = piece.ranges();
            let ready = |(range, turn): &(usize, usize)| self.ranges[*range].0 == *turn;
            if !self.taken[at] && ranges.iter().all(ready) {
                let own = |(range, _): &&(usize, usize)| self.ranges[*range].1 == worker;
                let shared = ranges.iter().filter(own).count();
                if best.is_none_or(|(most, _)| shared > most) {
                    best = Some((shared, at));
                }
            }
        }
        best.map(|(_, at)| at)
    }
}

impl<'a, P: Ranges> Schedule<'a, P> {
    pub(super) fn new(pieces: &'a [P], ranges: usize) -> Self {
        Self {
            pieces,
            state: Mutex::new(State {
                taken: vec![false; pieces.len()],
                first: 0,
                ranges: vec![(0, usize::MAX); ranges],
            }),
            done: AtomicUsize::new(0),
            changed: Condvar::new(),
        }
    }

    /// A piece that can be done now, for as long as the result lives; waits where there is none,
    /// and ends when all are taken.
    pub(super) fn take(&self, worker: usize) -> Option<Taken<'_, 'a, P>> {
        let mut state = self.lock();
        loop {
            if let Some(at) = state.ready(self.pieces, worker) {
                state.taken[at] = true;
                while state.taken.get(state.first) == Some(&true) {
                    state.first += 1;
                }
                return Some(Taken {
                    schedule: self,
                    piece: &self.pieces[at],
                    worker,
                });
            }
            if state.first == self.pieces.len() {
                return None;
            }
            // Somebody is at work, or the first piece would be ready.
            let seen = self.done.load(Ordering::Relaxed);
            drop(state);
            let changed = || self.done.load(Ordering::Relaxed) != seen;
            linger(changed);
            state = self.lock();
            if !changed() {
                state = self
                    .changed
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A piece of work under way.
pub(super) struct Taken<'s, 'a, P: Ranges> {
    schedule: &'s Schedule<'a, P>,
    piece: &'a P,
    worker: usize,
}

impl<P: Ranges> Deref for Taken<'_, '_, P> {
    type Target = P;

    fn deref(&self) -> &P {
        self.piece
    }
}

impl<P: Ranges> Drop for Taken<'_, '_, P> {
    fn drop(&mut self) {
        let mut state = self.schedule.lock();
        for (range, turn) in self.piece.ranges() {
            state.ranges[range] = (turn + 1, self.worker);
        }
        // Within the lock, so that nobody falls asleep between having looked and this.
        self.schedule.done.fetch_add(1, Ordering::Relaxed);
        drop(state);
        self.schedule.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::{Ranges, Schedule};
    use crate::parallel::together;
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};

    struct Piece([(usize, usize); 3]);

    impl Ranges for Piece {
        fn ranges(&self) -> [(usize, usize); 3] {
            self.0
        }
    }

    #[test]
    fn each_range_sees_its_pieces_in_order() {
        // Pairs of five ranges, in an order that lets a thread run ahead.
        let mut turns = [0; 5];
        let pieces: Vec<Piece> = (0..200)
            .map(|at| {
                let (a, b) = (at % 5, (at * at + at / 7) % 5);
                let ranges = [(a, turns[a]), (b, turns[b]), (a, turns[a])];
                turns[a] += 1;
                turns[b] += usize::from(a != b);
                Piece(ranges)
            })
            .collect();
        for threads in [1, 2, 5] {
            let schedule = Schedule::new(&pieces, 5);
            let (workers, seen) = (AtomicUsize::new(0), [(); 5].map(|()| Mutex::new(vec![])));
            together(threads, || {
                let worker = workers.fetch_add(1, Ordering::Relaxed);
                while let Some(piece) = schedule.take(worker) {
                    let [a, b, _] = piece.0;
                    seen[a.0].try_lock().unwrap().push(a.1);
                    if a.0 != b.0 {
                        seen[b.0].try_lock().unwrap().push(b.1);
                    }
                }
            });
            for (seen, turns) in seen.into_iter().zip(turns) {
                assert_eq!(seen.into_inner().unwrap(), (0..turns).collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn a_worker_goes_on_with_ranges_that_it_used() {
        let piece = |range, turn| Piece([(range, turn); 3]);
        let pieces = [piece(0, 0), piece(1, 0), piece(1, 1), piece(0, 1)];
        let schedule = Schedule::new(&pieces, 2);
        let take = |worker| schedule.take(worker).unwrap().0[0];
        assert_eq!(take(7), (0, 0));
        assert_eq!(take(8), (1, 0));
        assert_eq!(take(7), (0, 1));
        assert_eq!(take(8), (1, 1));
        assert!(schedule.take(7).is_none());
    }
}
