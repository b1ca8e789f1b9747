//! Ranking, factorisation and neighbour kernels over plain arrays.
//!
//! The crate knows arrays and row numbers: no Python, no ids, no files, no globals, no thread pools.
//! What a caller can get wrong comes back as a [`KernelError`]; nothing here panics on bad input.

pub mod als;
pub mod bitset;
pub mod canonical;
pub mod cholesky;
mod crew;
pub mod csr;
mod error;
pub mod filter;
mod heap;
mod isa;
mod kth;
mod matrix;
pub mod nearest_means;
pub mod neighbours;
pub mod nonnegative;
pub mod pairwise;
mod parallel;
mod random;
mod reservoir;
mod resident;
pub mod ridge;
pub mod sgd;
mod simd;
pub mod slim;
pub mod sparse;
pub mod strings;
pub mod svdpp;
pub mod top_k;
pub mod xxh64;

pub use error::KernelError;
pub use isa::Isa;
pub use matrix::Matrix;
pub use resident::Resident;
