//! AVX-512: a register is a canonical sum, 16 rows are scored at a time.
//!
//! The 16 sums of 16 rows are added up together: each step of the tree joins two registers into
//! one, so 15 additions leave the 16 scores in one register, in row order. One comparison with the
//! bar of the selection then decides for all of them; more than 99 of 100 blocks end there.
//!
//! The number of 16-float blocks in a row is a constant of the compiler up to 8 (128 floats), which
//! keeps the query in registers; for longer rows it is read from L1. Rows go one after another where
//! they come from memory, which is read in its order; chains of additions overlap all the same.

use std::arch::x86_64::{
    __m512, __mmask16, _CMP_GE_OQ, _MM_HINT_T1, _mm_prefetch, _mm512_add_ps, _mm512_fmadd_ps,
    _mm512_loadu_ps, _mm512_mask_blend_ps, _mm512_mask_cmp_ps_mask, _mm512_mask_storeu_ps,
    _mm512_maskz_loadu_ps, _mm512_permutex2var_ps, _mm512_set1_ps, _mm512_setr_epi32,
    _mm512_setzero_ps, _mm512_shuffle_f32x4, _mm512_shuffle_ps, _mm512_storeu_ps,
};
use std::ops::Range;

use super::{Reach, Rows};
use crate::Matrix;
use crate::canonical::LANES;
use crate::heap::Selection;

/// Floats to prefetch ahead, into L2: 4 KB, the best of 0 to 32 KB over widths of 32 to 384 on
/// matrices that outgrow L2.
const AHEAD: usize = 1024;

/// Call a function for the number of blocks of a row, and whether the last block is whole.
macro_rules! for_width {
    ($function:ident, $dim:expr, $arguments:tt) => {
        match ($dim.div_ceil(LANES), $dim % LANES == 0) {
            (1, true) => for_width!(@call $function::<1, true> $arguments),
            (2, true) => for_width!(@call $function::<2, true> $arguments),
            (3, true) => for_width!(@call $function::<3, true> $arguments),
            (4, true) => for_width!(@call $function::<4, true> $arguments),
            (5, true) => for_width!(@call $function::<5, true> $arguments),
            (6, true) => for_width!(@call $function::<6, true> $arguments),
            (7, true) => for_width!(@call $function::<7, true> $arguments),
            (8, true) => for_width!(@call $function::<8, true> $arguments),
            (1, false) => for_width!(@call $function::<1, false> $arguments),
            (2, false) => for_width!(@call $function::<2, false> $arguments),
            (3, false) => for_width!(@call $function::<3, false> $arguments),
            (4, false) => for_width!(@call $function::<4, false> $arguments),
            (5, false) => for_width!(@call $function::<5, false> $arguments),
            (6, false) => for_width!(@call $function::<6, false> $arguments),
            (7, false) => for_width!(@call $function::<7, false> $arguments),
            (8, false) => for_width!(@call $function::<8, false> $arguments),
            (_, true) => for_width!(@call $function::<0, true> $arguments),
            (_, false) => for_width!(@call $function::<0, false> $arguments),
        }
    };
    (@call $function:ident::<$blocks:literal, $whole:literal> ($($argument:expr),*)) => {
        $function::<$blocks, $whole>($($argument),*)
    };
}

/// Offer each row of the range with its score.
#[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl,avx2,fma")]
pub(super) fn scan(
    items: Matrix<'_>,
    query: &[f32],
    rows: Range<usize>,
    selection: &mut Selection<'_>,
) {
    for_width!(scan_sized, items.dim(), (items, query, rows, selection));
}

/// Write the score of each row.
#[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl,avx2,fma")]
pub(super) fn score(items: Matrix<'_>, query: &[f32], rows: Rows<'_>, scores: &mut [f32]) {
    for_width!(score_sized, items.dim(), (items, query, rows, scores));
}

