//! What training learns, keeps and hears, and that threads don't change a bit.

mod prior;
mod refusals;
mod twin;

use super::{Model, Optimizer, Progress, Ratings, Settings, fit};
use crate::{Isa, KernelError};
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
        fit(&self.ratings(), None, None, settings, isa, on)
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
        None,
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
    let model = fit(&world.ratings(), None, None, &SETTINGS, Isa::best(), |_| {
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
