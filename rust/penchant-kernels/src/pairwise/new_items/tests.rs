//! New items by hand-made answers, and with the same bits wherever they are made.

use super::super::tests::{SETTINGS, WARP, World, available};
use super::{MAX_RIVALS, Rivals, fold_in_items, rivals};
use crate::pairwise::{Loss, Settings};
use crate::{Isa, KernelError, Matrix};

const ONE: Settings = Settings {
    factors: 1,
    epochs: 1,
    learning_rate: 0.1,
    decay: 1.0,
    regularization: 0.0,
    ..SETTINGS
};

fn folded(
    likers: &World,
    likes: &World,
    sides: (&[f32], &[f32]),
    rivals: &Rivals,
    settings: &Settings,
    isa: Isa,
) -> Result<Vec<f32>, KernelError> {
    let width = settings.factors;
    let [users, items] =
        [sides.0, sides.1].map(|side| Matrix::new(side, side.len() / width, width).unwrap());
    let (likers, likes) = (likers.likes(), likes.likes());
    fold_in_items(&likers, &likes, &users, &items, rivals, settings, isa)
}

#[test]
fn likers_pull_an_item_and_rivals_push_it_away() {
    // User 0 likes the new item; user 1 likes an old one of score 0.5.
    let (likers, likes) = (World::new(&[vec![0]], 2), World::new(&[vec![], vec![0]], 1));
    let sides = (&[1.0, 2.0][..], &[0.0][..]);
    let rivals = Rivals {
        users: vec![1],
        scores: vec![0.5],
        weights: vec![1.0],
    };
    let bpr = folded(&likers, &likes, sides, &rivals, &ONE, Isa::best()).unwrap();
    // The other comes first: from 0, -0.1 / (1 + e^0.5) * 2; then 0.1 / (1 + e^q).
    let pushed = -0.2 / (1.0 + 0.5_f32.exp());
    let wanted = pushed + 0.1 / (1.0 + pushed.exp());
    assert!((bpr[0] - wanted).abs() < 1e-6, "{bpr:?} {wanted}");
    let settings = Settings { loss: WARP, ..ONE };
    let warp = folded(&likers, &likes, sides, &rivals, &settings, Isa::best()).unwrap();
    // A lead of 0.5 is less than 1, and the first try finds the only item.
    assert!((warp[0] - (-0.2 + 0.1)).abs() < 1e-6, "{warp:?}");
}

#[test]
fn a_rival_that_leads_by_one_or_likes_the_item_is_let_be() {
    let likes = World::new(&[vec![], vec![0]], 1);
    let sides = (&[1.0, 1.0][..], &[9.0][..]);
    let rivals = |score: f32| Rivals {
        users: vec![1],
        scores: vec![score],
        weights: vec![1.0],
    };
    let settings = Settings { loss: WARP, ..ONE };
    let liked_by = |user: i32, score: f32| {
        let likers = World::new(&[vec![user]], 2);
        folded(
            &likers,
            &likes,
            sides,
            &rivals(score),
            &settings,
            Isa::best(),
        )
        .unwrap()[0]
    };
    assert!((liked_by(0, 1.5) - 0.1).abs() < 1e-6);
    assert!((liked_by(0, 0.5) - 0.0).abs() < 1e-6);
    // User 1 likes the only other item as well, so that there is nothing to compare with.
    assert!((liked_by(1, 0.5) - 0.0).abs() < 1e-6);
}

#[test]
fn an_item_has_the_same_bits_alone_in_a_batch_and_on_any_instruction_set() {
    let world = World::checkerboard(20, 16);
    let likers: Vec<Vec<i32>> = vec![vec![0, 2, 6], vec![], vec![1, 3, 4, 9]];
    for loss in [Loss::Bpr, WARP] {
        for factors in [1, 8, 40] {
            let settings = Settings {
                loss,
                factors,
                ..SETTINGS
            };
            let model = world.fit(&settings, Isa::best()).unwrap();
            let sides = (&model.user_factors[..], &model.item_factors[..]);
            let users = Matrix::new(sides.0, 20, factors).unwrap();
            let items = Matrix::new(sides.1, 16, factors).unwrap();
            let made = |isa| rivals(&world.likes(), &users, &items, &settings, isa).unwrap();
            let sample = made(Isa::Scalar);
            let batch = World::new(&likers, 20);
            let fold = |likers: &World, settings: &Settings, isa| {
                folded(likers, &world, sides, &sample, settings, isa).unwrap()
            };
            let together = fold(&batch, &settings, Isa::Scalar);
            assert!(together[..factors].iter().any(|&number| number != 0.0));
            assert!(
                together[factors..2 * factors]
                    .iter()
                    .all(|&number| number == 0.0)
            );
            for isa in available() {
                assert_eq!(made(isa), sample, "{}", isa.name());
                for (row, own) in likers.iter().enumerate() {
                    let alone = fold(&World::new(std::slice::from_ref(own), 20), &settings, isa);
                    assert_eq!(alone, together[row * factors..][..factors]);
                }
            }
            let four = Settings {
                threads: 4,
                ..settings
            };
            assert_eq!(fold(&batch, &four, Isa::best()), together);
        }
    }
}

