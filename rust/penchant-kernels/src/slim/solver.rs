//! One column at a time.

use super::Settings;
use crate::KernelError;
use crate::csr::{Csr, CsrBuf};

/// Passes for one column at most: hundreds more than are needed unless columns are nearly equal and
/// l2 next to nothing.
const PASSES: usize = 1000;
/// The slope that is as good as none, as a share of the steepest at the start.
const TOLERANCE: f64 = 1e-4;
/// How far few weights are followed before all are looked at again, as a share of the worst slope
/// that was met there.
const AIM: f64 = 0.1;

/// The matrix, ready to be walked both ways.
pub(super) struct Columns<'a> {
    by_row: &'a Csr<'a>,
    by_column: CsrBuf,
    /// Sum of the squares of each column.
    squares: Vec<f64>,
    any_negative: bool,
    /// Whether all values are 1, which needn't be read then.
    ones: bool,
}

impl<'a> Columns<'a> {
    /// The columns of a checked matrix.
    pub(super) fn new(by_row: &'a Csr<'a>) -> Result<Self, KernelError> {
        for row in 0..by_row.rows() {
            let values = &by_row.values()[by_row.checked_range(row)];
            if let Some(value) = values.iter().find(|value| !value.is_finite()) {
                return Err(KernelError::Data(format!(
                    "row {row} has the value {value}, and values must be finite"
                )));
            }
        }
        let by_column = by_row.checked_transpose(|_, _| ());
        let mut columns = Self {
            by_row,
            squares: Vec::new(),
            any_negative: by_row.values().iter().any(|&value| value < 0.0),
            ones: by_row
                .values()
                .iter()
                .all(|value| value.to_bits() == 1.0_f32.to_bits()),
            by_column,
        };
        columns.squares = (0..by_row.columns())
            .map(|column| {
                let (_, values) = columns.column(column);
                values.iter().map(|&v| f64::from(v) * f64::from(v)).sum()
            })
            .collect();
        Ok(columns)
    }

    pub(super) fn count(&self) -> usize {
        self.squares.len()
    }

    /// How many entries a column is first held against.
    pub(super) fn reach(&self, column: usize) -> usize {
        let (rows, _) = self.column(column);
        let entries = |&row: &i32| self.by_row.checked_range(row as usize).len();
        1 + rows.iter().map(entries).sum::<usize>()
    }

    /// Rows and values of a column's entries.
    fn column(&self, column: usize) -> (&[i32], &[f32]) {
        let ends = &self.by_column.indptr[column..column + 2];
        let range = ends[0] as usize..ends[1] as usize;
        (
            &self.by_column.indices[range.clone()],
            &self.by_column.values[range],
        )
    }
}

/// What one thread needs to solve columns; all numbers are 0 between two of them.
pub(super) struct Solver<'a> {
    columns: &'a Columns<'a>,
    settings: &'a Settings,
    /// y - Xw, for each row.
    remains: Vec<f64>,
    /// For each column.
    weights: Vec<f64>,
    slopes: Vec<f64>,
}

impl<'a> Solver<'a> {
    pub(super) fn new(columns: &'a Columns<'a>, settings: &'a Settings) -> Self {
        Self {
            columns,
            settings,
            remains: vec![0.0; columns.by_row.rows()],
            weights: vec![0.0; columns.count()],
            slopes: vec![0.0; columns.count()],
        }
    }

    /// The weights that are not 0, by ascending column.
    pub(super) fn solve(&mut self, target: usize) -> Result<Vec<(u32, f32)>, KernelError> {
        let (rows, values) = self.columns.column(target);
        for (&row, &value) in rows.iter().zip(values) {
            self.remains[row as usize] = f64::from(value);
        }
        let (candidates, steepest) = self.candidates(target);
        let enough = TOLERANCE * steepest;
        let mut active = Vec::new();
        let mut passes = 0;
        loop {
            let worst = self.pass(&candidates);
            passes += 1;
            if worst <= enough || passes >= PASSES {
                break;
            }
            let aim = enough.max(AIM * worst);
            active.clone_from(&candidates);
            self.keep_moved(&mut active);
            while passes < PASSES && self.pass(&active) > aim {
                self.keep_moved(&mut active);
                passes += 1;
            }
        }
        self.take(target, &candidates)
    }

