//! Solutions against what makes a solution, and what is refused.

use super::{Settings, rows};
use crate::csr::tests::{matrices, sparse};
use crate::{Isa, KernelError, Matrix};
use proptest::prelude::*;

const SETTINGS: Settings<'static> = Settings {
    regularization: 0.1,
    prior: None,
    sweeps: 2_000,
    threads: 1,
};

fn solve(
    values: &[Vec<f32>],
    fixed: &[Vec<f32>],
    start: Option<&[Vec<f32>]>,
    settings: &Settings<'_>,
    isa: Isa,
) -> Result<Vec<f32>, KernelError> {
    let factors = fixed[0].len();
    let start = start.map(<[Vec<f32>]>::concat);
    rows(
        &sparse(values).view(fixed.len()),
        Matrix::new(&fixed.concat(), fixed.len(), factors)?,
        start
            .as_ref()
            .map(|numbers| Matrix::new(numbers, numbers.len() / factors, factors))
            .transpose()?,
        settings,
        isa,
    )
}

/// Half the slope of a row's loss at x, in f64: what each coordinate would gain by being larger.
fn slopes(row: &[f32], fixed: &[Vec<f32>], x: &[f32], settings: &Settings<'_>) -> Vec<f64> {
    let n = row.iter().filter(|&&value| value != 0.0).count() as f64;
    let mut slopes: Vec<f64> = x
        .iter()
        .map(|&x| -f64::from(settings.regularization) * n * f64::from(x))
        .collect();
    if let Some((prior, weight)) = settings.prior {
        for ((slope, &prior), &x) in slopes.iter_mut().zip(prior).zip(x) {
            *slope += f64::from(weight) * (f64::from(prior) - f64::from(x));
        }
    }
    for (&value, vector) in row.iter().zip(fixed).filter(|(value, _)| **value != 0.0) {
        let told: f64 = vector
            .iter()
            .zip(x)
            .map(|(&q, &x)| f64::from(q) * f64::from(x))
            .sum();
        for (slope, &q) in slopes.iter_mut().zip(vector) {
            *slope += (f64::from(value) - told) * f64::from(q);
        }
    }
    slopes
}

fn of_columns(columns: usize, factors: usize) -> impl Strategy<Value = Vec<Vec<f32>>> {
    let number = (0_i8..9).prop_map(|value| f32::from(value) / 4.0);
    prop::collection::vec(prop::collection::vec(number, factors), columns)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn no_coordinate_would_gain_by_moving(
        (values, fixed) in matrices(5, 7)
            .prop_filter("columns", |(_, columns)| *columns > 0)
            .prop_flat_map(|(values, columns)| {
                (Just(values), (1_usize..35).prop_flat_map(move |f| of_columns(columns, f)))
            }),
        weight in prop::option::of(0.0_f32..4.0),
    ) {
        let factors = fixed[0].len();
        let prior: Vec<f32> = (0..factors).map(|at| (at % 3) as f32 / 2.0).collect();
        let settings = Settings {
            prior: weight.map(|weight| (&prior[..], weight)),
            ..SETTINGS
        };
        let solved = solve(&values, &fixed, None, &settings, Isa::Scalar).unwrap();
        for (row, x) in values.iter().zip(solved.chunks(factors)) {
            let size: f32 = row.iter().map(|value| value.abs()).sum();
            for (slope, &x) in slopes(row, &fixed, x, &settings).iter().zip(x) {
                prop_assert!(x >= 0.0);
                let bound = 1e-3 * f64::from(1.0 + size);
                prop_assert!(*slope <= bound && (x == 0.0 || *slope >= -bound), "{slope} at {x}");
            }
        }
        for isa in Isa::ALL.into_iter().filter(|isa| isa.available()) {
            for threads in [1, 3] {
                let settings = Settings { threads, ..settings };
                let other = solve(&values, &fixed, None, &settings, isa).unwrap();
                prop_assert_eq!(&other, &solved, "{}", isa.name());
            }
        }
    }
}

#[test]
fn one_factor_is_a_weighted_mean_and_never_below_zero() {
    let fixed = [vec![1.0], vec![2.0]];
    let settings = Settings {
        regularization: 0.0,
        ..SETTINGS
    };
    let values = [vec![3.0, 1.0], vec![-3.0, 1.0], vec![0.0, 0.0]];
    let solved = solve(&values, &fixed, None, &settings, Isa::best()).unwrap();
    assert_eq!(solved, [1.0, 0.0, 0.0]); // (3 * 1 + 1 * 2) / (1 + 4), and below zero without a bound
}

