//! Ranking by dot product: what a query costs, and a batch, on every instruction set and by bytes; and
//! what each part of a filter adds.
//!
//! `cargo bench -p penchant-kernels --bench top_k`. Throughput is that of the items' bytes, once a
//! call: for one query it can be held against the bandwidth of the memory that the items fit.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use penchant_kernels::bitset;
use penchant_kernels::filter::{Filter, Ragged};
use penchant_kernels::top_k::quantized::{CodeShape, Codes, UpperHalves, quantize};
use penchant_kernels::top_k::{Best, Items, dot, top_k};
use penchant_kernels::{Isa, Matrix, Resident};
use std::hint::black_box;

const K: usize = 10;

/// (items, dim, queries).
const SHAPES: [(usize, usize, usize); 10] = [
    (64, 64, 1),
    (10_000, 64, 1),
    (10_000, 66, 1),
    (100_000, 128, 1),
    (100_000, 384, 1),
    (1_000_000, 64, 1),
    (10_000, 64, 32),
    (100_000, 128, 32),
    (100_000, 384, 32),
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
fn rank<'a>(
    isa: Isa,
    items: impl Into<Items<'a>>,
    queries: Matrix<'_>,
    filter: &Filter<'_>,
) -> Vec<i32> {
    let (mut rows, mut scores) = (vec![0; queries.rows() * K], vec![0.0; queries.rows() * K]);
    let mut counts = vec![0; queries.rows()];
    Best::new(K, &mut rows, &mut scores, &mut counts)
        .and_then(|best| top_k(isa, items, queries, filter, 1, best))
        .expect("shapes that fit");
    rows
}

fn bare(criterion: &mut Criterion) {
    let all = Filter::default();
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
        let best = rank(Isa::best(), items, queries, &all);
        // The portable path without hardware multiply-add is a reference, not a contestant.
        for isa in Isa::ALL.into_iter().filter(|isa| isa.available()) {
            if isa == Isa::Scalar && Isa::best() != Isa::Scalar {
                continue;
            }
            let found = rank(isa, items, queries, &all);
            assert_eq!(found, best, "{} is right", isa.name());
            group.bench_function(BenchmarkId::from_parameter(isa.name()), |bencher| {
                bencher.iter(|| rank(isa, black_box(items), black_box(queries), &all));
            });
        }
        group.finish();
    }
}

/// The scan of codes: as they are saved, and with upper halves where an index of that size has them.
fn by_bytes(criterion: &mut Criterion) {
    let all = Filter::default();
    for (rows, dim, asked) in SHAPES {
        let (values, queries) = (numbers(rows * dim), numbers(asked * dim));
        let items = Matrix::new(&values, rows, dim).expect("a shape that fits");
        let queries = Matrix::new(&queries, asked, dim).expect("a shape that fits");
        let shape = CodeShape::of(rows, dim).expect("vectors that are short enough");
        let mut codes = Resident::copy_of(&vec![0; shape.panels * shape.width]);
        let mut bounds = vec![0.0; shape.groups * CodeShape::BOUNDS];
        quantize(items, 1, codes.values_mut(), &mut bounds).expect("room for all");
        let codes = Codes::new(codes.values(), &bounds, rows, dim).expect("codes of these");
        let halves = UpperHalves::of_many(codes);
        let mut group = criterion.benchmark_group(format!("bytes {rows} x {dim}, {asked} queries"));
        group.throughput(Throughput::Bytes((shape.panels * shape.width) as u64));
        group.sample_size(if rows * dim * asked > 10_000_000 {
            10
        } else {
            100
        });
        let best = rank(Isa::best(), items, queries, &all);
        let cases = [
            ("codes", Some(codes)),
            (
                "halves first",
                halves
                    .as_ref()
                    .map(|halves| codes.with_halves(Some(halves))),
            ),
        ];
        for (name, codes) in cases {
            let Some(codes) = codes else { continue };
            let items = || Items::from(black_box(items)).quantized(Some(codes));
            assert_eq!(
                rank(Isa::best(), items(), queries, &all),
                best,
                "{name} are right"
            );
            group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
                bencher.iter(|| rank(Isa::best(), items(), black_box(queries), &all));
            });
        }
        group.finish();
    }
}

/// Every `step`th row of `rows`, ascending.
fn each(step: usize, rows: usize) -> Vec<i32> {
    (0..rows).step_by(step).map(|row| row as i32).collect()
}

/// One query over 10,000 x 64 with each part of a filter, and with the parts of a common request.
fn filtered(criterion: &mut Criterion) {
    let (rows, dim) = (10_000, 64);
    let (items, query) = (Resident::copy_of(&numbers(rows * dim)), numbers(dim));
    let items = Matrix::new(items.values(), rows, dim).expect("a shape that fits");
    let query = Matrix::new(&query, 1, dim).expect("a shape that fits");
    let set = |step| bitset::of(&each(step, rows), rows).expect("rows of the catalogue");
    let (hundredth, tenth) = (set(100), set(10));

    // The hardest rows to have seen: the best ones, each of which reaches the bar and is refused.
    let mut scores = vec![0.0; rows];
    dot(Isa::best(), items, query, &mut scores).expect("room for all");
    let mut ranked = each(1, rows);
    ranked.sort_by(|&a, &b| scores[b as usize].total_cmp(&scores[a as usize]));
    let mut best = ranked[..1000].to_vec();
    best.sort_unstable();
    let (some, thousand) = (each(200, rows), each(10, rows));
    let lists = |rows_of_query: &[i32]| [0, rows_of_query.len() as i64];
    let (some_ends, best_ends, thousand_ends) = (lists(&some), lists(&best), lists(&thousand));
    let ragged =
        |ends, indices| Ragged::new("rows", ends, indices, 1, rows).expect("ascending rows");

    let filter = |seen, allow, deny, lists| {
        Filter::new(rows, seen, allow, deny, lists).expect("a filter of that catalogue")
    };
    let some = ragged(&some_ends, &some);
    let best = ragged(&best_ends, &best);
    let thousand = ragged(&thousand_ends, &thousand);
    let cases = [
        ("nothing", Filter::default()),
        ("50 seen", filter(Some(some), None, None, None)),
        ("the 1,000 best seen", filter(Some(best), None, None, None)),
        ("1 % denied", filter(None, None, Some(&hundredth), None)),
        (
            "50 seen, 1 % denied",
            filter(Some(some), None, Some(&hundredth), None),
        ),
        ("10 % allowed", filter(None, Some(&tenth), None, None)),
        ("1 % allowed", filter(None, Some(&hundredth), None, None)),
        ("1,000 listed", filter(None, None, None, Some(thousand))),
    ];
    let mut group = criterion.benchmark_group(format!("top_k {rows} x {dim}, filtered"));
    for (name, filter) in &cases {
        let found = rank(Isa::best(), items, query, filter);
        let naive: Vec<i32> = ranked
            .iter()
            .copied()
            .filter(|&row| admits(filter, row))
            .take(K)
            .collect();
        assert_eq!(found, naive, "{name} is right");
        group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
            bencher.iter(|| rank(Isa::best(), black_box(items), black_box(query), filter));
        });
    }
    group.finish();
}

/// Whether the one query of a filter may get a row, asked part by part.
fn admits(filter: &Filter<'_>, row: i32) -> bool {
    filter.listed(0).is_none_or(|rows| rows.contains(&row)) && filter.gate(0).admits(row)
}

criterion_group!(benches, bare, by_bytes, filtered);
criterion_main!(benches);
