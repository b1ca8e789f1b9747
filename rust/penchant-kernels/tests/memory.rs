//! What a ranking allocates: by queries, k and threads, never by items.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use penchant_kernels::filter::Filter;
use penchant_kernels::top_k::{Best, top_k};
use penchant_kernels::{Isa, Matrix};

/// Bytes that are allocated, and the most that were since it was last asked.
static HELD: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

/// The system's allocator, counting.
struct Counting;

// SAFETY: the system's allocator does the work.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let held = HELD.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(held, Ordering::Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, start: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(start, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

const DIM: usize = 32;

/// Bytes that a ranking has allocated at most, beside its results.
fn peak(isa: Isa, items: usize, asked: usize, k: usize, threads: usize) -> usize {
    let number = |i: usize| (i * 7919 % 1009) as f32 - 500.0;
    let vectors: Vec<f32> = (0..items * DIM).map(number).collect();
    let queries: Vec<f32> = (0..asked * DIM).map(|i| number(i + 1)).collect();
    let items = Matrix::new(&vectors, items, DIM).unwrap();
    let queries = Matrix::new(&queries, asked, DIM).unwrap();
    let (mut rows, mut scores) = (vec![0; asked * k], vec![0.0; asked * k]);
    let mut counts = vec![0; asked];
    let best = Best::new(k, &mut rows, &mut scores, &mut counts).unwrap();
    let before = HELD.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    top_k(isa, items, queries, &Filter::default(), threads, best).unwrap();
    PEAK.load(Ordering::Relaxed) - before
}

/// One test, so that nothing else allocates meanwhile.
#[test]
fn memory_grows_with_queries_and_k_and_threads_but_not_with_items() {
    for isa in Isa::ALL.into_iter().filter(|isa| isa.available()) {
        assert!(peak(isa, 20_000, 1, 10, 1) < 1024, "{}", isa.name());
        for (asked, k, threads) in [
            (1_usize, 1000, 1),
            (100, 10, 1),
            (100, 300, 1),
            (100, 10, 4),
        ] {
            let panels = asked.next_multiple_of(32) * DIM * 4;
            // Up to 1.5 k candidates of 16 bytes, as many entries of 12, and what is handed over.
            let of_a_query = 256 + 64 * (2 * k + 8);
            let limit = 4096 + panels + threads * (4096 + asked * of_a_query);
            for items in [2_000, 20_000] {
                let peak = peak(isa, items, asked, k, threads);
                assert!(
                    peak <= limit,
                    "{}, {items} items: {peak} > {limit}",
                    isa.name()
                );
            }
        }
    }
}
