//! Exact ranking of items by dot product.
//!
//! One query is a scan: dot products of 16 rows at a time, one comparison with the worst of the k
//! best so far, and on to the next rows; no array of scores exists. A batch walks the items in
//! pieces that stay in the L2 cache, so that memory is read once for all queries; with AVX-512, 16
//! queries at a time are the lanes of a register.
//!
//! Every path computes the [canonical score](crate::canonical) itself, so a batch equals a loop and
//! every instruction set equals the scalar reference, bit for bit.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "x86_64")]
mod avx512_batch;
mod scalar;
mod select;
#[cfg(test)]
mod tests;

use std::ops::Range;
use std::thread;

pub use select::select_top_k;

use crate::Isa;
use crate::KernelError;
use crate::Matrix;
#[cfg(target_arch = "x86_64")]
use crate::canonical::LANES;
use crate::filter::Filter;
use crate::heap::Selection;
use crate::parallel::useful_threads;

/// Floats of items that a batch works on at a time: 256 KB, a part of any L2 cache.
const PIECE: usize = 64 * 1024;
/// Floats of a scan from which on it reads past L2: 1 MB.
#[cfg(target_arch = "x86_64")]
const FAR: usize = 256 * 1024;
/// Queries that are worth a panel of 16; fewer are faster one after another.
#[cfg(target_arch = "x86_64")]
const PANEL: usize = 7;
/// Multiply-adds that are worth a thread: well above the ~30 µs that starting one costs.
const WORK_A_THREAD: usize = 1 << 20;
/// Listed rows that are scored at a time, on the stack.
const LISTED: usize = 256;

/// Where the k best rows of each query go: best first, equal scores by lower row, then padding of
/// row -1 and score -inf.
#[derive(Debug)]
pub struct Best<'a> {
    k: usize,
    rows: &'a mut [i32],
    scores: &'a mut [f32],
    counts: &'a mut [i32],
}

impl<'a> Best<'a> {
    /// View arrays of `counts.len()` queries by `k`.
    ///
    /// # Errors
    /// [`KernelError::Shape`] when the arrays do not have queries × k entries.
    pub fn new(
        k: usize,
        rows: &'a mut [i32],
        scores: &'a mut [f32],
        counts: &'a mut [i32],
    ) -> Result<Self, KernelError> {
        let entries = counts.len().checked_mul(k);
        if entries != Some(rows.len()) || rows.len() != scores.len() {
            return Err(KernelError::Shape(format!(
                "the {k} best of {} queries do not fit arrays of {} rows and {} scores",
                counts.len(),
                rows.len(),
                scores.len()
            )));
        }
        Ok(Self {
            k,
            rows,
            scores,
            counts,
        })
    }

    /// Let `fill` offer rows to one selection a query, then sort, pad and count.
    fn fill(self, filter: &Filter<'_>, fill: impl FnOnce(&mut [Selection<'_>])) {
        let mut selections = selections(self.k, self.rows, self.scores, self.counts.len(), filter);
        fill(&mut selections);
        for (selection, count) in selections.into_iter().zip(self.counts) {
            *count = selection.finish();
        }
    }
}

