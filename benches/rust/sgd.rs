//! One epoch of matrix factorisation; the throughput is ratings a second.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use penchant_kernels::Isa;
use penchant_kernels::sgd::{Optimizer, Ratings, Settings, fit};
use std::ops::ControlFlow;

const USERS: usize = 20_000;
const ITEMS: usize = 5_000;
const RATINGS: usize = 1_000_000;

/// Fractions from 0 to 1 that look random.
fn fractions() -> impl Iterator<Item = f64> {
    let mut state = 1_u64;
    std::iter::repeat_with(move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 40) as f64 / f64::from(1 << 24)
    })
}

fn bench(criterion: &mut Criterion) {
    // Squares and cubes make few users and items have most of the ratings.
    let mut numbers = fractions();
    let mut draw = |n: usize, power: i32| -> Vec<i32> {
        let rows = numbers.by_ref().take(RATINGS);
        rows.map(|fraction| (fraction.powi(power) * n as f64) as i32)
            .collect()
    };
    let (users, items, values) = (draw(USERS, 2), draw(ITEMS, 3), draw(5, 1));
    let values: Vec<f32> = values.into_iter().map(|value| value as f32 + 1.0).collect();
    let ratings = Ratings {
        users: &users,
        items: &items,
        values: &values,
        n_users: USERS,
        n_items: ITEMS,
    };
    let mut group = criterion.benchmark_group("sgd, 10 epochs and preparation");
    group
        .sample_size(10)
        .throughput(Throughput::Elements(10 * RATINGS as u64));
    for factors in [32, 64, 128] {
        for threads in [1, 2] {
            let settings = Settings {
                factors,
                epochs: 10,
                optimizer: Optimizer::Sgd,
                learning_rate: 0.03,
                decay: 0.94,
                regularization: 0.1,
                bias_regularization: 0.05,
                patience: 1,
                seed: 0,
                threads,
            };
            let id = BenchmarkId::new(format!("{factors} factors"), format!("{threads} threads"));
            group.bench_function(id, |bencher| {
                bencher.iter(|| {
                    fit(&ratings, None, None, &settings, Isa::best(), |_| {
                        ControlFlow::Continue(())
                    })
                });
            });
        }
    }
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
