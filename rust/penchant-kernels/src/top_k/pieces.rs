//! How a scan is cut up: items into chunks that threads take one after another, and into pieces that
//! stay in the L2 cache; queries into panels where there is code for them.

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

#[cfg(target_arch = "x86_64")]
use super::Magnitudes;
use super::best::selections;
#[cfg(target_arch = "x86_64")]
use super::lanes::Lanes;
#[cfg(target_arch = "x86_64")]
use super::panel::Panel;
use super::quantized::{self, Codes};
use super::scan_one;
#[cfg(target_arch = "x86_64")]
use super::tile;
#[cfg(target_arch = "x86_64")]
use crate::canonical::LANES;
use crate::filter::Filter;
use crate::heap::Selection;
use crate::parallel::{Queue, together};
use crate::{Isa, Matrix};

/// Floats of items that a batch works on at a time: 256 KB, a part of any L2 cache.
const PIECE: usize = 64 * 1024;
/// Rows of chunks and pieces are a multiple of this, so that only the last tile of all is not whole.
const GRAIN: usize = 48;
/// The same for chunks, which hold whole groups of codes too.
const CHUNK_GRAIN: usize = 768;
/// Queries that are faster one after another than as a panel.
#[cfg(target_arch = "x86_64")]
const LONERS: usize = 3;
/// Chunks a thread, so that one that is held up does not hold up all.
const CHUNKS: usize = 8;

/// How many rows of `dim` floats a piece has.
pub(super) fn piece_rows(dim: usize) -> usize {
    (PIECE / dim.max(1)).next_multiple_of(GRAIN)
}

/// What is asked of the items.
#[derive(Debug, Clone, Copy)]
pub(super) struct Search<'a> {
    pub(super) isa: Isa,
    pub(super) items: Matrix<'a>,
    pub(super) queries: Matrix<'a>,
    #[cfg(target_arch = "x86_64")]
    pub(super) magnitudes: Option<&'a Magnitudes>,
    pub(super) codes: Option<Codes<'a>>,
    /// How many rows to find, not more than there are.
    pub(super) k: usize,
}

/// Scan all items on up to `threads` threads.
pub(super) fn scan_in_parts(
    search: Search<'_>,
    filter: &Filter<'_>,
    threads: usize,
    selections: &mut [Selection<'_>],
) {
    let rows = search.items.rows();
    let batch = Batch::new(search);
    if threads == 1 {
        return batch.scan(std::iter::once(0..rows), selections);
    }
    let chunk = rows
        .div_ceil(threads * CHUNKS)
        .next_multiple_of(CHUNK_GRAIN);
    let chunks = (0..rows).step_by(chunk);
    let chunks = Queue::new(chunks.map(|start| start..rows.min(start + chunk)));
    let found = Mutex::new(Vec::new());
    together(threads, || {
        let kept = batch.scan_apart(std::iter::from_fn(|| chunks.take()), filter);
        found
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(kept);
    });
    for (query, row, score) in found
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner)
        .into_iter()
        .flatten()
    {
        selections[query].offer_gated(row, score);
    }
}

/// A search and its queries, ready to scan.
struct Batch<'a> {
    search: Search<'a>,
    #[cfg(target_arch = "x86_64")]
    panels: Vec<Panel>,
}

impl<'a> Batch<'a> {
    fn new(search: Search<'a>) -> Self {
        Self {
            search,
            #[cfg(target_arch = "x86_64")]
            panels: if search.codes.is_none() {
                panels(search.isa, search.queries)
            } else {
                Vec::new()
            },
        }
    }

    /// Scan some chunks into selections of their own: (query, row, score) of what was kept.
    fn scan_apart(
        &self,
        chunks: impl Iterator<Item = Range<usize>>,
        filter: &Filter<'_>,
    ) -> Vec<(usize, i32, f32)> {
        let (queries, k) = (self.search.queries.rows(), self.search.k);
        let (mut rows, mut scores) = (vec![0; queries * k], vec![0.0; queries * k]);
        let mut selections = selections(k, &mut rows, &mut scores, queries, filter);
        self.scan(chunks, &mut selections);
        let kept = selections
            .iter()
            .enumerate()
            .flat_map(|(query, selection)| {
                selection
                    .kept()
                    .map(move |(row, score)| (query, row, score))
            });
        kept.collect()
    }

    /// Offer chunks of rows to every query, from the first rows to the last.
    fn scan(
        &self,
        chunks: impl Iterator<Item = Range<usize>>,
        mut selections: &mut [Selection<'_>],
    ) {
        let Search {
            isa,
            items,
            queries,
            ..
        } = self.search;
        if let Some(codes) = self.search.codes {
            return quantized::scan(self.search, codes, chunks, selections);
        }
        if let [selection] = selections {
            return chunks.for_each(|rows| scan_one(isa, items, queries.row(0), rows, selection));
        }
        #[cfg(target_arch = "x86_64")]
        let mut panels: Vec<_> = self
            .panels
            .iter()
            .map(|panel| {
                let (own, others) =
                    std::mem::take(&mut selections).split_at_mut(panel.queries().len());
                selections = others;
                (panel, Lanes::new(self.search, panel, own))
            })
            .collect();
        let alone = queries.rows() - selections.len();
        let step = piece_rows(items.dim());
        for rows in chunks {
            for start in rows.clone().step_by(step) {
                let piece = start..rows.end.min(start + step);
                #[cfg(target_arch = "x86_64")]
                tile::meet(self.search, &piece, &mut panels);
                for (query, selection) in selections.iter_mut().enumerate() {
                    scan_one(
                        isa,
                        items,
                        queries.row(alone + query),
                        piece.clone(),
                        selection,
                    );
                }
            }
        }
        #[cfg(target_arch = "x86_64")]
        for (_, lanes) in panels {
            lanes.finish();
        }
    }
}

/// The queries that are worth a panel, from the first on.
#[cfg(target_arch = "x86_64")]
fn panels(isa: Isa, queries: Matrix<'_>) -> Vec<Panel> {
    let mut panels = Vec::new();
    let mut start = 0;
    loop {
        let left = queries.rows() - start;
        let width = match isa {
            Isa::Avx512 if left > LANES + LONERS => 2,
            Isa::Avx512 | Isa::Avx2 if left > LONERS => 1,
            _ => return panels,
        };
        let taken = left.min(width * LANES);
        panels.push(Panel::of(queries, start..start + taken, width));
        start += taken;
    }
}
