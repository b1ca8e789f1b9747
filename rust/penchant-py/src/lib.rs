//! The Python face of `penchant-kernels`: check arrays once, release the GIL, call, hand back.

mod als;
mod arrays;
mod base;
mod codes;
mod digest;
mod errors;
mod filters;
mod item_index;
mod neighbours;
mod nonnegative;
mod numbers;
mod pairwise;
mod pinned;
mod progress;
mod ridge;
mod sgd;
mod slim;
mod sparse;
mod strings;
mod svdpp;
mod top_k;
mod turns;

use pyo3::prelude::*;

/// Kernels over plain arrays; `penchant.kernels` documents and re-exports them.
#[pymodule(gil_used = false)]
fn _kernels(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    als::register(module)?;
    codes::register(module)?;
    digest::register(module)?;
    item_index::register(module)?;
    neighbours::register(module)?;
    nonnegative::register(module)?;
    pairwise::register(module)?;
    ridge::register(module)?;
    sgd::register(module)?;
    slim::register(module)?;
    sparse::register(module)?;
    strings::register(module)?;
    svdpp::register(module)?;
    top_k::register(module)?;
    turns::register(module)?;
    Ok(())
}
