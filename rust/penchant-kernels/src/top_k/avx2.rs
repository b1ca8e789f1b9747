//! AVX2 with FMA: two registers are a canonical sum, eight rows are scored at a time.
//!
//! Rows go four by four (eight sums in flight, enough to hide the latency of the multiply-add), or one
//! after another where they come from memory; the query is read from L1. The eight sums of eight rows
//! are then added up together, as in [`avx512`](super::avx512).

use std::arch::x86_64::{
    __m256, __m256i, _CMP_GE_OQ, _MM_HINT_T1, _mm_prefetch, _mm256_add_ps, _mm256_blend_ps,
    _mm256_cmp_ps, _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_loadu_si256, _mm256_maskload_ps,
    _mm256_movemask_ps, _mm256_permute_ps, _mm256_permute2f128_ps, _mm256_set1_ps,
    _mm256_setzero_ps, _mm256_shuffle_ps, _mm256_storeu_ps,
};
use std::ops::Range;

use super::{Reach, Rows};
use crate::Matrix;
use crate::canonical::LANES;
use crate::heap::Selection;

/// Rows scored together, and floats of a register.
const ROWS: usize = 8;
/// Floats to prefetch ahead, into L2: 4 KB, as for AVX-512.
const AHEAD: usize = 1024;

/// Offer each row of the range with its score.
#[target_feature(enable = "avx2,fma")]
pub(super) fn scan(
    items: Matrix<'_>,
    query: &[f32],
    rows: Range<usize>,
    selection: &mut Selection<'_>,
) {
    assert!(rows.end <= items.rows(), "rows of the matrix");
    let query = Query::new(query, items);
    let dim = items.dim();
    let reach = Reach::of(rows.len(), items);
    let mut bar = _mm256_set1_ps(selection.bar());
    let mut row = rows.start;
    while row < rows.end {
        let count = ROWS.min(rows.end - row);
        // SAFETY: the pointers are to rows of the matrix, the last row of the range standing in for
        // those past it; prefetching past the end is harmless.
        let scores = unsafe {
            let start = items.values().as_ptr().add(row * dim);
            let at = |lane: usize| start.add(lane * dim);
            match reach {
                _ if count < ROWS => query.scores::<4, false>(|lane| at(lane.min(count - 1))),
                Reach::Near => query.scores::<4, false>(at),
                Reach::InOrder => query.scores::<1, false>(at),
                Reach::Far => query.scores::<1, true>(at),
            }
        };
        let reached = _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_GE_OQ>(scores, bar));
        let hits = reached as u32 & ((1 << count) - 1);
        if hits != 0 {
            let mut block = [0.0; ROWS];
            // SAFETY: the array has room for all 8 lanes.
            unsafe { _mm256_storeu_ps(block.as_mut_ptr(), scores) };
            offer(row, &block, hits, selection);
            bar = _mm256_set1_ps(selection.bar());
        }
        row += count;
    }
}

/// Write the score of each row.
#[target_feature(enable = "avx2,fma")]
pub(super) fn score(items: Matrix<'_>, query: &[f32], rows: Rows<'_>, scores: &mut [f32]) {
    let query = Query::new(query, items);
    for (block, slots) in scores.chunks_mut(ROWS).enumerate() {
        let last = slots.len() - 1;
        let mut sums = [0.0; ROWS];
        // SAFETY: the caller names rows of the matrix; the array has room for all 8 lanes.
        unsafe {
            let found = query.scores::<4, false>(|lane| {
                let row = rows.get(block * ROWS + lane.min(last));
                items.values().as_ptr().add(row * items.dim())
            });
            _mm256_storeu_ps(sums.as_mut_ptr(), found);
        }
        slots.copy_from_slice(&sums[..slots.len()]);
    }
}

/// Offer the rows of a block whose score reached the bar.
#[cold]
#[inline(never)]
fn offer(row: usize, scores: &[f32; ROWS], mut hits: u32, selection: &mut Selection<'_>) {
    while hits != 0 {
        let lane = hits.trailing_zeros() as usize;
        selection.offer((row + lane) as i32, scores[lane]);
        hits &= hits - 1;
    }
}

/// A query ready to meet rows of its width.
struct Query<'a> {
    values: &'a [f32],
    /// Which lanes of the last, not whole block are floats of the row, as two masks.
    tail: [__m256i; 2],
}

