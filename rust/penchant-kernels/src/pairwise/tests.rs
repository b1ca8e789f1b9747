//! Training against naive twins, and against itself on other threads and instruction sets.

use super::choose::{Round, rank_weights};
use super::plan::Plan;
use super::rows::Rows;
use super::step::{Items, Step, Triple};
use super::{Loss, Model, Rates, Settings, fit, fold_in, shares};
use crate::filter::Ragged;
use crate::simd::{Lanes, run};
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

fn chosen(world: &World, loss: Loss, users: &Rows, items: &Rows) -> Vec<Triple> {
    let (likes, mut all) = (world.likes(), vec![]);
    let plan = Plan::new(&likes);
    for number in 0..super::ROUNDS {
        let round = Round {
            likes: &likes,
            plan: &plan,
            stream: [3, 0],
            number,
        };
        let mut buckets = plan.buckets();
        round.choose(Isa::best(), loss, (users, items), &mut buckets, 1);
        all.extend(buckets.into_iter().flatten().flatten());
    }
    all
}

#[test]
fn each_liking_is_compared_once_an_epoch_and_with_items_of_the_whole_catalogue() {
    let world = World::checkerboard(40, 12);
    let (users, items) = Rows::start(&world.likes(), &SETTINGS);
    for loss in [Loss::Bpr, WARP] {
        let triples = chosen(&world, loss, &users, &items);
        let mut found: Vec<_> = triples.iter().map(|t| (t.user, t.liked)).collect();
        found.sort_unstable();
        let likes = world.likes();
        let all = (0..40_u32).flat_map(|user| {
            likes
                .get(user as usize)
                .iter()
                .map(move |&item| (user, item as u32))
        });
        assert_eq!(found, all.collect::<Vec<_>>());
        let unliked = triples.iter().all(|triple| {
            let own = likes.get(triple.user as usize);
            !own.contains(&(triple.other as i32))
        });
        assert!(unliked);
        let mut others: Vec<_> = triples.iter().map(|triple| triple.other).collect();
        others.sort_unstable();
        others.dedup();
        assert_eq!(others.len(), 12);
    }
}

#[test]
fn warp_lets_a_liking_be_that_leads_all_others_and_weighs_a_fault_by_its_rank() {
    // One user at 1, who likes item 0; one lane each.
    let rows = |values: &[f32]| {
        let lanes = values.iter().map(|&value| {
            let mut lanes = Lanes::ZERO;
            lanes.0[0] = value;
            lanes
        });
        Rows {
            lanes: lanes.collect(),
            width: 1,
        }
    };
    let world = World::new(&[vec![0]], 4);
    let user = rows(&[1.0]);
    assert!(chosen(&world, WARP, &user, &rows(&[2.0, 0.9, 0.9, 0.9])).is_empty());
    let triples = chosen(&world, WARP, &user, &rows(&[2.0, 0.9, 1.1, 0.9]));
    let [
        Triple {
            user: 0,
            liked: 0,
            other: 2,
            weight,
        },
    ] = triples[..]
    else {
        panic!("{triples:?}");
    };
    assert!(rank_weights(4, 20).contains(&weight));
}

#[test]
fn the_first_try_weighs_one_and_later_ones_the_logarithm_of_their_rank() {
    let weights = rank_weights(101, 60);
    assert_eq!(weights[0].to_bits(), 1.0_f32.to_bits());
    assert!((f64::from(weights[3]) - 25_f64.ln() / 100_f64.ln()).abs() < 1e-7);
    assert!((f64::from(weights[2]) - 33_f64.ln() / 100_f64.ln()).abs() < 1e-7);
    assert_eq!(weights[50].to_bits(), 0.0_f32.to_bits());
    assert_eq!(rank_weights(2, 2), [1.0, 1.0]);
    assert_eq!(rank_weights(1, 1), [1.0]);
}

