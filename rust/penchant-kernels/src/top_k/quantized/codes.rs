//! Items as bytes, laid out for the scan, with what is known about their errors.

use super::halves::UpperHalves;
#[cfg(target_arch = "x86_64")]
use crate::isa;
use crate::parallel::{Queue, together, useful_threads};
use crate::top_k::magnitudes::magnitude;
use crate::{KernelError, Matrix, canonical};

/// Rows of a panel: the lanes of a register of sums.
pub(super) const ROWS: usize = 16;
/// Panels of a group, whose bounds are the lanes of a register.
pub(super) const PANELS: usize = 16;
/// Rows of a group.
pub(super) const GROUP: usize = ROWS * PANELS;
/// Bytes of one step through a panel: four dimensions of 16 rows.
pub(super) const STEP: usize = 4 * ROWS;
/// The longest vectors whose sums surely fit an `i32`, with room for a bar of ±2³⁰.
const LONGEST: usize = 16_384;
/// Greatest code of an item.
const LEVELS: f32 = 127.0;
/// Panels whose greatest value lies outside of this are not quantized: no product or square of what
/// is inside comes near to an overflow or an underflow. 2⁻³⁰ and 2⁴⁰.
pub(super) const SCALES: std::ops::RangeInclusive<f32> =
    1.0 / (1_u32 << 30) as f32..=(1_u64 << 40) as f32;
/// Half the distance from 1 to the next float.
const ROUNDING: f64 = 1.0 / (1 << 24) as f64;
/// Bytes of a scan from which on it reads past L2: 1 MB.
#[cfg(target_arch = "x86_64")]
const FAR: usize = 1 << 20;
/// Panels that a thread takes at a time, in groups.
const GROUPS_A_PIECE: usize = 16;

/// Sizes of the two arrays that hold codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodeShape {
    /// Rows of the codes: a panel of 16 items each, in whole groups of 16.
    pub panels: usize,
    /// Bytes of a panel.
    pub width: usize,
    /// Rows of the bounds: a group of 256 items each.
    pub groups: usize,
}

impl CodeShape {
    /// Floats of a group's bounds.
    pub const BOUNDS: usize = 3 * PANELS;

    /// The sizes for `rows` vectors of `dim`.
    ///
    /// # Errors
    /// [`KernelError::Shape`] for vectors of more than 16,384 values.
    pub fn of(rows: usize, dim: usize) -> Result<Self, KernelError> {
        if dim > LONGEST {
            return Err(KernelError::Shape(format!(
                "items have {dim} columns, and can be quantized up to {LONGEST}; rank them as floats"
            )));
        }
        let groups = rows.div_ceil(GROUP);
        Ok(Self {
            panels: groups * PANELS,
            width: dim.div_ceil(4) * STEP,
            groups,
        })
    }
}

/// Codes of the items of one matrix, as [`quantize`] makes them.
#[derive(Debug, Clone, Copy)]
pub struct Codes<'a> {
    bytes: &'a [u8],
    bounds: &'a [[[f32; PANELS]; 3]],
    rows: usize,
    dim: usize,
    halves: Option<&'a UpperHalves>,
}

impl<'a> Codes<'a> {
    /// View the codes of `rows` items of `dim`. Rankings are right as long as they were made of the
    /// very items that are ranked.
    ///
    /// # Errors
    /// [`KernelError::Shape`] when the arrays have other sizes than such items need.
    pub fn new(
        codes: &'a [u8],
        bounds: &'a [f32],
        rows: usize,
        dim: usize,
    ) -> Result<Self, KernelError> {
        let shape = CodeShape::of(rows, dim)?;
        let (lines, _) = bounds.as_chunks::<PANELS>();
        let (groups, _) = lines.as_chunks::<3>();
        if codes.len() != shape.panels * shape.width
            || bounds.len() != shape.groups * CodeShape::BOUNDS
        {
            return Err(KernelError::Shape(format!(
                "codes of {} bytes and {} bounds do not fit {rows} items of {dim} columns; make \
                 them anew with quantize_items()",
                codes.len(),
                bounds.len()
            )));
        }
        Ok(Self {
            bytes: codes,
            bounds: groups,
            rows,
            dim,
            halves: None,
        })
    }