    /// The columns that may get a weight, ascending, and the size of the steepest slope at w = 0.
    ///
    /// Where neither values nor weights are negative, a slope is never steeper than at w = 0, so that
    /// a column whose slope there is no more than l1 can be left out: it is certain to stay at 0.
    fn candidates(&mut self, target: usize) -> (Vec<u32>, f64) {
        let (rows, values) = self.columns.column(target);
        let mut met = Vec::new();
        for (&row, &value) in rows.iter().zip(values) {
            let range = self.columns.by_row.checked_range(row as usize);
            let others = &self.columns.by_row.indices()[range.clone()];
            for (&other, &theirs) in others.iter().zip(&self.columns.by_row.values()[range]) {
                let slope = &mut self.slopes[other as usize];
                if *slope == 0.0 {
                    met.push(other as u32);
                }
                *slope += f64::from(value) * f64::from(theirs);
            }
        }
        met.sort_unstable();
        met.dedup();
        let is_other = |column: u32| column as usize != target;
        let slope = |column: u32| self.slopes[column as usize].abs();
        let others = met.iter().copied().filter(|&column| is_other(column));
        let steepest = others.clone().map(slope).fold(0.0, f64::max);
        let narrow = self.settings.non_negative && !self.columns.any_negative;
        let candidates = if narrow {
            others
                .filter(|&column| slope(column) > self.settings.l1)
                .collect()
        } else {
            let all = 0..self.columns.count() as u32;
            all.filter(|&column| is_other(column) && self.columns.squares[column as usize] > 0.0)
                .collect()
        };
        for column in met {
            self.slopes[column as usize] = 0.0;
        }
        (candidates, steepest)
    }

    /// Moves each weight to its optimum while the others stand still; gives the worst slope met.
    fn pass(&mut self, columns: &[u32]) -> f64 {
        if self.columns.ones {
            self.pass_of::<true>(columns)
        } else {
            self.pass_of::<false>(columns)
        }
    }

    fn pass_of<const ONES: bool>(&mut self, columns: &[u32]) -> f64 {
        let Settings {
            l1,
            l2,
            non_negative,
            ..
        } = *self.settings;
        let mut worst = 0.0_f64;
        for &column in columns {
            let column = column as usize;
            let (rows, values) = self.columns.column(column);
            let curve = self.columns.squares[column] + l2;
            let old = self.weights[column];
            let pull =
                dot::<ONES>(rows, values, &self.remains) + self.columns.squares[column] * old;
            let new = if pull > l1 {
                (pull - l1) / curve
            } else if pull < -l1 && !non_negative {
                (pull + l1) / curve
            } else {
                0.0
            };
            let step = new - old;
            if step != 0.0 {
                worst = worst.max(step.abs() * curve);
                self.weights[column] = new;
                if ONES {
                    for &row in rows {
                        self.remains[row as usize] -= step;
                    }
                } else {
                    for (&row, &value) in rows.iter().zip(values) {
                        self.remains[row as usize] -= step * f64::from(value);
                    }
                }
            }
        }
        worst
    }

    fn keep_moved(&self, columns: &mut Vec<u32>) {
        columns.retain(|&column| self.weights[column as usize] != 0.0);
    }

    /// Hands out the weights and leaves zeros.
    fn take(&mut self, target: usize, candidates: &[u32]) -> Result<Vec<(u32, f32)>, KernelError> {
        self.forget_remains(target, candidates);
        let mut taken = Vec::new();
        let mut too_great = None;
        for &column in candidates {
            let weight = std::mem::take(&mut self.weights[column as usize]) as f32;
            if !weight.is_finite() {
                too_great = Some(column);
            }
            if weight != 0.0 {
                taken.push((column, weight));
            }
        }
        match too_great {
            None => Ok(taken),
            Some(column) => Err(KernelError::Diverged(format!(
                "the weight of column {column} for column {target} is beyond the range of float32; \
                 bring the columns to like lengths"
            ))),
        }
    }

    /// Zeros where anything can have been left, which of many rows may be few.
    fn forget_remains(&mut self, target: usize, candidates: &[u32]) {
        let columns = self.columns;
        let touched = || {
            let candidates = candidates.iter().map(|&column| column as usize);
            candidates
                .chain([target])
                .map(|column| columns.column(column).0)
        };
        if touched().map(<[i32]>::len).sum::<usize>() > self.remains.len() {
            self.remains.fill(0.0);
        } else {
            for &row in touched().flatten() {
                self.remains[row as usize] = 0.0;
            }
        }
    }
}

/// The sum over a column of value times remains, in four lanes. ONES: whether all values are 1.
fn dot<const ONES: bool>(rows: &[i32], values: &[f32], remains: &[f64]) -> f64 {
    let mut sums = [0.0; 4];
    let (rows_by_4, rows_left) = rows.as_chunks::<4>();
    let last = rows_left.len();
    if ONES {
        for rows in rows_by_4 {
            for lane in 0..4 {
                sums[lane] += remains[rows[lane] as usize];
            }
        }
        for lane in 0..last {
            sums[lane] += remains[rows_left[lane] as usize];
        }
    } else {
        let (values_by_4, values_left) = values.as_chunks::<4>();
        for (rows, values) in rows_by_4.iter().zip(values_by_4) {
            for lane in 0..4 {
                sums[lane] += f64::from(values[lane]) * remains[rows[lane] as usize];
            }
        }
        for lane in 0..last {
            sums[lane] += f64::from(values_left[lane]) * remains[rows_left[lane] as usize];
        }
    }
    (sums[0] + sums[2]) + (sums[1] + sums[3])
}
