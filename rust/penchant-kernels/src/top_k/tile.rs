//! The inner loop of batches: a tile of items meets a panel of queries.
//!
//! Queries are the lanes of registers, items are broadcast, and each pair of a row and a register of
//! queries has a sum of its own: nothing is shuffled, and a number that is loaded serves many
//! products. Items are read as they lie in memory. The sums are [fast](super::bound), not canonical:
//! one chain of multiply-adds a pair. They stay in registers, where they are held against the bars of
//! their queries; only a tile in which one exceeds its bar is looked at, and no sum is kept.
//!
//! AVX-512 has room for 12 rows and 32 queries (24 sums, 2 registers of queries, one of an item),
//! AVX2 for 6 rows and 16 queries. The length of rows is no constant of the compiler: rows are
//! addressed by threes, so that pointers fit the registers too.

// Inlining keeps the sums in registers: what has no `#[target_feature]` becomes part of a function
// that has.
#![allow(clippy::inline_always)]

use std::arch::asm;
use std::arch::x86_64::{
    __m256, __m512, _CMP_GT_OQ, _MM_HINT_T1, _mm_prefetch, _mm256_broadcast_ss, _mm256_cmp_ps,
    _mm256_fmadd_ps, _mm256_load_ps, _mm256_max_ps, _mm256_movemask_ps, _mm256_setzero_ps,
    _mm256_store_ps, _mm512_cmp_ps_mask, _mm512_fmadd_ps, _mm512_load_ps, _mm512_max_ps,
    _mm512_set1_ps, _mm512_setzero_ps, _mm512_store_ps,
};
use std::ops::Range;

use super::lanes::Lanes;
use super::magnitudes::magnitude;
use super::panel::{Column, Panel};
use super::pieces::Search;
use crate::canonical::LANES;
use crate::{Isa, Matrix};

/// Rows that share a pointer.
const SHARE: usize = 3;

/// Sixteen floats in registers.
///
/// # Safety
/// Methods are for functions compiled for the instruction set, and CPUs that have it. Pointers are to
/// 16 floats, 64-byte aligned, or to one for `splat`.
trait Lane16: Copy {
    unsafe fn zero() -> Self;
    unsafe fn load(at: *const Column) -> Self;
    unsafe fn store(self, at: *mut Column);
    unsafe fn splat(at: *const f32) -> Self;
    /// `self + a * b`, rounded once.
    unsafe fn plus(self, a: Self, b: Self) -> Self;
    unsafe fn max(self, other: Self) -> Self;
    /// The lanes in which this is the greater one.
    unsafe fn above(self, other: Self) -> u32;
}

impl Lane16 for __m512 {
    #[inline(always)]
    unsafe fn zero() -> Self {
        // SAFETY: the caller's promise, as for the methods below.
        unsafe { _mm512_setzero_ps() }
    }
    #[inline(always)]
    unsafe fn load(at: *const Column) -> Self {
        // SAFETY: as above.
        unsafe { _mm512_load_ps(at.cast()) }
    }
    #[inline(always)]
    unsafe fn store(self, at: *mut Column) {
        // SAFETY: as above.
        unsafe { _mm512_store_ps(at.cast(), self) }
    }
    #[inline(always)]
    unsafe fn splat(at: *const f32) -> Self {
        // SAFETY: as above.
        unsafe { _mm512_set1_ps(*at) }
    }
    #[inline(always)]
    unsafe fn plus(self, a: Self, b: Self) -> Self {
        // SAFETY: as above.
        unsafe { _mm512_fmadd_ps(a, b, self) }
    }
    #[inline(always)]
    unsafe fn max(self, other: Self) -> Self {
        // SAFETY: as above.
        unsafe { _mm512_max_ps(self, other) }
    }
    #[inline(always)]
    unsafe fn above(self, other: Self) -> u32 {
        // SAFETY: as above.
        unsafe { u32::from(_mm512_cmp_ps_mask::<_CMP_GT_OQ>(self, other)) }
    }
}

