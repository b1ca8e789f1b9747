//! Codes against the floats they stand for. That rankings are right on every instruction set, whatever
//! is filtered, the tests of `top_k` say; here are the bounds, and data that make them hard to hold.

use proptest::prelude::*;

use super::codes::{Bounds, PANELS, ROWS, STEP};
use super::sift::Trust;
use super::{CodeShape, Codes, LEVELS, UpperHalves, quantize, query};
use crate::canonical::dot;
use crate::filter::Filter;
use crate::top_k::tests::{codes_of, isas, ranked};
use crate::top_k::{Items, top_k};
use crate::{Isa, Matrix};

/// The code of an item's value.
fn code(codes: &[u8], width: usize, row: usize, column: usize) -> i32 {
    let panel = &codes[row / ROWS * width..][..width];
    i32::from(panel[column / 4 * STEP + row % ROWS * 4 + column % 4]) - 128
}

/// The sum of codes that a scan computes, less what it starts with.
fn sum(query: &query::Codes, codes: &[u8], width: usize, row: usize) -> i32 {
    let panel = &codes[row / ROWS * width..][..width];
    let steps = query.steps.iter().take(width / STEP).enumerate();
    steps.fold(0, |sum, (step, four)| {
        let items = &panel[step * STEP + row % ROWS * 4..][..4];
        let products = four.to_le_bytes().into_iter().zip(items);
        products.fold(sum, |sum, (query, &item)| {
            sum + i32::from(query.cast_signed()) * i32::from(item)
        })
    })
}

/// The same of upper halves.
fn sum_of_halves(query: &query::Codes, group: &[u8], row: usize) -> i32 {
    let panel = &group[row / ROWS * (group.len() / PANELS)..];
    let steps = query.steps.as_chunks::<2>().0.iter().enumerate();
    steps.fold(0, |sum, (step, [even, odd])| {
        let bytes = &panel[step * STEP + row % ROWS * 4..][..4];
        let products = bytes.iter().zip(even.to_le_bytes()).zip(odd.to_le_bytes());
        products.fold(sum, |sum, ((&byte, even), odd)| {
            let (upper, lower) = (i32::from(byte & 0xF0), 16 * i32::from(byte & 0x0F));
            sum + upper * i32::from(even.cast_signed()) + lower * i32::from(odd.cast_signed())
        })
    })
}

#[test]
fn a_panel_shares_the_scale_of_its_greatest_value() {
    let mut values = vec![0.0; 17 * 5];
    (values[0], values[1], values[5 * 3 + 4]) = (127.0, -1.0, 63.6);
    values[5 * 16 + 4] = 2.0; // the second panel
    let items = Matrix::new(&values, 17, 5).unwrap();
    let (codes, bounds) = codes_of(items);
    let width = CodeShape::of(17, 5).unwrap().width;
    assert_eq!(width, 2 * STEP);
    assert_eq!(code(&codes, width, 0, 0), 127);
    assert_eq!(code(&codes, width, 0, 1), -1);
    assert_eq!(code(&codes, width, 3, 4), 64);
    assert_eq!(code(&codes, width, 16, 4), 127);
    let (inverse, error, norm) = (&bounds[..16], &bounds[16..32], &bounds[32..48]);
    assert!((inverse[0] - 1.0).abs() < 1e-6 && (inverse[1] - 63.5).abs() < 1e-4);
    assert!((error[0] - 0.4).abs() < 0.01 && error[1] < 1e-4);
    assert!((norm[0] - 127.0_f32.hypot(1.0)).abs() < 0.01 && (norm[1] - 2.0).abs() < 0.01);
    assert!(
        codes[2 * width..].iter().all(|&code| code == 128),
        "panels without rows"
    );
}

#[test]
fn halves_hold_two_steps_of_a_panel_and_know_what_they_leave_out() {
    // Codes 127, -1 and 64 of the dimensions 0, 1 and 4 are the bytes 255, 127 and 192.
    let items = Matrix::new(&[127.0, -1.0, 0.0, 0.0, 64.0], 1, 5).unwrap();
    let (codes, bounds) = codes_of(items);
    let codes = Codes::new(&codes, &bounds, 1, 5).unwrap();
    let halves = UpperHalves::of(codes);
    assert_eq!(halves.group(0).len(), PANELS * STEP);
    assert_eq!(halves.group(0)[..4], [0xFC, 0x78, 0x88, 0x88]);
    // Its lower halves 15, 15, 0, 0, 0 are 7.5 away from 7.5, as all of the other rows are.
    assert!((halves.errors(0)[0] - 7.5 * 5.0_f32.sqrt()).abs() < 1e-5);
    assert!(UpperHalves::of_many(codes).is_none(), "so few gain nothing");
}

