//! Weighted sums over the first few of a ranked list that a row has an entry for.
//!
//! Neighbours that foretell a rating: `lists` ranks, best first, who could speak, a row of `given`
//! holds who has something to say and what, and the first `k` that meet are heard. It serves both
//! sides: lists of items and rows of what a user rated, or lists of users and rows of raters.

use crate::KernelError;
use crate::csr::Csr;
use crate::sparse::fill_rows;

/// For each row of `given` and each list (those named by `which`, all for `None`), over the first
/// `k` entries of the list in which the row has an entry: Σ weight * value and Σ weight, 0 both
/// where fewer than `least` meet. A row of the result holds all sums, then all weights.
///
/// Lists may be in any order of columns; sums are float64 in that order, rounded once, so the bits
/// don't depend on the batch nor on threads. O(rows * entries of the lists + entries of the rows)
/// time at most: a list is left where `k` were met.
///
/// # Errors
/// When the shapes don't fit, `k` or `threads` is 0, or a row that is read is damaged.
pub fn nearest_means(
    given: &Csr<'_>,
    lists: &Csr<'_>,
    which: Option<&[i32]>,
    k: usize,
    least: usize,
    threads: usize,
) -> Result<Vec<f32>, KernelError> {
    if given.columns() != lists.columns() {
        return Err(KernelError::Shape(format!(
            "the lists have {} columns, and must have the {} of the matrix",
            lists.columns(),
            given.columns()
        )));
    }
    if k == 0 {
        return Err(KernelError::Setting(
            "k is 0, and must be at least 1".into(),
        ));
    }
    let count = which.map_or(lists.rows(), <[i32]>::len);
    let chosen = (0..count)
        .map(|at| lists.ranked_row(which.map_or(at as i32, |which| which[at])))
        .collect::<Result<Vec<_>, _>>()?;
    let width = count.saturating_mul(2);
    fill_rows(given.rows(), width, threads, |row, out| {
        let (columns, values) = given.row(row)?;
        // NaN marks who has nothing to say; a row that says it itself is refused.
        let mut said = vec![f32::NAN; given.columns()];
        for (&column, &value) in columns.iter().zip(values) {
            if !value.is_finite() {
                return Err(KernelError::Data(format!(
                    "row {row} has the value {value}, and values must be finite"
                )));
            }
            said[column as usize] = value;
        }
        let (sums, weights) = out.split_at_mut(count);
        let found = sums.iter_mut().zip(weights);
        for (&(who, weight), (sum, total)) in chosen.iter().zip(found) {
            if let Some(means) = first_of(who, weight, &said, k, least) {
                (*sum, *total) = means;
            }
        }
        Ok(())
    })
}

fn first_of(
    who: &[i32],
    weights: &[f32],
    said: &[f32],
    k: usize,
    least: usize,
) -> Option<(f32, f32)> {
    let (mut met, mut sum, mut total) = (0, 0.0, 0.0);
    for (&column, &weight) in who.iter().zip(weights) {
        let value = said[column as usize];
        if !value.is_nan() {
            sum += f64::from(weight) * f64::from(value);
            total += f64::from(weight);
            met += 1;
            if met == k {
                break;
            }
        }
    }
    (met >= least).then_some((sum as f32, total as f32))
}

#[cfg(test)]
mod tests {
    use super::nearest_means;
    use crate::csr::{Csr, CsrBuf};
    use proptest::prelude::*;

    /// Two rows over four columns, and two lists that rank columns best first.
    fn example() -> (CsrBuf, CsrBuf) {
        let given = CsrBuf {
            indptr: vec![0, 3, 4],
            indices: vec![0, 1, 3, 2],
            values: vec![5.0, 1.0, 2.0, 4.0],
        };
        let lists = CsrBuf {
            indptr: vec![0, 4, 5],
            indices: vec![3, 2, 0, 1, 2],
            values: vec![0.8, 0.5, 0.4, 0.1, 0.25],
        };
        (given, lists)
    }

