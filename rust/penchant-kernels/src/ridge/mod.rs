//! Ridge regression in closed form: from features of items to vectors that training has given them.
//!
//! A map `x ↦ b + xW` that has the least `Σ wᵣ |fᵣ - b - xᵣW|² + λ|W|²` (Hoerl and Kennard, "Ridge
//! Regression", 1970, eq. 2.1; the intercept b is not pulled). With rows centred and multiplied by
//! √wᵣ, X̃ and F̃, that is `W = (X̃ᵀX̃ + λI)⁻¹ X̃ᵀF̃`, or `X̃ᵀ (X̃X̃ᵀ + λI)⁻¹ F̃`, whichever system is the
//! smaller. Sparse features stay sparse: what centring changes is subtracted from the products.
//!
//! Every sum has one order, so neither threads nor instruction sets change a bit.

mod dense;
mod sparse;

use crate::cholesky::{Cholesky, Symmetric};
use crate::csr::Csr;
use crate::parallel::{Queue, together, useful_threads};
use crate::simd::Lanes;
use crate::{Isa, KernelError, Matrix};

/// Unknowns of the largest system: 268 MB, and seconds.
pub const MOST_UNKNOWNS: usize = 8192;

/// One row of features for each thing.
#[derive(Clone, Copy, Debug)]
pub enum Features<'a> {
    /// Every number stands there.
    Dense(Matrix<'a>),
    /// Most numbers are zero and left out.
    Sparse(Csr<'a>),
}

/// What there is to choose.
#[derive(Clone, Copy, Debug)]
pub struct Settings<'a> {
    /// How much a row counts; 1 for all without it. Multiplying all of them by a number is as
    /// dividing `regularization` by it.
    pub weights: Option<&'a [f32]>,
    /// The pull λ of coefficients towards zero, greater than 0.
    pub regularization: f32,
    /// How many threads share the work.
    pub threads: usize,
}

/// The map `x ↦ intercept + x · coefficients`.
#[derive(Clone, Debug, PartialEq)]
pub struct Map {
    /// A row of target length for each feature.
    pub coefficients: Vec<f32>,
    /// What a row without any feature is mapped to.
    pub intercept: Vec<f32>,
}

/// Fits the map from `features` to `targets`, row by row. With m = min(rows, features) and t targets
/// O(rows·features·m / 2 + m³ / 3 + rows·features·t) time, less by the zeros of sparse features, and
/// O(m²) memory besides a copy of the features.
///
/// # Errors
/// When shapes don't fit, a number isn't finite, a weight is negative or all are 0, `regularization`
/// isn't positive or too small for float32, or both rows and features are more than
/// [`MOST_UNKNOWNS`].
pub fn ridge(
    features: &Features<'_>,
    targets: &Matrix<'_>,
    settings: &Settings<'_>,
    isa: Isa,
) -> Result<Map, KernelError> {
    fits(targets, features.shape().0)?;
    System::new(features, settings, isa)?.map(targets, settings.threads, isa)
}

/// What maps to any targets have in common: the equations, solved but for their right sides.
pub struct System {
    rows: Box<dyn Centred + Send>,
    weights: Weights,
    /// The factor of the smaller of the two systems.
    factor: Cholesky,
}

impl System {
    /// Sets up the equations of `features`: what [`ridge`] does before it looks at targets.
    ///
    /// # Errors
    /// As there.
    pub fn new(
        features: &Features<'_>,
        settings: &Settings<'_>,
        isa: Isa,
    ) -> Result<Self, KernelError> {
        let (count, columns) = features.shape();
        let weights = checked(count, columns, settings)?;
        let threads = useful_threads(settings.threads, count.max(columns))?;
        let rows: Box<dyn Centred + Send> = match features {
            Features::Dense(matrix) => Box::new(dense::Numbers::new(matrix, &weights)?),
            Features::Sparse(matrix) => Box::new(sparse::Entries::new(matrix, &weights)?),
        };
        let regularization = settings.regularization;
        let gram = if columns <= count {
            rows.inner_gram(regularization, threads, isa)
        } else {
            rows.outer_gram(regularization, threads, isa)
        };
        let factor = gram.factored(isa).map_err(|row| {
            KernelError::Data(format!(
                "regularization of {regularization} is too little to solve the system in float32 \
                 (row {row} of it); raise it, or scale the features to about 1"
            ))
        })?;
        Ok(Self {
            rows,
            weights,
            factor,
        })
    }

    /// How many features are mapped.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.rows.shape().1
    }

    /// The map to `targets`: the bits of [`ridge`]. O((m + rows·features)·m·t), less by zeros.
    ///
    /// # Errors
    /// As there.
    pub fn map(&self, targets: &Matrix<'_>, threads: usize, isa: Isa) -> Result<Map, KernelError> {
        let (count, columns) = self.rows.shape();
        fits(targets, count)?;
        let threads = useful_threads(threads, count.max(columns))?;
        let targets = Targets::new(targets, &self.weights)?;
        let width = targets.width;
        let times = |right: &[Lanes]| self.rows.transposed_times(right, width, threads, isa);
        let solved = |right: &[Lanes]| solve(&self.factor, right, &targets, threads, isa);
        let lanes = if columns <= count {
            solved(&times(&targets.lanes))
        } else {
            times(&solved(&targets.lanes))
        };
        let mut coefficients = Vec::with_capacity(columns * targets.count);
        let mut intercept = targets.means;
        for (row, mean) in lanes.chunks_exact(width.max(1)).zip(self.rows.means()) {
            let row = row.iter().flat_map(|lanes| lanes.0).take(targets.count);
            for (value, intercept) in row.zip(&mut intercept) {
                coefficients.push(value);
                *intercept -= mean * f64::from(value);
            }
        }
        let intercept: Vec<f32> = intercept.into_iter().map(|value| value as f32).collect();
        if !coefficients.iter().chain(&intercept).all(|v| v.is_finite()) {
            return Err(KernelError::Data(
                "the map left the range of float32; scale the features and the targets to about 1"
                    .into(),
            ));
        }
        Ok(Map {
            coefficients,
            intercept,
        })
    }
}

