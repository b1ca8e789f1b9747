//! Matrix factorisation of likings by alternating least squares.
//!
//! A liking of user u for item i has a weight c (1, or more for a stronger one). The factors
//! minimise (Rendle, Krichene, Zhang and Koren, "Revisiting the Performance of iALS on Item
//! Recommendation Benchmarks", 2021, eq. 1 to 4)
//!
//! ```text
//! Σ over likings c (1 − p·q)² + α Σ over all pairs (p·q)² + Σ over users λ_u |p|² + Σ over items λ_i |q|²
//! λ_u = λ (Σ c + α items)^ν      λ_i = λ (Σ c + α users)^ν
//! ```
//!
//! which is Hu, Koren and Volinsky's implicit feedback model (2008) with a regularisation that grows
//! with what is known of a row. While one side stands still, each row of the other is a system of
//! linear equations of its own, so threads never meet. Sweeps approach its solution by a few steps of
//! conjugate gradients (Takács, Pilászy and Tikk 2011); the users' rows are solved exactly at the end,
//! in the same way as those of strangers, by [`FoldIn`]. Where something else tells what an item may be
//! like, it is pulled to that instead of zero: |q − prior|² stands in the place of |q|².

mod conjugate;
mod fold_in;

pub use fold_in::FoldIn;

use crate::cholesky::Symmetric;
use crate::csr::Csr;
use crate::parallel::{Queue, together, useful_threads};
use crate::random::Draws;
use crate::simd::Lanes;
use crate::{Isa, KernelError, Matrix};
use conjugate::Side;
use std::ops::ControlFlow;

/// The most factors that a row may have.
pub const MAX_FACTORS: usize = 512;

/// Rows that a thread takes at once.
const PIECE: usize = 32;

/// What the factors minimise.
#[derive(Clone, Copy, Debug)]
pub struct Loss {
    /// α: the weight of the score of any pair, liked or not.
    pub unobserved_weight: f32,
    /// λ.
    pub regularization: f32,
    /// ν: 0 pulls all rows alike, 1 in proportion to what is known of them.
    pub frequency_scaling: f32,
}

impl Loss {
    /// The pull of a row with these likings, on the other side of `others` rows.
    fn pull(&self, weights: &[f32], others: usize) -> f32 {
        let known: f64 = weights.iter().map(|&weight| f64::from(weight)).sum();
        let known = known + f64::from(self.unobserved_weight) * others as f64;
        (f64::from(self.regularization) * known.powf(self.frequency_scaling.into())) as f32
    }

    /// # Errors
    /// When a number is out of its range.
    fn check(&self) -> Result<(), KernelError> {
        let ranges = [
            (
                "unobserved_weight",
                self.unobserved_weight,
                f32::MIN_POSITIVE,
                f32::MAX,
            ),
            (
                "regularization",
                self.regularization,
                f32::MIN_POSITIVE,
                f32::MAX,
            ),
            ("frequency_scaling", self.frequency_scaling, 0.0, 1.0),
        ];
        for (name, value, low, high) in ranges {
            if !(low..=high).contains(&value) {
                let wanted = if low > 0.0 { "above 0" } else { "from 0 to 1" };
                return Err(KernelError::Setting(format!(
                    "{name} is {value}, and must be {wanted}"
                )));
            }
        }
        Ok(())
    }
}

/// How to train.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Length of a row of factors.
    pub factors: usize,
    /// Sweeps over both sides.
    pub iterations: usize,
    /// What to minimise.
    pub loss: Loss,
    /// Where the factors start from.
    pub seed: u64,
    /// How many threads to use; the result doesn't depend on it.
    pub threads: usize,
}

/// What is known before training.
#[derive(Clone, Copy, Debug, Default)]
pub struct Known<'a> {
    /// Factors that users start from; small random ones without.
    pub users: Option<Matrix<'a>>,
    /// Factors that liked items start from and are pulled to; zeros without.
    pub items: Option<Matrix<'a>>,
}

/// What training leaves. A row without likings has factors of zero.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// `factors` numbers for each user: the exact solution while the items stand still.
    pub user_factors: Vec<f32>,
    /// `factors` numbers for each item.
    pub item_factors: Vec<f32>,
}

