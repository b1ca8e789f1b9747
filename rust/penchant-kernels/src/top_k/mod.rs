//! Exact ranking of items by dot product.
//!
//! One query is a scan: dot products of 16 rows at a time, one comparison with the worst of the k
//! best so far, and on to the next rows; no array of scores exists. A batch walks the items in
//! pieces that stay in the L2 cache, so that memory is read once for all queries. There the queries
//! are the lanes of registers, and sums are [not canonical](bound): they only tell which rows may
//! enter.
//!
//! What enters, and in which order, the [canonical score](crate::canonical) decides on every path. So
//! a batch equals a loop and every instruction set equals the scalar reference, bit for bit.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod best;
#[cfg(target_arch = "x86_64")]
mod bound;
#[cfg(target_arch = "x86_64")]
mod candidates;
#[cfg(target_arch = "x86_64")]
mod lanes;
mod magnitudes;
mod overlay;
#[cfg(target_arch = "x86_64")]
mod panel;
mod pieces;
mod places;
pub mod quantized;
mod scalar;
mod select;
#[cfg(test)]
mod tests;
#[cfg(target_arch = "x86_64")]
mod tile;

use std::ops::Range;

pub use best::Best;
pub use magnitudes::{Items, Magnitudes};
pub use overlay::Overlay;
pub use places::places;
pub use select::select_top_k;

use pieces::{Search, piece_rows, scan_in_parts};

use crate::Isa;
use crate::KernelError;
use crate::Matrix;
use crate::filter::Filter;
use crate::heap::Selection;
#[cfg(target_arch = "x86_64")]
use crate::isa;
use crate::parallel::useful_threads;

/// Floats of a scan that L2 surely holds: 1 MB.
#[cfg(target_arch = "x86_64")]
const L2: usize = 256 * 1024;
/// Multiply-adds that are worth a thread: well above the ~30 µs that starting one costs.
const WORK_A_THREAD: usize = 1 << 20;
/// Listed rows that are scored at a time, on the stack.
const LISTED: usize = 256;

/// Find the k best items of each query by dot product.
///
/// With lists in the filter only the listed rows are scored; otherwise all rows are, and the rest
/// of the filter is asked only about rows whose score would enter. An item whose score is NaN is
/// never returned. The result does not depend on `threads`, which is a limit: small work stays on
/// the caller's thread. O(queries · items · dim) time, memory O(threads · queries · (k + dim)).
///
/// # Errors
/// [`KernelError::Shape`] when the two widths or the number of results differ,
/// [`KernelError::Setting`] for no threads or an instruction set this CPU does not have.
pub fn top_k<'a>(
    isa: Isa,
    items: impl Into<Items<'a>>,
    queries: Matrix<'_>,
    filter: &Filter<'_>,
    threads: usize,
    best: Best<'_>,
) -> Result<(), KernelError> {
    let Items {
        matrix: items,
        magnitudes,
        codes,
    } = items.into();
    check(isa, items, queries)?;
    if best.queries() != queries.rows() {
        return Err(KernelError::Shape(format!(
            "{} queries do not fit {} results",
            queries.rows(),
            best.queries()
        )));
    }
    filter.check(queries.rows(), items.rows())?;
    if codes.is_some_and(|codes| !codes.fit(items)) {
        return Err(KernelError::Shape(format!(
            "codes of other items do not fit {} items of {} columns; make them anew with \
             quantize_items()",
            items.rows(),
            items.dim()
        )));
    }
    let work = items.values().len().saturating_mul(queries.rows());
    let parts = useful_threads(threads, work / WORK_A_THREAD)?;
    if best.k == 0 {
        best.fill(filter, |_| {});
        return Ok(());
    }
    let search = Search {
        isa,
        items,
        queries,
        #[cfg(target_arch = "x86_64")]
        magnitudes,
        codes: codes.filter(|_| quantized::pays(best.k, items)),
        k: best.k.min(items.rows()),
    };
    best.fill(filter, |selections| {
        if filter.lists_rows() {
            for (query, selection) in selections.iter_mut().enumerate() {
                let listed = filter.listed(query).unwrap_or_default();
                scan_listed(isa, items, queries.row(query), listed, selection);
            }
        } else {
            scan_in_parts(search, filter, parts, selections);
        }
    });
    Ok(())
}

/// Write the canonical score of every query with every item, queries × items.
///
/// # Errors
/// [`KernelError::Shape`] when widths or the size of `out` differ, [`KernelError::Setting`] for an
/// instruction set this CPU does not have.
pub fn dot(
    isa: Isa,
    items: Matrix<'_>,
    queries: Matrix<'_>,
    out: &mut [f32],
) -> Result<(), KernelError> {
    check(isa, items, queries)?;
    check_out(queries.rows(), items.rows(), out)?;
    if out.is_empty() {
        return Ok(());
    }
    let step = piece_rows(items.dim());
    for start in (0..items.rows()).step_by(step) {
        let end = items.rows().min(start + step);
        for (query, scores) in out.chunks_exact_mut(items.rows()).enumerate() {
            let rows = Rows::From(start);
            score(
                isa,
                items,
                queries.row(query),
                rows,
                &mut scores[start..end],
            );
        }
    }
    Ok(())
}

