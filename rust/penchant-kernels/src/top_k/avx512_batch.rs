//! AVX-512 for batches: 16 queries are the lanes of a register, items are broadcast.
//!
//! A tile of items meets a panel of queries without any shuffle, and each number that is loaded
//! serves 16 products. The canonical order survives because a canonical lane is a plain chain of
//! multiply-adds: the tile computes lane after lane, and adds them up in the order of the tree, so
//! that at most five partial sums an item are alive at a time. That is what registers allow for
//! [`TILE`] items.

// Inlining keeps the sums in registers. `#[target_feature]` rules it out for the methods of `Tile`
// themselves, so they become part of a function that has the feature.
#![allow(clippy::inline_always)]

use std::arch::x86_64::{
    __m512, _CMP_GE_OQ, _mm512_add_ps, _mm512_cmp_ps_mask, _mm512_fmadd_ps, _mm512_load_ps,
    _mm512_set1_ps, _mm512_setzero_ps, _mm512_store_ps,
};
use std::ops::Range;

use super::avx512::for_width;
use crate::Matrix;
use crate::canonical::LANES;
use crate::heap::Selection;

/// Items of a tile.
const TILE: usize = 6;

/// One float of each of 16 queries.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
struct Column([f32; LANES]);

/// Up to 16 queries, column after column.
#[derive(Debug)]
pub(super) struct Panel {
    columns: Vec<Column>,
    queries: Range<usize>,
}

impl Panel {
    /// Turn a run of queries on its side; lanes without a query hold zeros.
    pub(super) fn of(queries: Matrix<'_>, taken: Range<usize>) -> Self {
        assert!(taken.len() <= LANES, "a lane for every query");
        let mut columns = vec![Column([0.0; LANES]); queries.dim()];
        for (lane, query) in taken.clone().enumerate() {
            for (column, &value) in columns.iter_mut().zip(queries.row(query)) {
                column.0[lane] = value;
            }
        }
        Self {
            columns,
            queries: taken,
        }
    }

    /// The queries in the lanes.
    pub(super) fn queries(&self) -> Range<usize> {
        self.queries.clone()
    }
}