/// Trains a model on likings, users x items; values are their weights. `known` may tell where to start
/// from, and where items are pulled to. `progress` hears the
/// iteration (from 0) after each, and may stop the training there; the model is then as it stands.
///
/// One seed gives one set of bits, for any number of threads and on any instruction set.
/// O(iterations x (likings x factors + rows x factors²) + users x factors³) time,
/// O(likings + rows x factors) memory.
///
/// # Errors
/// When the matrix is damaged, a weight is negative or not finite, a setting is out of its range, what
/// is known has another shape, or training leaves the range of float32.
pub fn fit(
    likes: &Csr<'_>,
    settings: &Settings,
    known: Known<'_>,
    isa: Isa,
    mut progress: impl FnMut(usize) -> ControlFlow<()>,
) -> Result<Model, KernelError> {
    if !(1..=MAX_FACTORS).contains(&settings.factors) {
        return Err(KernelError::Setting(format!(
            "factors is {}, and must be from 1 to {MAX_FACTORS}",
            settings.factors
        )));
    }
    settings.loss.check()?;
    let threads = useful_threads(settings.threads, usize::MAX)?;
    let by_item = likes.transpose()?;
    check_weights(likes)?;
    let by_item = by_item.view(likes.rows());

    let width = conjugate::width_of(settings.factors);
    let shape = Shape {
        factors: settings.factors,
        width,
        loss: settings.loss,
        isa,
        threads,
    };
    let mut users = match known.users {
        None => start(likes, settings, width),
        Some(rows) => shape.liking(likes, rows, "users")?,
    };
    let prior = match known.items {
        None => None,
        Some(rows) => Some(shape.liking(&by_item, rows, "items")?),
    };
    let mut items = prior
        .clone()
        .unwrap_or_else(|| vec![Lanes::ZERO; by_item.rows() * width]);
    for iteration in 0..settings.iterations {
        shape.sweep(&by_item, &users, prior.as_deref(), &mut items);
        shape.sweep(likes, &items, None, &mut users);
        if !items
            .iter()
            .chain(&users)
            .all(|lanes| lanes.0.iter().all(|v| v.is_finite()))
        {
            return Err(KernelError::Diverged(format!(
                "training left the range of float32 in iteration {}; raise regularization (it is \
                 {}), or weigh likings by smaller numbers",
                iteration + 1,
                settings.loss.regularization
            )));
        }
        if progress(iteration).is_break() {
            break;
        }
    }
    let item_factors = shape.plain(&items);
    let fixed = Matrix::new(&item_factors, likes.columns(), settings.factors)?;
    let user_factors =
        FoldIn::new(fixed, settings.loss, isa, threads)?.rows(fixed, likes, None, threads)?;
    Ok(Model {
        user_factors,
        item_factors,
    })
}

/// # Errors
/// When a weight is negative or not finite.
fn check_weights(likes: &Csr<'_>) -> Result<(), KernelError> {
    let bad = |weight: &f32| !(0.0..=f32::MAX).contains(weight);
    match likes.values().iter().position(bad) {
        None => Ok(()),
        Some(at) => Err(KernelError::Data(format!(
            "values[{at}] is {}, and a weight must be a finite number, 0 or above",
            likes.values()[at]
        ))),
    }
}

/// # Errors
/// When the given rows have another shape, or a number that is not finite.
fn check_rows(
    given: Matrix<'_>,
    rows: usize,
    factors: usize,
    side: &str,
) -> Result<(), KernelError> {
    if (given.rows(), given.dim()) != (rows, factors) {
        return Err(KernelError::Shape(format!(
            "what is known of {side} has {} rows of {} factors, and must have {rows} rows of {factors}",
            given.rows(),
            given.dim()
        )));
    }
    match given.values().iter().position(|value| !value.is_finite()) {
        None => Ok(()),
        Some(at) => Err(KernelError::Data(format!(
            "what is known of {side} is {} in row {}, and must be finite",
            given.values()[at],
            at / factors.max(1)
        ))),
    }
}

