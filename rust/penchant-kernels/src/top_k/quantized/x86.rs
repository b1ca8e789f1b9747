//! Sums in the registers of x86: AVX-512 VNNI, and AVX2.

// Inlining keeps the sums in registers: what has no `#[target_feature]` becomes part of a function
// that has.
#![allow(clippy::inline_always)]

use std::arch::x86_64::{
    __m256i, __m512i, _mm256_add_epi32, _mm256_and_si256, _mm256_andnot_si256, _mm256_castsi256_ps,
    _mm256_cmpgt_epi32, _mm256_loadu_si256, _mm256_madd_epi16, _mm256_maddubs_epi16,
    _mm256_max_epi32, _mm256_movemask_ps, _mm256_set1_epi8, _mm256_set1_epi16, _mm256_set1_epi32,
    _mm256_setzero_si256, _mm256_slli_epi32, _mm256_storeu_si256, _mm512_add_epi32,
    _mm512_and_si512, _mm512_andnot_si512, _mm512_cmpgt_epi32_mask, _mm512_dpbusd_epi32,
    _mm512_loadu_si512, _mm512_max_epi32, _mm512_set1_epi8, _mm512_set1_epi32,
    _mm512_setzero_si512, _mm512_slli_epi32, _mm512_storeu_si512,
};

use super::codes::{Codes, ROWS};
use super::halves::{UPPER, UpperHalves};
use super::lanes::Lane;
use super::sift::sift;
use super::tile::{Share, Sums, meet};
use crate::top_k::pieces::Search;

impl Sums for __m512i {
    type Items = Self;
    type Query = Self;

    #[inline(always)]
    unsafe fn all(start: i32) -> Self {
        // SAFETY: the caller's promise, as for the methods below.
        unsafe { _mm512_set1_epi32(start) }
    }
    #[inline(always)]
    unsafe fn items(at: *const u8) -> Self {
        // SAFETY: as above.
        unsafe { _mm512_loadu_si512(at.cast()) }
    }
    #[inline(always)]
    unsafe fn halves(at: *const u8) -> [Self; 2] {
        // SAFETY: as above.
        unsafe {
            let bytes = Self::items(at);
            let upper = _mm512_set1_epi8(UPPER.cast_signed());
            [
                _mm512_and_si512(bytes, upper),
                _mm512_andnot_si512(upper, bytes),
            ]
        }
    }
    #[inline(always)]
    unsafe fn query(codes: i32) -> Self {
        // SAFETY: as above.
        unsafe { _mm512_set1_epi32(codes) }
    }
    #[inline(always)]
    unsafe fn plus(self, items: Self, query: Self) -> Self {
        // SAFETY: as above.
        unsafe { _mm512_dpbusd_epi32(self, items, query) }
    }
    #[inline(always)]
    unsafe fn plus_16(self, other: Self) -> Self {
        // SAFETY: as above.
        unsafe { _mm512_add_epi32(self, _mm512_slli_epi32::<4>(other)) }
    }
    #[inline(always)]
    unsafe fn join(self, other: Self) -> Self {
        // SAFETY: as above.
        unsafe { _mm512_add_epi32(self, other) }
    }
    #[inline(always)]
    unsafe fn max(self, other: Self) -> Self {
        // SAFETY: as above.
        unsafe { _mm512_max_epi32(self, other) }
    }
    #[inline(always)]
    unsafe fn positive(self) -> u16 {
        // SAFETY: as above.
        unsafe { _mm512_cmpgt_epi32_mask(self, _mm512_setzero_si512()) }
    }
    #[inline(always)]
    unsafe fn store(self, at: *mut [i32; ROWS]) {
        // SAFETY: as above.
        unsafe { _mm512_storeu_si512(at.cast(), self) };
    }
}

/// Two registers of AVX2. Products are added by twos in 16 bits, which holds as long as no code of a
/// query exceeds [`LEVELS_256`].
type Pair = [__m256i; 2];

/// Greatest code of a query: 2 · 255 · 64 is below 2¹⁵.
pub(super) const LEVELS_256: f32 = 64.0;

impl Sums for Pair {
    type Items = Self;
    type Query = __m256i;

