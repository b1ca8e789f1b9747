//! Work that is written once over [`Simd`] and compiled for each instruction set.

#[cfg(target_arch = "x86_64")]
use super::{Avx2, Avx512};
use super::{Portable, Simd};
use crate::Isa;

/// Something to do with lanes. `on` must be `#[inline(always)]`, and so must all that it calls in
/// its inner loops, or they are compiled without the instructions.
pub(crate) trait Work {
    /// What comes of it.
    type Output;

    /// Does it.
    fn on<S: Simd>(self, simd: S) -> Self::Output;
}

/// Does `work` on an instruction set, which must be available.
#[cfg(target_arch = "x86_64")]
pub(crate) fn run<W: Work>(isa: Isa, work: W) -> W::Output {
    #[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl,avx2,fma")]
    fn avx512<W: Work>(work: W) -> W::Output {
        // SAFETY: whoever may call this function has what it is compiled for.
        work.on(unsafe { Avx512::new_unchecked() })
    }
    #[target_feature(enable = "avx2,fma")]
    fn avx2<W: Work>(work: W) -> W::Output {
        // SAFETY: whoever may call this function has what it is compiled for.
        work.on(unsafe { Avx2::new_unchecked() })
    }
    assert!(isa.available(), "{} is not available", isa.name());
    match isa {
        // SAFETY: the assertion above says that the processor has what the function needs.
        Isa::Avx512 => unsafe { avx512(work) },
        // SAFETY: the same.
        Isa::Avx2 => unsafe { avx2(work) },
        Isa::Scalar => work.on(Portable),
    }
}

/// Does `work` in plain Rust.
#[cfg(not(target_arch = "x86_64"))]
pub(crate) fn run<W: Work>(_isa: Isa, work: W) -> W::Output {
    work.on(Portable)
}
