//! Long work that tells a Python callable how far it is, and stops when the callable says so.

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
        self.call(Some(words), |_| true)
    }

    /// Calls the callable where there are words for it; breaks when it raises or returns False.
    /// Signals are seen here, words or none, so Ctrl-C works.
    pub(crate) fn ask(&mut self, words: Option<impl for<'py> PyCallArgs<'py>>) -> ControlFlow<()> {
        self.call(words, |answer| !matches!(answer.extract(), Ok(false)))
    }

    fn call(
        &mut self,
        words: Option<impl for<'py> PyCallArgs<'py>>,
        goes_on: fn(&Bound<'_, PyAny>) -> bool,
    ) -> ControlFlow<()> {
        let heard = Python::attach(|py| {
            py.check_signals()?;
            match (&self.callable, words) {
                (Some(callable), Some(words)) => Ok(goes_on(&callable.bind(py).call1(words)?)),
                _ => Ok(true),
            }
        });
        match heard {
            Ok(true) => ControlFlow::Continue(()),
            Ok(false) => ControlFlow::Break(()),
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