    #[inline(always)]
    unsafe fn all(start: i32) -> Self {
        // SAFETY: the caller's promise, as for the methods below.
        unsafe { [_mm256_set1_epi32(start); 2] }
    }
    #[inline(always)]
    unsafe fn items(at: *const u8) -> Self {
        // SAFETY: as above; both halves lie in the step.
        unsafe {
            [
                _mm256_loadu_si256(at.cast()),
                _mm256_loadu_si256(at.add(32).cast()),
            ]
        }
    }
    #[inline(always)]
    unsafe fn halves(at: *const u8) -> [Self; 2] {
        // SAFETY: as above.
        unsafe {
            let bytes = Self::items(at);
            let upper = _mm256_set1_epi8(UPPER.cast_signed());
            [
                bytes.map(|bytes| _mm256_and_si256(bytes, upper)),
                bytes.map(|bytes| _mm256_andnot_si256(upper, bytes)),
            ]
        }
    }
    #[inline(always)]
    unsafe fn query(codes: i32) -> __m256i {
        // SAFETY: as above.
        unsafe { _mm256_set1_epi32(codes) }
    }
    #[inline(always)]
    unsafe fn plus(self, items: Self, query: __m256i) -> Self {
        // SAFETY: as above.
        std::array::from_fn(|half| unsafe {
            let twos = _mm256_maddubs_epi16(items[half], query);
            _mm256_add_epi32(self[half], _mm256_madd_epi16(twos, _mm256_set1_epi16(1)))
        })
    }
    #[inline(always)]
    unsafe fn plus_16(self, other: Self) -> Self {
        // SAFETY: as above.
        std::array::from_fn(|half| unsafe {
            _mm256_add_epi32(self[half], _mm256_slli_epi32::<4>(other[half]))
        })
    }
    #[inline(always)]
    unsafe fn join(self, other: Self) -> Self {
        // SAFETY: as above.
        std::array::from_fn(|half| unsafe { _mm256_add_epi32(self[half], other[half]) })
    }
    #[inline(always)]
    unsafe fn max(self, other: Self) -> Self {
        // SAFETY: as above.
        std::array::from_fn(|half| unsafe { _mm256_max_epi32(self[half], other[half]) })
    }
    #[inline(always)]
    unsafe fn positive(self) -> u16 {
        let half = |half: usize| {
            // SAFETY: as above.
            let above = unsafe { _mm256_cmpgt_epi32(self[half], _mm256_setzero_si256()) };
            // SAFETY: as above.
            unsafe { _mm256_movemask_ps(_mm256_castsi256_ps(above)) as u16 }
        };
        half(0) | half(1) << 8
    }
    #[inline(always)]
    unsafe fn store(self, at: *mut [i32; ROWS]) {
        // SAFETY: as above; both halves lie in the array.
        unsafe {
            _mm256_storeu_si256(at.cast(), self[0]);
            _mm256_storeu_si256(at.cast::<i32>().add(ROWS / 2).cast(), self[1]);
        }
    }
}

/// Let all queries meet a group.
#[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl,avx512vnni,avx2,fma")]
pub(super) fn meet_512(
    search: Search<'_>,
    codes: Codes<'_>,
    group: usize,
    lanes: &mut [Lane<'_, '_, '_>],
) {
    /// 32 registers: 24 of sums, 4 of items or queries each way, and one that changes.
    const QUERIES: usize = 6;
    let blocks = if codes.outgrow_cache() {
        lanes.len().div_ceil(QUERIES)
    } else {
        0
    };
    let far = codes.are_far();
    for (block, lanes) in lanes.chunks_mut(QUERIES).enumerate() {
        let share = Share { block, blocks, far };
        // SAFETY: this function has the instruction set.
        unsafe {
            match lanes.len() {
                1 => meet::<__m512i, 4, 1>(search, codes, group, lanes, share),
                2 => meet::<__m512i, 8, 2>(search, codes, group, lanes, share),
                3 => meet::<__m512i, 8, 3>(search, codes, group, lanes, share),
                4 => meet::<__m512i, 4, 4>(search, codes, group, lanes, share),
                5 => meet::<__m512i, 4, 5>(search, codes, group, lanes, share),
                _ => meet::<__m512i, 4, 6>(search, codes, group, lanes, share),
            }
        }
    }
}

/// The same.
#[target_feature(enable = "avx2,fma")]
pub(super) fn meet_256(
    search: Search<'_>,
    codes: Codes<'_>,
    group: usize,
    lanes: &mut [Lane<'_, '_, '_>],
) {
    /// 16 registers: 8 of sums.
    const QUERIES: usize = 2;
    let blocks = if codes.outgrow_cache() {
        lanes.len().div_ceil(QUERIES)
    } else {
        0
    };
    let far = codes.are_far();
    for (block, lanes) in lanes.chunks_mut(QUERIES).enumerate() {
        let share = Share { block, blocks, far };
        // SAFETY: this function has the instruction set.
        unsafe {
            match lanes.len() {
                1 => meet::<Pair, 4, 1>(search, codes, group, lanes, share),
                _ => meet::<Pair, 2, 2>(search, codes, group, lanes, share),
            }
        }
    }
}

/// Let a query meet the upper halves of a group; how many panels are left.
#[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl,avx512vnni,avx2,fma")]
pub(super) fn sift_512(
    search: Search<'_>,
    codes: Codes<'_>,
    halves: &UpperHalves,
    group: usize,
    lane: &mut Lane<'_, '_, '_>,
) -> usize {
    // SAFETY: this function has the instruction set.
    unsafe { sift::<__m512i>(search, codes, halves, group, lane) }
}

/// The same.
#[target_feature(enable = "avx2,fma")]
pub(super) fn sift_256(
    search: Search<'_>,
    codes: Codes<'_>,
    halves: &UpperHalves,
    group: usize,
    lane: &mut Lane<'_, '_, '_>,
) -> usize {
    // SAFETY: this function has the instruction set.
    unsafe { sift::<Pair>(search, codes, halves, group, lane) }
}