/// One empty selection a query over arrays of queries × k.
fn selections<'a>(
    k: usize,
    rows: &'a mut [i32],
    scores: &'a mut [f32],
    queries: usize,
    filter: &Filter<'a>,
) -> Vec<Selection<'a>> {
    if k == 0 {
        return (0..queries)
            .map(|query| Selection::new(&mut [], &mut [], filter.gate(query)))
            .collect();
    }
    rows.chunks_exact_mut(k)
        .zip(scores.chunks_exact_mut(k))
        .enumerate()
        .map(|(query, (rows, scores))| Selection::new(rows, scores, filter.gate(query)))
        .collect()
}

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
pub fn top_k(
    isa: Isa,
    items: Matrix<'_>,
    queries: Matrix<'_>,
    filter: &Filter<'_>,
    threads: usize,
    best: Best<'_>,
) -> Result<(), KernelError> {
    check(isa, items, queries)?;
    if best.counts.len() != queries.rows() {
        return Err(KernelError::Shape(format!(
            "{} queries do not fit {} results",
            queries.rows(),
            best.counts.len()
        )));
    }
    filter.check(queries.rows(), items.rows())?;
    let work = items.values().len().saturating_mul(queries.rows());
    let parts = useful_threads(threads, work / WORK_A_THREAD)?;
    let k = best.k;
    best.fill(filter, |selections| {
        if filter.lists_rows() {
            for (query, selection) in selections.iter_mut().enumerate() {
                let listed = filter.listed(query).unwrap_or_default();
                scan_listed(isa, items, queries.row(query), listed, selection);
            }
        } else {
            scan_in_parts(isa, items, queries, filter, k, parts, selections);
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
    let missing = |row: &i32| !usize::try_from(*row).is_ok_and(|row| row < items.rows());
    if let Some(position) = rows.iter().position(missing) {
        return Err(KernelError::Data(format!(
            "rows[{position}] is {}, and must lie in 0..{}",
            rows[position],
            items.rows()
        )));
    }
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

fn check_out(queries: usize, items: usize, out: &[f32]) -> Result<(), KernelError> {
    if queries.checked_mul(items) == Some(out.len()) {
        return Ok(());
    }
    Err(KernelError::Shape(format!(
        "scores of {queries} queries by {items} items do not fit {} places",
        out.len()
    )))
}

/// How many rows of `dim` floats a piece has; a multiple of 16.
fn piece_rows(dim: usize) -> usize {
    (PIECE / dim.max(1)).next_multiple_of(16)
}

/// Whether a scan of that many floats is worth prefetching for: in L2 a prefetch costs a fifth, past
/// it it gains up to half.
#[cfg(target_arch = "x86_64")]
fn outgrows_cache(rows: usize, dim: usize) -> bool {
    rows * dim > FAR
}

/// Scan all items, split into `parts` runs of rows, one a thread.
fn scan_in_parts(
    isa: Isa,
    items: Matrix<'_>,
    queries: Matrix<'_>,
    filter: &Filter<'_>,
    k: usize,
    parts: usize,
    selections: &mut [Selection<'_>],
) {
    let step = items.rows().div_ceil(parts).next_multiple_of(16);
    let range = |part: usize| part * step..items.rows().min((part + 1) * step);
    thread::scope(|scope| {
        let mut helpers = Vec::new();
        let mut own = vec![range(0)];
        for rows in (1..parts).map(range).filter(|rows| !rows.is_empty()) {
            let taken = rows.clone();
            let work = move || scan_apart(isa, items, queries, filter, k, taken);
            match thread::Builder::new().spawn_scoped(scope, work) {
                Ok(helper) => helpers.push(helper),
                // No thread to be had: the caller's own does the work.
                Err(_) => own.push(rows),
            }
        }
        for rows in own {
            scan(isa, items, queries, rows, selections);
        }
        for helper in helpers {
            match helper.join() {
                Ok(found) => {
                    for (query, row, score) in found {
                        selections[query].offer_gated(row, score);
                    }
                }
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
    });
}

/// Scan some rows into selections of their own: (query, row, score) of what was kept.
fn scan_apart(
    isa: Isa,
    items: Matrix<'_>,
    queries: Matrix<'_>,
    filter: &Filter<'_>,
    k: usize,
    rows: Range<usize>,
) -> Vec<(usize, i32, f32)> {
    let k = k.min(rows.len());
    let mut kept_rows = vec![0; queries.rows() * k];
    let mut kept_scores = vec![0.0; queries.rows() * k];
    let mut selections = selections(k, &mut kept_rows, &mut kept_scores, queries.rows(), filter);
    scan(isa, items, queries, rows, &mut selections);
    selections
        .iter()
        .enumerate()
        .flat_map(|(query, selection)| {
            selection
                .kept()
                .map(move |(row, score)| (query, row, score))
        })
        .collect()
}

/// Offer a run of rows to every query.
fn scan(
    isa: Isa,
    items: Matrix<'_>,
    queries: Matrix<'_>,
    rows: Range<usize>,
    selections: &mut [Selection<'_>],
) {
    if selections.len() == 1 {
        return scan_one(isa, items, queries.row(0), rows, &mut selections[0]);
    }
    #[cfg(target_arch = "x86_64")]
    let panels = panels(isa, queries);
    #[cfg(target_arch = "x86_64")]
    let alone = panels.last().map_or(0, |panel| panel.queries().end);
    #[cfg(not(target_arch = "x86_64"))]
    let alone = 0;
    let step = piece_rows(items.dim());
    for start in rows.clone().step_by(step) {
        let piece = start..rows.end.min(start + step);
        #[cfg(target_arch = "x86_64")]
        for panel in &panels {
            let selections = &mut selections[panel.queries()];
            // SAFETY: there are panels only where the CPU has AVX-512.
            unsafe { avx512_batch::scan(items, panel, piece.clone(), selections) };
        }
        for (query, selection) in selections.iter_mut().enumerate().skip(alone) {
            scan_one(isa, items, queries.row(query), piece.clone(), selection);
        }
    }
}

/// The queries that are worth a panel, from the first on, 16 a panel.
#[cfg(target_arch = "x86_64")]
fn panels(isa: Isa, queries: Matrix<'_>) -> Vec<avx512_batch::Panel> {
    if isa != Isa::Avx512 {
        return Vec::new();
    }
    (0..queries.rows())
        .step_by(LANES)
        .map(|start| start..queries.rows().min(start + LANES))
        .filter(|taken| taken.len() >= PANEL)
        .map(|taken| avx512_batch::Panel::of(queries, taken))
        .collect()
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
