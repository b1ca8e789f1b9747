//! Training against a naive twin, and against itself on other threads and instruction sets.

use super::{Model, Ratings, Settings, fit};
use crate::{Isa, KernelError};
use proptest::prelude::*;
use std::ops::ControlFlow;

const SETTINGS: Settings = Settings {
    factors: 8,
    epochs: 5,
    learning_rate: 0.02,
    decay: 0.9,
    regularization: 0.05,
    bias_regularization: 0.01,
    seed: 7,
    threads: 1,
};

/// Ratings of a small world: user, item, value.
#[derive(Clone, Debug)]
struct World {
    users: Vec<i32>,
    items: Vec<i32>,
    values: Vec<f32>,
    n_users: usize,
    n_items: usize,
}

impl World {
    fn new(n_users: usize, n_items: usize, each: usize) -> Self {
        let mut world = Self {
            users: vec![],
            items: vec![],
            values: vec![],
            n_users,
            n_items,
        };
        for user in 0..n_users {
            for at in 0..each {
                let item = (user * 7 + at * 3) % n_items;
                world.users.push(user as i32);
                world.items.push(item as i32);
                world
                    .values
                    .push(((user % 3) as f32 - 1.0) * ((item % 2) as f32 - 0.5) + 3.0);
            }
        }
        world
    }

    fn ratings(&self) -> Ratings<'_> {
        Ratings {
            users: &self.users,
            items: &self.items,
            values: &self.values,
            n_users: self.n_users,
            n_items: self.n_items,
        }
    }

    fn fit(&self, settings: &Settings, isa: Isa) -> Result<Model, KernelError> {
        fit(&self.ratings(), settings, isa, |_, _| {
            ControlFlow::Continue(())
        })
    }
}

/// The same steps in f64, for ratings that fit one block.
fn naive(world: &World, settings: &Settings, start: &Model) -> Model {
    let f = settings.factors;
    let wide = |values: &[f32]| values.iter().map(|&v| f64::from(v)).collect::<Vec<f64>>();
    let (mut p, mut q) = (wide(&start.user_factors), wide(&start.item_factors));
    let (mut bu, mut bi) = (vec![0.0; world.n_users], vec![0.0; world.n_items]);
    let mean = wide(&world.values).iter().sum::<f64>() / world.values.len() as f64;
    let (reg, bias_reg) = (
        f64::from(settings.regularization),
        f64::from(settings.bias_regularization),
    );
    let mut rate = f64::from(settings.learning_rate);
    let mut train_rmse = vec![];
    for _ in 0..settings.epochs {
        let mut squares = 0.0;
        for user in 0..world.n_users {
            let mine: Vec<usize> = (0..world.users.len())
                .filter(|&at| world.users[at] as usize == user)
                .collect();
            let whole = mine.len() / 4 * 4;
            let batches = mine[..whole].chunks(4).chain(mine[whole..].chunks(1));
            for batch in batches {
                let errors: Vec<f64> = batch
                    .iter()
                    .map(|&at| {
                        let item = world.items[at] as usize;
                        let dot: f64 = (0..f).map(|i| p[user * f + i] * q[item * f + i]).sum();
                        f64::from(world.values[at]) - mean - bu[user] - bi[item] - dot
                    })
                    .collect();
                let old: Vec<f64> = p[user * f..][..f].to_vec();
                for (error, &at) in errors.iter().zip(batch) {
                    let item = world.items[at] as usize;
                    for i in 0..f {
                        let other = q[item * f + i];
                        p[user * f + i] += rate * (error * other - reg * old[i]);
                        q[item * f + i] += rate * (error * old[i] - reg * other);
                    }
                    bi[item] += rate * (error - bias_reg * bi[item]);
                    squares += error * error;
                }
                let all: f64 = errors.iter().sum();
                bu[user] += rate * (all - batch.len() as f64 * bias_reg * bu[user]);
            }
        }
        train_rmse.push((squares / world.values.len() as f64).sqrt() as f32);
        rate *= f64::from(settings.decay);
    }
    let narrow = |values: Vec<f64>| values.into_iter().map(|v| v as f32).collect();
    Model {
        mean,
        user_bias: narrow(bu),
        item_bias: narrow(bi),
        user_factors: narrow(p),
        item_factors: narrow(q),
        train_rmse,
    }
}

