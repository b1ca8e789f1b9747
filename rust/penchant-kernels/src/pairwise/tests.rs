//! Training against naive twins, and against itself on other threads and instruction sets.

mod fold_in;
mod steps;

use super::{Loss, Model, Settings, Start, fit, go_on};
use crate::filter::Ragged;
use crate::{Isa, KernelError, Matrix};
use proptest::prelude::*;
use std::ops::ControlFlow;

pub(super) const WARP: Loss = Loss::Warp { max_tries: 20 };

pub(super) const SETTINGS: Settings = Settings {
    loss: Loss::Bpr,
    factors: 8,
    epochs: 5,
    learning_rate: 0.05,
    decay: 0.95,
    regularization: 0.02,
    seed: 7,
    threads: 1,
};

/// What users like.
#[derive(Clone, Debug)]
pub(super) struct World {
    indptr: Vec<i64>,
    indices: Vec<i32>,
    n_items: usize,
}

impl World {
    pub(super) fn new(rows: &[Vec<i32>], n_items: usize) -> Self {
        let mut world = Self {
            indptr: vec![0],
            indices: vec![],
            n_items,
        };
        for row in rows {
            world.indices.extend(row);
            world.indptr.push(world.indices.len() as i64);
        }
        world
    }

    /// Even users like even items, odd ones odd ones, but each leaves a few out.
    pub(super) fn checkerboard(n_users: usize, n_items: usize) -> Self {
        let likes = |user: usize| {
            let own = (0..n_items).filter(|item| item % 2 == user % 2);
            let some = own.filter(|item| !(item / 2 + user).is_multiple_of(4));
            some.map(|item| item as i32).collect()
        };
        Self::new(&(0..n_users).map(likes).collect::<Vec<_>>(), n_items)
    }

    pub(super) fn likes(&self) -> Ragged<'_> {
        let users = self.indptr.len() - 1;
        Ragged::new("likes", &self.indptr, &self.indices, users, self.n_items).unwrap()
    }

    pub(super) fn fit(&self, settings: &Settings, isa: Isa) -> Result<Model, KernelError> {
        fit(&self.likes(), settings, isa, |_, _| {
            ControlFlow::Continue(())
        })
    }
}

pub(super) fn available() -> impl Iterator<Item = Isa> {
    Isa::ALL.into_iter().filter(|isa| isa.available())
}

fn score(model: &Model, factors: usize, user: usize, item: usize) -> f32 {
    let p = &model.user_factors[user * factors..][..factors];
    let q = &model.item_factors[item * factors..][..factors];
    p.iter().zip(q).map(|(p, q)| p * q).sum()
}

#[test]
fn the_checkerboard_is_learned_and_its_holes_are_foretold() {
    let world = World::checkerboard(20, 16);
    for loss in [Loss::Bpr, WARP] {
        let settings = Settings {
            loss,
            epochs: 100,
            factors: 1,
            regularization: 0.1,
            decay: 1.0,
            ..SETTINGS
        };
        let model = world.fit(&settings, Isa::best()).unwrap();
        assert!(*model.train_auc.last().unwrap() > 0.7);
        for user in 0..20 {
            let of_colour = |colour: usize| {
                let items = (0..16).filter(move |item| item % 2 == colour);
                items.map(|item| score(&model, 1, user, item))
            };
            let worst_own = of_colour(user % 2).fold(f32::INFINITY, f32::min);
            let best_other = of_colour(1 - user % 2).fold(f32::NEG_INFINITY, f32::max);
            assert!(worst_own > best_other, "{loss:?}, user {user}");
        }
    }
}

#[test]
fn every_instruction_set_and_number_of_threads_gives_the_same_bits() {
    let world = World::checkerboard(30, 22);
    for loss in [Loss::Bpr, WARP] {
        for factors in [1, 16, 40, 100] {
            let settings = Settings {
                loss,
                factors,
                ..SETTINGS
            };
            let model = world.fit(&settings, Isa::Scalar).unwrap();
            for isa in available() {
                assert_eq!(world.fit(&settings, isa).unwrap(), model, "{}", isa.name());
            }
            let four = Settings {
                threads: 4,
                ..settings
            };
            assert_eq!(world.fit(&four, Isa::best()).unwrap(), model);
        }
    }
}