#[test]
fn halves_of_other_items_are_not_read() {
    let (small, large) = ([1.0; 6], [1.0; 300 * 2]);
    let (codes, bounds) = codes_of(Matrix::new(&large, 300, 2).unwrap());
    let halves = UpperHalves::of(Codes::new(&codes, &bounds, 300, 2).unwrap());
    let (codes, bounds) = codes_of(Matrix::new(&small, 3, 2).unwrap());
    let codes = Codes::new(&codes, &bounds, 3, 2).unwrap();
    assert!(codes.with_halves(Some(&halves)).halves().is_none());
}

#[test]
fn halves_get_pauses_that_grow_while_they_rule_nothing_out() {
    let mut trust = Trust::new();
    let mut pauses = Vec::new();
    for left in [16, 16, 16, 0, 16, 16] {
        assert!(trust.halves(), "a chance after each pause");
        trust.hear(left);
        pauses.push((0..99).take_while(|_| !trust.halves()).count());
    }
    assert_eq!(pauses, [1, 2, 4, 0, 1, 2]);
}

#[test]
fn a_panel_that_no_code_fits_is_certain_of_nothing() {
    for odd in [
        f32::NAN,
        f32::INFINITY,
        f32::NEG_INFINITY,
        1e13,
        1e-12,
        1e-42,
    ] {
        let (_, bounds) = codes_of(Matrix::new(&[odd; 3], 3, 1).unwrap());
        assert!(
            bounds[16].is_infinite() && bounds[32].is_infinite(),
            "{odd}"
        );
    }
    let (_, bounds) = codes_of(Matrix::new(&[0.0, -0.0], 2, 1).unwrap());
    assert_eq!((bounds[16].to_bits(), bounds[32].to_bits()), (0, 0));
}

#[test]
fn a_query_that_no_code_fits_starts_every_sum_above_zero() {
    let bounds = ([1.0; PANELS], [0.0; PANELS], [1.0; PANELS]);
    let bounds = Bounds {
        inverses: &bounds.0,
        errors: &bounds.1,
        norms: &bounds.2,
    };
    for odd in [f32::NAN, f32::INFINITY, 1e13, 1e-12] {
        let mut starts = [0; PANELS];
        query::Codes::of(&[1e-20, odd], LEVELS).starts(1.0, bounds, &mut starts);
        assert!(starts.iter().all(|&start| start > 0), "{odd}");
    }
}

#[test]
fn threads_change_no_code() {
    let values: Vec<f32> = (0..9000_u16 * 5)
        .map(|i| f32::from(i % 977) - 400.0)
        .collect();
    let items = Matrix::new(&values, 9000, 5).unwrap();
    let (codes, bounds) = codes_of(items);
    let (mut again, mut also) = (vec![7; codes.len()], vec![7.0; bounds.len()]);
    quantize(items, 3, &mut again, &mut also).unwrap();
    assert!(codes == again && bounds == also);
}

#[test]
fn what_does_not_fit_is_refused() {
    let items = Matrix::new(&[1.0; 6], 3, 2).unwrap();
    let (codes, bounds) = codes_of(items);
    let refused = Codes::new(&codes, &bounds, 300, 2).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "codes of 1024 bytes and 48 bounds do not fit 300 items of 2 columns; make them anew with \
         quantize_items()"
    );
    let long = CodeShape::of(3, 16_385).unwrap_err();
    assert_eq!(
        long.to_string(),
        "items have 16385 columns, and can be quantized up to 16384; rank them as floats"
    );
    let none = quantize(items, 0, &mut codes.clone(), &mut bounds.clone()).unwrap_err();
    assert_eq!(none.to_string(), "threads is 0, and must be at least 1");
    // As large as these, but not theirs.
    let codes = Codes::new(&codes, &bounds, 4, 2).unwrap();
    let wrong = Items::from(items).quantized(Some(codes));
    let (mut rows, mut scores, mut counts) = ([0], [0.0], [0]);
    let best = crate::top_k::Best::new(1, &mut rows, &mut scores, &mut counts).unwrap();
    let queries = Matrix::new(&[1.0; 2], 1, 2).unwrap();
    let refused = top_k(Isa::Scalar, wrong, queries, &Filter::default(), 1, best).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "codes of other items do not fit 3 items of 2 columns; make them anew with quantize_items()"
    );
}

/// What rows are like, for a scan of codes.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Random,
    /// A few centres, and rows that differ from them by a little or by next to nothing.
    Clustered(f32),
    /// Norms and columns of very different sizes.
    Heavy,
    /// The same with a few values that have no codes.
    Broken,
}

/// A float between -1 and 1 that depends on nothing but its place.
fn noise(seed: u64, place: usize) -> f32 {
    let mixed = (seed ^ (place as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15))
        .wrapping_mul(0xD6E8_FEB8_6659_FD93);
    let mixed = (mixed ^ (mixed >> 32)).wrapping_mul(0xD6E8_FEB8_6659_FD93);
    (mixed >> 40) as f32 / (1 << 23) as f32 - 1.0
}