/// The same steps in f64: leads of four from the rows before, then one step after another.
fn naive(triples: &[Triple], users: &mut [f64], items: &mut [f64], f: usize, rates: Rates) {
    let whole = triples.len() / 4 * 4;
    for batch in triples[..whole].chunks(4).chain(triples[whole..].chunks(1)) {
        let lead = |t: &Triple| -> f64 {
            let (p, q, r) = (
                t.user as usize * f,
                t.liked as usize * f,
                t.other as usize * f,
            );
            (0..f)
                .map(|at| users[p + at] * (items[q + at] - items[r + at]))
                .sum()
        };
        let leads: Vec<f64> = batch.iter().map(lead).collect();
        for (t, lead) in batch.iter().zip(leads) {
            let pull = match rates.loss {
                Loss::Bpr => 1.0 / (1.0 + lead.exp()),
                Loss::Warp { .. } if lead < 1.0 => f64::from(t.weight),
                Loss::Warp { .. } => continue,
            };
            let (pull, keep) = (pull * f64::from(rates.learning_rate), f64::from(rates.keep));
            let (p, q, r) = (
                t.user as usize * f,
                t.liked as usize * f,
                t.other as usize * f,
            );
            for at in 0..f {
                let (a, b, c) = (users[p + at], items[q + at], items[r + at]);
                users[p + at] = keep * a + pull * (b - c);
                items[q + at] = keep * b + pull * a;
                items[r + at] = keep * c - pull * a;
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn steps_are_those_of_the_naive_twin(
        drawn in prop::collection::vec((0_u32..3, 0_u32..5, 1_u32..5, 0.1_f32..1.0), 0..30),
        numbers in prop::collection::vec(-1.5_f32..1.5, 8 * 16),
        warp in any::<bool>(),
        apart in any::<bool>(),
    ) {
        // Users 0 to 2 and items 0 to 4; apart, liked items are in one range and others in another.
        let triples: Vec<Triple> = drawn
            .into_iter()
            .map(|(user, liked, by, weight)| Triple { user, liked, other: (liked + by) % 5, weight })
            .collect();
        let lanes = |numbers: &[f32]| -> Vec<Lanes> {
            numbers.as_chunks().0.iter().map(|&chunk| Lanes(chunk)).collect()
        };
        let (users, items) = numbers.split_at(3 * 16);
        let wide = |numbers: &[f32]| numbers.iter().map(|&v| f64::from(v)).collect::<Vec<_>>();
        let loss = if warp { WARP } else { Loss::Bpr };
        let rates = Rates { loss, learning_rate: 0.1, keep: 0.995 };
        let (mut p, mut q) = (wide(users), wide(items));
        let mut shifted = triples.clone();
        if apart {
            q.extend(wide(items));
            for triple in &mut shifted {
                triple.other += 5;
            }
        }
        naive(&shifted, &mut p, &mut q, 16, rates);
        for isa in available() {
            let (mut users, mut liked, mut other) = (lanes(users), lanes(items), lanes(items));
            let items = if apart {
                Items::Apart(&mut liked, &mut other)
            } else {
                Items::Same(&mut liked)
            };
            run(isa, Step::<1> { triples: &triples, users: &mut users, items, rates });
            if apart {
                liked.extend(other);
            }
            let got = users.iter().chain(&liked).flat_map(|lanes| lanes.0);
            for (got, wanted) in got.zip(p.iter().chain(&q)) {
                prop_assert!((f64::from(got) - wanted).abs() < 1e-4, "{got} {wanted}");
            }
        }
    }

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
fn a_stranger_is_folded_in_with_the_same_bits_alone_in_a_batch_and_on_any_instruction_set() {
    let world = World::checkerboard(20, 16);
    for loss in [Loss::Bpr, WARP] {
        let settings = Settings {
            loss,
            epochs: 100,
            decay: 1.0,
            ..SETTINGS
        };
        let model = world.fit(&settings, Isa::best()).unwrap();
        let items = Matrix::new(&model.item_factors, 16, 8).unwrap();
        let together = fold_in(&world.likes(), &items, &settings, Isa::Scalar).unwrap();
        for user in 0..20 {
            let alone = World::new(&[world.likes().get(user).to_vec()], 16);
            for isa in available() {
                let vector = fold_in(&alone.likes(), &items, &settings, isa).unwrap();
                assert_eq!(vector, together[user * 8..][..8]);
            }
            let strangers = Model {
                user_factors: together.clone(),
                ..model.clone()
            };
            let (own, other) = (user % 2, 1 - user % 2);
            let hole = (own..16)
                .step_by(2)
                .find(|item| (item / 2 + user) % 4 == 0)
                .unwrap();
            assert!(score(&strangers, 8, user, hole) > score(&strangers, 8, user, other));
        }
        let four = Settings {
            threads: 4,
            ..settings
        };
        assert_eq!(
            fold_in(&world.likes(), &items, &four, Isa::best()).unwrap(),
            together
        );
    }
}

#[test]
fn shares_of_likings_sum_to_the_score() {
    let world = World::checkerboard(20, 16);
    for loss in [Loss::Bpr, WARP] {
        let settings = Settings {
            loss,
            epochs: 60,
            decay: 1.0,
            ..SETTINGS
        };
        let model = world.fit(&settings, Isa::best()).unwrap();
        let items = Matrix::new(&model.item_factors, 16, 8).unwrap();
        let one = World::new(&[vec![0, 2, 6]], 16);
        let vector = fold_in(&one.likes(), &items, &settings, Isa::best()).unwrap();
        let score: f32 = vector.iter().zip(items.row(4)).map(|(p, q)| p * q).sum();
        let shares = shares(&one.likes(), &items, 4, &settings, Isa::best()).unwrap();
        assert_eq!(shares.len(), 3);
        assert!(
            (shares.iter().sum::<f32>() - score).abs() < 1e-5,
            "{shares:?} {score}"
        );
    }
}

#[test]
fn who_likes_nothing_or_everything_is_folded_in_as_zeros() {
    let items = [1.0, 0.5, -1.0, 2.0];
    let items = Matrix::new(&items, 2, 2).unwrap();
    let settings = Settings {
        factors: 2,
        ..SETTINGS
    };
    let world = World::new(&[vec![], vec![0, 1]], 2);
    let vectors = fold_in(&world.likes(), &items, &settings, Isa::best()).unwrap();
    assert_eq!(vectors, [0.0; 4]);
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

#[test]
fn wrong_arguments_of_folding_in_are_refused() {
    let (world, numbers) = (World::checkerboard(2, 4), vec![0.5; 32]);
    let items = Matrix::new(&numbers, 4, 8).unwrap();
    let message = |error: KernelError| error.message().to_owned();
    let narrow = Matrix::new(&numbers, 8, 4).unwrap();
    let refused = fold_in(&world.likes(), &narrow, &SETTINGS, Isa::best()).unwrap_err();
    assert_eq!(
        message(refused),
        "there are 8 items of 4 factors, and there must be 4 of 8"
    );
    let refused = shares(&world.likes(), &items, 0, &SETTINGS, Isa::best()).unwrap_err();
    assert_eq!(
        message(refused),
        "there are 2 rows of likings, and there must be one"
    );
    let one = World::new(&[vec![1]], 4);
    let refused = shares(&one.likes(), &items, 4, &SETTINGS, Isa::best()).unwrap_err();
    assert_eq!(
        message(refused),
        "target is 4, and must be a row from 0 to 3"
    );
    let huge = vec![f32::MAX, -f32::MAX, 1.0, 1.0];
    let items = Matrix::new(&huge, 4, 1).unwrap();
    let steep = Settings {
        factors: 1,
        learning_rate: 1e9,
        ..SETTINGS
    };
    let refused = fold_in(&one.likes(), &items, &steep, Isa::best()).unwrap_err();
    assert!(message(refused).contains("folding in diverged"));
}
