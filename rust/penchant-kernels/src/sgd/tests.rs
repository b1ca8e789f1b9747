//! Training against a naive twin, and against itself on other threads and instruction sets.

use super::{Model, Optimizer, Progress, Ratings, Settings, fit};
use crate::{Isa, KernelError};
use proptest::prelude::*;
use std::ops::ControlFlow;

const SETTINGS: Settings = Settings {
    factors: 8,
    epochs: 5,
    optimizer: Optimizer::Sgd,
    learning_rate: 0.02,
    decay: 0.9,
    regularization: 0.05,
    bias_regularization: 0.01,
    patience: 2,
    seed: 7,
    threads: 1,
};

/// Goes on.
fn on(_: Progress) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

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
        fit(&self.ratings(), None, settings, isa, on)
    }
}

/// The same steps in f64, for ratings that fit one block.
fn naive(world: &World, settings: &Settings, start: &Model) -> Model {
    let f = settings.factors;
    let wide = |values: &[f32]| values.iter().map(|&v| f64::from(v)).collect::<Vec<f64>>();
    let (mut p, mut q) = (wide(&start.user_factors), wide(&start.item_factors));
    let (mut bu, mut bi) = (vec![0.0; world.n_users], vec![0.0; world.n_items]);
    // Squared gradients met so far: factors, bias.
    let (mut met_u, mut met_i) = (vec![[0.0; 2]; world.n_users], vec![[0.0; 2]; world.n_items]);
    let mean = wide(&world.values).iter().sum::<f64>() / world.values.len() as f64;
    let (reg, bias_reg) = (
        f64::from(settings.regularization),
        f64::from(settings.bias_regularization),
    );
    let mut rate = f64::from(settings.learning_rate);
    let mut train_rmse = vec![];
    for _ in 0..settings.epochs {
        let pace = |met: [f64; 2]| match settings.optimizer {
            Optimizer::Sgd => [rate; 2],
            Optimizer::Adagrad => met.map(|squares| rate / (1.0 + squares).sqrt()),
        };
        let mut squares = 0.0;
        for user in 0..world.n_users {
            let mine: Vec<usize> = (0..world.users.len())
                .filter(|&at| world.users[at] as usize == user)
                .collect();
            for batch in mine.chunks(4) {
                let errors: Vec<f64> = batch
                    .iter()
                    .map(|&at| {
                        let item = world.items[at] as usize;
                        let dot: f64 = (0..f).map(|i| p[user * f + i] * q[item * f + i]).sum();
                        f64::from(world.values[at]) - mean - bu[user] - bi[item] - dot
                    })
                    .collect();
                let old: Vec<f64> = p[user * f..][..f].to_vec();
                let mut down: Vec<f64> =
                    old.iter().map(|p| -reg * batch.len() as f64 * p).collect();
                let paces: Vec<_> = batch
                    .iter()
                    .map(|&at| pace(met_i[world.items[at] as usize]))
                    .collect();
                for ((error, &at), pace) in errors.iter().zip(batch).zip(paces) {
                    let item = world.items[at] as usize;
                    let mut met = 0.0;
                    for i in 0..f {
                        let other = q[item * f + i];
                        let gradient = error * old[i] - reg * other;
                        down[i] += error * other;
                        q[item * f + i] += pace[0] * gradient;
                        met += gradient * gradient;
                    }
                    let gradient = error - bias_reg * bi[item];
                    bi[item] += pace[1] * gradient;
                    met_i[item][0] += met / f as f64;
                    met_i[item][1] += gradient * gradient;
                    squares += error * error;
                }
                let pace = pace(met_u[user]);
                let gradient =
                    errors.iter().sum::<f64>() - batch.len() as f64 * bias_reg * bu[user];
                bu[user] += pace[1] * gradient;
                for (p, down) in p[user * f..][..f].iter_mut().zip(&down) {
                    *p += pace[0] * down;
                }
                met_u[user][0] += down.iter().map(|down| down * down).sum::<f64>() / f as f64;
                met_u[user][1] += gradient * gradient;
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
        validation_rmse: vec![],
        epochs: settings.epochs,
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
        optimizer in prop::sample::select(vec![Optimizer::Sgd, Optimizer::Adagrad]),
    ) {
        let world = World {
            users: triples.iter().map(|t| t.0).collect(),
            items: triples.iter().map(|t| t.1).collect(),
            values: triples.iter().map(|t| t.2).collect(),
            n_users: 6,
            n_items: 5,
        };
        let settings = Settings { factors, optimizer, ..SETTINGS };
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
    for optimizer in [Optimizer::Sgd, Optimizer::Adagrad] {
        let settings = Settings {
            epochs: 2,
            factors: 20,
            optimizer,
            ..SETTINGS
        };
        let one = world.fit(&settings, Isa::best()).unwrap();
        assert!(one.train_rmse[1] < one.train_rmse[0]);
        for threads in [2, 3, 4, 8] {
            let settings = Settings {
                threads,
                ..settings
            };
            assert_eq!(world.fit(&settings, Isa::best()).unwrap(), one);
        }
    }
}

#[test]
fn the_epoch_that_errs_least_on_held_out_ratings_is_kept() {
    // Noise: whatever is learned of it errs elsewhere.
    let mut world = World::new(40, 30, 12);
    for (at, value) in world.values.iter_mut().enumerate() {
        *value = ((at * 2_654_435_761) >> 7 & 3) as f32;
    }
    let (mut train, mut held_out) = (world.clone(), world);
    for (world, kept) in [(&mut train, false), (&mut held_out, true)] {
        let keep = |at: usize| at.is_multiple_of(4) == kept;
        let mut at = 0..world.values.len();
        let kept: Vec<usize> = at.by_ref().filter(|&at| keep(at)).collect();
        world.users = kept.iter().map(|&at| world.users[at]).collect();
        world.items = kept.iter().map(|&at| world.items[at]).collect();
        world.values = kept.iter().map(|&at| world.values[at]).collect();
    }
    let settings = Settings {
        epochs: 40,
        learning_rate: 0.1,
        decay: 1.0,
        regularization: 0.0,
        patience: 3,
        ..SETTINGS
    };
    let stopped = fit(
        &train.ratings(),
        Some(&held_out.ratings()),
        &settings,
        Isa::best(),
        on,
    )
    .unwrap();
    let rmse = &stopped.validation_rmse;
    let best = (0..rmse.len())
        .min_by(|&a, &b| rmse[a].total_cmp(&rmse[b]))
        .unwrap();
    assert_eq!(stopped.epochs, best + 1);
    assert_eq!(rmse.len(), best + 1 + 3);
    assert!(rmse.len() < 40);
    let shorter = Settings {
        epochs: best + 1,
        ..settings
    };
    let again = train.fit(&shorter, Isa::best()).unwrap();
    assert_eq!(again.item_factors, stopped.item_factors);
    assert_eq!(again.user_bias, stopped.user_bias);
    let squares = held_out
        .values
        .iter()
        .enumerate()
        .map(|(at, &value)| {
            let (user, item) = (held_out.users[at] as usize, held_out.items[at] as usize);
            let (p, q) = (
                &again.user_factors[user * 8..],
                &again.item_factors[item * 8..],
            );
            let dot: f32 = p.iter().zip(q).take(8).map(|(p, q)| p * q).sum();
            let known = again.mean + f64::from(again.user_bias[user] + again.item_bias[item] + dot);
            (f64::from(value) - known).powi(2)
        })
        .sum::<f64>();
    let expected = (squares / held_out.values.len() as f64).sqrt();
    assert!((f64::from(rmse[best]) - expected).abs() < 1e-5);
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
    let widest = full
        .user_factors
        .iter()
        .fold(0.0, |m: f32, v| m.max(v.abs()));
    assert!((0.02..=0.03).contains(&widest), "{widest}");
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
    let model = fit(
        &world.ratings(),
        None,
        &SETTINGS,
        Isa::best(),
        |step| match step {
            Progress::Part => ControlFlow::Continue(()),
            Progress::Epoch {
                epoch, train_rmse, ..
            } => {
                heard.push((epoch, train_rmse as f32));
                if epoch == 2 {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            }
        },
    )
    .unwrap();
    let (epochs, errors): (Vec<_>, Vec<_>) = heard.into_iter().unzip();
    assert_eq!(epochs, [0, 1, 2]);
    assert_eq!(errors, model.train_rmse);
    assert_eq!(model.epochs, 3);
}

#[test]
fn progress_may_break_off_within_an_epoch() {
    let world = World::new(2_700, 500, 100);
    let mut parts = 0;
    let model = fit(&world.ratings(), None, &SETTINGS, Isa::best(), |_| {
        parts += 1;
        if parts == 2 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    })
    .unwrap();
    assert_eq!((parts, model.epochs), (2, 0));
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
    let cases: [(Settings, &str); 8] = [
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
                patience: 0,
                ..SETTINGS
            },
            "patience is 0, and must be at least 1",
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