#[test]
fn a_few_sweeps_go_on_from_the_start() {
    let fixed = [vec![1.0, 0.9], vec![0.8, 1.0]];
    let values = [vec![3.0, 4.0]];
    let far = |x: &[f32]| {
        let slopes = slopes(&values[0], &fixed, x, &SETTINGS);
        slopes.iter().map(|slope| slope.abs()).fold(0.0, f64::max)
    };
    let one = Settings {
        sweeps: 1,
        ..SETTINGS
    };
    let first = solve(&values, &fixed, None, &one, Isa::best()).unwrap();
    let second = solve(
        &values,
        &fixed,
        Some(std::slice::from_ref(&first)),
        &one,
        Isa::best(),
    )
    .unwrap();
    let end = solve(&values, &fixed, None, &SETTINGS, Isa::best()).unwrap();
    assert!(far(&first) > far(&second) && far(&second) > far(&end) && far(&end) < 1e-4);
    let below = solve(
        &values,
        &fixed,
        Some(&[vec![-5.0, -1.0]]),
        &one,
        Isa::best(),
    )
    .unwrap();
    assert_eq!(below, first);
}

#[test]
fn a_prior_is_what_rows_are_without_entries_and_near_to_with_few() {
    let settings = Settings {
        regularization: 0.0,
        prior: Some((&[4.0], 2.0)),
        ..SETTINGS
    };
    let values = [vec![1.0], vec![0.0]];
    let solved = solve(&values, &[vec![1.0]], None, &settings, Isa::best()).unwrap();
    assert_eq!(solved, [3.0, 4.0]); // (1 + 2 * 4) / (1 + 2)
}

#[test]
fn a_factor_that_no_vector_has_stays_at_zero() {
    let settings = Settings {
        regularization: 0.0,
        ..SETTINGS
    };
    let start = [vec![7.0, 1.0]];
    let solved = solve(
        &[vec![2.0]],
        &[vec![0.0, 1.0]],
        Some(&start),
        &settings,
        Isa::best(),
    );
    assert_eq!(solved.unwrap(), [0.0, 2.0]);
}

#[test]
fn what_cannot_be_solved_is_refused() {
    let words = |values: &[Vec<f32>], fixed: &[Vec<f32>], start: Option<&[Vec<f32>]>, settings| {
        solve(values, fixed, start, &settings, Isa::best())
            .unwrap_err()
            .to_string()
    };
    let (values, fixed) = ([vec![1.0, 2.0]], [vec![1.0], vec![2.0]]);
    assert_eq!(
        words(&values, &[vec![], vec![]], None, SETTINGS),
        "there are 0 factors, and there must be from 1 to 512"
    );
    assert_eq!(
        words(
            &values,
            &fixed,
            None,
            Settings {
                regularization: -1.0,
                ..SETTINGS
            }
        ),
        "regularization is -1, and must be a finite number, 0 or above"
    );
    assert_eq!(
        words(
            &values,
            &fixed,
            None,
            Settings {
                threads: 0,
                ..SETTINGS
            }
        ),
        "threads is 0, and must be at least 1"
    );
    let pulled = |prior, weight| Settings {
        prior: Some((prior, weight)),
        ..SETTINGS
    };
    assert_eq!(
        words(&values, &fixed, None, pulled(&[1.0], -2.0)),
        "prior_weight is -2, and must be a finite number, 0 or above"
    );
    assert_eq!(
        words(&values, &fixed, None, pulled(&[1.0, 2.0], 1.0)),
        "prior has 2 numbers, and must have one for each of the 1 factors"
    );
    assert_eq!(
        words(&values, &fixed, None, pulled(&[-1.0], 1.0)),
        "prior has the number -1, and its numbers must be finite, and 0 or above"
    );
    assert_eq!(
        words(&values, &fixed, Some(&[vec![1.0], vec![1.0]]), SETTINGS),
        "start has 2 rows of 1 factors, and must have 1 rows of 1"
    );
    assert_eq!(
        words(&[vec![1.0, f32::NAN]], &fixed, None, SETTINGS),
        "number 1 of values is NaN, and must be finite"
    );
    assert_eq!(
        words(&values, &[vec![1.0], vec![f32::INFINITY]], None, SETTINGS),
        "number 1 of fixed is inf, and must be finite"
    );
    assert_eq!(
        words(&values, &[vec![1e30], vec![1e30]], None, SETTINGS),
        "the sums of row 0 leave the range of float32; divide the values by a larger number"
    );
    let narrow = rows(
        &sparse(&values).view(2),
        Matrix::new(&[1.0; 3], 3, 1).unwrap(),
        None,
        &SETTINGS,
        Isa::best(),
    );
    assert_eq!(
        narrow.unwrap_err().to_string(),
        "the matrix has 2 columns, and must have one for each of the 3 rows of factors"
    );
}
