//! How a kernel lets go of the interpreter's lock (the GIL), and takes it again.
//!
//! A thread that finds the lock taken goes to sleep, and to wake it takes some 20 µs: longer than a
//! short ranking, and meanwhile nobody may have the lock. Where threads call kernels all the time, the
//! one that has the lock lets go soon, on its way into its next call: within 1 µs, or 30 where Python
//! makes a list of recommendations of it. So kernels tell one another that they have it, and look on for
//! a while before they go to sleep (`benches/results/top_k.md` says what that gains).

use std::hint::spin_loop;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::thread::{available_parallelism, yield_now};
use std::time::{Duration, Instant};

use pyo3::prelude::*;

/// The thread that last took the lock behind a kernel, or is about to, and has called none since.
///
/// It may have let go in other ways, ended, or been left behind by a fork: this only tells for whom to
/// wait a little, and guards nothing.
static HOLDER: AtomicUsize = AtomicUsize::new(NOBODY);
const NOBODY: usize = 0;
/// Whether there is a lock, and a second core to wait on.
static WORTH_WAITING: AtomicBool = AtomicBool::new(false);
/// How long to wait before sleeping: somewhat longer than what is worth waiting for. With less than
/// that, one waits in vain and sleeps besides.
const PATIENCE: Duration = Duration::from_micros(50);
/// How long to wait without leaving the core to others that have something to do.
const SELFISH: Duration = Duration::from_micros(5);

/// Looks at the interpreter and the machine.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    // Python 3.13 brought builds without the lock, and the function.
    let asked = py.import("sys")?.call_method0("_is_gil_enabled");
    let locked = asked.map_or(Ok(true), |answer| answer.extract::<bool>())?;
    let cores = available_parallelism().map_or(1, usize::from);
    WORTH_WAITING.store(locked && cores > 1, Relaxed);
    Ok(())
}

/// The way of kernels out of the interpreter and back.
pub(crate) trait Turns {
    /// `detach`, but with patience.
    fn detached<T: Send>(self, work: impl FnOnce() -> T + Send) -> T;
}

impl Turns for Python<'_> {
    fn detached<T: Send>(self, work: impl FnOnce() -> T + Send) -> T {
        if !WORTH_WAITING.load(Relaxed) {
            return self.detach(work);
        }
        let me = name_of_thread();
        let result = self.detach(|| {
            // Only now that the lock is free, or whoever sees it comes too early.
            if HOLDER.load(Relaxed) == me {
                HOLDER.store(NOBODY, Relaxed);
            }
            let result = work();
            if !claimed(me) {
                wait(me);
            }
            result
        });
        HOLDER.store(me, Relaxed);
        result
    }
}

/// Whether this thread is the next to take the lock.
fn claimed(me: usize) -> bool {
    HOLDER
        .compare_exchange(NOBODY, me, Relaxed, Relaxed)
        .is_ok()
}

/// Waits for its turn, or until patience ends.
#[cold]
fn wait(me: usize) {
    let start = Instant::now();
    loop {
        let waited = start.elapsed();
        if waited > PATIENCE {
            return;
        }
        if waited > SELFISH {
            yield_now();
        } else {
            spin_loop();
        }
        if HOLDER.load(Relaxed) == NOBODY && claimed(me) {
            return;
        }
    }
}

/// An address of the thread's own, so no other living thread has it, and it isn't 0.
fn name_of_thread() -> usize {
    thread_local!(static PLACE: u8 = const { 0 });
    PLACE.with(|place| std::ptr::from_ref(place).addr())
}