/// Two registers of AVX2.
type Pair = [__m256; 2];

impl Lane16 for Pair {
    #[inline(always)]
    unsafe fn zero() -> Self {
        // SAFETY: the caller's promise, as for the methods below.
        unsafe { [_mm256_setzero_ps(); 2] }
    }
    #[inline(always)]
    unsafe fn load(at: *const Column) -> Self {
        let at = at.cast::<f32>();
        // SAFETY: as above; both halves lie in the column.
        unsafe { [_mm256_load_ps(at), _mm256_load_ps(at.add(8))] }
    }
    #[inline(always)]
    unsafe fn store(self, at: *mut Column) {
        let at = at.cast::<f32>();
        // SAFETY: as above.
        unsafe {
            _mm256_store_ps(at, self[0]);
            _mm256_store_ps(at.add(8), self[1]);
        }
    }
    #[inline(always)]
    unsafe fn splat(at: *const f32) -> Self {
        // SAFETY: as above.
        unsafe { [_mm256_broadcast_ss(&*at); 2] }
    }
    #[inline(always)]
    unsafe fn plus(self, a: Self, b: Self) -> Self {
        // SAFETY: as above.
        std::array::from_fn(|half| unsafe { _mm256_fmadd_ps(a[half], b[half], self[half]) })
    }
    #[inline(always)]
    unsafe fn max(self, other: Self) -> Self {
        // SAFETY: as above.
        std::array::from_fn(|half| unsafe { _mm256_max_ps(self[half], other[half]) })
    }
    #[inline(always)]
    unsafe fn above(self, other: Self) -> u32 {
        let half = |half: usize| {
            // SAFETY: as above.
            let above =
                unsafe { _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_GT_OQ>(self[half], other[half])) };
            above as u32
        };
        half(0) | half(1) << 8
    }
}

/// Rows of a tile, with AVX-512 and with AVX2.
const ROWS_512: usize = 12;
const ROWS_256: usize = 6;

/// Offer the rows of a piece to the queries of all panels.
pub(super) fn meet(
    search: Search<'_>,
    piece: &Range<usize>,
    panels: &mut [(&Panel, Lanes<'_, '_, '_>)],
) {
    match search.isa {
        // SAFETY: `top_k` saw that the CPU has the instruction set.
        Isa::Avx512 => unsafe { meet_512(search, piece, panels) },
        // SAFETY: as above.
        Isa::Avx2 => unsafe { meet_256(search, piece, panels) },
        Isa::Scalar => {}
    }
}

#[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl,avx2,fma")]
fn meet_512(search: Search<'_>, piece: &Range<usize>, panels: &mut [(&Panel, Lanes<'_, '_, '_>)]) {
    // SAFETY: this function has the instruction set.
    unsafe { meet_with::<__m512, ROWS_512, 2>(search, piece, panels) }
}

#[target_feature(enable = "avx2,fma")]
fn meet_256(search: Search<'_>, piece: &Range<usize>, panels: &mut [(&Panel, Lanes<'_, '_, '_>)]) {
    // SAFETY: this function has the instruction set.
    unsafe { meet_with::<Pair, ROWS_256, 1>(search, piece, panels) }
}

