//! AVX-512 and AVX2: the inner loop's operations, one intrinsic each.
//!
//! Four sums over lanes are taken at once where there are four: as sums get shorter, those of several
//! vectors stand side by side in one register, and one addition serves them all.

use super::{Lanes, Simd};
use std::arch::x86_64::{
    __m128, __m256, __m512, _MM_HINT_T0, _mm_add_ps, _mm_add_ss, _mm_cvtss_f32, _mm_movehl_ps,
    _mm_movelh_ps, _mm_prefetch, _mm_setzero_ps, _mm_shuffle_ps, _mm_storeu_ps, _mm_unpackhi_ps,
    _mm_unpacklo_ps, _mm256_add_ps, _mm256_castps256_ps128, _mm256_extractf128_ps, _mm256_fmadd_ps,
    _mm256_load_ps, _mm256_mul_ps, _mm256_set1_ps, _mm256_store_ps, _mm256_sub_ps, _mm512_add_ps,
    _mm512_castps512_ps128, _mm512_castps512_ps256, _mm512_extractf32x8_ps, _mm512_fmadd_ps,
    _mm512_load_ps, _mm512_maskz_compress_ps, _mm512_mul_ps, _mm512_permute_ps, _mm512_set1_ps,
    _mm512_shuffle_f32x4, _mm512_store_ps, _mm512_sub_ps,
};

/// AVX-512, one register for sixteen lanes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Avx512(());

impl Avx512 {
    /// # Safety
    /// The processor must have AVX-512 F and DQ, AVX2 and FMA.
    pub(crate) unsafe fn new_unchecked() -> Self {
        Self(())
    }
}

/// AVX2 with FMA, two registers for sixteen lanes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Avx2(());

impl Avx2 {
    /// # Safety
    /// The processor must have AVX2 and FMA.
    pub(crate) unsafe fn new_unchecked() -> Self {
        Self(())
    }
}

#[expect(
    clippy::inline_always,
    reason = "must be part of a function compiled for AVX-512"
)]
impl Simd for Avx512 {
    type Vector = __m512;

    #[inline(always)]
    fn load(self, lanes: &Lanes) -> __m512 {
        // SAFETY: `self` proves AVX-512; lanes are sixteen floats, aligned to 64 bytes.
        unsafe { _mm512_load_ps(lanes.0.as_ptr()) }
    }

    #[inline(always)]
    fn store(self, vector: __m512, lanes: &mut Lanes) {
        // SAFETY: as in `load`.
        unsafe { _mm512_store_ps(lanes.0.as_mut_ptr(), vector) }
    }

    #[inline(always)]
    fn splat(self, value: f32) -> __m512 {
        // SAFETY: `self` proves AVX-512.
        unsafe { _mm512_set1_ps(value) }
    }

    #[inline(always)]
    fn mul(self, a: __m512, b: __m512) -> __m512 {
        // SAFETY: `self` proves AVX-512.
        unsafe { _mm512_mul_ps(a, b) }
    }

    #[inline(always)]
    fn sub(self, a: __m512, b: __m512) -> __m512 {
        // SAFETY: `self` proves AVX-512.
        unsafe { _mm512_sub_ps(a, b) }
    }

    #[inline(always)]
    fn fma(self, a: __m512, b: __m512, c: __m512) -> __m512 {
        // SAFETY: `self` proves AVX-512.
        unsafe { _mm512_fmadd_ps(a, b, c) }
    }

    #[inline(always)]
    fn prefetch(self, lanes: &[Lanes]) {
        prefetch(lanes);
    }

    #[inline(always)]
    fn totals<const B: usize>(self, vectors: [__m512; B]) -> [f32; B] {
        // SAFETY: `self` proves AVX-512 and with it AVX2.
        unsafe {
            if let &[a, b, c, d] = vectors.as_slice() {
                let ab = halve_pair(a, b);
                let cd = halve_pair(c, d);
                let low = _mm512_shuffle_f32x4::<0b10_00_10_00>(ab, cd);
                let high = _mm512_shuffle_f32x4::<0b11_01_11_01>(ab, cd);
                let fours = _mm512_add_ps(low, high);
                let swapped = _mm512_permute_ps::<0b01_00_11_10>(fours);
                let twos = _mm512_add_ps(fours, swapped);
                let swapped = _mm512_permute_ps::<0b10_11_00_01>(twos);
                let sums = _mm512_add_ps(twos, swapped);
                let mut totals = [0.0; B];
                let sums = _mm512_maskz_compress_ps(0b0001_0001_0001_0001, sums);
                _mm_storeu_ps(totals.as_mut_ptr(), _mm512_castps512_ps128(sums));
                return totals;
            }
            let mut fours = [_mm_setzero_ps(); B];
            for (four, vector) in fours.iter_mut().zip(vectors) {
                let high = _mm512_extractf32x8_ps::<1>(vector);
                *four = halve(_mm256_add_ps(_mm512_castps512_ps256(vector), high));
            }
            totals_of_fours(fours)
        }
    }
}

