use super::{Features, MOST_UNKNOWNS, Map, Settings, System, ridge};
use crate::csr::Csr;
use crate::csr::tests::{matrices, sparse};
use crate::{Isa, KernelError, Matrix};
use proptest::prelude::*;

const PLAIN: Settings<'static> = Settings {
    weights: None,
    regularization: 1.0,
    threads: 1,
};

fn fit(
    rows: &[Vec<f32>],
    targets: &[Vec<f32>],
    settings: Settings<'_>,
) -> Result<Map, KernelError> {
    let (values, wanted) = (rows.concat(), targets.concat());
    let features = Matrix::new(&values, rows.len(), rows[0].len())?;
    let targets = Matrix::new(&wanted, targets.len(), targets[0].len())?;
    ridge(&Features::Dense(features), &targets, &settings, Isa::best())
}

fn fit_sparse(
    rows: &[Vec<f32>],
    targets: &[Vec<f32>],
    settings: Settings<'_>,
) -> Result<Map, KernelError> {
    let (buffer, wanted) = (sparse(rows), targets.concat());
    let features = Features::Sparse(buffer.view(rows[0].len()));
    let targets = Matrix::new(&wanted, targets.len(), targets[0].len())?;
    ridge(&features, &targets, &settings, Isa::best())
}

/// The normal equations with a last, unpulled feature of ones, by elimination in float64.
fn naive(rows: &[Vec<f32>], targets: &[Vec<f32>], weights: &[f32], pull: f32) -> Vec<Vec<f64>> {
    let features = rows[0].len();
    let size = features + 1;
    let mut system = vec![vec![0.0; size + targets[0].len()]; size];
    for ((row, target), &weight) in rows.iter().zip(targets).zip(weights) {
        let row: Vec<f64> = row.iter().chain(&[1.0]).map(|&x| f64::from(x)).collect();
        let all = row
            .iter()
            .copied()
            .chain(target.iter().map(|&t| f64::from(t)));
        for (column, value) in all.enumerate() {
            for (sums, x) in system.iter_mut().zip(&row) {
                sums[column] += f64::from(weight) * x * value;
            }
        }
    }
    for (at, sums) in system.iter_mut().enumerate().take(features) {
        sums[at] += f64::from(pull);
    }
    for pivot in 0..size {
        let best = (pivot..size)
            .max_by(|&a, &b| system[a][pivot].abs().total_cmp(&system[b][pivot].abs()))
            .unwrap();
        system.swap(pivot, best);
        let chosen = system[pivot].clone();
        let others = system.iter_mut().enumerate();
        for (_, sums) in others.filter(|(at, _)| *at != pivot) {
            let factor = sums[pivot] / chosen[pivot];
            for (sum, value) in sums.iter_mut().zip(&chosen) {
                *sum -= factor * value;
            }
        }
    }
    (0..size)
        .map(|at| {
            let sums = &system[at];
            sums[size..].iter().map(|right| right / sums[at]).collect()
        })
        .collect()
}

#[test]
fn a_line_through_two_points_is_pulled_towards_their_mean() {
    // Centred: x = ±1, f = ±2. W = 4 / (2 + λ), which is 1 for λ = 2; the mean stays the mean.
    let map = fit(
        &[vec![4.0], vec![6.0]],
        &[vec![8.0], vec![12.0]],
        Settings {
            regularization: 2.0,
            ..PLAIN
        },
    )
    .unwrap();
    assert_eq!(map.coefficients, [1.0]);
    assert_eq!(map.intercept, [5.0]);
}

#[test]
fn a_row_of_weight_two_counts_as_two_rows_and_one_of_weight_zero_not_at_all() {
    let rows = [vec![0.0], vec![2.0], vec![50.0]];
    let targets = [vec![0.0], vec![3.0], vec![-9.0]];
    let weighted = Settings {
        weights: Some(&[1.0, 2.0, 0.0]),
        ..PLAIN
    };
    let twice = fit(
        &[vec![0.0], vec![2.0], vec![2.0]],
        &[vec![0.0], vec![3.0], vec![3.0]],
        PLAIN,
    )
    .unwrap();
    for map in [
        fit(&rows, &targets, weighted),
        fit_sparse(&rows, &targets, weighted),
    ] {
        let map = map.unwrap();
        assert!((map.coefficients[0] - twice.coefficients[0]).abs() < 1e-6);
        assert!((map.intercept[0] - twice.intercept[0]).abs() < 1e-6);
    }
}