/// Offer each row of the range to every query of the panel; `selections` are those of its queries.
#[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl,avx2,fma")]
pub(super) fn scan(
    items: Matrix<'_>,
    panel: &Panel,
    rows: Range<usize>,
    selections: &mut [Selection<'_>],
) {
    for_width!(scan_sized, items.dim(), (items, panel, rows, selections));
}

#[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl,avx2,fma")]
fn scan_sized<const BLOCKS: usize, const WHOLE: bool>(
    items: Matrix<'_>,
    panel: &Panel,
    rows: Range<usize>,
    selections: &mut [Selection<'_>],
) {
    // The pointers below rest on these.
    assert!(rows.end <= items.rows(), "rows of the matrix");
    assert_eq!(panel.columns.len(), items.dim(), "queries as wide as items");
    let mut bars = Column([f32::NAN; LANES]);
    raise(&mut bars, selections);
    for row in rows.clone().step_by(TILE) {
        let count = TILE.min(rows.end - row);
        let tile = Tile::<BLOCKS, WHOLE> {
            // The last row stands in for those past it.
            items: std::array::from_fn(|item| items.row(row + item.min(count - 1)).as_ptr()),
            panel: panel.columns.as_ptr().cast(),
            dim: items.dim(),
        };
        // SAFETY: the pointers are to whole rows and to `dim` aligned columns, and the CPU has the
        // instructions.
        let (scores, bar) = unsafe { (tile.scores(), _mm512_load_ps(bars.0.as_ptr())) };
        let hits = scores.map(|scores| _mm512_cmp_ps_mask::<_CMP_GE_OQ>(scores, bar));
        if hits.iter().any(|&hits| hits != 0) {
            let mut table = [Column([0.0; LANES]); TILE];
            for (column, scores) in table.iter_mut().zip(scores) {
                // SAFETY: a column has room for 16 floats, and is aligned.
                unsafe { _mm512_store_ps(column.0.as_mut_ptr(), scores) };
            }
            offer(row, &table[..count], &hits, selections);
            raise(&mut bars, selections);
        }
    }
}

/// Offer the rows of a tile to the queries whose bar they reached.
#[cold]
#[inline(never)]
fn offer(row: usize, table: &[Column], hits: &[u16; TILE], selections: &mut [Selection<'_>]) {
    for (item, (scores, &hits)) in table.iter().zip(hits).enumerate() {
        let mut hits = hits;
        while hits != 0 {
            let lane = hits.trailing_zeros() as usize;
            selections[lane].offer((row + item) as i32, scores.0[lane]);
            hits &= hits - 1;
        }
    }
}

/// Take over the bars of the selections. Nothing reaches the bar of a lane without a query.
fn raise(bars: &mut Column, selections: &[Selection<'_>]) {
    for (bar, selection) in bars.0.iter_mut().zip(selections) {
        *bar = selection.bar();
    }
}

/// A few items and a panel of queries; `BLOCKS` of 0 stands for any number.
struct Tile<const BLOCKS: usize, const WHOLE: bool> {
    items: [*const f32; TILE],
    panel: *const f32,
    dim: usize,
}

/// A register an item.
type Sums = [__m512; TILE];

impl<const BLOCKS: usize, const WHOLE: bool> Tile<BLOCKS, WHOLE> {
    /// Canonical scores: the tree, from its root down.
    ///
    /// # Safety
    /// The pointers must be to `dim` floats an item and `dim` aligned columns of the panel, and the
    /// CPU must have AVX-512. The same goes for the methods below.
    #[inline(always)]
    unsafe fn scores(&self) -> Sums {
        // SAFETY: the caller's promise.
        unsafe { add(self.pair_of_fours(0), self.pair_of_fours(1)) }
    }

    /// Canonical sum of the lanes j, j + 2, j + 4 ….
    #[inline(always)]
    unsafe fn pair_of_fours(&self, j: usize) -> Sums {
        // SAFETY: the caller's promise.
        unsafe { add(self.pair_of_eights(j), self.pair_of_eights(j + 2)) }
    }

    /// Canonical sum of the lanes j, j + 4, j + 8, j + 12.
    #[inline(always)]
    unsafe fn pair_of_eights(&self, j: usize) -> Sums {
        // SAFETY: the caller's promise.
        unsafe {
            add(
                add(self.lane(j), self.lane(j + 8)),
                add(self.lane(j + 4), self.lane(j + 12)),
            )
        }
    }

    /// Lane j: the elements j, 16 + j, 32 + j ….
    #[inline(always)]
    unsafe fn lane(&self, j: usize) -> Sums {
        // SAFETY: the caller's promise; elements past `dim` are not touched.
        unsafe {
            let mut sums = [_mm512_setzero_ps(); TILE];
            let blocks = match (BLOCKS, WHOLE) {
                (0, _) => self.dim / LANES,
                (_, true) => BLOCKS,
                (_, false) => BLOCKS - 1,
            };
            for block in 0..blocks {
                self.step(block * LANES + j, &mut sums);
            }
            if !WHOLE {
                let last = blocks * LANES + j;
                if last < self.dim {
                    self.step(last, &mut sums);
                } else {
                    // The padding is added too: it turns -0 into +0.
                    sums = add(sums, [_mm512_setzero_ps(); TILE]);
                }
            }
            sums
        }
    }

    /// Multiply and add one element of all items and queries.
    #[inline(always)]
    unsafe fn step(&self, element: usize, sums: &mut Sums) {
        // SAFETY: the caller's promise.
        unsafe {
            let queries = _mm512_load_ps(self.panel.add(element * LANES));
            for (sum, item) in sums.iter_mut().zip(self.items) {
                *sum = _mm512_fmadd_ps(_mm512_set1_ps(*item.add(element)), queries, *sum);
            }
        }
    }
}

/// Add item by item.
#[inline(always)]
unsafe fn add(a: Sums, b: Sums) -> Sums {
    // SAFETY: the caller's promise that the CPU has AVX-512.
    std::array::from_fn(|item| unsafe { _mm512_add_ps(a[item], b[item]) })
}
