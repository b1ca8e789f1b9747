//! Neighbours against the dense matrix of cosines.

use super::{key, neighbour, neighbours};
use crate::csr::Csr;
use crate::csr::tests::{Dense, matrices, sparse};
use proptest::prelude::*;

/// (similarity, row) of the k best of each row, from the dense matrix of cosines.
fn naive(dense: &Dense, k: usize, shrinkage: f64) -> Vec<Vec<(f32, i32)>> {
    let dot = |a: &[f32], b: &[f32]| -> f64 {
        a.iter()
            .zip(b)
            .map(|(&x, &y)| f64::from(x) * f64::from(y))
            .sum()
    };
    let similarity = |a: &[f32], b: &[f32]| {
        let overlap = a
            .iter()
            .zip(b)
            .filter(|(x, y)| **x != 0.0 && **y != 0.0)
            .count() as f64;
        // In the kernel's own order of operations, so that equal similarities are equal here.
        let cosine = dot(a, b) * dot(a, a).sqrt().recip() * dot(b, b).sqrt().recip();
        let kept = if shrinkage > 0.0 {
            overlap / (overlap + shrinkage)
        } else {
            1.0
        };
        (cosine.clamp(-1.0, 1.0) * kept) as f32
    };
    let row = |at: usize| {
        let others = (0..dense.len()).filter(|&other| other != at);
        let mut all: Vec<_> = others
            .map(|other| (similarity(&dense[at], &dense[other]), other as i32))
            .filter(|(similarity, _)| *similarity != 0.0 && similarity.is_finite())
            .collect();
        all.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        all.truncate(k);
        all
    };
    (0..dense.len()).map(row).collect()
}

fn found(matrix: &Csr<'_>, k: usize, shrinkage: f64, threads: usize) -> Vec<Vec<(f32, i32)>> {
    let csr = neighbours(matrix, k, shrinkage, threads).unwrap();
    let pairs: Vec<_> = csr
        .values
        .iter()
        .copied()
        .zip(csr.indices.iter().copied())
        .collect();
    csr.indptr
        .windows(2)
        .map(|ends| pairs[ends[0] as usize..ends[1] as usize].to_vec())
        .collect()
}

proptest! {
    #[test]
    fn neighbours_are_those_of_the_dense_matrix(
        (dense, columns) in matrices(60, 7),
        k in 1_usize..8,
        shrinkage in prop_oneof![Just(0.0), Just(2.5)],
        threads in 1_usize..4,
    ) {
        // Sums of products of halves are exact, so order and ties must agree; the norms may
        // differ by their last bit, for the kernel scales the rows.
        let (csr, expected) = (sparse(&dense), naive(&dense, 60, shrinkage));
        let found = found(&csr.view(columns), k, shrinkage, threads);
        for (row, (found, expected)) in found.iter().zip(&expected).enumerate() {
            prop_assert_eq!(found.len(), expected.len().min(k), "row {}", row);
            for ((similarity, other), (best, _)) in found.iter().zip(expected) {
                let (own, _) = expected.iter().find(|(_, row)| row == other).unwrap();
                prop_assert!((similarity - own).abs() <= 1e-6, "row {}", row);
                prop_assert!((similarity - best).abs() <= 1e-6, "row {}", row);
            }
            let ordered = found.windows(2).all(|pair| {
                pair[1].0.total_cmp(&pair[0].0).then(pair[0].1.cmp(&pair[1].1)).is_lt()
            });
            prop_assert!(ordered, "row {}", row);
        }
    }

    #[test]
    fn threads_do_not_change_a_bit(
        (dense, columns) in matrices(80, 9), k in 1_usize..5, noise in -1.0_f32..1.0
    ) {
        let mut csr = sparse(&dense);
        csr.values.iter_mut().for_each(|value| *value += noise / 3.0);
        let one = neighbours(&csr.view(columns), k, 0.0, 1).unwrap();
        for threads in [2, 5] {
            prop_assert_eq!(&neighbours(&csr.view(columns), k, 0.0, threads).unwrap(), &one);
        }
    }

    #[test]
    fn keys_are_ordered_as_neighbours_and_lead_back(
        a in (-1.0_f32..=1.0, 0_i32..i32::MAX), b in (-1.0_f32..=1.0, 0_i32..i32::MAX)
    ) {
        prop_assert_eq!(neighbour(key(a.0, a.1)), a);
        let better = b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)).is_lt();
        prop_assert_eq!(key(a.0, a.1) > key(b.0, b.1), better);
    }
}

#[test]
fn a_row_scaled_by_any_power_of_two_keeps_its_neighbours() {
    let dense = |factor: f32| vec![vec![factor, 2.0 * factor], vec![1.0, 2.0], vec![1.0, 0.0]];
    let plain = found(&sparse(&dense(1.0)).view(2), 2, 0.0, 1);
    assert_eq!(plain[0], [(1.0, 1), ((0.2_f64.sqrt()) as f32, 2)]);
    for factor in [f32::from_bits(1), f32::MIN_POSITIVE, 2.0_f32.powi(120)] {
        let found = found(&sparse(&dense(factor)).view(2), 2, 0.0, 1);
        assert_eq!(found[1], plain[1], "{factor}");
    }
}

#[test]
fn opposite_rows_are_the_last_and_zero_rows_have_none() {
    let dense = vec![
        vec![1.0, 0.0],
        vec![-1.0, 0.0],
        vec![1.0, 0.0],
        vec![0.0, 0.0],
    ];
    let found = found(&sparse(&dense).view(2), 9, 0.0, 1);
    assert_eq!(found[0], [(1.0, 2), (-1.0, 1)]);
    assert!(found[3].is_empty());
}

#[test]
fn wrong_settings_and_values_are_refused() {
    let csr = sparse(&[vec![1.0], vec![f32::NAN]]);
    let refused = |k, shrinkage, threads| {
        neighbours(&csr.view(1), k, shrinkage, threads)
            .unwrap_err()
            .to_string()
    };
    assert!(refused(0, 0.0, 1).contains("k is 0"));
    assert!(refused(1, -1.0, 1).contains("shrinkage is -1"));
    assert!(refused(1, f64::NAN, 1).contains("shrinkage is NaN"));
    assert!(refused(1, 0.0, 0).contains("threads is 0"));
    assert!(refused(1, 0.0, 1).contains("row 1 has the value NaN"));
}
