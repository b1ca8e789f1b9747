//! Symmetric matrices: sums of outer products, and systems of equations by Cholesky's factorisation.
//!
//! Only the upper triangle is kept, as rows of lanes. Both the sums and the factorisation come down
//! to one inner loop, a tile of products in registers. An element is a sum in one fixed order, so
//! every instruction set gives the same bits.

#![expect(
    clippy::inline_always,
    reason = "each caller compiles the inner loops for its own instruction set"
)]

mod factor;

use crate::Isa;
use crate::parallel::{Queue, together};
use crate::simd::{Lanes, Simd, Work, run};
use factor::Factor;

/// Rows of a tile: with two lanes in width, as many sums as hide the latency of one.
const TILE: usize = 8;

/// Rows of an outer product that are summed before the next tile: they stay in the first cache.
const BLOCK: usize = 64;

/// Rows of a sum that one thread takes at once: a whole number of tiles.
const SHARE: usize = 64;

/// A symmetric matrix of `size` rows, in float32.
#[derive(Clone, Debug)]
pub struct Symmetric {
    size: usize,
    width: usize,
    /// `16 * width` rows of `width` lanes; what lies left of the diagonal has no meaning.
    rows: Vec<Lanes>,
}

impl Symmetric {
    /// All zeros.
    #[must_use]
    pub fn zeros(size: usize) -> Self {
        let width = size.div_ceil(16);
        Self {
            size,
            width,
            rows: vec![Lanes::ZERO; 16 * width * width],
        }
    }

    /// Number of rows and columns.
    #[must_use]
    pub fn size(&self) -> usize {
        self.size
    }

    /// One element.
    ///
    /// # Panics
    /// When there is no such row or column.
    #[must_use]
    pub fn value(&self, row: usize, column: usize) -> f32 {
        assert!(row < self.size && column < self.size, "no such element");
        let (row, column) = (row.min(column), row.max(column));
        self.rows[row * self.width + column / 16].0[column % 16]
    }

    /// Adds `value` to each element of the diagonal.
    pub fn add_to_diagonal(&mut self, value: f32) {
        for at in 0..self.size {
            self.rows[at * self.width + at / 16].0[at % 16] += value;
        }
    }

    /// Multiplies each element by `factor`.
    pub fn scale(&mut self, factor: f32) {
        for value in self.rows.iter_mut().flat_map(|lanes| &mut lanes.0) {
            *value *= factor;
        }
    }

    /// Adds another matrix of the same size.
    ///
    /// # Panics
    /// When it has another size.
    pub fn add(&mut self, other: &Self) {
        assert_eq!(self.size, other.size, "matrices of one size");
        let values = self.rows.iter_mut().flat_map(|lanes| &mut lanes.0);
        for (value, added) in values.zip(other.rows.iter().flat_map(|lanes| &lanes.0)) {
            *value += added;
        }
    }

    /// Adds the outer product of each of `rows`, vectors of `size` numbers one after another: all of
    /// them together are `RᵀR`. O(rows·size²).
    ///
    /// # Panics
    /// When `rows` are no whole vectors.
    pub fn add_outer(&mut self, rows: &[f32], isa: Isa) {
        assert_eq!(rows.len() % self.size.max(1), 0, "vectors of {}", self.size);
        let mut block = vec![Lanes::ZERO; BLOCK * self.width];
        for rows in rows.chunks(BLOCK * self.size.max(1)) {
            let count = rows.len() / self.size;
            for (row, lanes) in rows
                .chunks_exact(self.size)
                .zip(block.chunks_exact_mut(self.width))
            {
                for (sixteen, lanes) in row.chunks(16).zip(lanes) {
                    lanes.0[..sixteen.len()].copy_from_slice(sixteen);
                }
            }
            self.add_lanes(&block[..count * self.width], isa);
        }
    }

    /// As [`Symmetric::add_outer`], of rows that are in lanes, zeros after the last number.
    pub(crate) fn add_lanes(&mut self, rows: &[Lanes], isa: Isa) {
        run(
            isa,
            Outer {
                into: &mut self.rows,
                first: 0,
                rows,
                width: self.width,
            },
        );
    }

