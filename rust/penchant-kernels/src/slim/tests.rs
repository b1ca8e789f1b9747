//! SLIM against a dense twin that knows no short cut, and against what makes an optimum.

use super::{Settings, slim};
use crate::csr::tests::{Dense, matrices, sparse};
use crate::csr::{Csr, CsrBuf};
use proptest::prelude::*;
use std::ops::ControlFlow;

fn settings(l1: f64, l2: f64) -> Settings {
    Settings {
        l1,
        l2,
        non_negative: true,
        threads: 1,
    }
}

fn weights(matrix: &Csr<'_>, settings: &Settings) -> CsrBuf {
    slim(matrix, settings, |_, _| ControlFlow::Continue(()))
        .unwrap()
        .unwrap()
}

/// Row j has the weights for column j.
fn found(dense: &[Vec<f32>], columns: usize, settings: &Settings) -> Vec<Vec<f64>> {
    let csr = weights(&sparse(dense).view(columns), settings);
    let rows = csr.indptr.windows(2).map(|ends| {
        let mut row = vec![0.0; columns];
        for entry in ends[0] as usize..ends[1] as usize {
            assert!(csr.values[entry] != 0.0);
            row[csr.indices[entry] as usize] = f64::from(csr.values[entry]);
        }
        row
    });
    rows.collect()
}

fn gram(dense: &[Vec<f32>], a: usize, b: usize) -> f64 {
    let products = dense
        .iter()
        .map(|row| f64::from(row[a]) * f64::from(row[b]));
    products.sum()
}

/// Coordinate descent on the Gram matrix, every column in turn, many times.
fn twin(dense: &Dense, columns: usize, settings: &Settings) -> Vec<Vec<f64>> {
    let row = |a: usize| (0..columns).map(|b| gram(dense, a, b)).collect();
    let gram: Vec<Vec<f64>> = (0..columns).map(row).collect();
    let optimum = |target: usize| {
        let mut weights = vec![0.0; columns];
        for _ in 0..500 {
            for column in (0..columns).filter(|&column| column != target) {
                let products = gram[column].iter().zip(&weights).map(|(g, w)| g * w);
                let others = products.sum::<f64>() - gram[column][column] * weights[column];
                let pull = gram[column][target] - others;
                let size = (pull.abs() - settings.l1).max(0.0);
                let signed = if pull < 0.0 && settings.non_negative {
                    0.0
                } else {
                    size.copysign(pull)
                };
                weights[column] = signed / (gram[column][column] + settings.l2);
            }
        }
        weights
    };
    (0..columns).map(optimum).collect()
}

/// How far the weights of a column are from an optimum: the slope that is left, for each weight.
fn slopes_left(dense: &Dense, target: usize, weights: &[f64], settings: &Settings) -> Vec<f64> {
    let of = |column: usize| {
        let explained: f64 = (0..weights.len())
            .map(|other| gram(dense, column, other) * weights[other])
            .sum();
        let weight = weights[column];
        let slope = gram(dense, column, target) - explained - settings.l2 * weight;
        if weight == 0.0 {
            let steep = if settings.non_negative {
                slope
            } else {
                slope.abs()
            };
            (steep - settings.l1).max(0.0)
        } else {
            (slope - settings.l1.copysign(weight)).abs()
        }
    };
    let others = (0..weights.len()).filter(|&column| column != target);
    others.map(of).collect()
}

#[test]
fn two_columns_of_the_same_rows_foretell_each_other() {
    let dense = [
        vec![1.0, 1.0, 0.0],
        vec![1.0, 1.0, 0.0],
        vec![1.0, 1.0, 0.0],
        vec![0.0, 0.0, 1.0],
    ];
    // They share 3: the weight is (3 - 1) / (3 + 1).
    let wanted = [vec![0.0, 0.5, 0.0], vec![0.5, 0.0, 0.0], vec![0.0; 3]];
    assert_eq!(found(&dense, 3, &settings(1.0, 1.0)), wanted);
    // Sharing no more than l1 is sharing nothing.
    assert_eq!(found(&dense, 3, &settings(3.0, 1.0)), vec![vec![0.0; 3]; 3]);
}

#[test]
fn columns_that_exclude_each_other_have_negative_weights_where_these_may_be() {
    // Column 2 is the sum of the others less their product.
    let dense = [
        vec![1.0, 0.0, 1.0],
        vec![0.0, 1.0, 1.0],
        vec![1.0, 0.0, 1.0],
    ];
    let signed = Settings {
        non_negative: false,
        ..settings(0.0, 0.1)
    };
    assert!(found(&dense, 3, &signed)[0][1] < -0.5);
    assert!(found(&dense, 3, &settings(0.0, 0.1))[0][1] == 0.0);
}