impl Features<'_> {
    /// How many features there are.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.shape().1
    }

    /// (rows, columns).
    fn shape(&self) -> (usize, usize) {
        match self {
            Self::Dense(matrix) => (matrix.rows(), matrix.dim()),
            Self::Sparse(matrix) => (matrix.rows(), matrix.columns()),
        }
    }
}

/// Weights of rows, with what else comes of them.
struct Weights {
    /// √w of each row.
    roots: Vec<f32>,
    values: Vec<f64>,
    total: f64,
}

/// Rows of features, centred and weighted: X̃.
trait Centred: Sync {
    /// (rows, columns).
    fn shape(&self) -> (usize, usize);

    /// The weighted mean of each column, before centring.
    fn means(&self) -> &[f64];

    /// `X̃X̃ᵀ + λI`.
    fn outer_gram(&self, regularization: f32, threads: usize, isa: Isa) -> Symmetric;

    /// `X̃ᵀX̃ + λI`.
    fn inner_gram(&self, regularization: f32, threads: usize, isa: Isa) -> Symmetric;

    /// `X̃ᵀR`, for R with `width` lanes a row.
    fn transposed_times(
        &self,
        right: &[Lanes],
        width: usize,
        threads: usize,
        isa: Isa,
    ) -> Vec<Lanes>;
}

/// Rows of targets, centred and weighted: F̃.
struct Targets {
    count: usize,
    width: usize,
    lanes: Vec<Lanes>,
    means: Vec<f64>,
}

impl Targets {
    fn new(targets: &Matrix<'_>, weights: &Weights) -> Result<Self, KernelError> {
        let (count, width) = (targets.dim(), targets.dim().div_ceil(16));
        let means = dense::means(targets, weights, "targets")?;
        let mut lanes = vec![Lanes::ZERO; targets.rows() * width];
        for (row, lanes) in lanes.chunks_exact_mut(width.max(1)).enumerate() {
            let root = f64::from(weights.roots[row]);
            for (at, (&value, mean)) in targets.row(row).iter().zip(&means).enumerate() {
                lanes[at / 16].0[at % 16] = (root * (f64::from(value) - mean)) as f32;
            }
        }
        Ok(Self {
            count,
            width,
            lanes,
            means,
        })
    }
}

fn fits(targets: &Matrix<'_>, rows: usize) -> Result<(), KernelError> {
    if targets.rows() != rows {
        return Err(KernelError::Shape(format!(
            "targets has {} rows, and must have one for each of the {rows} rows of features",
            targets.rows()
        )));
    }
    Ok(())
}

fn checked(rows: usize, columns: usize, settings: &Settings<'_>) -> Result<Weights, KernelError> {
    let regularization = settings.regularization;
    if !(regularization.is_finite() && regularization > 0.0) {
        return Err(KernelError::Setting(format!(
            "regularization is {regularization}, and must be greater than 0"
        )));
    }
    let unknowns = rows.min(columns);
    if unknowns > MOST_UNKNOWNS {
        return Err(KernelError::Setting(format!(
            "{rows} rows of {columns} features make a system of {unknowns} unknowns, which takes \
             {:.1} GB; keep at most {MOST_UNKNOWNS} features",
            4e-9 * unknowns as f64 * unknowns as f64
        )));
    }
    let ones = vec![1.0; if settings.weights.is_none() { rows } else { 0 }];
    let weights = settings.weights.unwrap_or(&ones);
    if weights.len() != rows {
        return Err(KernelError::Shape(format!(
            "weights has {} numbers, and must have one for each of the {rows} rows of features",
            weights.len()
        )));
    }
    if let Some(&weight) = weights.iter().find(|&&w| !(w.is_finite() && w >= 0.0)) {
        return Err(KernelError::Data(format!(
            "weights holds {weight}, and must hold finite numbers of at least 0"
        )));
    }
    let values: Vec<f64> = weights.iter().map(|&weight| f64::from(weight)).collect();
    let total = values.iter().sum();
    if total <= 0.0 {
        return Err(KernelError::Data(format!(
            "no row counts: there are {rows} rows of features, and at least one must have a \
             weight greater than 0"
        )));
    }
    Ok(Weights {
        roots: weights.iter().map(|weight| weight.sqrt()).collect(),
        values,
        total,
    })
}

/// Solves for each target.
fn solve(
    system: &Cholesky,
    right: &[Lanes],
    targets: &Targets,
    threads: usize,
    isa: Isa,
) -> Vec<Lanes> {
    let (size, width) = (system.size(), targets.width);
    let mut solutions = vec![vec![Lanes::ZERO; size.div_ceil(16)]; targets.count];
    let queue = Queue::new(solutions.iter_mut().enumerate());
    together(threads.min(targets.count.max(1)), || {
        while let Some((target, solution)) = queue.take() {
            for row in 0..size {
                solution[row / 16].0[row % 16] = right[row * width + target / 16].0[target % 16];
            }
            system.solve_lanes(solution, isa);
        }
    });
    let mut solved = vec![Lanes::ZERO; size * width];
    for (target, solution) in solutions.iter().enumerate() {
        for row in 0..size {
            solved[row * width + target / 16].0[target % 16] = solution[row / 16].0[row % 16];
        }
    }
    solved
}

#[cfg(test)]
mod tests;
