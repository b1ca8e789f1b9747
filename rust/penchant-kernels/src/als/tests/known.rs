//! Fits that start from trained users, or pull items towards what is known of them.

use super::{LOSS, SETTINGS, bits, loss, trained, two_tastes};
use crate::als::{FoldIn, Known, Model, Settings, fit};
use crate::csr::CsrBuf;
use crate::csr::tests::sparse;
use crate::{Isa, Matrix};
use std::ops::ControlFlow;

fn guided(likes: &CsrBuf, known: Known<'_>, settings: &Settings, isa: Isa) -> Model {
    let go_on = |_| ControlFlow::Continue(());
    fit(&likes.view(10), settings, known, isa, go_on).unwrap()
}

#[test]
fn one_sweep_from_trained_users_is_worth_all_that_trained_them() {
    let likes = two_tastes();
    let start = trained(&likes, 10, &SETTINGS, Isa::best());
    let known = Known {
        users: Matrix::new(&start.user_factors, 12, 4).ok(),
        items: None,
    };
    let one = Settings {
        iterations: 1,
        ..SETTINGS
    };
    let again = guided(&likes, known, &one, Isa::best());
    let [begun, trained, alone] = [&again, &start, &trained(&likes, 10, &one, Isa::best())]
        .map(|model| loss(model, &likes, (12, 10), &SETTINGS));
    assert!(begun <= 1.001 * trained, "{begun} and {trained}");
    assert!(begun < 0.9 * alone, "{begun} and {alone}");
}

#[test]
fn the_exact_solution_and_the_sweeps_agree_on_a_prior() {
    let likes = two_tastes();
    let prior: Vec<f32> = (0..40_u8)
        .map(|at| f32::from(at % 7) / 10.0 - 0.3)
        .collect();
    let prior = Matrix::new(&prior, 10, 4).unwrap();
    let settings = Settings {
        iterations: 60,
        ..SETTINGS
    };
    let known = Known {
        users: None,
        items: Some(prior),
    };
    let model = guided(&likes, known, &settings, Isa::best());
    let users = Matrix::new(&model.user_factors, 12, 4).unwrap();
    let view = likes.view(10);
    let by_item = view.transpose().unwrap();
    let exact = FoldIn::new(users, LOSS, Isa::best(), 1).unwrap();
    let rows = exact
        .rows(users, &by_item.view(12), Some(prior), 2)
        .unwrap();
    for (one, other) in rows.iter().zip(&model.item_factors) {
        assert!((one - other).abs() < 2e-3, "{one} and {other}");
    }
    let unguided = trained(&likes, 10, &settings, Isa::best());
    assert_ne!(bits(&model), bits(&unguided));
}

#[test]
fn an_item_without_likings_is_zero_whatever_its_prior() {
    let likes = sparse(&[vec![1.0, 0.0]]);
    let prior = Matrix::new(&[1.0; 8], 2, 4).unwrap();
    let known = Known {
        users: None,
        items: Some(prior),
    };
    let go_on = |_| ControlFlow::Continue(());
    let model = fit(&likes.view(2), &SETTINGS, known, Isa::best(), go_on).unwrap();
    assert_eq!(model.item_factors[4..], [0.0; 4]);
}

#[test]
fn what_is_known_must_fit() {
    let likes = two_tastes();
    let go_on = |_| ControlFlow::Continue(());
    let said = |known| {
        fit(&likes.view(10), &SETTINGS, known, Isa::best(), go_on)
            .unwrap_err()
            .to_string()
    };
    let numbers = [0.0; 40];
    assert_eq!(
        said(Known {
            users: Some(Matrix::new(&numbers, 10, 4).unwrap()),
            items: None
        }),
        "what is known of users has 10 rows of 4 factors, and must have 12 rows of 4"
    );
    let mut numbers = [0.0; 40];
    numbers[13] = f32::INFINITY;
    assert_eq!(
        said(Known {
            users: None,
            items: Some(Matrix::new(&numbers, 10, 4).unwrap())
        }),
        "what is known of items is inf in row 3, and must be finite"
    );
}