#[expect(
    clippy::inline_always,
    reason = "must be part of a function compiled for AVX2"
)]
impl Simd for Avx2 {
    type Vector = [__m256; 2];

    #[inline(always)]
    fn load(self, lanes: &Lanes) -> [__m256; 2] {
        let start = lanes.0.as_ptr();
        // SAFETY: `self` proves AVX2; lanes are sixteen floats, aligned to 64 bytes.
        unsafe { [_mm256_load_ps(start), _mm256_load_ps(start.add(8))] }
    }

    #[inline(always)]
    fn store(self, vector: [__m256; 2], lanes: &mut Lanes) {
        let start = lanes.0.as_mut_ptr();
        // SAFETY: as in `load`.
        unsafe {
            _mm256_store_ps(start, vector[0]);
            _mm256_store_ps(start.add(8), vector[1]);
        }
    }

    #[inline(always)]
    fn splat(self, value: f32) -> [__m256; 2] {
        // SAFETY: `self` proves AVX2.
        unsafe { [_mm256_set1_ps(value); 2] }
    }

    #[inline(always)]
    fn mul(self, a: [__m256; 2], b: [__m256; 2]) -> [__m256; 2] {
        // SAFETY: `self` proves AVX2.
        unsafe { [_mm256_mul_ps(a[0], b[0]), _mm256_mul_ps(a[1], b[1])] }
    }

    #[inline(always)]
    fn sub(self, a: [__m256; 2], b: [__m256; 2]) -> [__m256; 2] {
        // SAFETY: `self` proves AVX2.
        unsafe { [_mm256_sub_ps(a[0], b[0]), _mm256_sub_ps(a[1], b[1])] }
    }

    #[inline(always)]
    fn fma(self, a: [__m256; 2], b: [__m256; 2], c: [__m256; 2]) -> [__m256; 2] {
        // SAFETY: `self` proves FMA.
        unsafe {
            [
                _mm256_fmadd_ps(a[0], b[0], c[0]),
                _mm256_fmadd_ps(a[1], b[1], c[1]),
            ]
        }
    }

    #[inline(always)]
    fn prefetch(self, lanes: &[Lanes]) {
        prefetch(lanes);
    }

    #[inline(always)]
    fn totals<const B: usize>(self, vectors: [[__m256; 2]; B]) -> [f32; B] {
        // SAFETY: `self` proves AVX2.
        unsafe {
            let mut fours = [_mm_setzero_ps(); B];
            for (four, [low, high]) in fours.iter_mut().zip(vectors) {
                *four = halve(_mm256_add_ps(low, high));
            }
            totals_of_fours(fours)
        }
    }
}

/// Lanes are as long as a cache line, and aligned to it.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "a few instructions, in the inner loop"
)]
fn prefetch(lanes: &[Lanes]) {
    for lanes in lanes {
        // SAFETY: every x86-64 has the instruction, and it may be given any address.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(lanes.0.as_ptr().cast()) }
    }
}

/// Both vectors halved, side by side.
///
/// # Safety
/// The processor must have AVX-512.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "must be part of a function compiled for AVX-512"
)]
unsafe fn halve_pair(a: __m512, b: __m512) -> __m512 {
    // SAFETY: the caller has AVX-512.
    unsafe {
        _mm512_add_ps(
            _mm512_shuffle_f32x4::<0b01_00_01_00>(a, b),
            _mm512_shuffle_f32x4::<0b11_10_11_10>(a, b),
        )
    }
}

/// # Safety
/// The processor must have AVX2.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "must be part of a function compiled for AVX2"
)]
unsafe fn halve(eight: __m256) -> __m128 {
    // SAFETY: the caller has AVX2.
    unsafe {
        _mm_add_ps(
            _mm256_castps256_ps128(eight),
            _mm256_extractf128_ps::<1>(eight),
        )
    }
}

/// Sums of four numbers each, `(0 + 2) + (1 + 3)`.
///
/// # Safety
/// The processor must have AVX2.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "must be part of a function compiled for AVX2"
)]
unsafe fn totals_of_fours<const B: usize>(fours: [__m128; B]) -> [f32; B] {
    let mut totals = [0.0; B];
    // SAFETY: the caller has AVX2; four floats are stored only where there are four.
    unsafe {
        if let &[a, b, c, d] = fours.as_slice() {
            let ab = _mm_add_ps(_mm_unpacklo_ps(a, b), _mm_unpackhi_ps(a, b));
            let cd = _mm_add_ps(_mm_unpacklo_ps(c, d), _mm_unpackhi_ps(c, d));
            let sums = _mm_add_ps(_mm_movelh_ps(ab, cd), _mm_movehl_ps(cd, ab));
            _mm_storeu_ps(totals.as_mut_ptr(), sums);
        } else {
            for (total, four) in totals.iter_mut().zip(fours) {
                let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
                *total = _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps::<1>(two, two)));
            }
        }
    }
    totals
}
