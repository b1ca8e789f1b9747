//! Item-item neighbours of a log the size of a million events, with a long tail.

use criterion::{Criterion, criterion_group, criterion_main};
use penchant_kernels::csr::{Csr, CsrBuf};
use penchant_kernels::neighbours::{Settings, Similarity, neighbours};
use std::hint::black_box;
use std::ops::ControlFlow;

const ITEMS: usize = 3_700;
const USERS: usize = 6_000;

/// Item `i` was seen by about `USERS / (2 + i / 64)` users: a few blockbusters, a long tail.
fn log() -> CsrBuf {
    let mut matrix = CsrBuf {
        indptr: vec![0],
        ..CsrBuf::default()
    };
    let mut state = 1_u64;
    for item in 0..ITEMS {
        for user in 0..USERS {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            if ((state >> 33) as usize).is_multiple_of(2 + item / 64) {
                matrix.indices.push(user as i32);
                matrix.values.push(1.0);
            }
        }
        matrix.indptr.push(matrix.indices.len() as i64);
    }
    matrix
}

fn bench(criterion: &mut Criterion) {
    let log = log();
    let matrix: Csr<'_> = log.view(USERS);
    let mut group = criterion.benchmark_group("neighbours");
    group.sample_size(10);
    let cases = [
        ("cosine", Similarity::Cosine, 0.0),
        ("cosine, shrunk", Similarity::Cosine, 10.0),
        ("adjusted cosine", Similarity::AdjustedCosine, 0.0),
        ("pearson", Similarity::Pearson, 0.0),
        ("jaccard", Similarity::Jaccard, 0.0),
        ("euclidean", Similarity::Euclidean, 0.0),
    ];
    for (name, similarity, shrinkage) in cases {
        let settings = Settings {
            k: 20,
            similarity,
            shrinkage,
            threads: 1,
        };
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                neighbours(black_box(&matrix), &settings, |_, _| {
                    ControlFlow::Continue(())
                })
            });
        });
    }
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