#[test]
fn a_sample_stands_for_all_likings() {
    // 9,000 likings of 90 users with 200 items, 100 each.
    let rows: Vec<Vec<i32>> = (0..90)
        .map(|user| (0..100).map(|at| at * 2 + user % 2).collect())
        .collect();
    let world = World::new(&rows, 200);
    let users: Vec<f32> = (0..90).map(|user| user as f32).collect();
    let items = vec![2.0; 200];
    let sides = [(&users[..], 90), (&items[..], 200)];
    let [users, items] = sides.map(|(side, rows)| Matrix::new(side, rows, 1).unwrap());
    let found = rivals(&world.likes(), &users, &items, &ONE, Isa::best()).unwrap();
    assert_eq!(found.users.len(), MAX_RIVALS);
    for (user, score) in found.users.iter().zip(&found.scores) {
        assert!((score - 2.0 * *user as f32).abs() < 1e-6);
    }
    for user in 0..90 {
        let count = found.users.iter().filter(|&&own| own == user).count();
        assert!(
            (45..=46).contains(&count),
            "user {user} stands {count} times"
        );
    }
    // BPR draws one of the 100 items that a user doesn't like for each of the 9,000.
    assert!((found.weights.iter().sum::<f32>() - 90.0).abs() < 1e-3);
    // WARP finds a fault at once where all scores are equal, or else after items that are liked.
    let warp = Settings { loss: WARP, ..ONE };
    let found = rivals(&world.likes(), &users, &items, &warp, Isa::best()).unwrap();
    let tries = found.weights.iter().sum::<f32>() * 200.0 / 9000.0;
    assert!(
        (1.4..2.0).contains(&tries),
        "{tries} tries, each a little less than 1"
    );
}

#[test]
fn who_likes_everything_is_no_rival() {
    let world = World::new(&[vec![0, 1], vec![1]], 2);
    let [users, items] = [[1.0, 1.0], [0.5, 0.5]];
    let sides = (
        Matrix::new(&users, 2, 1).unwrap(),
        Matrix::new(&items, 2, 1).unwrap(),
    );
    for loss in [Loss::Bpr, WARP] {
        let settings = Settings { loss, ..ONE };
        let found = rivals(&world.likes(), &sides.0, &sides.1, &settings, Isa::best()).unwrap();
        assert_eq!(found.users, [1]);
    }
}

#[test]
fn wrong_arguments_are_refused() {
    let (likers, likes) = (World::new(&[vec![0]], 2), World::new(&[vec![], vec![0]], 1));
    let refused = |likers: &World, users: &[f32], rivals: &Rivals, rate: f32| {
        let settings = Settings {
            learning_rate: rate,
            epochs: 9,
            ..ONE
        };
        let sides = (users, &[0.5][..]);
        let error = folded(likers, &likes, sides, rivals, &settings, Isa::best()).unwrap_err();
        error.message().to_owned()
    };
    let none = Rivals::default();
    assert_eq!(
        refused(&likers, &[1.0], &none, 0.1),
        "there are 1 users of 1 factors, and there must be 2 of 1"
    );
    assert_eq!(
        refused(&World::new(&[vec![0]], 3), &[1.0, 1.0], &none, 0.1),
        "likers are of 3 users, and there must be 2"
    );
    let uneven = Rivals {
        users: vec![1],
        ..Rivals::default()
    };
    assert_eq!(
        refused(&likers, &[1.0, 1.0], &uneven, 0.1),
        "rivals have 1 users, 0 scores and 0 weights, and must have as many of each"
    );
    let unknown = Rivals {
        users: vec![2],
        scores: vec![0.0],
        weights: vec![1.0],
    };
    assert_eq!(
        refused(&likers, &[1.0, 1.0], &unknown, 0.1),
        "rivals hold the user 2, and there are 2"
    );
    assert_eq!(
        refused(&likers, &[f32::MAX, 1.0], &none, 1e9),
        "folding in items diverged: factors are no longer finite numbers; lower learning_rate (it \
         is 1000000000)"
    );
}
