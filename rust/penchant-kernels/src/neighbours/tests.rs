//! Neighbours against similarities that are worked out pair by pair, from their formulas.

use super::Similarity::{AdjustedCosine, Cosine, Euclidean, Jaccard, Pearson};
use super::{Settings, Similarity, neighbours};
use crate::csr::tests::{Dense, matrices, sparse};
use crate::csr::{Csr, CsrBuf};
use proptest::prelude::*;
use std::ops::ControlFlow;

const ALL: [Similarity; 5] = [Cosine, AdjustedCosine, Pearson, Jaccard, Euclidean];

fn settings(k: usize, similarity: Similarity) -> Settings {
    Settings {
        k,
        similarity,
        shrinkage: 0.0,
        threads: 1,
    }
}

fn csr_found(matrix: &Csr<'_>, settings: &Settings) -> CsrBuf {
    neighbours(matrix, settings, |_, _| ControlFlow::Continue(()))
        .unwrap()
        .unwrap()
}

/// (row, similarity) of the neighbours of each row of a dense matrix, whose zeros are no entries.
fn found(dense: &[Vec<f32>], settings: &Settings) -> Vec<Vec<(i32, f32)>> {
    let csr = csr_found(
        &sparse(dense).view(dense.first().map_or(0, Vec::len)),
        settings,
    );
    let pairs: Vec<_> = csr.indices.iter().copied().zip(csr.values).collect();
    let rows = csr.indptr.windows(2);
    rows.map(|ends| pairs[ends[0] as usize..ends[1] as usize].to_vec())
        .collect()
}

fn ratio(a: f64, b: f64) -> f64 {
    if b == 0.0 { 0.0 } else { a / b }
}

fn naive(similarity: Similarity, dense: &Dense, a: usize, b: usize) -> f64 {
    let wide = |row: usize| dense[row].iter().map(|&value| f64::from(value));
    let common: Vec<usize> = (0..dense[a].len())
        .filter(|&column| dense[a][column] != 0.0 && dense[b][column] != 0.0)
        .collect();
    let n = common.len() as f64;
    let cosine = |of: &dyn Fn(usize, usize) -> f64| {
        let sum = |x: usize, y: usize| common.iter().map(|&c| of(x, c) * of(y, c)).sum::<f64>();
        ratio(sum(a, b), (sum(a, a) * sum(b, b)).sqrt())
    };
    let value = |row: usize, column: usize| f64::from(dense[row][column]);
    match similarity {
        Cosine => {
            let dot: f64 = wide(a).zip(wide(b)).map(|(x, y)| x * y).sum();
            let square = |row| wide(row).map(|x| x * x).sum::<f64>();
            ratio(dot, (square(a) * square(b)).sqrt())
        }
        AdjustedCosine => {
            let mean = |column: usize| {
                let entries = dense.iter().map(|row| row[column]).filter(|x| *x != 0.0);
                entries.clone().map(f64::from).sum::<f64>() / entries.count() as f64
            };
            // As floats, which decides about deviations that are nothing but rounding.
            cosine(&|row, column| f64::from((value(row, column) - mean(column)) as f32))
        }
        Pearson => {
            let mean = |row| common.iter().map(|&c| value(row, c)).sum::<f64>() / n;
            let (of_a, of_b) = (mean(a), mean(b));
            let constant = |row| {
                common
                    .iter()
                    .all(|&c| value(row, c).to_bits() == value(row, common[0]).to_bits())
            };
            if constant(a) || constant(b) {
                return 0.0;
            }
            cosine(&|row, column| value(row, column) - if row == a { of_a } else { of_b })
        }
        Jaccard => {
            let either = wide(a).zip(wide(b)).filter(|&(x, y)| x != 0.0 || y != 0.0);
            ratio(n, either.count() as f64)
        }
        Euclidean => {
            let squared: f64 = common
                .iter()
                .map(|&c| (value(a, c) - value(b, c)).powi(2))
                .sum();
            if n == 0.0 {
                0.0
            } else {
                1.0 / (1.0 + squared / n)
            }
        }
    }
}

fn overlap(dense: &Dense, a: usize, b: usize) -> f64 {
    let both = dense[a].iter().zip(&dense[b]);
    both.filter(|(x, y)| **x != 0.0 && **y != 0.0).count() as f64
}

proptest! {
    #[test]
    fn neighbours_are_those_of_the_formulas(
        (dense, columns) in matrices(60, 7),
        k in 1_usize..8,
        similarity in prop::sample::select(&ALL[..]),
        shrinkage in prop_oneof![Just(0.0), Just(2.5)],
        threads in 1_usize..4,
    ) {
        let settings = Settings { k, similarity, shrinkage, threads };
        let found = found(&dense, &settings);
        prop_assert!(columns == 0 || found.len() == dense.len());
        for (row, found) in found.iter().enumerate() {
            let of = |other: usize| {
                let n = overlap(&dense, row, other);
                naive(similarity, &dense, row, other) * ratio(n, n + shrinkage)
            };
            let mut expected: Vec<f64> =
                (0..dense.len()).filter(|&other| other != row).map(of).collect();
            expected.retain(|similarity| similarity.abs() > 1e-6);
            expected.sort_by(|a, b| b.total_cmp(a));
            for (at, &(other, similarity)) in found.iter().enumerate() {
                prop_assert!((f64::from(similarity) - of(other as usize)).abs() <= 2e-6);
                let best = expected.get(at).copied().unwrap_or(0.0);
                prop_assert!((f64::from(similarity) - best).abs() <= 2e-6, "row {row}: {found:?}");
            }
            prop_assert!(found.len() >= expected.len().min(k));
            let ordered = found.windows(2).all(|pair| {
                pair[1].1.total_cmp(&pair[0].1).then(pair[0].0.cmp(&pair[1].0)).is_lt()
            });
            prop_assert!(ordered, "row {row}: {found:?}");
        }
    }

    #[test]
    fn threads_do_not_change_a_bit(
        (dense, columns) in matrices(80, 9),
        k in 1_usize..5,
        similarity in prop::sample::select(&ALL[..]),
        shrinkage in prop_oneof![Just(0.0), Just(2.5)],
        noise in -1.0_f32..1.0,
    ) {
        let mut csr = sparse(&dense);
        csr.values.iter_mut().for_each(|value| *value += noise / 3.0);
        let with = |threads| Settings { k, similarity, shrinkage, threads };
        let one = csr_found(&csr.view(columns), &with(1));
        for threads in [2, 4, 8] {
            prop_assert_eq!(&csr_found(&csr.view(columns), &with(threads)), &one);
        }
    }
}

