//! Ranking by dot product: what a query costs, and a batch, on every instruction set.
//!
//! `cargo bench --bench top_k`. Throughput is that of the items' bytes, once a call: for one query
//! it can be held against the bandwidth of the memory that the items fit.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use penchant_kernels::filter::Filter;
use penchant_kernels::top_k::{Best, top_k};
use penchant_kernels::{Isa, Matrix, Resident};
use std::hint::black_box;

const K: usize = 10;

/// (items, dim, queries).
const SHAPES: [(usize, usize, usize); 8] = [
    (64, 64, 1),
    (10_000, 64, 1),
    (10_000, 66, 1),
    (100_000, 128, 1),
    (1_000_000, 64, 1),
    (10_000, 64, 32),
    (100_000, 128, 32),
    (1_000_000, 64, 32),
];

/// Numbers like those of trained factors: a sum of four uniform ones.
fn numbers(count: usize) -> Vec<f32> {
    let mut state = 1_u64;
    let mut uniform = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 40) as f32 / (1_u64 << 24) as f32 - 0.5
    };
    (0..count)
        .map(|_| (0..4).map(|_| uniform()).sum())
        .collect()
}

/// Rank with one instruction set.
fn rank(isa: Isa, items: Matrix<'_>, queries: Matrix<'_>) -> Vec<i32> {
    let (mut rows, mut scores) = (vec![0; queries.rows() * K], vec![0.0; queries.rows() * K]);
    let mut counts = vec![0; queries.rows()];
    Best::new(K, &mut rows, &mut scores, &mut counts)
        .and_then(|best| top_k(isa, items, queries, &Filter::default(), 1, best))
        .expect("shapes that fit");
    rows
}

fn bench(criterion: &mut Criterion) {
    for (rows, dim, asked) in SHAPES {
        let (items, queries) = (
            Resident::copy_of(&numbers(rows * dim)),
            numbers(asked * dim),
        );
        let items = Matrix::new(items.values(), rows, dim).expect("a shape that fits");
        let queries = Matrix::new(&queries, asked, dim).expect("a shape that fits");
        let mut group = criterion.benchmark_group(format!("top_k {rows} x {dim}, {asked} queries"));
        group.throughput(Throughput::Bytes(size_of_val(items.values()) as u64));
        group.sample_size(if rows * dim * asked > 10_000_000 {
            10
        } else {
            100
        });
        let best = rank(Isa::best(), items, queries);
        // The portable path without hardware multiply-add is a reference, not a contestant.
        for isa in Isa::ALL.into_iter().filter(|isa| isa.available()) {
            if isa == Isa::Scalar && Isa::best() != Isa::Scalar {
                continue;
            }
            assert_eq!(rank(isa, items, queries), best, "{} is right", isa.name());
            group.bench_function(BenchmarkId::from_parameter(isa.name()), |bencher| {
                bencher.iter(|| rank(isa, black_box(items), black_box(queries)));
            });
        }
        group.finish();
    }
}

criterion_group!(benches, bench);
criterion_main!(benches);
