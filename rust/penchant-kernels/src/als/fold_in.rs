//! The exact solution of a row's system of equations: how strangers get their factors.

use super::{Loss, check_rows, check_weights, gram};
use crate::cholesky::{Cholesky, Symmetric};
use crate::csr::Csr;
use crate::parallel::{Queue, together, useful_threads};
use crate::simd::Lanes;
use crate::{Isa, KernelError, Matrix};
use std::sync::{Mutex, PoisonError};

/// Likings that are added to the matrix together.
const BLOCK: usize = 64;

/// What is known of all rows of the side that stands still together. The methods take these rows,
/// `fixed`, anew: whoever keeps them may keep this beside them.
#[derive(Clone, Debug)]
pub struct FoldIn {
    /// α times the sum of outer products of all rows.
    gram: Symmetric,
    loss: Loss,
    isa: Isa,
}

impl FoldIn {
    /// Sums up the rows once. O(rows x factors²).
    ///
    /// # Errors
    /// When a number of `loss` is out of its range, or `threads` is 0.
    pub fn new(
        fixed: Matrix<'_>,
        loss: Loss,
        isa: Isa,
        threads: usize,
    ) -> Result<Self, KernelError> {
        loss.check()?;
        let threads = useful_threads(threads, usize::MAX)?;
        let factors = fixed.dim();
        let mut gram = gram(fixed.rows(), factors, threads, |rows| {
            let mut part = Symmetric::zeros(factors);
            part.add_outer(
                &fixed.values()[factors * rows.start..factors * rows.end],
                isa,
            );
            part
        });
        gram.scale(loss.unobserved_weight);
        Ok(Self { gram, loss, isa })
    }

    /// Factors of each row of `likes`, whose columns are the rows that stand still: `likes.rows()`
    /// times as many numbers as these have. They are pulled to the rows of `prior`, zeros without, and a
    /// row without likings is that.
    ///
    /// A row has the same bits whatever rows stand beside it. O(likings x factors² + rows x factors³).
    ///
    /// # Errors
    /// When `likes` is damaged or has other columns, a weight is negative or not finite, `prior` has
    /// another shape, or a row's system is singular to the precision of float32.
    pub fn rows(
        &self,
        fixed: Matrix<'_>,
        likes: &Csr<'_>,
        prior: Option<Matrix<'_>>,
        threads: usize,
    ) -> Result<Vec<f32>, KernelError> {
        self.check(fixed, likes)?;
        let factors = fixed.dim();
        let threads = useful_threads(threads, likes.rows())?;
        let mut solved = match prior {
            None => vec![0.0; likes.rows() * factors],
            Some(prior) => {
                check_rows(prior, likes.rows(), factors, "rows")?;
                prior.values().to_vec()
            }
        };
        let failed = Mutex::new(None);
        let queue = Queue::new(solved.chunks_exact_mut(factors.max(1)).enumerate());
        together(threads, || {
            while let Some((row, solved)) = queue.take() {
                let liked = likes.checked_range(row);
                if liked.is_empty() {
                    continue;
                }
                let (columns, weights) = (&likes.indices()[liked.clone()], &likes.values()[liked]);
                if let Some((matrix, mut right)) = self.system(fixed, columns, weights) {
                    if prior.is_some() {
                        let pull = self.loss.pull(weights, fixed.rows());
                        add(&mut right, pull, solved);
                    }
                    matrix.solve_lanes(&mut right, self.isa);
                    let numbers = right.iter().flat_map(|lanes| lanes.0);
                    for (solved, number) in solved.iter_mut().zip(numbers) {
                        *solved = number;
                    }
                } else {
                    let mut failed = failed.lock().unwrap_or_else(PoisonError::into_inner);
                    *failed = Some(failed.map_or(row, |other: usize| other.min(row)));
                }
            }
        });
        match failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
            None => Ok(solved),
            Some(row) => Err(self.singular(row)),
        }
    }

    /// What each liking of the only row of `likes` adds to that row's score of `target`, a vector of
    /// factors: `c · xᵀ A⁻¹ target` (Hu, Koren and Volinsky 2008, eq. 7). They sum to the score.
    ///
    /// # Errors
    /// As [`FoldIn::rows`], and when `target` has another length or there is not one row.
    pub fn shares(
        &self,
        fixed: Matrix<'_>,
        likes: &Csr<'_>,
        target: &[f32],
    ) -> Result<Vec<f32>, KernelError> {
        self.check(fixed, likes)?;
        if likes.rows() != 1 || target.len() != fixed.dim() {
            return Err(KernelError::Shape(format!(
                "likes has {} rows and target {} factors, and there must be 1 row and {} factors",
                likes.rows(),
                target.len(),
                fixed.dim()
            )));
        }
        let (columns, weights) = (likes.indices(), likes.values());
        let Some((matrix, _)) = self.system(fixed, columns, weights) else {
            return Err(self.singular(0));
        };
        let mut target = target.to_vec();
        matrix.solve(&mut target, self.isa);
        let shares = columns.iter().zip(weights).map(|(&column, weight)| {
            weight * crate::canonical::dot(fixed.row(column as usize), &target)
        });
        Ok(shares.collect())
    }

    fn check(&self, fixed: Matrix<'_>, likes: &Csr<'_>) -> Result<(), KernelError> {
        if fixed.dim() != self.gram.size() {
            return Err(KernelError::Shape(format!(
                "rows of {} factors were summed up, and those given have {}",
                self.gram.size(),
                fixed.dim()
            )));
        }
        if likes.columns() != fixed.rows() {
            return Err(KernelError::Shape(format!(
                "likes has {} columns, and must have one for each of the {} rows of factors",
                likes.columns(),
                fixed.rows()
            )));
        }
        likes.check()?;
        check_weights(likes)
    }

    /// The factored matrix and the right-hand side of a row; None for one that is singular.
    fn system(
        &self,
        fixed: Matrix<'_>,
        columns: &[i32],
        weights: &[f32],
    ) -> Option<(Cholesky, Vec<Lanes>)> {
        let width = fixed.dim().div_ceil(16);
        let mut matrix = self.gram.clone();
        matrix.add_to_diagonal(self.loss.pull(weights, fixed.rows()));
        let mut right = vec![Lanes::ZERO; width];
        let mut block = vec![Lanes::ZERO; BLOCK.min(columns.len()) * width];
        for (columns, weights) in columns.chunks(BLOCK).zip(weights.chunks(BLOCK)) {
            let block = &mut block[..columns.len() * width];
            for ((&column, &weight), lanes) in columns
                .iter()
                .zip(weights)
                .zip(block.chunks_exact_mut(width))
            {
                let root = weight.sqrt();
                let row = fixed.row(column as usize).chunks(16);
                for ((sixteen, lanes), right) in row.zip(lanes).zip(&mut right) {
                    for ((number, scaled), sum) in
                        sixteen.iter().zip(&mut lanes.0).zip(&mut right.0)
                    {
                        *scaled = number * root;
                        *sum += number * weight;
                    }
                }
            }
            matrix.add_lanes(block, self.isa);
        }
        Some((matrix.factored(self.isa).ok()?, right))
    }

    fn singular(&self, row: usize) -> KernelError {
        KernelError::Diverged(format!(
            "the equations of row {row} have no solution in float32; raise regularization (it is {})",
            self.loss.regularization
        ))
    }
}

/// `into += by * row`.
fn add(into: &mut [Lanes], by: f32, row: &[f32]) {
    for (lanes, numbers) in into.iter_mut().zip(row.chunks(16)) {
        for (sum, number) in lanes.0.iter_mut().zip(numbers) {
            *sum += by * number;
        }
    }
}
