//! The few operations on sixteen lanes that the inner loop is made of, and their portable form.
//!
//! Each instruction set implements them with the same roundings: products are fused with the sum
//! that they go into, and a sum over lanes adds halves until one is left.

mod dispatch;
#[cfg(target_arch = "x86_64")]
mod x86;

pub(crate) use dispatch::{Work, run};
#[cfg(target_arch = "x86_64")]
pub(crate) use x86::{Avx2, Avx512};

/// Sixteen neighbouring factors: one AVX-512 register, two of AVX2, four of NEON.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(C, align(64))]
pub(crate) struct Lanes(pub(crate) [f32; 16]);

impl Lanes {
    pub(crate) const ZERO: Self = Self([0.0; 16]);
}

/// An instruction set. Having a value of the type proves that the processor has the instructions.
pub(crate) trait Simd: Copy {
    /// Sixteen lanes in registers.
    type Vector: Copy;

    fn load(self, lanes: &Lanes) -> Self::Vector;
    fn store(self, vector: Self::Vector, lanes: &mut Lanes);
    fn splat(self, value: f32) -> Self::Vector;
    fn mul(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    fn sub(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// `a * b + c`, rounded once.
    fn fma(self, a: Self::Vector, b: Self::Vector, c: Self::Vector) -> Self::Vector;
    /// Asks for lanes that are needed soon.
    fn prefetch(self, lanes: &[Lanes]);
    /// The sum over lanes of each vector.
    fn totals<const B: usize>(self, vectors: [Self::Vector; B]) -> [f32; B];
}

/// Plain Rust, for every processor: the compiler makes of it what it can.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Portable;

impl Simd for Portable {
    type Vector = Lanes;

    fn load(self, lanes: &Lanes) -> Lanes {
        *lanes
    }

    fn store(self, vector: Lanes, lanes: &mut Lanes) {
        *lanes = vector;
    }

    fn splat(self, value: f32) -> Lanes {
        Lanes([value; 16])
    }

    fn mul(self, a: Lanes, b: Lanes) -> Lanes {
        Lanes(std::array::from_fn(|lane| a.0[lane] * b.0[lane]))
    }

    fn sub(self, a: Lanes, b: Lanes) -> Lanes {
        Lanes(std::array::from_fn(|lane| a.0[lane] - b.0[lane]))
    }

    fn fma(self, a: Lanes, b: Lanes, c: Lanes) -> Lanes {
        Lanes(std::array::from_fn(|lane| {
            a.0[lane].mul_add(b.0[lane], c.0[lane])
        }))
    }

    fn prefetch(self, _lanes: &[Lanes]) {}

    fn totals<const B: usize>(self, vectors: [Lanes; B]) -> [f32; B] {
        vectors.map(|Lanes(v)| {
            let eight: [f32; 8] = std::array::from_fn(|lane| v[lane] + v[lane + 8]);
            let four: [f32; 4] = std::array::from_fn(|lane| eight[lane] + eight[lane + 4]);
            (four[0] + four[2]) + (four[1] + four[3])
        })
    }
}
