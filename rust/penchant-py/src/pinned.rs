//! Arrays that a frozen Python object keeps, and reads without checking them anew.

use numpy::{Element, PyUntypedArray};
use pyo3::prelude::*;

use crate::arrays::vector;

/// An array whose memory stays where it is.
///
/// Its owner must not write to it while the object lives. Arrays that are mapped from disk, or
/// marked read-only, can't be written to.
pub(crate) struct Pinned<T> {
    data: *const T,
    length: usize,
    /// Keeps the memory behind `data` alive.
    _array: Py<PyUntypedArray>,
}

// SAFETY: the elements are plain numbers that nobody writes, so any thread may read them.
unsafe impl<T: Sync> Send for Pinned<T> {}
// SAFETY: the same.
unsafe impl<T: Sync> Sync for Pinned<T> {}

impl<T: Element> Pinned<T> {
    /// Checks a one-dimensional `array` as [`vector`] does, and keeps it.
    pub(crate) fn new(array: &Bound<'_, PyAny>, name: &str) -> PyResult<Self> {
        Self::of(array, vector::<T>(array, name)?)
    }

    /// Keeps `array`, whose checked values these are.
    pub(crate) fn of<'a>(array: &'a Bound<'_, PyAny>, values: &'a [T]) -> PyResult<Self> {
        Ok(Self {
            data: values.as_ptr(),
            length: values.len(),
            _array: array.cast::<PyUntypedArray>()?.clone().unbind(),
        })
    }

    /// The elements.
    pub(crate) fn slice(&self) -> &[T] {
        // SAFETY: `data` and `length` come from a slice of the array that `_array` keeps alive.
        unsafe { std::slice::from_raw_parts(self.data, self.length) }
    }
}