    /// The same with their upper halves, for queries that come alone. Others are not made use of.
    #[must_use]
    pub fn with_halves(self, halves: Option<&'a UpperHalves>) -> Self {
        let halves = halves.filter(|halves| halves.fit(self));
        Self { halves, ..self }
    }

    /// Their upper halves, where they have been taken.
    pub(super) fn halves(&self) -> Option<&'a UpperHalves> {
        self.halves
    }

    /// Whether they may be codes of that matrix.
    pub(in crate::top_k) fn fit(&self, items: Matrix<'_>) -> bool {
        (self.rows, self.dim) == (items.rows(), items.dim())
    }

    /// Whether a scan reads past L2.
    #[cfg(target_arch = "x86_64")]
    pub(super) fn outgrow_cache(&self) -> bool {
        self.bytes.len() > FAR
    }

    /// Whether one query alone waits for them unless it asks ahead.
    #[cfg(target_arch = "x86_64")]
    pub(super) fn are_far(&self) -> bool {
        self.bytes.len() > isa::far()
    }

    /// Steps through a panel.
    pub(super) fn steps(&self) -> usize {
        self.dim.div_ceil(4)
    }

    /// Length of a vector.
    pub(super) fn dim(&self) -> usize {
        self.dim
    }

    /// Number of groups.
    pub(super) fn groups(&self) -> usize {
        self.bounds.len()
    }

    /// All codes, panel after panel.
    pub(super) fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The codes of one group, panel after panel.
    pub(super) fn group(&self, group: usize) -> &'a [u8] {
        let bytes = PANELS * STEP * self.steps();
        &self.bytes[group * bytes..][..bytes]
    }

    /// What is known of the panels of one group.
    pub(super) fn bounds(&self, group: usize) -> Bounds<'a> {
        let [inverses, errors, norms] = &self.bounds[group];
        Bounds {
            inverses,
            errors,
            norms,
        }
    }
}

/// Bounds of the 16 panels of a group.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds<'a> {
    /// Codes of a unit: a value is about its code divided by this.
    pub(super) inverses: &'a [f32; PANELS],
    /// No row x with codes x̂ has a greater ‖x − x̂‖₂ plus allowance for roundings.
    pub(super) errors: &'a [f32; PANELS],
    /// No row has a greater ‖x̂‖₂.
    pub(super) norms: &'a [f32; PANELS],
}

/// Write the codes of `items` and their bounds, on up to `threads` threads.
///
/// Sizes are those of [`CodeShape`]; what the arrays held before does not matter, and neither does
/// the number of threads. O(rows · dim).
///
/// # Errors
/// [`KernelError::Shape`] for arrays of other sizes or vectors that are too long,
/// [`KernelError::Setting`] for no threads.
pub fn quantize(
    items: Matrix<'_>,
    threads: usize,
    codes: &mut [u8],
    bounds: &mut [f32],
) -> Result<(), KernelError> {
    let shape = CodeShape::of(items.rows(), items.dim())?;
    Codes::new(codes, bounds, items.rows(), items.dim())?;
    let threads = useful_threads(threads, shape.groups.div_ceil(GROUPS_A_PIECE))?;
    let (lines, _) = bounds.as_chunks_mut::<PANELS>();
    let (groups, _) = lines.as_chunks_mut::<3>();
    let bytes = PANELS * shape.width;
    let pieces = codes
        .chunks_mut((GROUPS_A_PIECE * bytes).max(1))
        .zip(groups.chunks_mut(GROUPS_A_PIECE))
        .enumerate();
    let queue = Queue::new(pieces);
    together(threads, || {
        while let Some((piece, (codes, groups))) = queue.take() {
            for (place, (codes, bounds)) in codes.chunks_mut(bytes).zip(groups).enumerate() {
                let first = (piece * GROUPS_A_PIECE + place) * GROUP;
                for (panel, codes) in codes.chunks_mut(shape.width).enumerate() {
                    let known = quantize_panel(items, first + panel * ROWS, codes);
                    for (line, value) in bounds.iter_mut().zip(known) {
                        line[panel] = value;
                    }
                }
            }
        }
    });
    // Without columns there are no codes to walk along, and nothing to be wrong about.
    if shape.width == 0 {
        for [inverses, errors, norms] in groups {
            (*inverses, *errors, *norms) = ([1.0; PANELS], [0.0; PANELS], [0.0; PANELS]);
        }
    }
    Ok(())
}

