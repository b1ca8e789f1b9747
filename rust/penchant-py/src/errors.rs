//! The one place where a kernel's refusal becomes an exception of `penchant.errors`.

use penchant_kernels::error::KernelError;
use pyo3::prelude::*;

/// Classes of `penchant.errors` that this crate raises.
#[derive(Clone, Copy, Debug)]
pub enum Class {
    Shape,
    Data,
    Settings,
    Diverged,
}

impl Class {
    const fn name(self) -> &'static str {
        match self {
            Self::Shape => "ShapeError",
            Self::Data => "DataError",
            Self::Settings => "SettingsError",
            Self::Diverged => "FitDiverged",
        }
    }

    /// An exception of this class. Imports `penchant.errors` only now, when something went wrong.
    pub fn error(self, py: Python<'_>, message: &str) -> PyErr {
        let made = py
            .import("penchant.errors")
            .and_then(|errors| errors.getattr(self.name()))
            .and_then(|class| class.call1((message,)));
        match made {
            Ok(error) => PyErr::from_value(error),
            Err(error) => error,
        }
    }
}

/// The exception for a kernel's refusal.
pub fn kernel_error(py: Python<'_>, error: &KernelError) -> PyErr {
    let class = match error {
        KernelError::Shape(_) => Class::Shape,
        KernelError::Data(_) => Class::Data,
        KernelError::Setting(_) => Class::Settings,
        KernelError::Diverged(_) => Class::Diverged,
    };
    class.error(py, &error.to_string())
}
