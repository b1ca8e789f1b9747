//! Strangers, and what each of their likings adds to a score.

use super::{SETTINGS, WARP, World, available, score};
use crate::pairwise::{Loss, Model, Settings, fold_in, shares};
use crate::{Isa, KernelError, Matrix};

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