proptest! {
    #[test]
    fn weights_are_those_of_the_twin(
        (dense, columns) in matrices(8, 6),
        l1 in prop::sample::select(&[0.0, 0.3, 1.0, 4.0][..]),
        l2 in prop::sample::select(&[0.5, 2.0, 100.0][..]),
        non_negative in any::<bool>(),
        binary in any::<bool>(),
        threads in 1_usize..4,
    ) {
        let settings = Settings { l1, l2, non_negative, threads };
        let liked = |&value: &f32| if binary { f32::from(u8::from(value != 0.0)) } else { value };
        let dense: Dense = dense.iter().map(|row| row.iter().map(liked).collect()).collect();
        let (found, wanted) = (found(&dense, columns, &settings), twin(&dense, columns, &settings));
        for (target, (found, wanted)) in found.iter().zip(&wanted).enumerate() {
            let steepest = (0..columns)
                .filter(|&column| column != target)
                .map(|column| gram(&dense, column, target).abs())
                .fold(0.0, f64::max);
            for (one, other) in found.iter().zip(wanted) {
                prop_assert!((one - other).abs() <= 1e-3 * (steepest / l2) + 1e-6);
            }
            prop_assert_eq!(found[target].to_bits(), 0);
            for left in slopes_left(&dense, target, found, &settings) {
                prop_assert!(left <= 1e-3 * steepest + 1e-5, "{left} of {steepest}");
            }
        }
    }

    #[test]
    fn threads_do_not_change_a_bit((dense, columns) in matrices(30, 40), l1 in 0.0..2.0_f64) {
        let csr = sparse(&dense);
        let with = |threads| Settings { threads, ..settings(l1, 1.0) };
        let one = weights(&csr.view(columns), &with(1));
        for threads in [2, 4, 8] {
            prop_assert_eq!(&weights(&csr.view(columns), &with(threads)), &one);
        }
    }
}

#[test]
fn columns_that_are_the_same_share_a_weight_and_end() {
    let dense = vec![vec![1.0; 40]; 200];
    for row in found(&dense, 40, &settings(0.0, 1e-6)) {
        assert!((row.iter().sum::<f64>() - 1.0).abs() < 1e-3);
    }
}

#[test]
fn progress_is_told_and_can_break_off() {
    let dense = vec![vec![1.0; 5]; 3];
    let (csr, mut told) = (sparse(&dense), Vec::new());
    let stopped = slim(&csr.view(5), &settings(0.1, 1.0), |done, columns| {
        told.push((done, columns));
        ControlFlow::Break(())
    });
    assert_eq!(stopped, Ok(None));
    assert_eq!(told, [(5, 5)]);
}

#[test]
fn no_columns_have_no_weights() {
    let empty = CsrBuf {
        indptr: vec![0, 0],
        ..CsrBuf::default()
    };
    assert_eq!(weights(&empty.view(0), &settings(1.0, 1.0)).indptr, [0]);
    let nobody = weights(&empty.view(3), &settings(1.0, 1.0));
    assert_eq!((nobody.indptr, nobody.indices), (vec![0; 4], vec![]));
}

#[test]
fn what_cannot_be_used_is_refused() {
    let csr = sparse(&[vec![1.0, 1.0]]);
    let refused = |settings: &Settings| {
        let given = csr.view(2);
        slim(&given, settings, |_, _| ControlFlow::Continue(()))
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        refused(&settings(-1.0, 1.0)),
        "l1 is -1, and must be 0 or a positive number"
    );
    assert_eq!(
        refused(&settings(f64::NAN, 1.0)),
        "l1 is NaN, and must be 0 or a positive number"
    );
    assert_eq!(
        refused(&settings(1.0, 0.0)),
        "l2 is 0, and must be a positive number"
    );
    let no_threads = Settings {
        threads: 0,
        ..settings(1.0, 1.0)
    };
    assert_eq!(refused(&no_threads), "threads is 0, and must be at least 1");
    let with = |matrix: &CsrBuf, l2| {
        let one = settings(0.0, l2);
        let given = matrix.view(2);
        slim(&given, &one, |_, _| ControlFlow::Continue(()))
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        with(&sparse(&[vec![1.0, f32::INFINITY]]), 1.0),
        "row 0 has the value inf, and values must be finite"
    );
    assert_eq!(
        with(&sparse(&[vec![1e30, 1e-30]]), 1e-300),
        "the weight of column 1 for column 0 is beyond the range of float32; bring the columns to \
         like lengths"
    );
}
