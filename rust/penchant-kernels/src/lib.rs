//! Ranking, factorisation and neighbour kernels over plain arrays.

pub mod error;
pub mod strings;
pub mod xxh64;
