//! Training against a naive twin, on every instruction set and at every width of rows.

use super::{SETTINGS, World};
use crate::Isa;
use crate::sgd::{Model, Optimizer, Settings};
use proptest::prelude::*;

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