#[test]
fn one_system_maps_to_any_targets_with_the_bits_of_each_alone() {
    // More rows than features, and fewer: the two forms of the system.
    for (count, columns) in [(5, 2), (2, 5)] {
        let rows: Vec<Vec<f32>> = (0..count)
            .map(|row| {
                (0..columns)
                    .map(|at| ((3 * row + at) as f32).sin())
                    .collect()
            })
            .collect();
        let (flat, buffer) = (rows.concat(), sparse(&rows));
        let weights: Vec<f32> = (1..=count).map(|weight| weight as f32).collect();
        let settings = Settings {
            weights: Some(&weights),
            ..PLAIN
        };
        for features in [
            Features::Dense(Matrix::new(&flat, count, columns).unwrap()),
            Features::Sparse(buffer.view(columns)),
        ] {
            let system = System::new(&features, &settings, Isa::best()).unwrap();
            for targets in [1, 3] {
                let wanted: Vec<f32> = (0..count * targets).map(|at| (at as f32).cos()).collect();
                let wanted = Matrix::new(&wanted, count, targets).unwrap();
                assert_eq!(
                    system.map(&wanted, 1, Isa::best()).unwrap(),
                    ridge(&features, &wanted, &settings, Isa::best()).unwrap()
                );
            }
            let other = Matrix::new(&[1.0; 3], 3, 1).unwrap();
            assert_eq!(
                system.map(&other, 1, Isa::best()).unwrap_err().to_string(),
                format!(
                    "targets has 3 rows, and must have one for each of the {count} rows of features"
                )
            );
        }
    }
}

#[test]
fn a_feature_that_is_the_same_in_all_rows_says_nothing() {
    let rows = [vec![7.0, 1.0], vec![7.0, -1.0], vec![7.0, 2.0]];
    let targets = [vec![1.0], vec![2.0], vec![0.0]];
    for map in [
        fit(&rows, &targets, PLAIN),
        fit_sparse(&rows, &targets, PLAIN),
    ] {
        assert!(map.unwrap().coefficients[0].abs() < 1e-6);
    }
}

#[test]
fn without_features_all_rows_get_the_mean_and_without_targets_nothing() {
    let targets = Matrix::new(&[1.0, 3.0], 2, 1).unwrap();
    let none = Features::Dense(Matrix::new(&[], 2, 0).unwrap());
    let map = ridge(&none, &targets, &PLAIN, Isa::Scalar).unwrap();
    assert_eq!((map.coefficients.len(), map.intercept), (0, vec![2.0]));
    let features = Features::Dense(Matrix::new(&[1.0, 3.0], 2, 1).unwrap());
    let map = ridge(
        &features,
        &Matrix::new(&[], 2, 0).unwrap(),
        &PLAIN,
        Isa::Scalar,
    )
    .unwrap();
    assert!(map.coefficients.is_empty() && map.intercept.is_empty());
}

proptest! {
    #[test]
    fn dense_and_sparse_agree_with_elimination_in_float64(
        (rows, columns) in matrices(40, 40),
        seed in prop::collection::vec(-1.0_f32..1.0, 40 * 3),
        weights in prop::collection::vec(0.1_f32..4.0, 40),
        regularization in 0.5_f32..20.0,
    ) {
        prop_assume!(!rows.is_empty() && columns > 0);
        let targets: Vec<_> = seed.chunks(3).take(rows.len()).map(<[f32]>::to_vec).collect();
        let weights = &weights[..rows.len()];
        let expected = naive(&rows, &targets, weights, regularization);
        let settings = Settings { weights: Some(weights), regularization, threads: 2 };
        for map in [fit(&rows, &targets, settings), fit_sparse(&rows, &targets, settings)] {
            let map = map.unwrap();
            let found = map.coefficients.iter().chain(&map.intercept);
            for (&found, &expected) in found.zip(expected.iter().flatten()) {
                prop_assert!((f64::from(found) - expected).abs() < 1e-4, "{found} {expected}");
            }
        }
    }

    #[test]
    fn threads_and_instruction_sets_change_no_bit(
        (rows, columns) in (1_usize..90, 1_usize..90),
        seed in prop::collection::vec(-1.0_f32..1.0, 90 * 90),
        targets in 1_usize..20,
    ) {
        let values = &seed[..rows * columns];
        let wanted: Vec<f32> = seed.iter().rev().take(rows * targets).copied().collect();
        let wanted = Matrix::new(&wanted, rows, targets).unwrap();
        let buffer = sparse(&values.chunks(columns).map(<[f32]>::to_vec).collect::<Vec<_>>());
        for features in [
            Features::Dense(Matrix::new(values, rows, columns).unwrap()),
            Features::Sparse(buffer.view(columns)),
        ] {
            let first = ridge(&features, &wanted, &PLAIN, Isa::Scalar).unwrap();
            for isa in Isa::ALL.into_iter().filter(|isa| isa.available()) {
                for threads in [1, 2, 5] {
                    let again = ridge(&features, &wanted, &Settings { threads, ..PLAIN }, isa);
                    prop_assert_eq!(&again.unwrap(), &first);
                }
            }
        }
    }
}

