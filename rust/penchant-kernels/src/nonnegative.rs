//! Least squares whose solutions hold no negative number, one system a row.
//!
//! With one side of a factorisation standing still, each row of the other is such a system, so
//! that sweeps over both sides in turn are a non-negative matrix factorisation of the entries that
//! are there (Kim and Park, "Toward Faster Nonnegative Matrix Factorization", 2008), and one row
//! more is how a newcomer gets its factors. A row is solved one coordinate after another, each set
//! to its best value of 0 or more while the others stand (Franc, Hlaváč and Navara, "Sequential
//! Coordinate-wise Algorithm for the Non-negative Least Squares Problem", 2005; for factorisations
//! Hsieh and Dhillon, "Fast Coordinate Descent Methods with Variable Selection for Non-negative
//! Matrix Factorization", 2011).

#![expect(
    clippy::inline_always,
    reason = "each caller compiles it for its own instruction set"
)]

use crate::cholesky::Symmetric;
use crate::csr::Csr;
use crate::parallel::{Queue, together, useful_threads};
use crate::simd::{Lanes, Simd, Work, run};
use crate::{Isa, KernelError, Matrix};
use std::sync::{Mutex, PoisonError};

/// The most factors that a row may have.
pub const MAX_FACTORS: usize = 512;

/// Vectors that are added to the matrix together.
const BLOCK: usize = 64;

/// A row is solved when a sweep moves no coordinate by more than this part of the largest: what
/// float32 can tell apart.
const TOLERANCE: f32 = 1e-6;

/// What is asked of a row.
#[derive(Clone, Copy, Debug)]
pub struct Settings<'a> {
    /// Pull towards zero, for each entry of a row.
    pub regularization: f32,
    /// A row that all are pulled to, and how strongly, however many entries they have.
    pub prior: Option<(&'a [f32], f32)>,
    /// Sweeps over the coordinates of a row, at the most.
    pub sweeps: usize,
    /// How many threads to use; the result doesn't depend on it.
    pub threads: usize,
}

/// For each row of `values` the x without negative numbers that minimises
/// `Σ over its entries (value − fixed[column]·x)² + regularization · entries · |x|² + weight · |x −
/// prior|²`, or comes nearer to it by `sweeps` sweeps from the rows of `start` (zeros without;
/// negative numbers in it count as zero). A row without entries is the prior, or zeros without one.
///
/// A row's bits depend neither on the rows beside it, nor on threads, nor on the instruction set.
/// O(entries x factors² + rows x sweeps x factors²) time.
///
/// # Errors
/// When the shapes don't fit, the matrix is damaged, a number is not finite or a setting is out of
/// its range, or the sums of a row leave the range of float32.
pub fn rows(
    values: &Csr<'_>,
    fixed: Matrix<'_>,
    start: Option<Matrix<'_>>,
    settings: &Settings<'_>,
    isa: Isa,
) -> Result<Vec<f32>, KernelError> {
    check(values, fixed, start, settings)?;
    let factors = fixed.dim();
    let width = factors.div_ceil(16);
    let threads = useful_threads(settings.threads, values.rows())?;
    let fixed = padded(fixed, width);
    let mut solved = match start {
        None => vec![0.0; values.rows() * factors],
        Some(start) => start.values().iter().map(|value| value.max(0.0)).collect(),
    };
    let failed = Mutex::new(None);
    let queue = Queue::new(solved.chunks_exact_mut(factors).enumerate());
    together(threads, || {
        while let Some((row, solved)) = queue.take() {
            let entries = values.checked_range(row);
            if entries.is_empty() {
                match settings.prior {
                    Some((prior, _)) => solved.copy_from_slice(prior),
                    None => solved.fill(0.0),
                }
                continue;
            }
            let columns = &values.indices()[entries.clone()];
            let mut system = System::new(factors, width);
            system.gather(&fixed, columns, &values.values()[entries], isa);
            system.pull(columns.len(), settings);
            if !system.solve(solved, settings.sweeps, isa) {
                let mut failed = failed.lock().unwrap_or_else(PoisonError::into_inner);
                *failed = Some(failed.map_or(row, |other: usize| other.min(row)));
            }
        }
    });
    match failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
        None => Ok(solved),
        Some(row) => Err(KernelError::Diverged(format!(
            "the sums of row {row} leave the range of float32; divide the values by a larger number"
        ))),
    }
}

