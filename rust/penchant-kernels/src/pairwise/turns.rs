//! Things that pieces of work use one after another, in an order that is known before.

use std::sync::{Condvar, Mutex, PoisonError};

/// A thing, and whose turn it is.
pub(super) struct Turns<T> {
    state: Mutex<(usize, T)>,
    changed: Condvar,
}

impl<T> Turns<T> {
    pub(super) fn new(thing: T) -> Self {
        Self {
            state: Mutex::new((0, thing)),
            changed: Condvar::new(),
        }
    }

    /// Waits until `turn` others have used the thing, and uses it.
    ///
    /// Nobody waits for ever when pieces are taken in the order of their turns: the earliest one
    /// under way has all that it needs.
    pub(super) fn take<R>(&self, turn: usize, work: impl FnOnce(&mut T) -> R) -> R {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut state = self
            .changed
            .wait_while(state, |(next, _)| *next != turn)
            .unwrap_or_else(PoisonError::into_inner);
        // The next one is told now, and stands at the lock until the work is done.
        state.0 += 1;
        self.changed.notify_all();
        work(&mut state.1)
    }
}

#[cfg(test)]
mod tests {
    use super::Turns;
    use crate::parallel::{Queue, together};

    #[test]
    fn everybody_waits_for_their_turn() {
        for threads in [1, 2, 5] {
            let list = Turns::new(vec![]);
            let queue = Queue::new(0..50);
            together(threads, || {
                while let Some(turn) = queue.take() {
                    list.take(turn, |list| list.push(turn));
                }
            });
            assert_eq!(
                list.take(50, |list| list.clone()),
                (0..50).collect::<Vec<_>>()
            );
        }
    }
}
