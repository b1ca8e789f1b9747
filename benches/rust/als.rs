//! Alternating least squares: one iteration with its preparation, and strangers folded in.

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use penchant_kernels::als::{FoldIn, Known, Loss, Settings, fit};
use penchant_kernels::csr::CsrBuf;
use penchant_kernels::{Isa, Matrix};
use std::ops::ControlFlow;

const USERS: usize = 6_000;
const ITEMS: usize = 4_000;
const EACH: usize = 150;
const LOSS: Loss = Loss {
    unobserved_weight: 0.3,
    regularization: 0.01,
    frequency_scaling: 1.0,
};

/// Each user likes `each` items spread over the catalogue.
fn likes(users: usize, each: usize) -> CsrBuf {
    let stride = ITEMS / each;
    let row =
        |user: usize| (0..each).map(move |at| (at * stride + (user * 7 + at) % stride) as i32);
    CsrBuf {
        indptr: (0..=users).map(|user| (user * each) as i64).collect(),
        indices: (0..users).flat_map(row).collect(),
        values: vec![1.0; users * each],
    }
}

fn bench(criterion: &mut Criterion) {
    let many = likes(USERS, EACH);
    let one = likes(1, 50);
    for factors in [64, 128] {
        let mut group = criterion.benchmark_group(format!("als, {factors} factors"));
        group.sample_size(10);
        for (iterations, threads) in [(0, 1), (1, 1), (1, 2)] {
            let settings = Settings {
                factors,
                iterations,
                loss: LOSS,
                seed: 0,
                threads,
            };
            let id = BenchmarkId::new(
                format!("{iterations} iterations"),
                format!("{threads} threads"),
            );
            group.bench_function(id, |bencher| {
                bencher.iter(|| {
                    fit(
                        &many.view(ITEMS),
                        &settings,
                        Known::default(),
                        Isa::best(),
                        |_| ControlFlow::Continue(()),
                    )
                });
            });
        }
        let rows: Vec<f32> = (0..ITEMS * factors)
            .map(|at| ((at * 37 % 101) as f32 - 50.0) / 500.0)
            .collect();
        let fixed = Matrix::new(&rows, ITEMS, factors).expect("rows of factors");
        let known = FoldIn::new(fixed, LOSS, Isa::best(), 1).expect("a valid loss");
        group.bench_function("a stranger of 50 likings", |bencher| {
            bencher.iter(|| known.rows(fixed, &one.view(ITEMS), None, 1));
        });
        group.finish();
    }
}

criterion_group!(benches, bench);
criterion_main!(benches);