fn check(
    values: &Csr<'_>,
    fixed: Matrix<'_>,
    start: Option<Matrix<'_>>,
    settings: &Settings<'_>,
) -> Result<(), KernelError> {
    let factors = fixed.dim();
    if !(1..=MAX_FACTORS).contains(&factors) {
        return Err(KernelError::Setting(format!(
            "there are {factors} factors, and there must be from 1 to {MAX_FACTORS}"
        )));
    }
    if !(0.0..=f32::MAX).contains(&settings.regularization) {
        return Err(KernelError::Setting(format!(
            "regularization is {}, and must be a finite number, 0 or above",
            settings.regularization
        )));
    }
    if let Some((prior, weight)) = settings.prior {
        if !(0.0..=f32::MAX).contains(&weight) {
            return Err(KernelError::Setting(format!(
                "prior_weight is {weight}, and must be a finite number, 0 or above"
            )));
        }
        if prior.len() != factors {
            return Err(KernelError::Shape(format!(
                "prior has {} numbers, and must have one for each of the {factors} factors",
                prior.len()
            )));
        }
        if let Some(number) = prior
            .iter()
            .find(|number| !(0.0..=f32::MAX).contains(*number))
        {
            return Err(KernelError::Data(format!(
                "prior has the number {number}, and its numbers must be finite, and 0 or above"
            )));
        }
    }
    if values.columns() != fixed.rows() {
        return Err(KernelError::Shape(format!(
            "the matrix has {} columns, and must have one for each of the {} rows of factors",
            values.columns(),
            fixed.rows()
        )));
    }
    if let Some(start) = start
        && (start.rows(), start.dim()) != (values.rows(), factors)
    {
        return Err(KernelError::Shape(format!(
            "start has {} rows of {} factors, and must have {} rows of {factors}",
            start.rows(),
            start.dim(),
            values.rows()
        )));
    }
    values.check()?;
    let given = [
        ("values", values.values()),
        ("fixed", fixed.values()),
        ("start", start.map_or(&[][..], |start| start.values())),
    ];
    for (name, numbers) in given {
        if let Some(at) = numbers.iter().position(|number| !number.is_finite()) {
            return Err(KernelError::Data(format!(
                "number {at} of {name} is {}, and must be finite",
                numbers[at]
            )));
        }
    }
    Ok(())
}

/// Rows in lanes, zeros after the last number.
fn padded(rows: Matrix<'_>, width: usize) -> Vec<Lanes> {
    let mut lanes = vec![Lanes::ZERO; rows.rows() * width];
    for (row, lanes) in lanes.chunks_exact_mut(width).enumerate() {
        for (sixteen, lanes) in rows.row(row).chunks(16).zip(lanes) {
            lanes.0[..sixteen.len()].copy_from_slice(sixteen);
        }
    }
    lanes
}

/// The normal equations of a row.
struct System {
    matrix: Symmetric,
    right: Vec<Lanes>,
}

impl System {
    fn new(factors: usize, width: usize) -> Self {
        Self {
            matrix: Symmetric::zeros(factors),
            right: vec![Lanes::ZERO; width],
        }
    }

    /// Adds what each value says.
    fn gather(&mut self, fixed: &[Lanes], columns: &[i32], values: &[f32], isa: Isa) {
        let width = self.right.len();
        let mut block = vec![Lanes::ZERO; BLOCK.min(columns.len()) * width];
        for (columns, values) in columns.chunks(BLOCK).zip(values.chunks(BLOCK)) {
            let block = &mut block[..columns.len() * width];
            for (&column, copy) in columns.iter().zip(block.chunks_exact_mut(width)) {
                copy.copy_from_slice(&fixed[column as usize * width..][..width]);
            }
            let right = &mut self.right;
            run(
                isa,
                Weigh {
                    right,
                    rows: block,
                    values,
                },
            );
            self.matrix.add_lanes(block, isa);
        }
    }