fn close(a: &[f32], b: &[f32]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() <= 1e-5)
}

fn available() -> Vec<Isa> {
    let (run, skipped): (Vec<_>, Vec<_>) = Isa::ALL.into_iter().partition(|isa| isa.available());
    for isa in skipped {
        println!("skipped: this processor has no {}", isa.name());
    }
    run
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn every_instruction_set_takes_the_steps_of_the_naive_twin(
        triples in prop::collection::vec((0_i32..6, 0_i32..5, -2.0_f32..2.0), 1..50),
        factors in 1_usize..70,
    ) {
        let world = World {
            users: triples.iter().map(|t| t.0).collect(),
            items: triples.iter().map(|t| t.1).collect(),
            values: triples.iter().map(|t| t.2).collect(),
            n_users: 6,
            n_items: 5,
        };
        let settings = Settings { factors, ..SETTINGS };
        let start = world.fit(&Settings { epochs: 0, ..settings }, Isa::Scalar).unwrap();
        let expected = naive(&world, &settings, &start);
        let scalar = world.fit(&settings, Isa::Scalar).unwrap();
        prop_assert!((scalar.mean - expected.mean).abs() < 1e-9);
        prop_assert!(close(&scalar.user_factors, &expected.user_factors));
        prop_assert!(close(&scalar.item_factors, &expected.item_factors));
        prop_assert!(close(&scalar.user_bias, &expected.user_bias));
        prop_assert!(close(&scalar.item_bias, &expected.item_bias));
        prop_assert!(close(&scalar.train_rmse, &expected.train_rmse));
        for isa in available() {
            prop_assert_eq!(&world.fit(&settings, isa).unwrap(), &scalar, "{}", isa.name());
        }
    }
}

#[test]
fn threads_do_not_change_a_bit() {
    let world = World::new(2_700, 500, 100);
    assert!(world.values.len() > super::SMALL);
    let settings = Settings {
        epochs: 2,
        factors: 20,
        ..SETTINGS
    };
    let one = world.fit(&settings, Isa::best()).unwrap();
    assert!(one.train_rmse[1] < one.train_rmse[0]);
    for threads in [2, 3, 9] {
        assert_eq!(
            world
                .fit(
                    &Settings {
                        threads,
                        ..settings
                    },
                    Isa::best()
                )
                .unwrap(),
            one
        );
    }
}

#[test]
fn every_width_of_rows_has_its_own_loop_and_zeros_stay_in_the_padding() {
    let world = World::new(9, 8, 6);
    for factors in [
        1, 16, 17, 33, 48, 64, 65, 96, 97, 128, 129, 200, 256, 300, 384, 400, 512,
    ] {
        let settings = Settings {
            factors,
            ..SETTINGS
        };
        let start = world
            .fit(
                &Settings {
                    epochs: 0,
                    ..settings
                },
                Isa::best(),
            )
            .unwrap();
        let expected = naive(&world, &settings, &start);
        let model = world.fit(&settings, Isa::best()).unwrap();
        assert_eq!(model.user_factors.len(), 9 * factors);
        assert!(
            close(&model.item_factors, &expected.item_factors),
            "{factors}"
        );
    }
}

#[test]
fn a_pattern_of_rank_one_is_learned() {
    let world = World::new(60, 40, 30);
    let settings = Settings {
        epochs: 200,
        learning_rate: 0.05,
        decay: 1.0,
        ..SETTINGS
    };
    let model = world
        .fit(
            &Settings {
                regularization: 0.0,
                ..settings
            },
            Isa::best(),
        )
        .unwrap();
    assert!(model.train_rmse[199] < 0.02, "{}", model.train_rmse[199]);
}