/// Write the codes of up to 16 rows; their bounds.
fn quantize_panel(items: Matrix<'_>, first: usize, codes: &mut [u8]) -> [f32; 3] {
    codes.fill(CODE_OF_ZERO);
    let rows = first.min(items.rows())..items.rows().min(first + ROWS);
    let dim = items.dim();
    let greatest = magnitude(&items.values()[rows.start * dim..rows.end * dim]);
    if greatest == 0.0 {
        return [1.0, 0.0, 0.0];
    }
    if !SCALES.contains(&greatest) {
        return [1.0, f32::INFINITY, f32::INFINITY];
    }
    let (scale, inverse) = (greatest / LEVELS, LEVELS / greatest);
    let (mut error, mut norm) = (0.0_f32, 0.0_f32);
    for (place, row) in rows.enumerate() {
        let (off, length) = quantize_row(items.row(row), scale, inverse, |step, four| {
            codes[step * STEP + place * 4..][..4].copy_from_slice(&four);
        });
        error = error.max(off);
        norm = norm.max(length);
    }
    // Sums of squares in floats are off by less than this, and so are the roots.
    let slack = 1.0 + (dim + 32) as f64 * 2.0 * ROUNDING;
    let (error, norm) = (
        f64::from(error).sqrt() * slack,
        f64::from(norm).sqrt() * slack,
    );
    let allowance = (dim.div_ceil(canonical::LANES) as f64 + ALLOWANCE) * ROUNDING;
    let error = error + allowance * (error + norm);
    [inverse, (error as f32).next_up(), (norm as f32).next_up()]
}

/// The byte that stands for 0.
const CODE_OF_ZERO: u8 = 128;
/// Roundings that the bound of a score allows for, besides one for each block of a canonical sum.
const ALLOWANCE: f64 = 96.0;

/// Give the codes of a row by fours; ‖x − x̂‖₂² and ‖x̂‖₂².
fn quantize_row(
    row: &[f32],
    scale: f32,
    inverse: f32,
    mut put: impl FnMut(usize, [u8; 4]),
) -> (f32, f32) {
    let (mut errors, mut norms) = ([0.0_f32; 4], [0.0_f32; 4]);
    for (step, values) in row.chunks(4).enumerate() {
        let mut four = [CODE_OF_ZERO; 4];
        for (place, &value) in values.iter().enumerate() {
            let code = nearest(value * inverse);
            let near = code as f32 * scale;
            let off = value - near;
            four[place] = (code + i32::from(CODE_OF_ZERO)) as u8;
            errors[place] += off * off;
            norms[place] += near * near;
        }
        put(step, four);
    }
    (errors.iter().sum(), norms.iter().sum())
}

/// The nearest whole number of a small float. Added to 1.5 · 2²³, a float is rounded to one that
/// shows in its last bits; no function is called, and the loop around it stays wide.
#[allow(clippy::inline_always)]
#[inline(always)]
pub(super) fn nearest(value: f32) -> i32 {
    const SHIFT: f32 = 12_582_912.0;
    (value + SHIFT).to_bits() as i32 - SHIFT.to_bits() as i32
}
