//! What becomes of the rows that reach a query.

use super::codes::{Bounds, PANELS, ROWS};
use super::query;
use crate::canonical::LANES;
use crate::heap::Selection;
use crate::top_k::pieces::Search;
use crate::top_k::{Rows, scan_one, score};

/// Rows of a panel from which on the panel is scored whole, as it lies in memory.
const DENSE: usize = 5;

/// One query of a scan.
#[derive(Debug)]
pub(super) struct Lane<'a, 's, 'f> {
    query: &'a [f32],
    pub(super) codes: query::Codes,
    /// What the sums of each panel of the group at hand start with.
    pub(super) starts: [i32; PANELS],
    /// What a score must exceed to enter.
    bar: f32,
    /// Rows that may enter, to be scored together.
    pending: [i32; LANES],
    count: usize,
    selection: &'s mut Selection<'f>,
}

impl<'a, 's, 'f> Lane<'a, 's, 'f> {
    pub(super) fn new(query: &'a [f32], levels: f32, selection: &'s mut Selection<'f>) -> Self {
        Self {
            query,
            codes: query::Codes::of(query, levels),
            starts: [0; PANELS],
            bar: selection.to_exceed(),
            pending: [0; LANES],
            count: 0,
            selection,
        }
    }

    /// Get ready for the panels of a group, or for those that are left when the bar has risen.
    #[allow(clippy::inline_always)] // as `starts`
    #[inline(always)]
    pub(super) fn aim(&mut self, bounds: Bounds<'_>) {
        self.codes.starts(self.bar, bounds, &mut self.starts);
    }

    /// Hear of a panel in which a sum ended above 0, having started at `started`.
    pub(super) fn hear(
        &mut self,
        search: Search<'_>,
        bounds: Bounds<'_>,
        panel: usize,
        sums: &[i32; ROWS],
        started: i32,
    ) {
        // The bar may have risen since.
        let start = self.starts[panel % PANELS];
        let mut hits = 0_u32;
        for (place, sum) in sums.iter().enumerate() {
            hits |= u32::from(sum - started + start > 0) << place;
        }
        self.take(search, bounds, panel, hits);
    }

    /// Take the rows of a panel that may enter, a bit each.
    pub(super) fn take(
        &mut self,
        search: Search<'_>,
        bounds: Bounds<'_>,
        panel: usize,
        mut hits: u32,
    ) {
        let first = panel * ROWS;
        let left = search.items.rows().saturating_sub(first).min(ROWS);
        // The last panel may have places without rows.
        hits &= (1 << left) - 1;
        if hits.count_ones() as usize >= DENSE {
            let rows = first..first + left;
            scan_one(search.isa, search.items, self.query, rows, self.selection);
        } else {
            while hits != 0 {
                let row = first + hits.trailing_zeros() as usize;
                hits &= hits - 1;
                if self.selection.admits(row as i32) {
                    self.wait(search, row);
                }
            }
        }
        let bar = self.selection.to_exceed();
        if bar > self.bar {
            self.bar = bar;
            self.aim(bounds);
        }
    }

    /// Put a row with those that are scored together, soon.
    fn wait(&mut self, search: Search<'_>, row: usize) {
        prefetch(search.items.row(row));
        self.pending[self.count] = row as i32;
        self.count += 1;
        if self.count == LANES {
            self.settle(search);
        }
    }

    /// Score the rows that wait and offer them.
    pub(super) fn settle(&mut self, search: Search<'_>) {
        let mut scores = [0.0; LANES];
        let rows = &self.pending[..self.count];
        let scores = &mut scores[..rows.len()];
        score(
            search.isa,
            search.items,
            self.query,
            Rows::Listed(rows),
            scores,
        );
        for (&row, &score) in rows.iter().zip(&*scores) {
            self.selection.offer_gated(row, score);
        }
        self.count = 0;
    }
}

/// Have a row fetched while the scan goes on.
fn prefetch(row: &[f32]) {
    #[cfg(target_arch = "x86_64")]
    for line in row.chunks(16) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: every x86-64 CPU has the instruction, and it changes nothing.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = row;
}
