//! Ranking, factorisation and neighbour kernels over plain arrays.

pub mod csr;
pub mod error;
mod parallel;
pub mod sparse;
pub mod strings;
pub mod xxh64;
