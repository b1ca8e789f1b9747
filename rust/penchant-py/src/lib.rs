//! The Python face of `penchant-kernels`.

use pyo3::prelude::*;

/// Kernels over plain arrays.
#[pymodule(gil_used = false)]
fn _kernels(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    Ok(())
}