#[test]
fn rows_without_ratings_stay_zero_and_do_not_shift_others() {
    let mut world = World::new(4, 6, 3);
    let full = world
        .fit(
            &Settings {
                epochs: 0,
                ..SETTINGS
            },
            Isa::Scalar,
        )
        .unwrap();
    world.n_users = 5;
    let model = world.fit(&SETTINGS, Isa::Scalar).unwrap();
    assert_eq!(
        (&model.user_factors[4 * 8..], model.user_bias[4]),
        (&[0.0; 8][..], 0.0)
    );
    let start = world
        .fit(
            &Settings {
                epochs: 0,
                ..SETTINGS
            },
            Isa::Scalar,
        )
        .unwrap();
    assert_eq!(start.user_factors[..4 * 8], full.user_factors[..]);
    let other = world
        .fit(
            &Settings {
                epochs: 0,
                seed: 8,
                ..SETTINGS
            },
            Isa::Scalar,
        )
        .unwrap();
    assert_ne!(other.user_factors, start.user_factors);
}

#[test]
fn progress_hears_each_epoch_and_may_stop() {
    let world = World::new(9, 8, 6);
    let mut heard = vec![];
    let model = fit(&world.ratings(), &SETTINGS, Isa::best(), |epoch, rmse| {
        heard.push((epoch, rmse as f32));
        if epoch == 2 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    })
    .unwrap();
    assert_eq!(
        heard.iter().map(|(epoch, _)| *epoch).collect::<Vec<_>>(),
        [0, 1, 2]
    );
    assert_eq!(
        heard.iter().map(|(_, rmse)| *rmse).collect::<Vec<_>>(),
        model.train_rmse
    );
}

#[test]
fn wrong_arguments_are_refused() {
    let world = World::new(2, 3, 2);
    let refused = |world: &World, settings: Settings| {
        world
            .fit(&settings, Isa::Scalar)
            .unwrap_err()
            .message()
            .to_owned()
    };
    let cases: [(Settings, &str); 7] = [
        (
            Settings {
                factors: 0,
                ..SETTINGS
            },
            "factors is 0, and must be from 1 to 512",
        ),
        (
            Settings {
                learning_rate: 0.0,
                ..SETTINGS
            },
            "learning_rate is 0, and must be above 0",
        ),
        (
            Settings {
                decay: 1.5,
                ..SETTINGS
            },
            "decay is 1.5, and must be above 0 and at most 1",
        ),
        (
            Settings {
                regularization: -1.0,
                ..SETTINGS
            },
            "regularization is -1, and must be 0 or",
        ),
        (
            Settings {
                bias_regularization: f32::NAN,
                ..SETTINGS
            },
            "bias_regularization is NaN",
        ),
        (
            Settings {
                threads: 0,
                ..SETTINGS
            },
            "threads is 0",
        ),
        (
            Settings {
                learning_rate: 1e9,
                ..SETTINGS
            },
            "lower learning_rate (it is 1000000000)",
        ),
    ];
    for (settings, expected) in cases {
        let message = refused(&world, settings);
        assert!(message.contains(expected), "{message}");
    }
    let mut short = world.clone();
    short.items.pop();
    assert!(refused(&short, SETTINGS).contains("4 users, 3 items and 4 ratings"));
    let mut wild = world.clone();
    wild.values[3] = f32::INFINITY;
    assert!(refused(&wild, SETTINGS).contains("ratings[3] is inf"));
    let mut outside = world.clone();
    outside.items[1] = 3;
    assert!(refused(&outside, SETTINGS).contains("items[1] is 3, and must be a row from 0 to 2"));
    let none = World {
        users: vec![],
        items: vec![],
        values: vec![],
        ..world
    };
    assert!(refused(&none, SETTINGS).contains("there are 0 ratings"));
}
