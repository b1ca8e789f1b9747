//! Sums and solutions that a person can see, and against naive twins in float64.

use super::Symmetric;
use crate::Isa;
use crate::simd::Lanes;
use proptest::prelude::*;

fn available() -> impl Iterator<Item = Isa> {
    Isa::ALL.into_iter().filter(|isa| isa.available())
}

/// `size` vectors or more, so that their outer products make a matrix of full rank.
fn vectors() -> impl Strategy<Value = (usize, Vec<f32>)> {
    (1_usize..70).prop_flat_map(|size| {
        let count = (size..2 * size + 80).prop_map(move |count| count * size);
        let values = count.prop_flat_map(|count| prop::collection::vec(-1.0_f32..1.0, count));
        (Just(size), values)
    })
}

fn outer(size: usize, rows: &[f32], isa: Isa) -> Symmetric {
    let mut matrix = Symmetric::zeros(size);
    matrix.add_outer(rows, isa);
    matrix
}

fn dense(matrix: &Symmetric) -> Vec<Vec<f32>> {
    let row = |row| {
        (0..matrix.size())
            .map(|column| matrix.value(row, column))
            .collect()
    };
    (0..matrix.size()).map(row).collect()
}

#[test]
fn a_sum_of_outer_products_has_the_products_of_columns() {
    let matrix = outer(2, &[1.0, 2.0, 3.0, 4.0], Isa::best());
    assert_eq!(dense(&matrix), [[10.0, 14.0], [14.0, 20.0]]);
}

#[test]
fn threads_that_share_the_rows_of_a_sum_change_no_bit() {
    let size = 150;
    let values: Vec<f32> = (0..size * 200).map(|at| (at as f32).sin()).collect();
    let alone = outer(size, &values, Isa::best());
    let mut lanes = vec![Lanes::ZERO; 200 * size.div_ceil(16)];
    let rows = lanes.chunks_exact_mut(size.div_ceil(16));
    for (lanes, row) in rows.zip(values.chunks(size)) {
        for (at, &value) in row.iter().enumerate() {
            lanes[at / 16].0[at % 16] = value;
        }
    }
    for threads in [1, 2, 5] {
        let mut together = Symmetric::zeros(size);
        together.add_lanes_together(&lanes, threads, Isa::best());
        assert_eq!(dense(&together), dense(&alone));
    }
}

#[test]
fn a_system_of_two_equations_is_solved() {
    // 5x + 2y = 9 and 2x + 2y = 6: x = 1, y = 2.
    let mut matrix = outer(2, &[2.0, 1.0], Isa::best());
    matrix.add_to_diagonal(1.0);
    let mut right = [9.0, 6.0];
    matrix
        .factored(Isa::best())
        .unwrap()
        .solve(&mut right, Isa::best());
    assert!((right[0] - 1.0).abs() < 1e-6 && (right[1] - 2.0).abs() < 1e-6);
}

#[test]
fn matrices_are_scaled_and_added() {
    let mut matrix = outer(2, &[1.0, 2.0], Isa::best());
    let other = matrix.clone();
    matrix.scale(3.0);
    matrix.add(&other);
    assert_eq!(dense(&matrix), [[4.0, 8.0], [8.0, 16.0]]);
    assert_eq!(matrix.to_lanes()[1].0[..2].to_vec(), [8.0, 16.0]);
}

#[test]
fn a_singular_matrix_is_named_by_the_row_that_follows_from_others() {
    for isa in available() {
        let twice = outer(3, &[1.0, 0.0, 0.0, 0.0, 1.0, 0.7], isa);
        assert_eq!(twice.factored(isa).unwrap_err(), 2);
        assert_eq!(Symmetric::zeros(3).factored(isa).unwrap_err(), 0);
        let wild = outer(2, &[f32::MAX, 1.0], isa);
        assert_eq!(wild.factored(isa).unwrap_err(), 0);
        let unknown = outer(2, &[f32::NAN, 1.0], isa);
        assert_eq!(unknown.factored(isa).unwrap_err(), 0);
    }
}

#[test]
fn a_matrix_of_nothing_is_solved_by_nothing() {
    let empty = Symmetric::zeros(0);
    assert_eq!(empty.size(), 0);
    empty
        .factored(Isa::best())
        .unwrap()
        .solve(&mut [], Isa::best());
}

/// What [`Symmetric::factored`] does, one number at a time.
fn factored_by_hand(matrix: &Symmetric) -> Vec<Vec<f32>> {
    let mut rows = dense(matrix);
    let size = matrix.size();
    for row in 0..size {
        let tile = row - row % 8;
        for column in row..size {
            let mut above = 0.0_f32;
            for done in &rows[..tile] {
                above = done[row].mul_add(done[column], above);
            }
            let mut left = above.mul_add(-1.0, rows[row][column]);
            for done in &rows[tile..row] {
                left = (-done[row]).mul_add(done[column], left);
            }
            rows[row][column] = left;
        }
        let scale = 1.0 / rows[row][row].sqrt();
        rows[row][row..]
            .iter_mut()
            .for_each(|value| *value *= scale);
    }
    rows
}

#[test]
fn a_matrix_that_is_factored_in_panels_has_the_bits_of_one_number_at_a_time() {
    // Sizes on both sides of where panels begin, and one that ends within a panel and a pair.
    for size in [500, 512, 533] {
        let values: Vec<f32> = (0..40 * size).map(|at| (at as f32).sin()).collect();
        let mut matrix = outer(size, &values, Isa::best());
        matrix.add_to_diagonal(1.0);
        let wanted = factored_by_hand(&matrix);
        for isa in available() {
            let found = matrix.clone().factored(isa).unwrap().0;
            for (row, wanted) in wanted.iter().enumerate() {
                for (column, wanted) in wanted.iter().enumerate().skip(row) {
                    assert_eq!(found.value(row, column).to_bits(), wanted.to_bits());
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn sums_and_solutions_are_those_of_the_naive_twin((size, rows) in vectors()) {
        let matrix = outer(size, &rows, Isa::best());
        for i in 0..size {
            for j in 0..size {
                let exact: f64 = rows.chunks(size)
                    .map(|row| f64::from(row[i]) * f64::from(row[j]))
                    .sum();
                prop_assert!((f64::from(matrix.value(i, j)) - exact).abs() < 1e-4);
            }
        }
        let mut pulled = matrix.clone();
        pulled.add_to_diagonal(1.0);
        let solution: Vec<f32> = (0..size).map(|at| (at % 5) as f32 - 2.0).collect();
        let mut right: Vec<f32> = (0..size)
            .map(|i| (0..size).map(|j| pulled.value(i, j) * solution[j]).sum())
            .collect();
        pulled.factored(Isa::best()).unwrap().solve(&mut right, Isa::best());
        for (found, wanted) in right.iter().zip(&solution) {
            prop_assert!((found - wanted).abs() < 1e-2, "{found} is not {wanted}");
        }
    }

    #[test]
    fn every_instruction_set_gives_the_same_bits((size, rows) in vectors()) {
        let solved: Vec<Vec<u32>> = available()
            .map(|isa| {
                let mut matrix = outer(size, &rows, isa);
                matrix.add_to_diagonal(0.1);
                let mut right = rows[..size].to_vec();
                matrix.factored(isa).unwrap().solve(&mut right, isa);
                right.iter().map(|value| value.to_bits()).collect()
            })
            .collect();
        prop_assert!(solved.windows(2).all(|pair| pair[0] == pair[1]));
    }
}