#[test]
fn each_similarity_is_what_a_person_works_out() {
    // Two columns in common; the third column's mean is 2.
    let dense = [
        vec![5.0, 3.0, 0.0, 1.0],
        vec![4.0, 1.0, 2.0, 0.0],
        vec![3.0, 2.0, 2.0, 0.0],
    ];
    let first = |similarity| {
        let all = found(&dense, &settings(2, similarity));
        f64::from(all[0].iter().find(|(row, _)| *row == 1).unwrap().1)
    };
    let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-6, "{a} is not {b}");
    close(first(Cosine), 23.0 / (35.0_f64 * 21.0).sqrt());
    close(first(Pearson), 1.0);
    close(first(Jaccard), 2.0 / 4.0);
    close(first(Euclidean), 1.0 / (1.0 + 2.5));
    // Less the means 4 and 2, row 0 has (1, 1) and row 1 has (0, -1).
    close(first(AdjustedCosine), -(0.5_f64.sqrt()));
}

#[test]
fn rows_far_from_zero_and_near_each_other_still_correlate() {
    let dense = [
        vec![1_000_000.0, 1_000_001.0, 1_000_002.0],
        vec![-7e6, -7e6 + 2.0, -7e6 + 4.0],
        vec![3e38, 1e38, -3e38],
        vec![0.1, 0.1, 0.1],
    ];
    let found = found(&dense, &settings(3, Pearson));
    assert_eq!(found[0][0], (1, 1.0));
    assert!((found[2][0].1 + 0.981_980_5).abs() < 1e-6, "{found:?}");
    assert!(found[3].is_empty());
}

#[test]
fn an_entry_of_zero_is_an_entry() {
    let csr = CsrBuf {
        indptr: vec![0, 2, 4],
        indices: vec![0, 1, 0, 1],
        values: vec![0.0, 1.0, 1.0, 1.0],
    };
    let with = |similarity| csr_found(&csr.view(2), &settings(1, similarity)).values;
    assert_eq!(with(Jaccard), [1.0, 1.0]);
    assert_eq!(with(Euclidean), [1.0 / 1.5; 2]);
}

#[test]
fn a_row_scaled_by_any_power_of_two_keeps_its_neighbours() {
    let dense = |factor: f32| vec![vec![factor, 2.0 * factor], vec![1.0, 2.0], vec![1.0, 0.0]];
    let plain = found(&dense(1.0), &settings(2, Cosine));
    assert_eq!(plain[0], [(1, 1.0), (2, (0.2_f64.sqrt()) as f32)]);
    for factor in [f32::from_bits(1), f32::MIN_POSITIVE, 2.0_f32.powi(120)] {
        let scaled = found(&dense(factor), &settings(2, Cosine));
        assert_eq!(scaled[1], plain[1], "{factor}");
    }
}

#[test]
fn opposite_rows_are_the_last_and_zero_rows_have_none() {
    let dense = [
        vec![1.0, 0.0],
        vec![-1.0, 0.0],
        vec![1.0, 0.0],
        vec![0.0, 0.0],
    ];
    let found = found(&dense, &settings(9, Cosine));
    assert_eq!(found[0], [(2, 1.0), (1, -1.0)]);
    assert!(found[3].is_empty());
}

#[test]
fn progress_hears_the_end_and_can_break_off() {
    let csr = sparse(&[vec![1.0], vec![1.0], vec![1.0]]);
    let mut heard = Vec::new();
    let mut hear = |answer| {
        neighbours(&csr.view(1), &settings(1, Cosine), |done, rows| {
            heard.push((done, rows));
            answer
        })
        .unwrap()
    };
    assert!(hear(ControlFlow::Continue(())).is_some());
    assert!(hear(ControlFlow::Break(())).is_none());
    assert_eq!(heard, [(3, 3), (3, 3)]);
}

#[test]
fn wrong_settings_and_values_are_refused() {
    let csr = sparse(&[vec![1.0], vec![f32::NAN]]);
    let refused = |k, shrinkage, threads| {
        let settings = Settings {
            k,
            similarity: Cosine,
            shrinkage,
            threads,
        };
        neighbours(&csr.view(1), &settings, |_, _| ControlFlow::Continue(()))
            .unwrap_err()
            .to_string()
    };
    assert!(refused(0, 0.0, 1).contains("k is 0"));
    assert!(refused(1, -1.0, 1).contains("shrinkage is -1"));
    assert!(refused(1, f64::NAN, 1).contains("shrinkage is NaN"));
    assert!(refused(1, 0.0, 0).contains("threads is 0"));
    assert!(refused(1, 0.0, 1).contains("row 1 has the value NaN"));
    let unknown = "cos".parse::<Similarity>().unwrap_err().to_string();
    assert!(unknown.contains("similarity is 'cos', and must be 'cosine', 'adjusted_cosine'"));
}
