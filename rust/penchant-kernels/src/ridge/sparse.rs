//! Features of which most are zero: products of what stands there, less what centring would change.
//!
//! Products are summed in float64, where those of two float32 numbers are exact, so that subtracting
//! the means costs no accuracy. A product of the centred rows r and s is, with roots ρ of weights and
//! means m, `ρᵣρₛ (xᵣ·xₛ - xᵣ·m - xₛ·m + m·m)`; one of the columns i and j is `Σ w xᵢxⱼ - Σw mᵢmⱼ`.

use super::{Centred, Weights};
use crate::cholesky::Symmetric;
use crate::csr::{Csr, CsrBuf};
use crate::parallel::{Queue, together};
use crate::simd::Lanes;
use crate::{Isa, KernelError};

/// The rows, each multiplied by its root, and the same as columns.
pub(super) struct Entries {
    columns: usize,
    roots: Vec<f32>,
    total: f64,
    rows: CsrBuf,
    turned: CsrBuf,
    means: Vec<f64>,
}

impl Entries {
    pub(super) fn new(matrix: &Csr<'_>, weights: &Weights) -> Result<Self, KernelError> {
        let mut means = vec![0.0; matrix.columns()];
        let mut rows = CsrBuf {
            indptr: vec![0],
            ..CsrBuf::default()
        };
        for (row, weight) in weights.values.iter().enumerate() {
            let (columns, values) = matrix.row(row)?;
            for (&column, &value) in columns.iter().zip(values) {
                if !value.is_finite() {
                    return Err(KernelError::Data(format!(
                        "features holds {value} in row {row}, and must hold finite numbers"
                    )));
                }
                means[column as usize] += weight * f64::from(value);
                rows.values.push(weights.roots[row] * value);
            }
            rows.indices.extend_from_slice(columns);
            rows.indptr.push(rows.indices.len() as i64);
        }
        for mean in &mut means {
            *mean /= weights.total;
        }
        let turned = rows.view(matrix.columns()).checked_transpose(|_, _| ());
        Ok(Self {
            columns: matrix.columns(),
            roots: weights.roots.clone(),
            total: weights.total,
            rows,
            turned,
            means,
        })
    }
}

/// Columns and values of a row.
fn entries(matrix: &CsrBuf, row: usize) -> impl Iterator<Item = (usize, f64)> {
    let range = matrix.indptr[row] as usize..matrix.indptr[row + 1] as usize;
    let pairs = matrix.indices[range.clone()]
        .iter()
        .zip(&matrix.values[range]);
    pairs.map(|(&column, &value)| (column as usize, f64::from(value)))
}

/// `MMᵀ + λI`, where `turned` is Mᵀ, less `taken(i, j)` in each element.
fn gram(
    (matrix, turned): (&CsrBuf, &CsrBuf),
    taken: impl Fn(usize, usize) -> f64 + Sync,
    regularization: f32,
    threads: usize,
) -> Symmetric {
    let size = matrix.indptr.len() - 1;
    let mut gram = Symmetric::zeros(size);
    let queue = Queue::new(gram.rows_mut().enumerate());
    together(threads, || {
        let mut sums = vec![0.0; size];
        while let Some((row, lanes)) = queue.take() {
            for (middle, value) in entries(matrix, row) {
                for (column, other) in entries(turned, middle) {
                    sums[column] += value * other;
                }
            }
            for (column, sum) in sums.iter_mut().enumerate().skip(row) {
                lanes[column / 16].0[column % 16] = (*sum - taken(row, column)) as f32;
            }
            lanes[row / 16].0[row % 16] =
                (sums[row] - taken(row, row) + f64::from(regularization)) as f32;
            sums.fill(0.0);
        }
    });
    drop(queue);
    gram
}

impl Centred for Entries {
    fn shape(&self) -> (usize, usize) {
        (self.roots.len(), self.columns)
    }

    fn means(&self) -> &[f64] {
        &self.means
    }

    fn outer_gram(&self, regularization: f32, threads: usize, _isa: Isa) -> Symmetric {
        let squared: f64 = self.means.iter().map(|mean| mean * mean).sum();
        let root = |row: usize| f64::from(self.roots[row]);
        // ρᵣ xᵣ·m for each row.
        let along: Vec<f64> = (0..self.roots.len())
            .map(|row| {
                entries(&self.rows, row)
                    .map(|(at, x)| x * self.means[at])
                    .sum()
            })
            .collect();
        let taken = |a: usize, b: usize| {
            along[a] * root(b) + along[b] * root(a) - root(a) * root(b) * squared
        };
        gram((&self.rows, &self.turned), taken, regularization, threads)
    }

    fn inner_gram(&self, regularization: f32, threads: usize, _isa: Isa) -> Symmetric {
        let taken = |a: usize, b: usize| self.total * self.means[a] * self.means[b];
        gram((&self.turned, &self.rows), taken, regularization, threads)
    }

    fn transposed_times(
        &self,
        right: &[Lanes],
        width: usize,
        threads: usize,
        _isa: Isa,
    ) -> Vec<Lanes> {
        // √w·R, of which each feature's mean is taken away.
        let mut across = vec![0.0; 16 * width];
        for (row, root) in right.chunks_exact(width.max(1)).zip(&self.roots) {
            for (sum, value) in across.iter_mut().zip(row.iter().flat_map(|lanes| lanes.0)) {
                *sum += f64::from(*root) * f64::from(value);
            }
        }
        let mut product = vec![Lanes::ZERO; self.columns * width];
        let queue = Queue::new(product.chunks_exact_mut(width.max(1)).enumerate());
        together(threads, || {
            let mut sums = vec![0.0; 16 * width];
            while let Some((column, into)) = queue.take() {
                sums.fill(0.0);
                for (row, value) in entries(&self.turned, column) {
                    let right = &right[row * width..][..width];
                    for (sum, other) in sums.iter_mut().zip(right.iter().flat_map(|l| &l.0)) {
                        *sum += value * f64::from(*other);
                    }
                }
                for (at, (sum, across)) in sums.iter().zip(&across).enumerate() {
                    into[at / 16].0[at % 16] = (sum - self.means[column] * across) as f32;
                }
            }
        });
        product
    }
}