    #[test]
    fn the_first_that_have_something_to_say_are_heard() {
        let (given, lists) = example();
        let told = nearest_means(&given.view(4), &lists.view(4), None, 2, 0, 1).unwrap();
        let sum = (0.8_f32 * 2.0 + 0.4 * 5.0, 0.8 + 0.4);
        let wanted = [sum.0, 0.0, sum.1, 0.0, 2.0, 1.0, 0.5, 0.25];
        for (got, wanted) in told.iter().zip(wanted) {
            assert!((got - wanted).abs() < 1e-6, "{told:?}");
        }
    }

    #[test]
    fn too_few_say_nothing_and_lists_can_be_chosen() {
        let (given, lists) = example();
        let which = [1, 0];
        let told = nearest_means(&given.view(4), &lists.view(4), Some(&which), 9, 3, 1).unwrap();
        assert_eq!(told[0].to_bits(), 0);
        assert!((told[1] - (1.6 + 2.0 + 0.1)).abs() < 1e-6);
        assert_eq!(told[4..], [0.0; 4]);
    }

    #[test]
    fn damage_is_refused() {
        let (given, mut lists) = example();
        let refused = |lists: &CsrBuf, columns, which: Option<&[i32]>, k| {
            nearest_means(&given.view(4), &lists.view(columns), which, k, 0, 1)
                .unwrap_err()
                .to_string()
        };
        assert!(refused(&lists, 5, None, 1).contains("the lists have 5 columns"));
        assert!(refused(&lists, 4, None, 0).contains("k is 0"));
        assert!(refused(&lists, 4, Some(&[2]), 1).contains("row 2"));
        assert!(refused(&lists, 4, Some(&[-1]), 1).contains("row -1"));
        lists.indices[1] = 4;
        assert!(refused(&lists, 4, None, 1).contains("column 4"));
        let (mut given, lists) = example();
        given.values[3] = f32::NAN;
        let refused = nearest_means(&given.view(4), &lists.view(4), None, 1, 0, 1);
        assert!(
            refused
                .unwrap_err()
                .to_string()
                .contains("row 1 has the value NaN")
        );
    }

    proptest! {
        #[test]
        fn it_is_what_a_naive_twin_finds(
            given in prop::collection::vec(prop::collection::vec(prop::option::of(-5.0_f32..5.0), 6), 0..5),
            ranks in prop::collection::vec(Just((0..6).collect::<Vec<i32>>()).prop_shuffle(), 0..5),
            k in 1_usize..8,
            least in 0_usize..4,
        ) {
            let mut rows = CsrBuf { indptr: vec![0], ..CsrBuf::default() };
            for row in &given {
                for (column, value) in row.iter().enumerate() {
                    if let Some(value) = value {
                        rows.indices.push(column as i32);
                        rows.values.push(*value);
                    }
                }
                rows.indptr.push(rows.indices.len() as i64);
            }
            let weight = |at: usize| 1.0 / (1.0 + at as f32);
            let lists = CsrBuf {
                indptr: (0..=ranks.len()).map(|at| 6 * at as i64).collect(),
                indices: ranks.concat(),
                values: (0..6 * ranks.len()).map(|at| weight(at % 6)).collect(),
            };
            let (rows, lists): (Csr<'_>, Csr<'_>) = (rows.view(6), lists.view(6));
            let told = nearest_means(&rows, &lists, None, k, least, 1).unwrap();
            prop_assert_eq!(&told, &nearest_means(&rows, &lists, None, k, least, 3).unwrap());
            for (row, said) in given.iter().enumerate() {
                for (list, ranked) in ranks.iter().enumerate() {
                    let mut met: Vec<_> = (0..6).filter_map(|at| Some((weight(at), said[ranked[at] as usize]?))).collect();
                    met.truncate(k);
                    if met.len() < least { met.clear(); }
                    let sum: f32 = met.iter().map(|(weight, value)| weight * value).sum();
                    let total: f32 = met.iter().map(|(weight, _)| weight).sum();
                    let at = row * 2 * ranks.len() + list;
                    prop_assert!((told[at] - sum).abs() < 1e-4);
                    prop_assert!((told[at + ranks.len()] - total).abs() < 1e-5);
                }
            }
        }
    }
}
