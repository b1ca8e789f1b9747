//! Long work that tells a Python callable how far it is, and stops when the callable raises.

use pyo3::call::PyCallArgs;
use pyo3::prelude::*;
use std::ops::ControlFlow;

/// A `progress` argument, and what it raised.
pub(crate) struct Progress {
    callable: Option<Py<PyAny>>,
    raised: Option<PyErr>,
}

impl Progress {
    pub(crate) fn new(callable: Option<&Bound<'_, PyAny>>) -> Self {
        Self {
            callable: callable.map(|callable| callable.clone().unbind()),
            raised: None,
        }
    }

    /// Calls the callable; breaks when it raises. Signals are seen here, so Ctrl-C works.
    pub(crate) fn tell(&mut self, words: impl for<'py> PyCallArgs<'py>) -> ControlFlow<()> {
        let heard = Python::attach(|py| {
            py.check_signals()?;
            if let Some(callable) = &self.callable {
                callable.bind(py).call1(words)?;
            }
            Ok(())
        });
        match heard {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                self.raised = Some(error);
                ControlFlow::Break(())
            }
        }
    }

    /// # Errors
    /// What the callable raised, or an interrupt from the keyboard.
    pub(crate) fn into_result(self) -> PyResult<()> {
        self.raised.map_or(Ok(()), Err)
    }
}
