//! What is refused, and in which words.

use super::{SETTINGS, World};
use crate::Isa;
use crate::sgd::Settings;

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
