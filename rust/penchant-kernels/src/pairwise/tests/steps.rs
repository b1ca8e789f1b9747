//! Which comparisons are drawn, and what a step makes of them, against a naive twin.

use super::{SETTINGS, WARP, World, available};
use crate::Isa;
use crate::crew::crew;
use crate::pairwise::choose::{Round, rank_weights};
use crate::pairwise::plan::Plan;
use crate::pairwise::rows::Rows;
use crate::pairwise::step::{Items, Step, Triple};
use crate::pairwise::{Loss, ROUNDS, Rates};
use crate::simd::{Lanes, run};
use proptest::prelude::*;

fn chosen(world: &World, loss: Loss, users: &Rows, items: &Rows) -> Vec<Triple> {
    let (likes, mut all) = (world.likes(), vec![]);
    let plan = Plan::new(&likes);
    for number in 0..ROUNDS {
        let round = Round {
            likes: &likes,
            plan: &plan,
            stream: [3, 0],
            number,
        };
        let mut buckets = plan.buckets();
        crew(1, |crew| {
            round.choose(Isa::best(), loss, (users, items), &mut buckets, crew)
        });
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
}
