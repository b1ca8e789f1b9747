//! Threads for many short pieces of work one after another.
//!
//! A thread made for each piece would start late: where the system is busy it may wait for
//! milliseconds behind the one that made it. A crew's threads are made once, stand by in between,
//! and are gone after the call like those of [`together`](crate::parallel::together).

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

/// How often to look whether something has happened before going to sleep: some tens of
/// microseconds, as waking a thread takes.
const LOOKS: usize = 1 << 10;

/// Looks for a while whether something has happened.
pub(crate) fn linger(happened: impl Fn() -> bool) {
    for _ in 0..LOOKS {
        if happened() {
            return;
        }
        std::hint::spin_loop();
    }
}

type Job<'a> = dyn Fn() + Sync + 'a;

/// Threads that wait for work.
pub(crate) struct Crew {
    state: Mutex<State>,
    /// Jobs posted so far; changes within the lock only, as does `busy`.
    posted: AtomicUsize,
    /// Workers in a job.
    busy: AtomicUsize,
    work: Condvar,
    idle: Condvar,
}

struct State {
    job: Option<&'static Job<'static>>,
    closed: bool,
}

/// Calls `work` with a crew of this thread and `threads - 1` others, which stay until it returns.
///
/// Where the system refuses a thread, the others do its share.
pub(crate) fn crew<R>(threads: usize, work: impl FnOnce(&Crew) -> R) -> R {
    let crew = Crew {
        state: Mutex::new(State {
            job: None,
            closed: false,
        }),
        posted: AtomicUsize::new(0),
        busy: AtomicUsize::new(0),
        work: Condvar::new(),
        idle: Condvar::new(),
    };
    thread::scope(|scope| {
        let _closing = Closing(&crew);
        for _ in 1..threads {
            if thread::Builder::new()
                .spawn_scoped(scope, || crew.serve())
                .is_err()
            {
                break;
            }
        }
        work(&crew)
    })
}

impl Crew {
    /// Runs `work` on this thread and on all others that are free in time, and returns when nobody
    /// is in it. It takes its pieces from a queue, so that one who comes late finds none.
    pub(crate) fn run(&self, work: impl Fn() + Sync) {
        let job: &Job<'_> = &work;
        // SAFETY: only the lifetime changes. No worker takes the job after `Recall` has been
        // dropped, and none is in it then, and that is before `work` is, on every way out.
        let job = unsafe { std::mem::transmute::<&Job<'_>, &'static Job<'static>>(job) };
        let mut state = self.lock();
        state.job = Some(job);
        self.posted.fetch_add(1, Ordering::Relaxed);
        drop(state);
        self.work.notify_all();
        let _recall = Recall(self);
        work();
    }

    fn serve(&self) {
        let mut seen = 0;
        let news = |seen| self.posted.load(Ordering::Relaxed) != seen;
        loop {
            linger(|| news(seen));
            let mut state = self.lock();
            while !news(seen) && !state.closed {
                state = self
                    .work
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner);
            }
            if state.closed {
                return;
            }
            seen = self.posted.load(Ordering::Relaxed);
            if let Some(job) = state.job {
                self.busy.fetch_add(1, Ordering::Relaxed);
                drop(state);
                let _done = Done(self);
                job();
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sends the workers home, also where the work of all panics.
struct Closing<'a>(&'a Crew);

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.closed = true;
        // Nobody is to linger for news that don't come.
        self.0.posted.fetch_add(1, Ordering::Relaxed);
        drop(state);
        self.0.work.notify_all();
    }
}

/// Takes a job back, and waits for those who are in it.
struct Recall<'a>(&'a Crew);

impl Drop for Recall<'_> {
    fn drop(&mut self) {
        let crew = self.0;
        crew.lock().job = None;
        let idle = || crew.busy.load(Ordering::Relaxed) == 0;
        linger(idle);
        let mut state = crew.lock();
        while !idle() {
            state = crew
                .idle
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// A worker's way out of a job, also where it panics.
struct Done<'a>(&'a Crew);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        let state = self.0.lock();
        let before = self.0.busy.fetch_sub(1, Ordering::Relaxed);
        drop(state);
        if before == 1 {
            self.0.idle.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::crew;
    use crate::parallel::Queue;
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn every_piece_of_every_job_is_done_once() {
        for threads in [1, 2, 5] {
            let mut done = [0; 100];
            crew(threads, |crew| {
                for _ in 0..200 {
                    let queue = Queue::new(done.iter_mut());
                    crew.run(|| {
                        while let Some(piece) = queue.take() {
                            *piece += 1;
                        }
                    });
                }
            });
            assert_eq!(done, [200; 100]);
        }
    }

    #[test]
    fn all_threads_work_at_the_same_time() {
        // Each waits for the others, in both jobs.
        let all = Barrier::new(3);
        let met = AtomicUsize::new(0);
        crew(3, |crew| {
            for _ in 0..2 {
                crew.run(|| {
                    all.wait();
                    met.fetch_add(1, Ordering::Relaxed);
                });
            }
        });
        assert_eq!(met.into_inner(), 6);
    }

    #[test]
    fn what_the_work_of_all_gives_is_given() {
        assert_eq!(crew(2, |_| 7), 7);
        assert_eq!(
            crew(4, |crew| {
                crew.run(|| ());
                8
            }),
            8
        );
    }

    #[test]
    fn a_panic_is_passed_on_by_whoever_has_it() {
        let both = Barrier::new(2);
        for own in [true, false] {
            let leader = std::thread::current().id();
            let caught = std::panic::catch_unwind(|| {
                crew(2, |crew| {
                    crew.run(|| {
                        both.wait();
                        assert!((std::thread::current().id() == leader) != own, "on purpose");
                    });
                });
            });
            assert!(caught.is_err());
        }
    }
}