/// Write the canonical score of every query with the items of `rows`, queries × rows.
///
/// # Errors
/// As [`dot`], and [`KernelError::Data`] for a row that is not there.
pub fn dot_rows(
    isa: Isa,
    items: Matrix<'_>,
    queries: Matrix<'_>,
    rows: &[i32],
    out: &mut [f32],
) -> Result<(), KernelError> {
    check(isa, items, queries)?;
    check_out(queries.rows(), rows.len(), out)?;
    check_rows(rows, items.rows())?;
    if out.is_empty() {
        return Ok(());
    }
    for (query, scores) in out.chunks_exact_mut(rows.len()).enumerate() {
        score(isa, items, queries.row(query), Rows::Listed(rows), scores);
    }
    Ok(())
}

fn check(isa: Isa, items: Matrix<'_>, queries: Matrix<'_>) -> Result<(), KernelError> {
    if items.dim() != queries.dim() {
        return Err(KernelError::Shape(format!(
            "queries have {} columns but items have {}; both must come from the same model",
            queries.dim(),
            items.dim()
        )));
    }
    if !isa.available() {
        return Err(KernelError::Setting(format!(
            "isa {} is not available on this CPU; leave it out for the best one",
            isa.name()
        )));
    }
    Ok(())
}

fn check_rows(rows: &[i32], items: usize) -> Result<(), KernelError> {
    let missing = |row: &i32| !usize::try_from(*row).is_ok_and(|row| row < items);
    match rows.iter().position(missing) {
        None => Ok(()),
        Some(position) => Err(KernelError::Data(format!(
            "rows[{position}] is {}, and must lie in 0..{items}",
            rows[position]
        ))),
    }
}

fn check_out(queries: usize, items: usize, out: &[f32]) -> Result<(), KernelError> {
    if queries.checked_mul(items) == Some(out.len()) {
        return Ok(());
    }
    Err(KernelError::Shape(format!(
        "scores of {queries} queries by {items} items do not fit {} places",
        out.len()
    )))
}

/// How a scan reads its rows.
#[cfg(target_arch = "x86_64")]
#[derive(Debug, Clone, Copy)]
enum Reach {
    /// From L2, where their order doesn't matter and asking ahead costs a fifth.
    Near,
    /// From further away: in the order of memory, which the processor sees and keeps ahead of.
    InOrder,
    /// From memory: in its order, asking ahead besides.
    Far,
}

#[cfg(target_arch = "x86_64")]
impl Reach {
    /// For a scan of so many of the rows.
    fn of(rows: usize, items: Matrix<'_>) -> Self {
        if rows * items.dim() <= L2 {
            Self::Near
        } else if size_of_val(items.values()) <= isa::far() {
            Self::InOrder
        } else {
            Self::Far
        }
    }
}

/// Offer a run of rows to one query.
fn scan_one(
    isa: Isa,
    items: Matrix<'_>,
    query: &[f32],
    rows: Range<usize>,
    selection: &mut Selection<'_>,
) {
    match isa {
        Isa::Scalar => scalar::scan(items, query, rows, selection),
        #[cfg(target_arch = "x86_64")]
        // SAFETY: `check` saw that the CPU has the instruction set.
        Isa::Avx2 => unsafe { avx2::scan(items, query, rows, selection) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        Isa::Avx512 => unsafe { avx512::scan(items, query, rows, selection) },
        #[cfg(not(target_arch = "x86_64"))]
        Isa::Avx2 | Isa::Avx512 => scalar::scan(items, query, rows, selection),
    }
}

/// Offer the listed rows to one query. They were checked to lie in the catalogue.
fn scan_listed(
    isa: Isa,
    items: Matrix<'_>,
    query: &[f32],
    listed: &[i32],
    selection: &mut Selection<'_>,
) {
    let mut scores = [0.0; LISTED];
    for rows in listed.chunks(LISTED) {
        let scores = &mut scores[..rows.len()];
        score(isa, items, query, Rows::Listed(rows), scores);
        for (&row, &score) in rows.iter().zip(&*scores) {
            selection.offer(row, score);
        }
    }
}

/// Which rows to score.
#[derive(Debug, Clone, Copy)]
enum Rows<'a> {
    /// As many as there are places for scores, from this row on.
    From(usize),
    /// These.
    Listed(&'a [i32]),
}

impl Rows<'_> {
    #[inline]
    fn get(self, position: usize) -> usize {
        match self {
            Self::From(start) => start + position,
            Self::Listed(rows) => rows[position] as usize,
        }
    }
}

/// Write the scores of the given rows with one query.
fn score(isa: Isa, items: Matrix<'_>, query: &[f32], rows: Rows<'_>, scores: &mut [f32]) {
    match isa {
        Isa::Scalar => scalar::score(items, query, rows, scores),
        #[cfg(target_arch = "x86_64")]
        // SAFETY: `check` saw that the CPU has the instruction set.
        Isa::Avx2 => unsafe { avx2::score(items, query, rows, scores) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        Isa::Avx512 => unsafe { avx512::score(items, query, rows, scores) },
        #[cfg(not(target_arch = "x86_64"))]
        Isa::Avx2 | Isa::Avx512 => scalar::score(items, query, rows, scores),
    }
}
