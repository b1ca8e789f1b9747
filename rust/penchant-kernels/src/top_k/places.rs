//! Where some columns would stand in a ranking that nobody makes: what metrics ask of scores.

#![expect(
    clippy::inline_always,
    reason = "the loops are compiled for each instruction set"
)]

use crate::filter::Ragged;
use crate::simd::{Simd, Work, run};
use crate::{Isa, KernelError, Matrix};

/// For each column listed of a row of `scores` how many columns come before it: those of a greater
/// score, and lower ones of the same, as [`top_k`](super::top_k) orders them.
///
/// A score that is NaN comes before none, and a column that has one after all. `out` holds the
/// answers row after row. `O(listed · columns)`, for as few as are listed quicker than selecting.
///
/// # Errors
/// [`KernelError::Shape`] when rows, columns or the size of `out` differ, [`KernelError::Setting`]
/// for an instruction set this CPU does not have.
pub fn places(
    isa: Isa,
    scores: Matrix<'_>,
    listed: &Ragged<'_>,
    out: &mut [i32],
) -> Result<(), KernelError> {
    if (listed.rows(), listed.columns()) != (scores.rows(), scores.dim()) {
        return Err(KernelError::Shape(format!(
            "lists of {} rows and {} columns do not fit scores of {} rows and {} columns",
            listed.rows(),
            listed.columns(),
            scores.rows(),
            scores.dim()
        )));
    }
    if out.len() != listed.entries() {
        return Err(KernelError::Shape(format!(
            "{} listed columns do not fit {} results",
            listed.entries(),
            out.len()
        )));
    }
    if !isa.available() {
        return Err(KernelError::Setting(format!(
            "isa {} is not available on this CPU; leave it out for the best one",
            isa.name()
        )));
    }
    let counted = Counted {
        scores,
        listed,
        out,
    };
    run(isa, counted);
    Ok(())
}

struct Counted<'a> {
    scores: Matrix<'a>,
    listed: &'a Ragged<'a>,
    out: &'a mut [i32],
}

impl Work for Counted<'_> {
    type Output = ();

    #[inline(always)]
    fn on<S: Simd>(self, _simd: S) {
        let mut out = self.out.iter_mut();
        for row in 0..self.scores.rows() {
            let listed = self.listed.get(row);
            let scores = self.scores.row(row);
            for (&column, place) in listed.iter().zip(&mut out) {
                *place = before(scores, column as usize) as i32;
            }
        }
    }
}

/// How many columns come before one of them.
#[inline(always)]
fn before(scores: &[f32], column: usize) -> u32 {
    let own = scores[column];
    if own.is_nan() {
        return scores.len() as u32;
    }
    let (lower, higher) = scores.split_at(column);
    // Sums of numbers as wide as scores, which registers hold as many of.
    let as_good = lower.iter().map(|&score| u32::from(score >= own));
    let better = higher.iter().map(|&score| u32::from(score > own));
    as_good.sum::<u32>() + better.sum::<u32>()
}

#[cfg(test)]
mod tests {
    use super::super::tests::isas;
    use super::places;
    use crate::filter::Ragged;
    use crate::random::Draws;
    use crate::{Isa, Matrix};

    #[test]
    fn places_are_those_of_a_ranking_on_every_instruction_set() {
        let mut draws = Draws::new(&[5]);
        for (rows, columns) in [(1, 1), (3, 7), (2, 40), (4, 133)] {
            // Few different scores, so that many are equal; and some that are no numbers.
            let mut score = || match (9.0 * draws.fraction()) as i32 {
                8 => f32::NAN,
                7 => f32::NEG_INFINITY,
                some => some as f32 - 3.0,
            };
            let scores: Vec<f32> = (0..rows * columns).map(|_| score()).collect();
            let scores = Matrix::new(&scores, rows, columns).unwrap();
            let indptr: Vec<i64> = (0..=rows).map(|row| (row * columns) as i64).collect();
            let all: Vec<i32> = (0..rows).flat_map(|_| 0..columns as i32).collect();
            let listed = Ragged::new("lists", &indptr, &all, rows, columns).unwrap();
            let mut wanted = Vec::new();
            for row in 0..rows {
                let own = scores.row(row);
                let before = |a: usize, b: usize| own[a] > own[b] || own[a] >= own[b] && a < b;
                wanted.extend((0..columns).map(|column| {
                    let count = (0..columns).filter(|&other| before(other, column)).count();
                    (if own[column].is_nan() { columns } else { count }) as i32
                }));
            }
            for isa in isas() {
                let mut found = vec![77; all.len()];
                places(isa, scores, &listed, &mut found).unwrap();
                assert_eq!(found, wanted, "{}", isa.name());
            }
        }
    }

    #[test]
    fn lists_of_other_scores_have_no_places() {
        let scores = Matrix::new(&[0.0; 6], 2, 3).unwrap();
        let listed = Ragged::new("lists", &[0, 1, 2], &[0, 3], 2, 4).unwrap();
        let refused = |listed: &Ragged<'_>, out: &mut [i32]| {
            places(Isa::Scalar, scores, listed, out)
                .unwrap_err()
                .to_string()
        };
        assert_eq!(
            refused(&listed, &mut [0; 2]),
            "lists of 2 rows and 4 columns do not fit scores of 2 rows and 3 columns"
        );
        let listed = Ragged::new("lists", &[0, 1, 2], &[0, 2], 2, 3).unwrap();
        assert_eq!(
            refused(&listed, &mut [0; 3]),
            "2 listed columns do not fit 3 results"
        );
    }
}
