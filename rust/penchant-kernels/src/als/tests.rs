//! Factors against the equations they must satisfy, and against themselves on other threads and
//! instruction sets.

mod fold_in;
mod known;

use super::{Known, Loss, Model, Settings, fit};
use crate::csr::CsrBuf;
use crate::csr::tests::{matrices, sparse};
use crate::{Isa, KernelError, Matrix};
use proptest::prelude::*;
use std::ops::ControlFlow;

const LOSS: Loss = Loss {
    unobserved_weight: 0.1,
    regularization: 0.05,
    frequency_scaling: 1.0,
};

const SETTINGS: Settings = Settings {
    factors: 4,
    iterations: 20,
    loss: LOSS,
    seed: 7,
    threads: 1,
};

/// Even users like even items, odd users odd ones, but each has one liking left to be found.
fn two_tastes() -> CsrBuf {
    let likes = |user: usize, item: usize| user % 2 == item % 2 && item / 2 != user % 5;
    let row = |user| (0..10).map(|item| f32::from(likes(user, item))).collect();
    sparse(&(0..12).map(row).collect::<Vec<Vec<f32>>>())
}

fn trained(likes: &CsrBuf, columns: usize, settings: &Settings, isa: Isa) -> Model {
    let go_on = |_| ControlFlow::Continue(());
    fit(&likes.view(columns), settings, Known::default(), isa, go_on).unwrap()
}

fn refused(likes: &CsrBuf, columns: usize, settings: &Settings) -> KernelError {
    let go_on = |_| ControlFlow::Continue(());
    fit(
        &likes.view(columns),
        settings,
        Known::default(),
        Isa::best(),
        go_on,
    )
    .unwrap_err()
}

fn score(model: &Model, factors: usize, user: usize, item: usize) -> f32 {
    let (p, q) = (
        &model.user_factors[user * factors..],
        &model.item_factors[item * factors..],
    );
    p.iter().zip(q).take(factors).map(|(p, q)| p * q).sum()
}

/// What the factors minimise, as the paper writes it, in float64.
fn loss(model: &Model, likes: &CsrBuf, shape: (usize, usize), settings: &Settings) -> f64 {
    let (users, items) = shape;
    let alpha = f64::from(settings.loss.unobserved_weight);
    let mut known = (vec![0.0; users], vec![0.0; items]);
    let mut total = 0.0;
    for user in 0..users {
        let (columns, weights) = likes.view(items).row(user).unwrap();
        for item in 0..items {
            let score = f64::from(score(model, settings.factors, user, item));
            total += alpha * score * score;
            if let Ok(at) = columns.binary_search(&(item as i32)) {
                let weight = f64::from(weights[at]);
                total += weight * (1.0 - score) * (1.0 - score);
                known.0[user] += weight;
                known.1[item] += weight;
            }
        }
    }
    let sides = [
        (&model.user_factors, known.0, items),
        (&model.item_factors, known.1, users),
    ];
    for (rows, known, others) in sides {
        for (row, known) in rows.chunks(settings.factors).zip(known) {
            let length: f64 = row.iter().map(|&factor| f64::from(factor).powi(2)).sum();
            let known = known + alpha * others as f64;
            let pull = known.powf(settings.loss.frequency_scaling.into());
            total += f64::from(settings.loss.regularization) * pull * length;
        }
    }
    total
}

fn bits(model: &Model) -> Vec<u32> {
    let numbers = model.user_factors.iter().chain(&model.item_factors);
    numbers.map(|number| number.to_bits()).collect()
}

#[test]
fn the_liking_that_was_left_out_scores_above_all_of_the_other_taste() {
    let likes = two_tastes();
    let model = trained(&likes, 10, &SETTINGS, Isa::best());
    for user in 0..12 {
        let own = (0..10).filter(|item| item % 2 == user % 2);
        let other = (0..10).filter(|item| item % 2 != user % 2);
        let least = own
            .map(|item| score(&model, 4, user, item))
            .fold(f32::MAX, f32::min);
        let most = other
            .map(|item| score(&model, 4, user, item))
            .fold(f32::MIN, f32::max);
        assert!(least > most + 0.3, "user {user}: {least} and {most}");
    }
}

#[test]
fn one_user_and_one_item_reach_the_minimum_that_a_person_can_compute() {
    // With p = q the loss is (1 - p²)² + p⁴/2 + 2λ·p², where λ = .1 · 1.5; its derivative is zero
    // at p² = (1 - λ) / 1.5.
    let settings = Settings {
        factors: 1,
        iterations: 200,
        loss: Loss {
            unobserved_weight: 0.5,
            regularization: 0.1,
            frequency_scaling: 1.0,
        },
        ..SETTINGS
    };
    let model = trained(&sparse(&[vec![1.0]]), 1, &settings, Isa::best());
    let product = score(&model, 1, 0, 0);
    assert!((product - 0.85 / 1.5).abs() < 1e-4, "{product}");
}

#[test]
fn each_iteration_lowers_the_loss() {
    let likes = two_tastes();
    let losses: Vec<f64> = (0..8)
        .map(|iterations| {
            let settings = Settings {
                iterations,
                ..SETTINGS
            };
            loss(
                &trained(&likes, 10, &settings, Isa::best()),
                &likes,
                (12, 10),
                &settings,
            )
        })
        .collect();
    assert!(
        losses.windows(2).all(|pair| pair[1] <= pair[0] * 1.000_001),
        "{losses:?}"
    );
    assert!(losses[7] < losses[0] / 2.0);
}

