//! Ranking, factorisation and neighbour kernels over plain arrays.
//!
//! The crate knows arrays and row numbers: no Python, no ids, no files, no globals, no thread pools.
//! What a caller can get wrong comes back as a [`KernelError`]; nothing here panics on bad input.

pub mod csr;
mod error;
mod parallel;
pub mod sparse;
pub mod strings;
pub mod xxh64;

pub use error::KernelError;