    /// A copy with all elements, both triangles, as rows of lanes.
    pub(crate) fn to_lanes(&self) -> Vec<Lanes> {
        let mut whole = self.rows.clone();
        for row in 0..self.size {
            for column in 0..row {
                whole[row * self.width + column / 16].0[column % 16] = self.value(row, column);
            }
        }
        whole
    }

    /// As [`Symmetric::add_lanes`], the same bits, by `threads` that share the rows of the sum.
    pub(crate) fn add_lanes_together(&mut self, rows: &[Lanes], threads: usize, isa: Isa) {
        let width = self.width;
        let shares = self.rows.chunks_mut((SHARE * width).max(1)).enumerate();
        let queue = Queue::new(shares);
        together(threads, || {
            while let Some((share, into)) = queue.take() {
                let first = share * SHARE;
                run(
                    isa,
                    Outer {
                        into,
                        first,
                        rows,
                        width,
                    },
                );
            }
        });
    }

    /// The rows from the first on, each as lanes of which those right of the diagonal count.
    pub(crate) fn rows_mut(&mut self) -> impl Iterator<Item = &mut [Lanes]> + Send {
        self.rows
            .chunks_exact_mut(self.width.max(1))
            .take(self.size)
    }

    /// The upper factor U, for which `UᵀU` is this matrix. O(size³).
    ///
    /// # Errors
    /// The first row at which the matrix turns out not to be positive definite, to the precision of
    /// float32.
    pub fn factored(mut self, isa: Isa) -> Result<Cholesky, usize> {
        for at in self.size..16 * self.width {
            self.rows[at * self.width + at / 16].0[at % 16] = 1.0;
        }
        let failed = run(
            isa,
            Factor {
                rows: &mut self.rows,
                width: self.width,
            },
        );
        match failed {
            Some(row) => Err(row),
            None => Ok(Cholesky(self)),
        }
    }
}

/// The Cholesky factor of a matrix, ready to solve systems.
#[derive(Clone, Debug)]
pub struct Cholesky(Symmetric);

impl Cholesky {
    /// Number of unknowns.
    #[must_use]
    pub fn size(&self) -> usize {
        self.0.size
    }

    /// Solves the system for `right`, and leaves the solution there. O(size²).
    ///
    /// # Panics
    /// When `right` has another length than the matrix.
    pub fn solve(&self, right: &mut [f32], isa: Isa) {
        assert_eq!(right.len(), self.0.size, "as long as the matrix");
        let mut lanes = vec![Lanes::ZERO; self.0.width];
        for (sixteen, lanes) in right.chunks(16).zip(&mut lanes) {
            lanes.0[..sixteen.len()].copy_from_slice(sixteen);
        }
        self.solve_lanes(&mut lanes, isa);
        for (sixteen, lanes) in right.chunks_mut(16).zip(&lanes) {
            sixteen.copy_from_slice(&lanes.0[..sixteen.len()]);
        }
    }

    /// As [`Cholesky::solve`], in lanes, zeros after the last number.
    pub(crate) fn solve_lanes(&self, right: &mut [Lanes], isa: Isa) {
        run(
            isa,
            Solve {
                upper: &self.0.rows,
                right,
            },
        );
    }
}

/// Sums over `rows` of products, added to `sums`: `sums[r][c] += Σ row[first + r] * row[lane + c]`.
#[inline(always)]
fn products<S: Simd, const C: usize>(
    simd: S,
    mut sums: [[S::Vector; C]; TILE],
    rows: &[Lanes],
    width: usize,
    first: usize,
    lane: usize,
) -> [[S::Vector; C]; TILE] {
    for row in rows.chunks_exact(width) {
        let (scalars, _) = row[first / 16].0[first % 16..].as_chunks::<TILE>();
        let right: &[Lanes; C] = row[lane..].first_chunk().expect("lanes of the row");
        let right: [S::Vector; C] = std::array::from_fn(|at| simd.load(&right[at]));
        for (sums, scalar) in sums.iter_mut().zip(scalars[0]) {
            let scalar = simd.splat(scalar);
            for (sum, right) in sums.iter_mut().zip(right) {
                *sum = simd.fma(scalar, right, *sum);
            }
        }
    }
    sums
}