#[test]
fn a_stronger_liking_scores_higher() {
    let mut likes = two_tastes();
    likes.values[0] = 20.0;
    let (user, item) = (0, likes.indices[0] as usize);
    let stronger = trained(&likes, 10, &SETTINGS, Isa::best());
    let equal = trained(&two_tastes(), 10, &SETTINGS, Isa::best());
    assert!(score(&stronger, 4, user, item) > score(&equal, 4, user, item) + 0.02);
}

#[test]
fn rows_without_likings_are_zero() {
    let likes = sparse(&[vec![1.0, 0.0, 1.0], vec![0.0; 3]]);
    let model = trained(&likes, 3, &SETTINGS, Isa::best());
    assert!(model.user_factors[..4].iter().all(|&number| number != 0.0));
    assert_eq!(model.user_factors[4..].to_vec(), [0.0; 4]);
    assert_eq!(model.item_factors[4..8].to_vec(), [0.0; 4]);
    let nothing = trained(&sparse(&[vec![]]), 0, &SETTINGS, Isa::best());
    assert_eq!(nothing.user_factors, [0.0; 4]);
}

#[test]
fn progress_may_stop_after_any_iteration() {
    let likes = two_tastes();
    let mut heard = vec![];
    let nothing = Known::default();
    let stopped = fit(
        &likes.view(10),
        &SETTINGS,
        nothing,
        Isa::best(),
        |iteration| {
            heard.push(iteration);
            if iteration == 2 {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        },
    );
    assert_eq!(heard, [0, 1, 2]);
    let three = Settings {
        iterations: 3,
        ..SETTINGS
    };
    assert_eq!(
        bits(&stopped.unwrap()),
        bits(&trained(&likes, 10, &three, Isa::best()))
    );
}

#[test]
fn what_cannot_be_trained_on_is_refused() {
    let likes = two_tastes();
    let said = |settings: Settings| refused(&likes, 10, &settings).to_string();
    assert_eq!(
        said(Settings {
            factors: 0,
            ..SETTINGS
        }),
        "factors is 0, and must be from 1 to 512"
    );
    assert_eq!(
        said(Settings {
            threads: 0,
            ..SETTINGS
        }),
        "threads is 0, and must be at least 1"
    );
    for (loss, wanted) in [
        (
            Loss {
                unobserved_weight: 0.0,
                ..LOSS
            },
            "unobserved_weight is 0, and must be above 0",
        ),
        (
            Loss {
                regularization: -1.0,
                ..LOSS
            },
            "regularization is -1, and must be above 0",
        ),
        (
            Loss {
                regularization: f32::NAN,
                ..LOSS
            },
            "regularization is NaN, and must be above 0",
        ),
        (
            Loss {
                frequency_scaling: 1.5,
                ..LOSS
            },
            "frequency_scaling is 1.5, and must be from 0 to 1",
        ),
    ] {
        assert_eq!(said(Settings { loss, ..SETTINGS }), wanted);
    }
    for (value, word) in [(-1.0, "-1"), (f32::NAN, "NaN"), (f32::INFINITY, "inf")] {
        let mut likes = two_tastes();
        likes.values[3] = value;
        assert_eq!(
            refused(&likes, 10, &SETTINGS).to_string(),
            format!("values[3] is {word}, and a weight must be a finite number, 0 or above")
        );
    }
    let mut likes = two_tastes();
    likes.indices[0] = 99;
    assert!(refused(&likes, 10, &SETTINGS).to_string().contains("row 0"));
}

#[test]
fn weights_too_great_for_float32_name_what_to_change() {
    let mut likes = two_tastes();
    likes.values.fill(f32::MAX);
    let refusal = refused(&likes, 10, &SETTINGS);
    assert!(
        matches!(&refusal, KernelError::Diverged(said) if said.contains("raise regularization (it is 0.05)")),
        "{refusal}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn threads_and_instruction_sets_give_the_same_bits(
        (dense, columns) in matrices(70, 20),
        factors in 1_usize..70,
    ) {
        let dense: Vec<Vec<f32>> =
            dense.iter().map(|row| row.iter().map(|value| value.abs()).collect()).collect();
        let likes = sparse(&dense);
        let settings = Settings { factors, iterations: 3, ..SETTINGS };
        let prior: Vec<f32> = (0..columns * factors).map(|at| (at % 11) as f32 / 11.0).collect();
        let known = Known { users: None, items: Matrix::new(&prior, columns, factors).ok() };
        let trained = |likes: &CsrBuf, columns: usize, settings: &Settings, isa: Isa| {
            let go_on = |_| ControlFlow::Continue(());
            fit(&likes.view(columns), settings, known, isa, go_on).unwrap()
        };
        let wanted = bits(&trained(&likes, columns, &settings, Isa::Scalar));
        for isa in Isa::ALL.into_iter().filter(|isa| isa.available()) {
            for threads in [1, 2, 4, 8] {
                let settings = Settings { threads, ..settings };
                prop_assert_eq!(&bits(&trained(&likes, columns, &settings, isa)), &wanted);
            }
        }
    }
}