/// # Safety
/// For functions compiled for the instruction set of `L`, and CPUs that have it.
#[inline(always)]
unsafe fn meet_with<L: Lane16, const ROWS: usize, const WIDEST: usize>(
    search: Search<'_>,
    piece: &Range<usize>,
    panels: &mut [(&Panel, Lanes<'_, '_, '_>)],
) {
    if panels.is_empty() {
        return;
    }
    let items = search.items;
    let magnitude = match search.magnitudes {
        Some(known) => known.of_rows(items, piece),
        None => magnitude(&items.values()[piece.start * items.dim()..piece.end * items.dim()]),
    };
    let tiled = piece.len() / ROWS * ROWS;
    for (panel, lanes) in panels {
        let rows = piece.start..piece.start + tiled;
        lanes.begin(piece, tiled, magnitude);
        // SAFETY: the caller's promise.
        unsafe {
            if panel.width() == WIDEST {
                scan::<L, ROWS, WIDEST>(items, rows, panel, lanes);
            } else {
                scan::<L, ROWS, 1>(items, rows, panel, lanes);
            }
        }
        lanes.end(piece);
    }
}

/// # Safety
/// For functions compiled for the instruction set of `L`, and CPUs that have it.
#[inline(always)]
unsafe fn scan<L: Lane16, const ROWS: usize, const WIDTH: usize>(
    items: Matrix<'_>,
    rows: Range<usize>,
    panel: &Panel,
    lanes: &mut Lanes<'_, '_, '_>,
) {
    let dim = items.dim();
    // The pointers below rest on these.
    assert!(
        rows.end <= items.rows() && rows.len().is_multiple_of(ROWS),
        "whole tiles"
    );
    assert_eq!(
        panel.columns().len(),
        dim * WIDTH,
        "queries as wide as items"
    );
    let columns = panel.columns().as_ptr();
    for row in rows.step_by(ROWS) {
        // SAFETY: the tile's rows lie in the matrix, `columns` has WIDTH a dimension, and the caller
        // promises the instruction set. Prefetching past the end is harmless.
        unsafe {
            let start = items.values().as_ptr().add(row * dim);
            let mut sums = [[L::zero(); WIDTH]; ROWS];
            let mut shared: [*const f32; 4] =
                std::array::from_fn(|place| start.wrapping_add(place * SHARE * dim));
            let mut fetched = start.wrapping_add(ROWS * dim);
            for i in 0..dim {
                let queries: [L; WIDTH] =
                    std::array::from_fn(|part| L::load(columns.add(i * WIDTH + part)));
                _mm_prefetch::<_MM_HINT_T1>(fetched.cast());
                fetched = fetched.wrapping_add(ROWS);
                for (row, sums) in sums.iter_mut().enumerate() {
                    let item = L::splat(shared[row / SHARE].add(row % SHARE * dim));
                    for (sum, queries) in sums.iter_mut().zip(queries) {
                        *sum = sum.plus(item, queries);
                    }
                }
                for row in &mut shared {
                    *row = row.wrapping_add(1);
                    // Keeps the compiler from deriving the pointers from one another in every step.
                    asm!(
                        "/* {0} */",
                        inout(reg) * row,
                        options(pure, readonly, nostack)
                    );
                }
            }
            let bars = lanes.bars();
            let bars: [L; WIDTH] = std::array::from_fn(|part| L::load(&raw const bars[part]));
            let mut above = 0;
            for part in 0..WIDTH {
                let mut best = sums[0][part];
                for sums in &sums[1..] {
                    best = best.max(sums[part]);
                }
                above |= best.above(bars[part]);
            }
            if above != 0 {
                let mut table = [[Column::ZERO; WIDTH]; ROWS];
                let mut reached = [0; ROWS];
                for row in 0..ROWS {
                    for part in 0..WIDTH {
                        sums[row][part].store(&raw mut table[row][part]);
                        reached[row] |= sums[row][part].above(bars[part]) << (part * LANES);
                    }
                }
                tell(row, &table, &reached, lanes);
            }
        }
    }
}

/// Tell the queries of the sums that reached them.
#[cold]
#[inline(never)]
fn tell<const ROWS: usize, const WIDTH: usize>(
    row: usize,
    table: &[[Column; WIDTH]; ROWS],
    reached: &[u32; ROWS],
    lanes: &mut Lanes<'_, '_, '_>,
) {
    for (place, (sums, &reached)) in table.iter().zip(reached).enumerate() {
        let mut left = reached;
        while left != 0 {
            let lane = left.trailing_zeros() as usize;
            lanes.reached(row + place, lane, sums[lane / LANES].0[lane % LANES]);
            left &= left - 1;
        }
    }
}
