//! Features of which every number stands there.

#![expect(
    clippy::inline_always,
    reason = "each caller compiles the inner loops for its own instruction set"
)]

use super::{Centred, Weights};
use crate::cholesky::Symmetric;
use crate::parallel::{Queue, together};
use crate::simd::{Lanes, Simd, Work, run};
use crate::{Isa, KernelError, Matrix};

/// Columns whose sums one thread makes at once, in its first cache.
const SHARE: usize = 32;

/// A centred and weighted copy, as rows of lanes.
pub(super) struct Numbers {
    rows: usize,
    columns: usize,
    width: usize,
    lanes: Vec<Lanes>,
    means: Vec<f64>,
}

/// The weighted mean of each column of a matrix whose numbers are all finite.
pub(super) fn means(
    matrix: &Matrix<'_>,
    weights: &Weights,
    name: &str,
) -> Result<Vec<f64>, KernelError> {
    let mut means = vec![0.0; matrix.dim()];
    for (row, weight) in weights.values.iter().enumerate() {
        for (mean, &value) in means.iter_mut().zip(matrix.row(row)) {
            if !value.is_finite() {
                return Err(KernelError::Data(format!(
                    "{name} holds {value} in row {row}, and must hold finite numbers"
                )));
            }
            *mean += weight * f64::from(value);
        }
    }
    for mean in &mut means {
        *mean /= weights.total;
    }
    Ok(means)
}

impl Numbers {
    pub(super) fn new(matrix: &Matrix<'_>, weights: &Weights) -> Result<Self, KernelError> {
        let means = means(matrix, weights, "features")?;
        let width = matrix.dim().div_ceil(16);
        let mut lanes = vec![Lanes::ZERO; matrix.rows() * width];
        for (row, lanes) in lanes.chunks_exact_mut(width.max(1)).enumerate() {
            let root = f64::from(weights.roots[row]);
            let pairs = matrix.row(row).chunks(16).zip(means.chunks(16));
            for (lanes, (values, means)) in lanes.iter_mut().zip(pairs) {
                for ((lane, &value), mean) in lanes.0.iter_mut().zip(values).zip(means) {
                    *lane = (root * (f64::from(value) - mean)) as f32;
                }
            }
        }
        Ok(Self {
            rows: matrix.rows(),
            columns: matrix.dim(),
            width,
            lanes,
            means,
        })
    }
}

impl Centred for Numbers {
    fn shape(&self) -> (usize, usize) {
        (self.rows, self.columns)
    }

    fn means(&self) -> &[f64] {
        &self.means
    }

    fn outer_gram(&self, regularization: f32, threads: usize, isa: Isa) -> Symmetric {
        let width = self.rows.div_ceil(16);
        let mut turned = vec![Lanes::ZERO; self.columns * width];
        for (row, lanes) in self.lanes.chunks_exact(self.width.max(1)).enumerate() {
            let values = lanes.iter().flat_map(|lanes| lanes.0).take(self.columns);
            for (column, value) in values.enumerate() {
                turned[column * width + row / 16].0[row % 16] = value;
            }
        }
        gram(self.rows, &turned, regularization, threads, isa)
    }

    fn inner_gram(&self, regularization: f32, threads: usize, isa: Isa) -> Symmetric {
        gram(self.columns, &self.lanes, regularization, threads, isa)
    }

    fn transposed_times(
        &self,
        right: &[Lanes],
        width: usize,
        threads: usize,
        isa: Isa,
    ) -> Vec<Lanes> {
        let mut product = vec![Lanes::ZERO; self.columns * width];
        let queue = Queue::new(product.chunks_mut((SHARE * width).max(1)).enumerate());
        together(threads, || {
            while let Some((share, into)) = queue.take() {
                run(
                    isa,
                    TransposedTimes {
                        into,
                        left: &self.lanes[share * SHARE / 16..],
                        stride: self.width,
                        right,
                        width,
                    },
                );
            }
        });
        product
    }
}

fn gram(size: usize, rows: &[Lanes], regularization: f32, threads: usize, isa: Isa) -> Symmetric {
    let mut gram = Symmetric::zeros(size);
    gram.add_lanes_together(rows, threads, isa);
    gram.add_to_diagonal(regularization);
    gram
}

/// Adds to each row of `into` the rows of `right`, times a column of `left`.
struct TransposedTimes<'a> {
    into: &'a mut [Lanes],
    /// From the first of the columns on, `stride` lanes from row to row.
    left: &'a [Lanes],
    stride: usize,
    right: &'a [Lanes],
    width: usize,
}

impl Work for TransposedTimes<'_> {
    type Output = ();

    #[inline(always)]
    fn on<S: Simd>(self, simd: S) {
        let left = self.left.chunks(self.stride);
        for (left, right) in left.zip(self.right.chunks_exact(self.width)) {
            for (at, into) in self.into.chunks_exact_mut(self.width).enumerate() {
                let scalar = simd.splat(left[at / 16].0[at % 16]);
                for (into, right) in into.iter_mut().zip(right) {
                    simd.store(simd.fma(scalar, simd.load(right), simd.load(into)), into);
                }
            }
        }
    }
}
