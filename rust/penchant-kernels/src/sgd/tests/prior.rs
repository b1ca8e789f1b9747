//! Items that are pulled to what is foretold of them.

use super::{SETTINGS, World, on};
use crate::sgd::{Model, Optimizer, Settings, fit};
use crate::{Isa, KernelError, Matrix};

const FACTORS: usize = 3;

/// Factors and a bias for each of `items`, none of them zero.
fn foretold(items: usize) -> Vec<f32> {
    (0..items * (FACTORS + 1))
        .map(|at| (at % 7) as f32 / 10.0 - 0.32)
        .collect()
}

fn pulled(world: &World, settings: &Settings, prior: &[f32]) -> Result<Model, KernelError> {
    let rows = prior.len() / (FACTORS + 1);
    let prior = Matrix::new(prior, rows, FACTORS + 1)?;
    fit(
        &world.ratings(),
        None,
        Some(prior),
        settings,
        Isa::best(),
        on,
    )
}

fn few(epochs: usize) -> Settings {
    Settings {
        factors: FACTORS,
        epochs,
        ..SETTINGS
    }
}

#[test]
fn an_item_without_ratings_stays_where_it_is_foretold_to_be() {
    let mut world = World::new(5, 6, 3);
    world.n_items = 7;
    let prior = foretold(7);
    let model = pulled(&world, &few(4), &prior).unwrap();
    assert_eq!(model.item_factors[6 * FACTORS..], prior[24..27]);
    assert_eq!(model.item_bias[6].to_bits(), prior[27].to_bits());
}

#[test]
fn a_strong_pull_holds_items_there_and_a_weak_one_does_not() {
    let world = World::new(5, 6, 3);
    let prior = foretold(6);
    let away = |regularization| {
        let settings = Settings {
            regularization,
            bias_regularization: regularization,
            learning_rate: 0.01,
            ..few(300)
        };
        let model = pulled(&world, &settings, &prior).unwrap();
        let bias = (0..6).map(|item| model.item_bias[item] - prior[item * 4 + 3]);
        bias.map(f32::abs).fold(0.0, f32::max)
    };
    assert!(away(20.0) < 0.05, "{}", away(20.0));
    assert!(away(0.01) > 0.1, "{}", away(0.01));
}

#[test]
fn a_prior_of_zeros_changes_nothing() {
    let world = World::new(9, 8, 6);
    for optimizer in [Optimizer::Sgd, Optimizer::Adagrad] {
        let settings = Settings {
            optimizer,
            ..few(5)
        };
        let model = pulled(&world, &settings, &[0.0; 8 * 4]).unwrap();
        assert_eq!(model, world.fit(&settings, Isa::best()).unwrap());
    }
}

#[test]
fn threads_and_instruction_sets_change_no_bit() {
    let world = World::new(2_700, 500, 100);
    let prior = foretold(500);
    let prior = Matrix::new(&prior, 500, FACTORS + 1).unwrap();
    let ratings = world.ratings();
    let fitted = |threads, isa| {
        let settings = Settings { threads, ..few(2) };
        fit(&ratings, None, Some(prior), &settings, isa, on).unwrap()
    };
    let one = fitted(1, Isa::Scalar);
    for threads in [2, 4, 8] {
        assert_eq!(fitted(threads, Isa::best()), one);
    }
}

#[test]
fn priors_of_another_shape_and_numbers_that_are_none_are_refused() {
    let world = World::new(2, 3, 2);
    let said = |prior: &[f32]| pulled(&world, &few(1), prior).unwrap_err();
    assert_eq!(
        said(&[0.0; 8]).message(),
        "item_prior has 2 rows of 4 numbers, and must have 3 rows of 4: factors and a bias"
    );
    let mut prior = foretold(3);
    prior[5] = f32::INFINITY;
    assert_eq!(
        said(&prior).message(),
        "item_prior is inf in row 1, and must be finite"
    );
}