impl<'a> Query<'a> {
    #[inline]
    #[target_feature(enable = "avx2,fma")]
    fn new(values: &'a [f32], items: Matrix<'_>) -> Self {
        // All pointers below rest on this.
        assert_eq!(values.len(), items.dim(), "a query as wide as the items");
        let left = values.len() % LANES;
        let lanes: [i32; LANES] = std::array::from_fn(|lane| -i32::from(lane < left));
        // SAFETY: both halves of the array are read whole.
        let tail = unsafe {
            [
                _mm256_loadu_si256(lanes.as_ptr().cast()),
                _mm256_loadu_si256(lanes.as_ptr().add(ROWS).cast()),
            ]
        };
        Self { values, tail }
    }

    /// Canonical scores of 8 rows, `R` at a time. `FETCH` as for [`Self::sums`].
    ///
    /// # Safety
    /// `at` must give pointers to whole rows for the lanes 0 to 7.
    #[inline]
    #[target_feature(enable = "avx2,fma")]
    unsafe fn scores<const R: usize, const FETCH: bool>(
        &self,
        at: impl Fn(usize) -> *const f32,
    ) -> __m256 {
        let mut sums = [_mm256_setzero_ps(); ROWS];
        for (group, sums) in sums.as_chunks_mut::<R>().0.iter_mut().enumerate() {
            let rows = std::array::from_fn(|lane| at(R * group + lane));
            // SAFETY: the caller's promise.
            *sums = unsafe { self.sums::<R, FETCH>(rows) };
        }
        add_lanes(sums)
    }

    /// The sums of some rows after the first step of the tree, lane j + lane j + 8. `FETCH` asks for
    /// what follows them by [`AHEAD`].
    ///
    /// # Safety
    /// The pointers must be to whole rows.
    #[inline]
    #[target_feature(enable = "avx2,fma")]
    unsafe fn sums<const R: usize, const FETCH: bool>(&self, rows: [*const f32; R]) -> [__m256; R] {
        let mut low = [_mm256_setzero_ps(); R];
        let mut high = low;
        let query = self.values.as_ptr();
        let whole = self.values.len() / LANES * LANES;
        // SAFETY: whole blocks lie inside the query and the rows, and a masked load reads nothing
        // where the mask is off.
        unsafe {
            for offset in (0..whole).step_by(LANES) {
                let first = _mm256_loadu_ps(query.add(offset));
                let second = _mm256_loadu_ps(query.add(offset + ROWS));
                for (lane, row) in rows.into_iter().enumerate() {
                    if FETCH {
                        _mm_prefetch::<_MM_HINT_T1>(row.wrapping_add(offset + AHEAD).cast());
                    }
                    let values = _mm256_loadu_ps(row.add(offset));
                    low[lane] = _mm256_fmadd_ps(values, first, low[lane]);
                    let values = _mm256_loadu_ps(row.add(offset + ROWS));
                    high[lane] = _mm256_fmadd_ps(values, second, high[lane]);
                }
            }
            if whole < self.values.len() {
                let [low_mask, high_mask] = self.tail;
                // The upper half may start past the row: its address is only computed.
                let upper = |row: *const f32| row.wrapping_add(whole + ROWS);
                let first = _mm256_maskload_ps(query.add(whole), low_mask);
                let second = _mm256_maskload_ps(upper(query), high_mask);
                for (lane, row) in rows.into_iter().enumerate() {
                    let values = _mm256_maskload_ps(row.add(whole), low_mask);
                    low[lane] = _mm256_fmadd_ps(values, first, low[lane]);
                    let values = _mm256_maskload_ps(upper(row), high_mask);
                    high[lane] = _mm256_fmadd_ps(values, second, high[lane]);
                }
            }
        }
        std::array::from_fn(|lane| _mm256_add_ps(low[lane], high[lane]))
    }
}

/// Add the lanes of 8 registers as the canonical tree does from its second step on; lane `i` of the
/// result is the sum of register `i`.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn add_lanes(sums: [__m256; ROWS]) -> __m256 {
    // Lane j + lane j + 4: the lower four lanes from `a`, the upper four from `b`.
    let fours: [__m256; 4] = std::array::from_fn(|i| {
        let (a, b) = (sums[i], sums[i + 4]);
        let kept = _mm256_blend_ps::<0xF0>(a, b);
        _mm256_add_ps(kept, _mm256_permute2f128_ps::<0x21>(a, b))
    });
    let twos: [__m256; 2] = std::array::from_fn(|i| {
        let (a, b) = (fours[i], fours[i + 2]);
        let kept = _mm256_blend_ps::<0xCC>(a, b);
        _mm256_add_ps(kept, _mm256_shuffle_ps::<0x4E>(a, b))
    });
    let kept = _mm256_blend_ps::<0xAA>(twos[0], twos[1]);
    let moved = _mm256_blend_ps::<0x55>(twos[0], twos[1]);
    _mm256_add_ps(kept, _mm256_permute_ps::<0xB1>(moved))
}