/// Enough likings for the ranges of [`Plan`].
#[test]
fn ranges_are_stepped_by_any_number_of_threads_with_the_same_bits() {
    let rows: Vec<Vec<i32>> = (0..2700)
        .map(|user| (0..100).map(|at| at * 3 + user % 3).collect())
        .collect();
    let world = World::new(&rows, 300);
    for loss in [Loss::Bpr, WARP] {
        let settings = Settings {
            loss,
            epochs: 1,
            ..SETTINGS
        };
        let one = world.fit(&settings, Isa::best()).unwrap();
        assert!(one.train_auc[0] > 0.5);
        for threads in [2, 4, 8] {
            let many = world
                .fit(
                    &Settings {
                        threads,
                        ..settings
                    },
                    Isa::best(),
                )
                .unwrap();
            assert!(many == one, "{threads} threads, {loss:?}");
        }
    }
}

#[test]
fn seeds_differ() {
    let world = World::checkerboard(10, 8);
    let other = Settings {
        seed: 8,
        ..SETTINGS
    };
    let fits = [SETTINGS, other].map(|settings| world.fit(&settings, Isa::best()).unwrap());
    assert_ne!(fits[0].item_factors, fits[1].item_factors);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_likings_can_be_trained_on(
        sets in prop::collection::vec(prop::collection::btree_set(0_i32..6, 0..7), 1..9),
        factors in 1_usize..40,
        warp in any::<bool>(),
    ) {
        let rows: Vec<Vec<i32>> = sets.into_iter().map(|set| set.into_iter().collect()).collect();
        let world = World::new(&rows, 6);
        prop_assume!(!world.indices.is_empty());
        let loss = if warp { WARP } else { Loss::Bpr };
        let model = world.fit(&Settings { loss, factors, ..SETTINGS }, Isa::best()).unwrap();
        for (user, likes) in rows.iter().enumerate() {
            let row = &model.user_factors[user * factors..][..factors];
            prop_assert_eq!(row.iter().any(|&value| value != 0.0), !likes.is_empty());
        }
    }
}

#[test]
fn a_catalogue_of_one_item_and_a_user_who_likes_all_leave_nothing_to_compare() {
    for world in [World::new(&[vec![0]], 1), World::new(&[vec![0, 1, 2]], 3)] {
        for loss in [Loss::Bpr, WARP] {
            let settings = Settings { loss, ..SETTINGS };
            let trained = world.fit(&settings, Isa::best()).unwrap();
            let start = world
                .fit(
                    &Settings {
                        epochs: 0,
                        ..settings
                    },
                    Isa::best(),
                )
                .unwrap();
            assert_eq!(trained.user_factors, start.user_factors);
            assert_eq!(trained.train_auc, [0.0; 5]);
        }
    }
}

#[test]
fn a_training_goes_on_where_one_of_fewer_epochs_ended() {
    let world = World::checkerboard(30, 22);
    for loss in [Loss::Bpr, WARP] {
        for factors in [5, 16, 40] {
            let settings = Settings {
                loss,
                factors,
                epochs: 5,
                decay: 0.9,
                ..SETTINGS
            };
            let whole = world.fit(&settings, Isa::best()).unwrap();
            let first = Settings {
                epochs: 2,
                ..settings
            };
            let first = world.fit(&first, Isa::best()).unwrap();
            let start = Start {
                users: Matrix::new(&first.user_factors, 30, factors).unwrap(),
                items: Matrix::new(&first.item_factors, 22, factors).unwrap(),
                epochs: 2,
            };
            let mut heard = vec![];
            let later = go_on(
                &world.likes(),
                &settings,
                &start,
                Isa::best(),
                |epoch, auc| {
                    heard.extend(auc.map(|_| epoch));
                    ControlFlow::Continue(())
                },
            )
            .unwrap();
            assert_eq!(later.user_factors, whole.user_factors);
            assert_eq!(later.item_factors, whole.item_factors);
            assert_eq!([first.train_auc, later.train_auc].concat(), whole.train_auc);
            assert_eq!(heard, [2, 3, 4]);
        }
    }
}

