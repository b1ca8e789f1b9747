//! Checks of array arguments, made once at the edge so that kernels may trust their slices.

use crate::errors::Class;
use numpy::ndarray::Dimension;
use numpy::{
    Element, Ix1, PyArray, PyArrayDescrMethods, PyArrayMethods, PyReadonlyArray, PyUntypedArray,
    PyUntypedArrayMethods, dtype,
};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

/// `value` as an array of exactly `T` and `D` dimensions, rows after rows in memory without gaps.
///
/// A `TypeError` or `ShapeError` says what else it is, and how to make it right.
pub fn array<'py, T: Element, D: Dimension>(
    name: &str,
    value: &Bound<'py, PyAny>,
) -> PyResult<PyReadonlyArray<'py, T, D>> {
    let py = value.py();
    let Ok(array) = value.cast::<PyUntypedArray>() else {
        return Err(PyTypeError::new_err(format!(
            "{name} must be a numpy array, got {}; pass numpy.asarray({name})",
            value.get_type().name()?
        )));
    };
    let (wanted, ndim) = (dtype::<T>(py), D::NDIM.unwrap_or_default());
    if array.ndim() != ndim || !array.dtype().is_equiv_to(&wanted) {
        let message = format!(
            "{name} is a {}-dimensional array of {}, and must be a {ndim}-dimensional array of \
             {wanted}; pass numpy.asarray({name}, dtype=\"{wanted}\")",
            array.ndim(),
            array.dtype(),
        );
        return Err(Class::Shape.error(py, &message));
    }
    if !array.is_c_contiguous() || !array.is_aligned() {
        let message = format!(
            "{name} has gaps, or another order than rows after rows, in memory; \
             pass numpy.ascontiguousarray({name})"
        );
        return Err(Class::Shape.error(py, &message));
    }
    Ok(value.cast::<PyArray<T, D>>()?.try_readonly()?)
}

/// A one-dimensional array that a frozen object keeps, and reads without checking it anew.
///
/// Its owner must not write to it while the object lives. Arrays that are mapped from disk, or
/// marked read-only, can't be written to.
pub struct Pinned<T> {
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
    /// Checks `value` as [`array`] does, and keeps it.
    pub fn new(name: &str, value: &Bound<'_, PyAny>) -> PyResult<Self> {
        let array = array::<T, Ix1>(name, value)?;
        let slice = array.as_slice()?;
        Ok(Self {
            data: slice.as_ptr(),
            length: slice.len(),
            _array: array.as_untyped().clone().unbind(),
        })
    }

    /// The elements.
    pub fn slice(&self) -> &[T] {
        // SAFETY: `data` and `length` come from a slice of an array that `_array` keeps alive.
        unsafe { std::slice::from_raw_parts(self.data, self.length) }
    }
}
