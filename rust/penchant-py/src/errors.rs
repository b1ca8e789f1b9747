//! The one place where what Rust refuses becomes what Python raises.

use penchant_kernels::KernelError;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyType;

/// The exception of `penchant.errors` for a kernel's refusal.
pub(crate) fn raise(py: Python<'_>, error: &KernelError) -> PyErr {
    let class = match error {
        KernelError::Shape(_) => "ShapeError",
        KernelError::Data(_) => "DataError",
        KernelError::Setting(_) => "SettingsError",
        KernelError::Request(_) => "RequestError",
        KernelError::Diverged(_) => "FitDiverged",
    };
    penchant_error(py, class, error.message().to_owned())
}

/// A `ShapeError`: an array has another shape, dtype or layout than the function needs.
pub(crate) fn shape_error(py: Python<'_>, message: String) -> PyErr {
    penchant_error(py, "ShapeError", message)
}

/// An exception of the named class of `penchant.errors`, looked up when it is needed: the
/// extension does not hold on to Python objects between calls.
pub(crate) fn penchant_error(py: Python<'_>, class: &str, message: String) -> PyErr {
    let found = py
        .import("penchant.errors")
        .and_then(|errors| errors.getattr(class))
        .and_then(|class| Ok(class.cast_into::<PyType>()?));
    match found {
        Ok(class) => PyErr::from_type(class, message),
        Err(_) => PyValueError::new_err(message),
    }
}

/// `?` for kernel results inside functions that hold the interpreter.
pub(crate) trait OrRaise<T> {
    /// The value, or the exception for the refusal.
    fn or_raise(self, py: Python<'_>) -> PyResult<T>;
}

impl<T> OrRaise<T> for Result<T, KernelError> {
    fn or_raise(self, py: Python<'_>) -> PyResult<T> {
        self.map_err(|error| raise(py, &error))
    }
}
