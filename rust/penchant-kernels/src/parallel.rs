//! Scoped threads, made for one call and gone after it.
//!
//! There is no pool: nothing of the process outlives a call, so a forked worker can't hang on
//! threads that its parent had. What a kernel computes never depends on which thread does it.

use crate::KernelError;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::thread;

/// Runs `work` on this thread and on `threads - 1` more, and returns when all are done.
///
/// `work` takes its pieces from a queue, so where the system refuses a thread the others do its
/// share.
pub(crate) fn together(threads: usize, work: impl Fn() + Sync) {
    thread::scope(|scope| {
        for _ in 1..threads {
            if thread::Builder::new().spawn_scoped(scope, &work).is_err() {
                break;
            }
        }
        work();
    });
}

/// Pieces that threads take one after another.
pub(crate) struct Queue<I>(Mutex<I>);

impl<I: Iterator> Queue<I> {
    pub(crate) fn new(pieces: I) -> Self {
        Self(Mutex::new(pieces))
    }

    pub(crate) fn take(&self) -> Option<I::Item> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).next()
    }
}

/// What `work` makes of each number from 0 to `n - 1`, in their order.
pub(crate) fn map<T: Send>(threads: usize, n: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let mut made: Vec<Option<T>> = (0..n).map(|_| None).collect();
    let queue = Queue::new(made.iter_mut().enumerate());
    together(threads, || {
        while let Some((at, place)) = queue.take() {
            *place = Some(work(at));
        }
    });
    made.into_iter().flatten().collect()
}

/// How many threads to run: as asked, but not more than there are pieces of work.
///
/// # Errors
/// When `threads` is 0.
pub(crate) fn useful_threads(threads: usize, pieces: usize) -> Result<usize, KernelError> {
    if threads == 0 {
        return Err(KernelError::Setting(
            "threads is 0, and must be at least 1".into(),
        ));
    }
    Ok(threads.min(pieces).max(1))
}

#[cfg(test)]
mod tests {
    use super::{Queue, map, together, useful_threads};
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn every_piece_is_done_once() {
        for threads in [1, 2, 5] {
            let mut done = [0; 100];
            let queue = Queue::new(done.iter_mut());
            together(threads, || {
                while let Some(piece) = queue.take() {
                    *piece += 1;
                }
            });
            assert_eq!(done, [1; 100]);
        }
    }

    #[test]
    fn what_is_made_of_numbers_stands_in_their_order() {
        for threads in [1, 3] {
            assert_eq!(map(threads, 5, |at| at * at), [0, 1, 4, 9, 16]);
        }
    }

    #[test]
    fn as_many_threads_run_as_asked() {
        let started = AtomicUsize::new(0);
        together(3, || {
            started.fetch_add(1, Ordering::Relaxed);
        });
        assert_eq!(started.into_inner(), 3);
    }

    #[test]
    fn threads_are_no_more_than_pieces_and_never_none() {
        assert_eq!(useful_threads(8, 3), Ok(3));
        assert_eq!(useful_threads(8, 0), Ok(1));
        let refused = useful_threads(0, 3).unwrap_err().to_string();
        assert_eq!(refused, "threads is 0, and must be at least 1");
    }
}