fn vectors(kind: Kind, seed: u64, rows: usize, dim: usize) -> Vec<f32> {
    let value = |row: usize, column: usize| {
        let fresh = noise(seed, row * dim + column);
        match kind {
            Kind::Random => fresh,
            Kind::Clustered(width) => noise(seed + 1, row % 5 * dim + column) + width * fresh,
            Kind::Heavy | Kind::Broken => {
                fresh * (6.0 * noise(seed + 2, row) + 3.0 * noise(seed + 3, column)).exp()
            }
        }
    };
    let mut values: Vec<f32> = (0..rows)
        .flat_map(|row| (0..dim).map(move |column| (row, column)))
        .map(|(row, column)| value(row, column))
        .collect();
    if matches!(kind, Kind::Broken) {
        let odd = [
            f32::NAN,
            f32::INFINITY,
            f32::NEG_INFINITY,
            1e30,
            -f32::MAX,
            1e-42,
        ];
        for (place, odd) in odd.into_iter().enumerate() {
            let at = (seed as usize + 7919 * place) % values.len();
            values[at] = odd;
        }
    }
    values
}

fn kinds() -> impl Strategy<Value = Kind> {
    prop_oneof![
        Just(Kind::Random),
        prop::sample::select(vec![0.5, 0.02, 1e-4, 1e-7, 0.0]).prop_map(Kind::Clustered),
        Just(Kind::Heavy),
        Just(Kind::Broken),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(80))]

    #[test]
    fn no_row_above_the_bar_ends_at_zero(
        kind in kinds(), seed in any::<u32>(), dim in 1..140_usize, scale in -20..20_i32,
        levels in prop::sample::select(vec![64.0_f32, 127.0]),
    ) {
        let rows = 64;
        let mut values = vectors(kind, seed.into(), rows, dim);
        let factor = 2.0_f32.powi(scale);
        for value in &mut values {
            *value *= factor;
        }
        let items = Matrix::new(&values, rows, dim).unwrap();
        let (codes, bounds) = codes_of(items);
        let view = Codes::new(&codes, &bounds, rows, dim).unwrap();
        let halves = UpperHalves::of(view);
        let width = codes.len() / PANELS;
        let asked = vectors(Kind::Random, u64::from(seed) + 9, 1, dim);
        let query = query::Codes::of(&asked, levels);
        let scores: Vec<f32> = (0..rows).map(|row| dot(&asked, items.row(row))).collect();
        let mut starts = [0; PANELS];
        for &bar in &scores {
            // The bars around each score are the hardest ones.
            for bar in [bar.next_down(), bar.next_up(), f32::NEG_INFINITY] {
                query.starts(bar, view.bounds(0), &mut starts);
                let lifted = query.starts_of_halves(&starts, halves.errors(0));
                for (row, &score) in scores.iter().enumerate() {
                    let ended = starts[row / ROWS] + sum(&query, &codes, width, row);
                    prop_assert!(score.is_nan() || score <= bar || ended > 0, "row {row}, bar {bar}");
                    let half = sum_of_halves(&query, halves.group(0), row);
                    prop_assert!(ended <= 0 || lifted[row / ROWS] + half > 0, "row {row}, bar {bar}");
                }
            }
        }
    }

    #[test]
    fn a_scan_of_codes_is_a_scan_of_floats(
        kind in kinds(), seed in any::<u32>(), rows in 200..3000_usize, dim in 1..70_usize,
        asked in prop_oneof![Just(1_usize), 1..9_usize], k in 1..13_usize, threads in 1..3_usize,
    ) {
        let values = vectors(kind, seed.into(), rows, dim);
        let items = Matrix::new(&values, rows, dim).unwrap();
        let (codes, bounds) = codes_of(items);
        let codes = Codes::new(&codes, &bounds, rows, dim).unwrap();
        let halves = UpperHalves::of(codes);
        let queries = vectors(kind, u64::from(seed) + 1, asked, dim);
        let queries = Matrix::new(&queries, asked, dim).unwrap();
        let rank = |isa, items: Items<'_>| ranked(asked, k, |best| {
            top_k(isa, items, queries, &Filter::default(), threads, best)
        });
        let wanted = rank(Isa::Scalar, Items::from(items));
        for isa in isas() {
            let found = rank(isa, Items::from(items).quantized(Some(codes)));
            prop_assert_eq!(&found, &wanted, "{}", isa.name());
            let sifted = codes.with_halves(Some(&halves));
            let found = rank(isa, Items::from(items).quantized(Some(sifted)));
            prop_assert_eq!(&found, &wanted, "halves, {}", isa.name());
        }
    }
}