#[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl,avx2,fma")]
fn scan_sized<const BLOCKS: usize, const WHOLE: bool>(
    items: Matrix<'_>,
    query: &[f32],
    rows: Range<usize>,
    selection: &mut Selection<'_>,
) {
    assert!(rows.end <= items.rows(), "rows of the matrix");
    let query = Query::<BLOCKS, WHOLE>::new(query, items);
    let values = items.values();
    let reach = Reach::of(rows.len(), items);
    let mut bar = _mm512_set1_ps(selection.bar());
    let mut compare = |row: usize, scores: __m512, valid: __mmask16| {
        let hits = _mm512_mask_cmp_ps_mask::<_CMP_GE_OQ>(valid, scores, bar);
        if hits != 0 {
            let mut block = [0.0; LANES];
            // SAFETY: the array has room for all 16 lanes.
            unsafe { _mm512_storeu_ps(block.as_mut_ptr(), scores) };
            offer(row, &block, hits, selection);
            bar = _mm512_set1_ps(selection.bar());
        }
    };
    let mut row = rows.start;
    while row + LANES <= rows.end {
        // SAFETY: the block's 16 rows lie in the matrix; prefetching past its end is harmless.
        let scores = unsafe {
            let start = values.as_ptr().add(row * query.dim());
            let at = |lane| start.add(lane * query.dim());
            match reach {
                Reach::Near => query.scores::<4, false>(at),
                Reach::InOrder => query.scores::<1, false>(at),
                Reach::Far => query.scores::<1, true>(at),
            }
        };
        compare(row, scores, !0);
        row += LANES;
    }
    let left = rows.end.saturating_sub(row);
    if left > 0 {
        // SAFETY: as above, with the last row standing in for those past it.
        let scores = unsafe {
            let start = values.as_ptr().add(row * query.dim());
            query.scores::<4, false>(|lane| start.add(lane.min(left - 1) * query.dim()))
        };
        compare(row, scores, first(left));
    }
}

#[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl,avx2,fma")]
fn score_sized<const BLOCKS: usize, const WHOLE: bool>(
    items: Matrix<'_>,
    query: &[f32],
    rows: Rows<'_>,
    scores: &mut [f32],
) {
    let query = Query::<BLOCKS, WHOLE>::new(query, items);
    let values = items.values().as_ptr();
    for (block, slots) in scores.chunks_mut(LANES).enumerate() {
        let last = slots.len() - 1;
        // SAFETY: the caller names rows of the matrix, and only lanes with a slot are stored.
        unsafe {
            let sums = query.scores::<4, false>(|lane| {
                let row = rows.get(block * LANES + lane.min(last));
                values.add(row * query.dim())
            });
            _mm512_mask_storeu_ps(slots.as_mut_ptr(), first(slots.len()), sums);
        }
    }
}

/// Offer the rows of a block whose score reached the bar.
#[cold]
#[inline(never)]
fn offer(row: usize, scores: &[f32; LANES], mut hits: __mmask16, selection: &mut Selection<'_>) {
    while hits != 0 {
        let lane = hits.trailing_zeros() as usize;
        selection.offer((row + lane) as i32, scores[lane]);
        hits &= hits - 1;
    }
}

/// The mask of the first `lanes` of 16.
#[inline]
fn first(lanes: usize) -> __mmask16 {
    ((1_u32 << lanes) - 1) as __mmask16
}

/// A query ready to meet rows of its width; `BLOCKS` of 0 stands for any number.
struct Query<'a, const BLOCKS: usize, const WHOLE: bool> {
    values: &'a [f32],
    registers: [__m512; BLOCKS],
    tail: __mmask16,
}

impl<'a, const BLOCKS: usize, const WHOLE: bool> Query<'a, BLOCKS, WHOLE> {
    #[inline]
    #[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl,avx2,fma")]
    fn new(values: &'a [f32], items: Matrix<'_>) -> Self {
        // All pointers below rest on this.
        assert_eq!(values.len(), items.dim(), "a query as wide as the items");
        let mut query = Self {
            values,
            registers: [_mm512_setzero_ps(); BLOCKS],
            tail: first((values.len() + LANES - 1) % LANES + 1),
        };
        for block in 0..BLOCKS {
            // SAFETY: the query has BLOCKS blocks, the last of which is cut by `load` if need be.
            query.registers[block] =
                unsafe { query.load(values.as_ptr().add(block * LANES), block + 1 == BLOCKS) };
        }
        query
    }

    /// Floats of a row, a constant of the compiler wherever it can be.
    #[inline]
    fn dim(&self) -> usize {
        if BLOCKS > 0 && WHOLE {
            BLOCKS * LANES
        } else {
            self.values.len()
        }
    }

    /// A block of a row, padded with zeros when it is the last one and not whole.
    ///
    /// # Safety
    /// The floats that the mask leaves must be readable.
    #[inline]
    #[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl,avx2,fma")]
    unsafe fn load(&self, start: *const f32, last: bool) -> __m512 {
        // SAFETY: the caller's promise.
        unsafe {
            if WHOLE || !last {
                _mm512_loadu_ps(start)
            } else {
                _mm512_maskz_loadu_ps(self.tail, start)
            }
        }
    }