/// For each tile of the upper triangle in rows from `first` on: adds `sign` times the products.
///
/// earlier: the sums over rows before these, as far as there are any.
#[inline(always)]
fn add_products<S: Simd>(
    simd: S,
    into: &mut [Lanes],
    earlier: &[Lanes],
    rows: &[Lanes],
    width: usize,
    first: usize,
    sign: f32,
) {
    let sign = simd.splat(sign);
    let mut add = |row: usize, lane: usize, sum: S::Vector| {
        let lanes = &mut into[row * width + lane];
        let sum = simd.fma(sum, sign, simd.load(lanes));
        simd.store(sum, lanes);
    };
    let mut lane = first / 16;
    while lane + 2 <= width {
        let sums = sums_in::<S, 2>(simd, earlier, width, lane);
        let sums = products::<S, 2>(simd, sums, rows, width, first, lane);
        for (row, [a, b]) in sums.into_iter().enumerate() {
            add(row, lane, a);
            add(row, lane + 1, b);
        }
        lane += 2;
    }
    if lane < width {
        let sums = sums_in::<S, 1>(simd, earlier, width, lane);
        let sums = products::<S, 1>(simd, sums, rows, width, first, lane);
        for (row, [a]) in sums.into_iter().enumerate() {
            add(row, lane, a);
        }
    }
}

/// A tile of sums that rows of lanes hold from `lane` on; zeros where there are no rows.
#[inline(always)]
fn sums_in<S: Simd, const C: usize>(
    simd: S,
    rows: &[Lanes],
    width: usize,
    lane: usize,
) -> [[S::Vector; C]; TILE] {
    let mut sums = [[simd.splat(0.0); C]; TILE];
    for (sums, row) in sums.iter_mut().zip(rows.chunks_exact(width)) {
        for (sum, lanes) in sums.iter_mut().zip(&row[lane..]) {
            *sum = simd.load(lanes);
        }
    }
    sums
}

struct Outer<'a> {
    /// Rows of the sum, the first of which is number `first`.
    into: &'a mut [Lanes],
    first: usize,
    rows: &'a [Lanes],
    width: usize,
}

impl Work for Outer<'_> {
    type Output = ();

    #[inline(always)]
    fn on<S: Simd>(self, simd: S) {
        for block in self.rows.chunks(BLOCK * self.width.max(1)) {
            for (at, tile) in self.into.chunks_exact_mut(TILE * self.width).enumerate() {
                let first = self.first + TILE * at;
                add_products(simd, tile, &[], block, self.width, first, 1.0);
            }
        }
    }
}

struct Solve<'a> {
    upper: &'a [Lanes],
    right: &'a mut [Lanes],
}

impl Work for Solve<'_> {
    type Output = ();

    /// Down through the transpose, then up.
    #[inline(always)]
    fn on<S: Simd>(self, simd: S) {
        let width = self.right.len();
        for (at, row) in self.upper.chunks_exact(width.max(1)).enumerate() {
            let (block, lane) = (at / 16, at % 16);
            let solved = self.right[block].0[lane] / row[block].0[lane];
            let scalar = simd.splat(-solved);
            for (right, row) in self.right[block..].iter_mut().zip(&row[block..]) {
                simd.store(simd.fma(scalar, simd.load(row), simd.load(right)), right);
            }
            self.right[block].0[lane] = solved;
        }
        for (at, row) in self.upper.chunks_exact(width.max(1)).enumerate().rev() {
            let (block, lane) = (at / 16, at % 16);
            let given = self.right[block].0[lane];
            self.right[block].0[lane] = 0.0;
            let mut sum = simd.splat(0.0);
            for (right, row) in self.right[block..].iter().zip(&row[block..]) {
                sum = simd.fma(simd.load(row), simd.load(right), sum);
            }
            let [sum] = simd.totals([sum]);
            self.right[block].0[lane] = (given - sum) / row[block].0[lane];
        }
    }
}

#[cfg(test)]
mod tests;
