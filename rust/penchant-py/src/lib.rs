//! The Python face of `penchant-kernels`.
mod arrays;
mod digest;
mod errors;
mod sparse;
mod strings;

use pyo3::prelude::*;

/// Kernels over plain arrays.
#[pymodule(gil_used = false)]
fn _kernels(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_class::<strings::StringTable>()?;
    module.add_function(wrap_pyfunction!(strings::pack_strings, module)?)?;
    module.add_function(wrap_pyfunction!(strings::unpack_strings, module)?)?;
    module.add_function(wrap_pyfunction!(digest::blake3, module)?)?;
    module.add_function(wrap_pyfunction!(digest::blake3_bytes, module)?)?;
    module.add_function(wrap_pyfunction!(sparse::transpose, module)?)?;
    module.add_function(wrap_pyfunction!(sparse::sparse_dense, module)?)?;
    module.add_function(wrap_pyfunction!(sparse::sparse_sparse, module)?)?;
    Ok(())
}
