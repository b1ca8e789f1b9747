//! Epochs of BPR and WARP, and the folding in of one stranger; throughput is likings a second.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use penchant_kernels::filter::Ragged;
use penchant_kernels::pairwise::{Loss, Settings, fit, fold_in};
use penchant_kernels::{Isa, Matrix};
use std::ops::ControlFlow;

const USERS: usize = 6_000;
const ITEMS: usize = 4_000;
const EACH: usize = 170;

const LOSSES: [(&str, Loss); 2] = [("bpr", Loss::Bpr), ("warp", Loss::Warp { max_tries: 100 })];

const SETTINGS: Settings = Settings {
    loss: Loss::Bpr,
    factors: 64,
    epochs: 5,
    learning_rate: 0.05,
    decay: 0.96,
    regularization: 0.05,
    seed: 0,
    threads: 1,
};

/// Ascending items of each user; the low ones are liked by more.
fn likings() -> (Vec<i64>, Vec<i32>) {
    let (mut state, mut indptr, mut indices) = (1_u64, vec![0], vec![]);
    for _ in 0..USERS {
        let mut own: Vec<i32> = (0..EACH)
            .map(|_| {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                let fraction = (state >> 40) as f64 / f64::from(1 << 24);
                (fraction * fraction * ITEMS as f64) as i32
            })
            .collect();
        own.sort_unstable();
        own.dedup();
        indices.extend(own);
        indptr.push(indices.len() as i64);
    }
    (indptr, indices)
}

fn bench(criterion: &mut Criterion) {
    let (indptr, indices) = likings();
    let Ok(likes) = Ragged::new("likes", &indptr, &indices, USERS, ITEMS) else {
        return;
    };
    let mut group = criterion.benchmark_group("pairwise, 5 epochs");
    group
        .sample_size(10)
        .throughput(Throughput::Elements(5 * indices.len() as u64));
    for (name, loss) in LOSSES {
        for threads in [1, 2] {
            let settings = Settings {
                loss,
                threads,
                ..SETTINGS
            };
            let id = BenchmarkId::new(name, format!("{threads} threads"));
            group.bench_function(id, |bencher| {
                bencher.iter(|| {
                    fit(&likes, &settings, Isa::best(), |_, _| {
                        ControlFlow::Continue(())
                    })
                });
            });
        }
    }
    group.finish();

    let one = [0, 50];
    let liked: Vec<i32> = (0..50).map(|at| at * 80).collect();
    let Ok(stranger) = Ragged::new("likes", &one, &liked, 1, ITEMS) else {
        return;
    };
    let mut group = criterion.benchmark_group("pairwise, a stranger with 50 likings, 20 epochs");
    for (name, loss) in LOSSES {
        let settings = Settings {
            loss,
            epochs: 20,
            ..SETTINGS
        };
        let Ok(model) = fit(&likes, &settings, Isa::best(), |_, _| {
            ControlFlow::Continue(())
        }) else {
            return;
        };
        let Ok(items) = Matrix::new(&model.item_factors, ITEMS, settings.factors) else {
            return;
        };
        group.bench_function(name, |bencher| {
            bencher.iter(|| fold_in(&stranger, &items, &settings, Isa::best()));
        });
    }
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