#[test]
fn what_does_not_fit_is_refused_in_one_sentence() {
    let rows = [vec![1.0], vec![2.0]];
    let targets = [vec![1.0], vec![2.0]];
    let says = |map: Result<Map, KernelError>, sentence: &str| {
        let refused = map.unwrap_err().to_string();
        assert!(refused.contains(sentence), "{refused}");
    };
    for fit in [fit, fit_sparse] {
        says(
            fit(&rows, &targets[..1], PLAIN),
            "targets has 1 rows, and must have one for each of the 2 rows of features",
        );
        for regularization in [0.0, -1.0, f32::NAN, f32::INFINITY] {
            says(
                fit(
                    &rows,
                    &targets,
                    Settings {
                        regularization,
                        ..PLAIN
                    },
                ),
                &format!("regularization is {regularization}, and must be greater than 0"),
            );
        }
        says(
            fit(
                &rows,
                &targets,
                Settings {
                    weights: Some(&[1.0]),
                    ..PLAIN
                },
            ),
            "weights has 1 numbers, and must have one for each of the 2 rows",
        );
        says(
            fit(
                &rows,
                &targets,
                Settings {
                    weights: Some(&[1.0, -1.0]),
                    ..PLAIN
                },
            ),
            "weights holds -1, and must hold finite numbers of at least 0",
        );
        says(
            fit(
                &rows,
                &targets,
                Settings {
                    weights: Some(&[0.0, 0.0]),
                    ..PLAIN
                },
            ),
            "no row counts: there are 2 rows of features",
        );
        says(
            fit(
                &rows,
                &targets,
                Settings {
                    threads: 0,
                    ..PLAIN
                },
            ),
            "threads is 0, and must be at least 1",
        );
        says(
            fit(&[vec![1.0], vec![f32::NAN]], &targets, PLAIN),
            "features holds NaN in row 1, and must hold finite numbers",
        );
        says(
            fit(&rows, &[vec![f32::INFINITY], vec![0.0]], PLAIN),
            "targets holds inf in row 0, and must hold finite numbers",
        );
    }
}

#[test]
fn numbers_that_float32_cannot_square_or_hold_are_refused() {
    let huge = [vec![1e30, 2.0], vec![-1e30, 1.0], vec![0.0, 5.0]];
    let targets = [vec![1.0], vec![2.0], vec![3.0]];
    let refused = fit(&huge, &targets, PLAIN).unwrap_err().to_string();
    assert!(
        refused.contains("regularization of 1 is too little to solve the system in float32"),
        "{refused}"
    );
    let wanted = [vec![3e38], vec![-3e38], vec![-3e38], vec![-3e38]];
    let rows = [vec![1e-3], vec![-1e-3], vec![-1e-3], vec![-1e-3]];
    let weak = Settings {
        regularization: 1e-9,
        ..PLAIN
    };
    let refused = fit(&rows, &wanted, weak).unwrap_err().to_string();
    assert!(
        refused.contains("the map left the range of float32"),
        "{refused}"
    );
}

#[test]
fn a_system_that_no_memory_should_hold_is_refused_before_it_is_made() {
    let size = MOST_UNKNOWNS + 1;
    let (indptr, targets) = (vec![0; size + 1], vec![0.0; size]);
    let features = Features::Sparse(Csr::new(&indptr, &[], &[], size).unwrap());
    let targets = Matrix::new(&targets, size, 1).unwrap();
    let refused = ridge(&features, &targets, &PLAIN, Isa::Scalar)
        .unwrap_err()
        .to_string();
    assert_eq!(
        refused,
        "8193 rows of 8193 features make a system of 8193 unknowns, which takes 0.3 GB; keep at \
         most 8192 features"
    );
}
