//! How alike two rows are, by a few sums over the columns that both have.

use crate::KernelError;
use crate::csr::Csr;
use std::str::FromStr;

/// How alike two rows `a` and `b` are. `n` counts the columns in which both have an entry, and
/// sums with `n` below run over those alone. Where a denominator is 0, so is the similarity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Similarity {
    /// `a.b / (|a| |b|)`, where an absent entry is a 0. Products are added in f32, in the order of
    /// the columns.
    Cosine,
    /// The cosine over the n common columns alone, once each column's mean is taken from its
    /// entries (Sarwar, Karypis, Konstan and Riedl 2001): users who rate high say no more.
    AdjustedCosine,
    /// Pearson's correlation over the n common columns.
    Pearson,
    /// n / (columns that `a` or `b` has); values don't matter.
    Jaccard,
    /// `1 / (1 + d^2 / n)`, where `d` is the Euclidean distance in the n common columns.
    Euclidean,
}

impl FromStr for Similarity {
    type Err = KernelError;

    fn from_str(name: &str) -> Result<Self, KernelError> {
        match name {
            "cosine" => Ok(Self::Cosine),
            "adjusted_cosine" => Ok(Self::AdjustedCosine),
            "pearson" => Ok(Self::Pearson),
            "jaccard" => Ok(Self::Jaccard),
            "euclidean" => Ok(Self::Euclidean),
            _ => Err(KernelError::Setting(format!(
                "similarity is '{name}', and must be 'cosine', 'adjusted_cosine', 'pearson', \
                 'jaccard' or 'euclidean'"
            ))),
        }
    }
}

/// What two rows share, and how alike that makes them.
pub(super) trait Shared: Sync {
    type Sums: Copy + Default + Send;

    /// Adds a column in which the two rows have these values.
    fn add(sums: &mut Self::Sums, a: f32, b: f32);

    /// Whether anything was added. A false `false` is allowed.
    fn met(sums: &Self::Sums) -> bool;

    /// From -1 to 1, the same for (a, b) and (b, a); 0 for rows that share nothing.
    fn similarity(&self, sums: &Self::Sums, a: usize, b: usize) -> f32;
}

/// n / (n + shrinkage), 0 for no n.
#[inline]
fn trust(n: f64, shrinkage: f64) -> f64 {
    // A subnormal added to 0 is no 0 / 0, and to any other number is nothing.
    n / (n + shrinkage + f64::MIN_POSITIVE)
}

/// One over the square root, 0 for what isn't positive.
#[inline]
fn inverse_root(square: f64) -> f64 {
    if square > 0.0 {
        square.sqrt().recip()
    } else {
        0.0
    }
}

pub(super) struct Cosine {
    /// 1 / Euclidean norm of each scaled row, 0 for a row of zeros.
    inverse_norms: Vec<f64>,
}

impl Cosine {
    /// Also the values, each row scaled by a power of two so that its greatest one is in [1, 2):
    /// values of any magnitude work, and no bit of a mantissa changes.
    pub(super) fn new(matrix: &Csr<'_>) -> (Self, Vec<f32>) {
        let mut values = Vec::with_capacity(matrix.entries());
        let mut inverse_norms = Vec::with_capacity(matrix.rows());
        for row in 0..matrix.rows() {
            let raw = &matrix.values()[matrix.checked_range(row)];
            let scale = power_of_two_below(raw).recip();
            let start = values.len();
            values.extend(raw.iter().map(|&value| (f64::from(value) * scale) as f32));
            let squares = values[start..]
                .iter()
                .map(|&value| f64::from(value).powi(2));
            inverse_norms.push(inverse_root(squares.sum()));
        }
        (Self { inverse_norms }, values)
    }

    #[inline]
    fn of(&self, dot: f32, a: usize, b: usize) -> f64 {
        let cosine = f64::from(dot) * self.inverse_norms[a] * self.inverse_norms[b];
        cosine.clamp(-1.0, 1.0)
    }
}

