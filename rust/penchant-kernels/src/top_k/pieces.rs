//! How a scan is cut up: items into runs of rows, one a thread, and into pieces that stay in the L2
//! cache; queries into panels where there is code for them.

use std::ops::Range;
use std::thread;

#[cfg(target_arch = "x86_64")]
use super::avx512_batch;
use super::best::selections;
use super::{piece_rows, scan_one};
#[cfg(target_arch = "x86_64")]
use crate::canonical::LANES;
use crate::filter::Filter;
use crate::heap::Selection;
use crate::{Isa, Matrix};

/// Queries that are worth a panel of 16; fewer are faster one after another.
#[cfg(target_arch = "x86_64")]
const PANEL: usize = 7;

/// Scan all items, split into `parts` runs of rows, one a thread.
pub(super) fn scan_in_parts(
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