    /// Canonical scores of 16 rows, `R` at a time where a block of the query is read for each; from
    /// registers it meets one row after another. `FETCH` as for [`Self::sums`].
    ///
    /// # Safety
    /// `at` must give pointers to whole rows for the lanes 0 to 15.
    #[inline]
    #[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl,avx2,fma")]
    unsafe fn scores<const R: usize, const FETCH: bool>(
        &self,
        at: impl Fn(usize) -> *const f32,
    ) -> __m512 {
        // SAFETY: the caller's promise.
        add_lanes(&unsafe {
            if BLOCKS > 0 {
                self.sums::<1, FETCH>(at)
            } else {
                self.sums::<R, FETCH>(at)
            }
        })
    }

    /// The lanes of 16 rows' sums, `R` rows at a time. `FETCH` asks for what follows them by [`AHEAD`],
    /// a line for each that is read: all at once they would wait for one another.
    ///
    /// # Safety
    /// `at` must give pointers to whole rows for the lanes 0 to 15.
    #[inline]
    #[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl,avx2,fma")]
    unsafe fn sums<const R: usize, const FETCH: bool>(
        &self,
        at: impl Fn(usize) -> *const f32,
    ) -> [__m512; LANES] {
        let mut sums = [_mm512_setzero_ps(); LANES];
        let blocks = if BLOCKS > 0 {
            BLOCKS
        } else {
            self.values.len().div_ceil(LANES)
        };
        for (group, sums) in sums.as_chunks_mut::<R>().0.iter_mut().enumerate() {
            let rows: [*const f32; R] = std::array::from_fn(|lane| at(R * group + lane));
            for block in 0..blocks {
                let (offset, last) = (block * LANES, block + 1 == blocks);
                // SAFETY: the caller's promise, and blocks of a row lie inside it.
                unsafe {
                    let query = if BLOCKS > 0 {
                        self.registers[block]
                    } else {
                        self.load(self.values.as_ptr().add(offset), last)
                    };
                    for (sum, row) in sums.iter_mut().zip(rows) {
                        if FETCH {
                            _mm_prefetch::<_MM_HINT_T1>(row.wrapping_add(offset + AHEAD).cast());
                        }
                        *sum = _mm512_fmadd_ps(self.load(row.add(offset), last), query, *sum);
                    }
                }
            }
        }
        sums
    }
}

/// Add the lanes of 16 registers as the canonical tree does; lane `i` of the result is the sum of
/// register `i`. Each step blends one half of two registers and moves the other half beside it.
#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl,avx2,fma")]
fn add_lanes(sums: &[__m512; LANES]) -> __m512 {
    // Lane j + lane j + 8: the lower eight lanes from `a`, the upper eight from `b`.
    let eights: [__m512; 8] = std::array::from_fn(|i| {
        let (a, b) = (sums[i], sums[i + 8]);
        let kept = _mm512_mask_blend_ps(0xFF00, a, b);
        _mm512_add_ps(kept, _mm512_shuffle_f32x4::<0x4E>(a, b))
    });
    let quarters = _mm512_setr_epi32(4, 5, 6, 7, 16, 17, 18, 19, 12, 13, 14, 15, 24, 25, 26, 27);
    let fours: [__m512; 4] = std::array::from_fn(|i| {
        let (a, b) = (eights[i], eights[i + 4]);
        let kept = _mm512_mask_blend_ps(0xF0F0, a, b);
        _mm512_add_ps(kept, _mm512_permutex2var_ps(a, quarters, b))
    });
    let twos: [__m512; 2] = std::array::from_fn(|i| {
        let (a, b) = (fours[i], fours[i + 2]);
        let kept = _mm512_mask_blend_ps(0xCCCC, a, b);
        _mm512_add_ps(kept, _mm512_shuffle_ps::<0x4E>(a, b))
    });
    let neighbours = _mm512_setr_epi32(1, 16, 3, 18, 5, 20, 7, 22, 9, 24, 11, 26, 13, 28, 15, 30);
    let kept = _mm512_mask_blend_ps(0xAAAA, twos[0], twos[1]);
    _mm512_add_ps(kept, _mm512_permutex2var_ps(twos[0], neighbours, twos[1]))
}