/// The power of two of the greatest magnitude, 1 where all are zero.
fn power_of_two_below(values: &[f32]) -> f64 {
    let greatest = values
        .iter()
        .fold(0.0_f32, |greatest, value| greatest.max(value.abs()));
    if greatest == 0.0 {
        return 1.0;
    }
    // Every f32, subnormal or not, is a normal f64: without its fraction it is a power of two.
    f64::from_bits(f64::from(greatest).to_bits() & 0x7FF0_0000_0000_0000)
}

impl Shared for Cosine {
    type Sums = f32;

    #[inline]
    fn add(dot: &mut f32, a: f32, b: f32) {
        *dot += a * b;
    }

    #[inline]
    fn met(dot: &f32) -> bool {
        *dot != 0.0
    }

    #[inline]
    fn similarity(&self, dot: &f32, a: usize, b: usize) -> f32 {
        self.of(*dot, a, b) as f32
    }
}

pub(super) struct ShrunkCosine {
    cosine: Cosine,
    shrinkage: f64,
}

impl ShrunkCosine {
    pub(super) fn new(matrix: &Csr<'_>, shrinkage: f64) -> (Self, Vec<f32>) {
        let (cosine, values) = Cosine::new(matrix);
        (Self { cosine, shrinkage }, values)
    }
}

impl Shared for ShrunkCosine {
    type Sums = (f32, u32);

    #[inline]
    fn add((dot, n): &mut Self::Sums, a: f32, b: f32) {
        *dot += a * b;
        *n += 1;
    }

    #[inline]
    fn met((_, n): &Self::Sums) -> bool {
        *n > 0
    }

    #[inline]
    fn similarity(&self, &(dot, n): &Self::Sums, a: usize, b: usize) -> f32 {
        (self.cosine.of(dot, a, b) * trust(f64::from(n), self.shrinkage)) as f32
    }
}

pub(super) struct Adjusted {
    shrinkage: f64,
}

impl Adjusted {
    /// Also the values less the means of their columns.
    pub(super) fn new(matrix: &Csr<'_>, shrinkage: f64) -> (Self, Vec<f32>) {
        let mut sums = vec![(0.0_f64, 0.0_f64); matrix.columns()];
        for (&column, &value) in matrix.indices().iter().zip(matrix.values()) {
            let (sum, count) = &mut sums[column as usize];
            *sum += f64::from(value);
            *count += 1.0;
        }
        let centred = matrix.indices().iter().zip(matrix.values());
        let centred = centred.map(|(&column, &value)| {
            let (sum, count) = sums[column as usize];
            (f64::from(value) - sum / count) as f32
        });
        (Self { shrinkage }, centred.collect())
    }
}

impl Shared for Adjusted {
    /// n, ab, aa, bb.
    type Sums = [f64; 4];

    #[inline]
    fn add(sums: &mut Self::Sums, a: f32, b: f32) {
        let (a, b) = (f64::from(a), f64::from(b));
        let terms = [1.0, a * b, a * a, b * b];
        sums.iter_mut()
            .zip(terms)
            .for_each(|(sum, term)| *sum += term);
    }

    #[inline]
    fn met(sums: &Self::Sums) -> bool {
        sums[0] > 0.0
    }

    #[inline]
    fn similarity(&self, &[n, ab, aa, bb]: &Self::Sums, _: usize, _: usize) -> f32 {
        let cosine = (ab * inverse_root(aa) * inverse_root(bb)).clamp(-1.0, 1.0);
        (cosine * trust(n, self.shrinkage)) as f32
    }
}

pub(super) struct Pearson {
    shrinkage: f64,
}