/// Small random factors of the users who like anything.
fn start(likes: &Csr<'_>, settings: &Settings, width: usize) -> Vec<Lanes> {
    let mut users = vec![Lanes::ZERO; likes.rows() * width];
    let scale = 0.1 / (settings.factors as f32).sqrt();
    for (user, row) in users.chunks_exact_mut(width).enumerate() {
        if likes.checked_range(user).is_empty() {
            continue;
        }
        let mut draws = Draws::new(&[settings.seed, user as u64]);
        for factor in 0..settings.factors {
            row[factor / 16].0[factor % 16] = (2.0 * draws.fraction() - 1.0) * scale;
        }
    }
    users
}

/// What all sweeps of a training have in common.
struct Shape {
    factors: usize,
    width: usize,
    loss: Loss,
    isa: Isa,
    threads: usize,
}

impl Shape {
    /// Given rows, padded, but zeros for a row without likings.
    fn liking(
        &self,
        likes: &Csr<'_>,
        rows: Matrix<'_>,
        side: &str,
    ) -> Result<Vec<Lanes>, KernelError> {
        check_rows(rows, likes.rows(), self.factors, side)?;
        let mut padded = vec![Lanes::ZERO; rows.rows() * self.width];
        for (row, lanes) in padded.chunks_exact_mut(self.width).enumerate() {
            if likes.checked_range(row).is_empty() {
                continue;
            }
            for (lanes, numbers) in lanes.iter_mut().zip(rows.row(row).chunks(16)) {
                lanes.0[..numbers.len()].copy_from_slice(numbers);
            }
        }
        Ok(padded)
    }

    /// Improves every row of `moving`, which `prior` pulls at, while `fixed` stands still.
    fn sweep(
        &self,
        likes: &Csr<'_>,
        fixed: &[Lanes],
        prior: Option<&[Lanes]>,
        moving: &mut [Lanes],
    ) {
        let side = Side {
            likes,
            fixed,
            gram: &self.gram(fixed),
            prior,
            loss: self.loss,
            isa: self.isa,
        };
        let pieces = moving.chunks_mut(PIECE * self.width).enumerate();
        let queue = Queue::new(pieces);
        together(self.threads, || {
            while let Some((piece, rows)) = queue.take() {
                conjugate::improve(&side, self.width, PIECE * piece, rows);
            }
        });
    }

    /// α times the sum of outer products of all rows: both triangles, padded as rows are.
    fn gram(&self, rows: &[Lanes]) -> Vec<Lanes> {
        let narrow = self.factors.div_ceil(16);
        let mut gram = gram(
            rows.len() / self.width,
            self.factors,
            self.threads,
            |piece| {
                let rows =
                    rows[self.width * piece.start..self.width * piece.end].chunks_exact(self.width);
                let rows: Vec<Lanes> = rows.flat_map(|row| row[..narrow].iter().copied()).collect();
                let mut part = Symmetric::zeros(self.factors);
                part.add_lanes(&rows, self.isa);
                part
            },
        );
        gram.scale(self.loss.unobserved_weight);
        let whole = gram.to_lanes();
        let mut padded = vec![Lanes::ZERO; self.factors * self.width];
        for (wide, row) in padded
            .chunks_exact_mut(self.width)
            .zip(whole.chunks_exact(narrow))
        {
            wide[..narrow].copy_from_slice(row);
        }
        padded
    }

    /// Rows without their padding.
    fn plain(&self, lanes: &[Lanes]) -> Vec<f32> {
        lanes
            .chunks_exact(self.width)
            .flat_map(|row| row.iter().flat_map(|lanes| lanes.0).take(self.factors))
            .collect()
    }
}

/// A sum over `rows` rows, in parts that follow from their number alone.
fn gram(
    rows: usize,
    factors: usize,
    threads: usize,
    part: impl Fn(std::ops::Range<usize>) -> Symmetric + Sync,
) -> Symmetric {
    let size = rows.div_ceil(16).max(512);
    let starts: Vec<usize> = (0..rows).step_by(size).collect();
    let mut parts = vec![Symmetric::zeros(0); starts.len()];
    let queue = Queue::new(starts.iter().zip(&mut parts));
    together(threads.min(starts.len()), || {
        while let Some((&start, sum)) = queue.take() {
            *sum = part(start..rows.min(start + size));
        }
    });
    let mut sum = Symmetric::zeros(factors);
    for part in &parts {
        sum.add(part);
    }
    sum
}

#[cfg(test)]
mod tests;
