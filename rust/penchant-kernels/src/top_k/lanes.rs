//! What happens to the queries of a panel: which rows reach them, and what becomes of those.

use std::ops::Range;

use super::bound::{self, Bound};
use super::candidates::{Candidates, Pushed};
use super::panel::{Column, Panel};
use super::pieces::Search;
use super::{Rows, scan_one, score};
use crate::canonical::LANES;
use crate::heap::Selection;

/// Rows whose canonical scores are computed together.
const RESCORED: usize = 64;

/// One query of a batch.
#[derive(Debug)]
struct Lane<'a, 's, 'f> {
    query: &'a [f32],
    norm: f64,
    /// How far a fast sum of the piece at hand may be from the score.
    margin: f32,
    candidates: Candidates,
    /// The exact part: what was drained from the candidates or scanned canonically.
    selection: &'s mut Selection<'f>,
    /// First row of the piece at hand that is left to a canonical scan.
    left: usize,
}

impl Lane<'_, '_, '_> {
    /// What a fast sum must exceed, or its row surely does not enter.
    fn bar(&self) -> f32 {
        self.candidates.bar().max(self.selection.to_exceed()) - self.margin
    }

    /// Score the candidates and offer them.
    fn settle(&mut self, search: Search<'_>) {
        let mut rows = [0; RESCORED];
        let mut scores = [0.0; RESCORED];
        let mut drained = self.candidates.drain();
        loop {
            let mut count = 0;
            for (slot, row) in rows.iter_mut().zip(&mut drained) {
                *slot = row;
                count += 1;
            }
            let rows = Rows::Listed(&rows[..count]);
            score(
                search.isa,
                search.items,
                self.query,
                rows,
                &mut scores[..count],
            );
            for (position, &score) in scores[..count].iter().enumerate() {
                self.selection.offer_gated(rows.get(position) as i32, score);
            }
            if count < RESCORED {
                return;
            }
        }
    }
}

/// The queries of one panel, on one thread.
#[derive(Debug)]
pub(super) struct Lanes<'a, 's, 'f> {
    search: Search<'a>,
    bound: Bound,
    states: Vec<Lane<'a, 's, 'f>>,
    bars: [Column; Panel::WIDEST],
}

impl<'a, 's, 'f> Lanes<'a, 's, 'f> {
    /// One lane a query of the panel; `selections` are theirs.
    pub(super) fn new(
        search: Search<'a>,
        panel: &Panel,
        selections: &'s mut [Selection<'f>],
    ) -> Self {
        let lanes = panel.queries().zip(selections).map(|(query, selection)| {
            let query = search.queries.row(query);
            Lane {
                query,
                norm: bound::norm(query),
                margin: 0.0,
                candidates: Candidates::new(search.k),
                selection,
                left: 0,
            }
        });
        Self {
            search,
            bound: Bound::of(search.items.dim()),
            states: lanes.collect(),
            // A lane without a query is never reached.
            bars: [Column([f32::INFINITY; LANES]); Panel::WIDEST],
        }
    }

    /// Get ready for the fast sums of the first `tiled` rows of a piece, none of whose entries
    /// exceeds `magnitude`. Queries for which they have no bound take no part.
    pub(super) fn begin(&mut self, piece: &Range<usize>, tiled: usize, magnitude: f32) {
        for (lane, state) in self.states.iter_mut().enumerate() {
            let bar = if let Some(margin) = self.bound.margin(state.norm, magnitude) {
                state.margin = margin;
                state.left = piece.start + tiled;
                state.bar()
            } else {
                state.left = piece.start;
                f32::INFINITY
            };
            self.bars[lane / LANES].0[lane % LANES] = bar;
        }
    }

    /// What a fast sum must exceed to be told of, lane by lane.
    #[inline]
    pub(super) fn bars(&self) -> &[Column; Panel::WIDEST] {
        &self.bars
    }

    /// Hear of a fast sum that exceeds its bar. The rows of a lane come in ascending order.
    pub(super) fn reached(&mut self, row: usize, lane: usize, sum: f32) {
        let state = &mut self.states[lane];
        let bar = &mut self.bars[lane / LANES].0[lane % LANES];
        // The bar may have risen within the tile.
        if sum <= *bar || !state.selection.admits(row as i32) {
            return;
        }
        let (lower, upper) = (sum - state.margin, sum + state.margin);
        match state.candidates.push(row as i32, lower, upper) {
            Pushed::Kept => {}
            Pushed::Sifted => *bar = state.bar(),
            Pushed::Crowded => {
                // Score them, and the rest of the piece.
                state.settle(self.search);
                state.left = row + 1;
                *bar = f32::INFINITY;
            }
        }
    }

    /// Scan canonically what the tiles left of a piece.
    pub(super) fn end(&mut self, piece: &Range<usize>) {
        let search = self.search;
        for lane in &mut self.states {
            if lane.left < piece.end {
                let rows = lane.left..piece.end;
                scan_one(search.isa, search.items, lane.query, rows, lane.selection);
            }
        }
    }

    /// Settle all queries.
    pub(super) fn finish(mut self) {
        for lane in &mut self.states {
            lane.settle(self.search);
        }
    }
}