impl Pearson {
    /// Also the values less the first of their row. A correlation doesn't change by that, and the
    /// sums lose less where values are far from 0 and near each other.
    pub(super) fn new(matrix: &Csr<'_>, shrinkage: f64) -> (Self, Vec<f32>) {
        let mut values = Vec::with_capacity(matrix.entries());
        for row in 0..matrix.rows() {
            let raw = &matrix.values()[matrix.checked_range(row)];
            let first = raw.first().map_or(0.0, |&first| f64::from(first));
            // Half of a difference of any two floats is a float's size.
            values.extend(
                raw.iter()
                    .map(|&value| ((f64::from(value) - first) / 2.0) as f32),
            );
        }
        (Self { shrinkage }, values)
    }
}

/// `n^2` times the variance of `n` values; what may be nothing but rounding is 0.
#[inline]
fn variance(n: f64, sum: f64, squares: f64) -> f64 {
    let (squares, variance) = (n * squares, n * squares - sum * sum);
    if variance > squares * n * f64::EPSILON {
        variance
    } else {
        0.0
    }
}

impl Shared for Pearson {
    /// n, ab, a, b, aa, bb.
    type Sums = [f64; 6];

    #[inline]
    fn add(sums: &mut Self::Sums, a: f32, b: f32) {
        let (a, b) = (f64::from(a), f64::from(b));
        let terms = [1.0, a * b, a, b, a * a, b * b];
        sums.iter_mut()
            .zip(terms)
            .for_each(|(sum, term)| *sum += term);
    }

    #[inline]
    fn met(sums: &Self::Sums) -> bool {
        sums[0] > 0.0
    }

    #[inline]
    fn similarity(&self, &[n, ab, a, b, aa, bb]: &Self::Sums, _: usize, _: usize) -> f32 {
        let scale = inverse_root(variance(n, a, aa)) * inverse_root(variance(n, b, bb));
        let correlation = ((n * ab - a * b) * scale).clamp(-1.0, 1.0);
        (correlation * trust(n, self.shrinkage)) as f32
    }
}

pub(super) struct Jaccard {
    counts: Vec<u32>,
    shrinkage: f64,
}

impl Jaccard {
    pub(super) fn new(matrix: &Csr<'_>, shrinkage: f64) -> (Self, Vec<f32>) {
        let counts = (0..matrix.rows()).map(|row| matrix.checked_range(row).len() as u32);
        let shared = Self {
            counts: counts.collect(),
            shrinkage,
        };
        (shared, matrix.values().to_vec())
    }
}

impl Shared for Jaccard {
    type Sums = u32;

    #[inline]
    fn add(n: &mut u32, _: f32, _: f32) {
        *n += 1;
    }

    #[inline]
    fn met(n: &u32) -> bool {
        *n > 0
    }

    #[inline]
    fn similarity(&self, &n: &u32, a: usize, b: usize) -> f32 {
        let either = f64::from(self.counts[a]) + f64::from(self.counts[b]) - f64::from(n);
        let n = f64::from(n);
        (n / either.max(1.0) * trust(n, self.shrinkage)) as f32
    }
}

pub(super) struct Euclidean {
    shrinkage: f64,
}

impl Euclidean {
    pub(super) fn new(matrix: &Csr<'_>, shrinkage: f64) -> (Self, Vec<f32>) {
        (Self { shrinkage }, matrix.values().to_vec())
    }
}

impl Shared for Euclidean {
    /// n, and the squared distance.
    type Sums = [f64; 2];

    #[inline]
    fn add([n, squared]: &mut Self::Sums, a: f32, b: f32) {
        let difference = f64::from(a) - f64::from(b);
        *squared += difference * difference;
        *n += 1.0;
    }

    #[inline]
    fn met(sums: &Self::Sums) -> bool {
        sums[0] > 0.0
    }

    #[inline]
    fn similarity(&self, &[n, squared]: &Self::Sums, _: usize, _: usize) -> f32 {
        // n / (n + d^2) is 1 / (1 + d^2 / n), and 0 for no n.
        (trust(n, squared) * trust(n, self.shrinkage)) as f32
    }
}
