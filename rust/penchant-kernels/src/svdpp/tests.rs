//! Training against a naive twin that moves every y at every rating, and what is refused.

use super::{Model, Settings, fit};
use crate::csr::tests::{matrices, sparse};
use crate::{Isa, KernelError};
use proptest::prelude::*;
use std::ops::ControlFlow;

const SETTINGS: Settings = Settings {
    factors: 5,
    epochs: 4,
    learning_rate: 0.02,
    decay: 0.9,
    regularization: 0.05,
    bias_regularization: 0.01,
    seed: 7,
};

fn train(
    ratings: &[Vec<f32>],
    columns: usize,
    settings: &Settings,
    isa: Isa,
) -> Result<Model, KernelError> {
    fit(&sparse(ratings).view(columns), settings, isa, |_, _| {
        ControlFlow::Continue(())
    })
}

/// Equation 15 of the paper, all y of a user moved at each rating, in f64.
fn naive(ratings: &[Vec<f32>], columns: usize, settings: &Settings, start: &Model) -> Vec<f64> {
    let f = settings.factors;
    let wide = |values: &[f32]| values.iter().map(|&v| f64::from(v)).collect::<Vec<f64>>();
    let (mut p, mut q) = (wide(&start.user_factors), wide(&start.item_factors));
    let mut y = vec![0.0; columns * f];
    let (mut bu, mut bi) = (vec![0.0; ratings.len()], vec![0.0; columns]);
    let (pull, bias_pull) = (
        f64::from(settings.regularization),
        f64::from(settings.bias_regularization),
    );
    let mut rate = f64::from(settings.learning_rate);
    for _ in 0..settings.epochs {
        for (user, row) in ratings.iter().enumerate() {
            let rated = (0..columns)
                .filter(|&item| row[item] != 0.0)
                .collect::<Vec<_>>();
            let share = 1.0 / (rated.len() as f64).sqrt();
            for &item in &rated {
                let taste = (0..f)
                    .map(|i| {
                        p[user * f + i] + share * rated.iter().map(|j| y[j * f + i]).sum::<f64>()
                    })
                    .collect::<Vec<_>>();
                let dot: f64 = (0..f).map(|i| q[item * f + i] * taste[i]).sum();
                let error = f64::from(row[item]) - start.mean - bu[user] - bi[item] - dot;
                bu[user] += rate * (error - bias_pull * bu[user]);
                bi[item] += rate * (error - bias_pull * bi[item]);
                for i in 0..f {
                    let old = q[item * f + i];
                    p[user * f + i] += rate * (error * old - pull * p[user * f + i]);
                    q[item * f + i] += rate * (error * taste[i] - pull * old);
                    for j in &rated {
                        y[j * f + i] += rate * (error * share * old - pull * y[j * f + i]);
                    }
                }
            }
        }
        rate *= f64::from(settings.decay);
    }
    [p, q, y, bu, bi].concat()
}

fn numbers(model: &Model) -> Vec<f32> {
    let Model {
        user_factors,
        item_factors,
        rated_factors,
        user_bias,
        item_bias,
        ..
    } = model;
    [
        &user_factors[..],
        item_factors,
        rated_factors,
        user_bias,
        item_bias,
    ]
    .concat()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn every_instruction_set_takes_the_steps_of_the_naive_twin(
        (ratings, columns) in matrices(6, 5),
        factors in 1_usize..40,
    ) {
        prop_assume!(ratings.iter().flatten().any(|&value| value != 0.0));
        let settings = Settings { factors, ..SETTINGS };
        let start = train(&ratings, columns, &Settings { epochs: 0, ..settings }, Isa::Scalar).unwrap();
        let scalar = train(&ratings, columns, &settings, Isa::Scalar).unwrap();
        let expected = naive(&ratings, columns, &settings, &start);
        for (got, expected) in numbers(&scalar).into_iter().zip(expected) {
            prop_assert!((f64::from(got) - expected).abs() <= 1e-5 * (1.0 + expected.abs()));
        }
        for isa in Isa::ALL.into_iter().filter(|isa| isa.available()) {
            let model = train(&ratings, columns, &settings, isa).unwrap();
            prop_assert_eq!(&model, &scalar, "{}", isa.name());
        }
    }
}

#[test]
fn rows_without_ratings_stay_at_zero() {
    let model = train(
        &[vec![5.0, 0.0, 1.0], vec![0.0; 3]],
        3,
        &SETTINGS,
        Isa::best(),
    )
    .unwrap();
    assert_eq!(model.user_factors[5..], [0.0; 5]);
    assert_eq!(model.item_factors[5..10], [0.0; 5]);
    assert_eq!(model.rated_factors[5..10], [0.0; 5]);
    assert!(model.rated_factors[0] != 0.0);
}

#[test]
fn breaking_off_keeps_the_epochs_so_far() {
    let ratings = sparse(&[vec![5.0, 1.0], vec![2.0, 4.0]]);
    let stopped = fit(&ratings.view(2), &SETTINGS, Isa::best(), |epoch, _| {
        if epoch == 1 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    });
    assert_eq!(stopped.unwrap().train_rmse.len(), 2);
}

#[test]
fn what_cannot_be_trained_is_refused() {
    let words = |ratings: &[Vec<f32>], settings: &Settings| {
        train(ratings, 2, settings, Isa::best())
            .unwrap_err()
            .to_string()
    };
    let fine = [vec![5.0, 1.0], vec![2.0, 4.0]];
    assert_eq!(
        words(
            &fine,
            &Settings {
                factors: 0,
                ..SETTINGS
            }
        ),
        "factors is 0, and must be from 1 to 512"
    );
    assert_eq!(
        words(&[vec![0.0, 0.0]], &SETTINGS),
        "there are 0 ratings, and there must be from 1 to 4294967295"
    );
    assert_eq!(
        words(&[vec![1.0, f32::NAN]], &SETTINGS),
        "ratings[1] is NaN, and ratings must be finite"
    );
    let wild = Settings {
        learning_rate: 1e9,
        epochs: 20,
        ..SETTINGS
    };
    assert!(words(&fine, &wild).contains("lower learning_rate"));
}
