//! Strangers, against the equations they must satisfy and the users of a fit.

use super::{LOSS, SETTINGS, trained, two_tastes};
use crate::als::{FoldIn, Loss};
use crate::csr::CsrBuf;
use crate::csr::tests::{matrices, sparse};
use crate::{Isa, Matrix};
use proptest::prelude::*;

#[test]
fn a_user_of_the_fit_folds_in_to_the_same_bits() {
    let likes = two_tastes();
    let model = trained(&likes, 10, &SETTINGS, Isa::best());
    let fixed = Matrix::new(&model.item_factors, 10, 4).unwrap();
    let known = FoldIn::new(fixed, LOSS, Isa::best(), 1).unwrap();
    let row = likes.view(10).row(5).unwrap();
    let one = CsrBuf {
        indptr: vec![0, row.0.len() as i64],
        indices: row.0.to_vec(),
        values: row.1.to_vec(),
    };
    let folded = known.rows(fixed, &one.view(10), None, 1).unwrap();
    assert_eq!(folded, model.user_factors[20..24]);
}

#[test]
fn one_item_with_a_prior_reaches_the_minimum_that_a_person_can_compute() {
    // While p stands at 1, q = (1 + pull · prior) / (1.5 + pull), where pull = .1 · 1.5.
    let loss = Loss {
        unobserved_weight: 0.5,
        regularization: 0.1,
        frequency_scaling: 1.0,
    };
    let users = Matrix::new(&[1.0], 1, 1).unwrap();
    let known = FoldIn::new(users, loss, Isa::best(), 1).unwrap();
    let likes = sparse(&[vec![1.0], vec![0.0]]);
    let prior = Matrix::new(&[3.0, -2.0], 2, 1).unwrap();
    let rows = known.rows(users, &likes.view(1), Some(prior), 1).unwrap();
    assert!((rows[0] - 1.45 / 1.65).abs() < 1e-6, "{}", rows[0]);
    assert_eq!(rows[1].to_bits(), (-2.0_f32).to_bits());
}

#[test]
fn shares_of_likings_sum_to_the_score() {
    let likes = sparse(&[vec![1.0, 0.0, 3.0, 0.5]]);
    let rows = [0.5, 1.0, -1.0, 0.25, 2.0, 1.0, 0.75, -0.5];
    let fixed = Matrix::new(&rows, 4, 2).unwrap();
    let known = FoldIn::new(fixed, LOSS, Isa::best(), 1).unwrap();
    let user = known.rows(fixed, &likes.view(4), None, 1).unwrap();
    let target = [0.3, 0.9];
    let shares = known.shares(fixed, &likes.view(4), &target).unwrap();
    assert_eq!(shares.len(), 3);
    let score = user[0] * target[0] + user[1] * target[1];
    assert!((shares.iter().sum::<f32>() - score).abs() < 1e-6);
}

#[test]
fn a_singular_row_and_arrays_that_do_not_fit_are_refused() {
    let rows = [1.0, 1.0, 1e-6, 1e-6];
    let fixed = Matrix::new(&rows, 2, 2).unwrap();
    let weak = Loss {
        regularization: 1e-30,
        ..LOSS
    };
    let known = FoldIn::new(fixed, weak, Isa::best(), 1).unwrap();
    let likes = sparse(&[vec![0.0, 0.0], vec![1.0, 1.0]]);
    assert_eq!(
        known
            .rows(fixed, &likes.view(2), None, 2)
            .unwrap_err()
            .to_string(),
        "the equations of row 1 have no solution in float32; raise regularization (it is \
         0.000000000000000000000000000001)"
    );
    let wide = sparse(&[vec![1.0, 0.0, 1.0]]);
    assert_eq!(
        known
            .rows(fixed, &wide.view(3), None, 1)
            .unwrap_err()
            .to_string(),
        "likes has 3 columns, and must have one for each of the 2 rows of factors"
    );
    assert!(known.shares(fixed, &likes.view(2), &[1.0, 0.0]).is_err());
    assert!(
        known
            .shares(fixed, &sparse(&[vec![1.0, 1.0]]).view(2), &[1.0])
            .is_err()
    );
    let other = Matrix::new(&rows, 1, 4).unwrap();
    assert!(known.rows(other, &likes.view(2), None, 1).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// At the exact solution of a row the derivative of the loss is zero.
    #[test]
    fn folded_rows_satisfy_their_equations(
        (dense, columns) in matrices(5, 40),
        factors in 1_usize..40,
    ) {
        let dense: Vec<Vec<f32>> =
            dense.iter().map(|row| row.iter().map(|value| value.abs()).collect()).collect();
        let likes = sparse(&dense);
        let rows: Vec<f32> =
            (0..columns * factors).map(|at| ((at * 37 % 101) as f32 - 50.0) / 50.0).collect();
        let fixed = Matrix::new(&rows, columns, factors).unwrap();
        let known = FoldIn::new(fixed, LOSS, Isa::best(), 1).unwrap();
        let folded = known.rows(fixed, &likes.view(columns), None, 1).unwrap();
        for (p, weights) in folded.chunks(factors).zip(&dense) {
            let total: f64 = weights.iter().map(|&weight| f64::from(weight)).sum();
            if total == 0.0 {
                prop_assert!(p.iter().all(|&factor| factor == 0.0));
                continue;
            }
            let pull = 0.05 * (total + 0.1 * columns as f64);
            let mut slope: Vec<f64> = p.iter().map(|&factor| pull * f64::from(factor)).collect();
            for (q, &weight) in rows.chunks(factors).zip(weights) {
                let score: f64 =
                    p.iter().zip(q).map(|(p, q)| f64::from(*p) * f64::from(*q)).sum();
                let force = 0.1 * score - f64::from(weight) * (1.0 - score);
                for (slope, q) in slope.iter_mut().zip(q) {
                    *slope += force * f64::from(*q);
                }
            }
            prop_assert!(slope.iter().all(|slope| slope.abs() < 1e-3 * (1.0 + total)));
        }
    }
}