    /// Adds the pulls of a row of so many entries.
    fn pull(&mut self, entries: usize, settings: &Settings<'_>) {
        let mut pull = settings.regularization * entries as f32;
        if let Some((prior, weight)) = settings.prior {
            pull += weight;
            for (right, sixteen) in self.right.iter_mut().zip(prior.chunks(16)) {
                for (sum, number) in right.0.iter_mut().zip(sixteen) {
                    *sum += weight * number;
                }
            }
        }
        self.matrix.add_to_diagonal(pull);
    }

    /// Improves `solved`, unless the sums are no finite numbers.
    fn solve(mut self, solved: &mut [f32], sweeps: usize, isa: Isa) -> bool {
        // Every element of the matrix is at most as large as the largest of its diagonal.
        let diagonal = (0..solved.len()).map(|at| self.matrix.value(at, at));
        let right = self.right.iter().flat_map(|lanes| &lanes.0).copied();
        if !diagonal.chain(right).all(f32::is_finite) {
            return false;
        }
        run(
            isa,
            Descent {
                matrix: &self.matrix.to_lanes(),
                slope: &mut self.right,
                solved,
                sweeps,
            },
        );
        solved.iter().all(|value| value.is_finite())
    }
}

/// Adds rows times their values.
struct Weigh<'a> {
    right: &'a mut [Lanes],
    rows: &'a [Lanes],
    values: &'a [f32],
}

impl Work for Weigh<'_> {
    type Output = ();

    #[inline(always)]
    fn on<S: Simd>(self, simd: S) {
        let rows = self.rows.chunks_exact(self.right.len());
        for (row, &value) in rows.zip(self.values) {
            add(simd, self.right, row, value);
        }
    }
}

struct Descent<'a> {
    /// Both triangles.
    matrix: &'a [Lanes],
    /// The right-hand side; on the way, what the solution so far leaves of it.
    slope: &'a mut [Lanes],
    solved: &'a mut [f32],
    sweeps: usize,
}

impl Work for Descent<'_> {
    type Output = ();

    #[inline(always)]
    fn on<S: Simd>(self, simd: S) {
        let Self {
            matrix,
            slope,
            solved,
            sweeps,
        } = self;
        let width = slope.len();
        for (row, &value) in matrix.chunks_exact(width).zip(&*solved) {
            add(simd, slope, row, -value);
        }
        for _ in 0..sweeps {
            let (mut farthest, mut largest) = (0.0_f32, 0.0_f32);
            let rows = matrix.chunks_exact(width).zip(&mut *solved);
            for (at, (row, value)) in rows.enumerate() {
                let (block, lane) = (at / 16, at % 16);
                let diagonal = row[block].0[lane];
                // A factor that nobody here has is 0: no value of it would change anything.
                let best = if diagonal > 0.0 {
                    (*value + slope[block].0[lane] / diagonal).max(0.0)
                } else {
                    0.0
                };
                let step = best - *value;
                if step != 0.0 {
                    add(simd, slope, row, -step);
                    *value = best;
                }
                farthest = farthest.max(step.abs());
                largest = largest.max(best);
            }
            if farthest <= TOLERANCE * largest {
                break;
            }
        }
    }
}

/// `into += by * row`.
#[inline(always)]
fn add<S: Simd>(simd: S, into: &mut [Lanes], row: &[Lanes], by: f32) {
    let by = simd.splat(by);
    for (into, row) in into.iter_mut().zip(row) {
        simd.store(simd.fma(by, simd.load(row), simd.load(into)), into);
    }
}

#[cfg(test)]
mod tests;