#[test]
fn a_start_of_other_shapes_or_of_all_epochs_is_refused() {
    let world = World::checkerboard(4, 6);
    let numbers = [0.0; 6 * SETTINGS.factors];
    let matrix = |rows| Matrix::new(&numbers[..rows * SETTINGS.factors], rows, SETTINGS.factors);
    let refused = |users: usize, items: usize, epochs: usize| {
        let (users, items) = (matrix(users).unwrap(), matrix(items).unwrap());
        let start = Start {
            users,
            items,
            epochs,
        };
        let heard = |_, _| ControlFlow::Continue(());
        go_on(&world.likes(), &SETTINGS, &start, Isa::Scalar, heard)
            .unwrap_err()
            .to_string()
    };
    let factors = SETTINGS.factors;
    assert_eq!(
        refused(3, 6, 1),
        format!("the factors of users to start from are 3 x {factors}, and must be 4 x {factors}")
    );
    assert_eq!(
        refused(4, 5, 1),
        format!("the factors of items to start from are 5 x {factors}, and must be 6 x {factors}")
    );
    let epochs = SETTINGS.epochs;
    assert_eq!(
        refused(4, 6, epochs),
        format!("epochs is {epochs}, and must be above the {epochs} that led to the start")
    );
}

#[test]
fn progress_hears_every_round_and_may_stop() {
    let world = World::checkerboard(9, 8);
    let mut heard = vec![];
    let model = fit(&world.likes(), &SETTINGS, Isa::best(), |epoch, auc| {
        heard.push((epoch, auc.map(|auc| auc as f32)));
        if heard.len() == 9 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    })
    .unwrap();
    assert_eq!(model.train_auc.len(), 2);
    let told: Vec<_> = heard.iter().filter_map(|(_, auc)| *auc).collect();
    assert_eq!(told, model.train_auc);
    let epochs: Vec<_> = heard.iter().map(|(epoch, _)| *epoch).collect();
    assert_eq!(epochs, [0, 0, 0, 0, 1, 1, 1, 1, 2]);
}

#[test]
fn wrong_arguments_are_refused() {
    let world = World::checkerboard(4, 6);
    let refused = |settings: Settings| {
        let error = world.fit(&settings, Isa::Scalar).unwrap_err();
        error.message().to_owned()
    };
    let cases = [
        (
            Settings {
                factors: 513,
                ..SETTINGS
            },
            "factors is 513, and must be from 1 to 512",
        ),
        (
            Settings {
                loss: Loss::Warp { max_tries: 0 },
                ..SETTINGS
            },
            "max_tries is 0, and must be from 1 to 1000",
        ),
        (
            Settings {
                learning_rate: f32::NAN,
                ..SETTINGS
            },
            "learning_rate is NaN, and must be above 0",
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
            "regularization is -1, and must be 0 or above",
        ),
        (
            Settings {
                threads: 0,
                ..SETTINGS
            },
            "threads is 0, and must be at least 1",
        ),
    ];
    for (settings, message) in cases {
        assert_eq!(refused(settings), message);
    }
    let steep = Settings {
        learning_rate: 1e9,
        ..SETTINGS
    };
    let message = refused(steep);
    assert!(message.contains("training diverged in epoch"), "{message}");
    assert!(
        message.contains("lower learning_rate (it is 1000000000)"),
        "{message}"
    );
    let nothing = World::new(&[vec![]], 3)
        .fit(&SETTINGS, Isa::Scalar)
        .unwrap_err();
    assert_eq!(
        nothing.message(),
        "there are 0 likings, and there must be at least 1"
    );
}
