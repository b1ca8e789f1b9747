//! Arguments as slices: every array is checked here, once, and every refusal names the argument.

use numpy::prelude::*;
use numpy::{Element, PyArray, PyArray1, PyArray2, PyUntypedArray, dtype};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

use crate::errors::{OrRaise, shape_error};
use penchant_kernels::Matrix;

/// The values of a 1-d C-contiguous array of exactly the dtype `T`.
///
/// The slice borrows the array object, whose memory the caller of the function promises not to
/// change while the call runs.
pub(crate) fn vector<'a, T: Element>(array: &'a Bound<'_, PyAny>, name: &str) -> PyResult<&'a [T]> {
    match array.cast::<PyArray1<T>>() {
        Ok(array) => values(array, name),
        Err(_) => Err(refusal::<T>(array, name, 1)),
    }
}

/// The values and the shape of a 2-d C-contiguous array of exactly the dtype `T`.
pub(crate) fn matrix<'a, T: Element>(
    array: &'a Bound<'_, PyAny>,
    name: &str,
) -> PyResult<(&'a [T], usize, usize)> {
    match array.cast::<PyArray2<T>>() {
        Ok(array) => {
            let shape = array.shape();
            Ok((values(array, name)?, shape[0], shape[1]))
        }
        Err(_) => Err(refusal::<T>(array, name, 2)),
    }
}

/// Rows of factors that may be given.
pub(crate) fn rows<'a>(
    given: Option<&'a Bound<'_, PyAny>>,
    name: &str,
) -> PyResult<Option<Matrix<'a>>> {
    given
        .map(|given| {
            let (numbers, rows, factors) = matrix(given, name)?;
            Matrix::new(numbers, rows, factors).or_raise(given.py())
        })
        .transpose()
}

/// Arrays that belong together, as a tuple: `wanted` says which, "a pair (indptr, indices)".
pub(crate) fn together<'a, 'py, T: FromPyObject<'a, 'py>>(
    value: &'a Bound<'py, PyAny>,
    name: &str,
    wanted: &str,
) -> PyResult<T> {
    value.extract().map_err(|_| {
        PyTypeError::new_err(format!(
            "{name} must be {wanted} of numpy arrays, got {}",
            value.get_type()
        ))
    })
}

/// The memory of an array whose dtype and number of dimensions are known to be right.
fn values<'a, T: Element, D: numpy::ndarray::Dimension>(
    array: &'a Bound<'_, PyArray<T, D>>,
    name: &str,
) -> PyResult<&'a [T]> {
    let len = array.len();
    if len == 0 {
        return Ok(&[]);
    }
    let start = array.data();
    if !array.is_c_contiguous() || !start.is_aligned() {
        return Err(shape_error(
            array.py(),
            format!(
                "{name} is not C-contiguous and aligned in memory; pass \
                 numpy.ascontiguousarray({name}), or a copy of it"
            ),
        ));
    }
    // SAFETY: numpy owns `len` contiguous, aligned values from `start` on, of a dtype equal to T,
    // and keeps them while the array object lives, which the lifetime of the slice is tied to.
    Ok(unsafe { std::slice::from_raw_parts(start, len) })
}

/// Why an argument is no array of `dimensions` dimensions of T.
fn refusal<T: Element>(array: &Bound<'_, PyAny>, name: &str, dimensions: usize) -> PyErr {
    let py = array.py();
    let wanted = dtype::<T>(py);
    let Ok(untyped) = array.cast::<PyUntypedArray>() else {
        let got = array
            .get_type()
            .name()
            .map_or_else(|_| "an object".to_owned(), |name| name.to_string());
        return PyTypeError::new_err(format!(
            "{name} must be a numpy array of {wanted}, got {got}"
        ));
    };
    let got = untyped.dtype();
    if !got.is_equiv_to(&wanted) {
        return shape_error(
            py,
            format!(
                "{name} has dtype {got}, but {wanted} is needed; convert it with \
                 {name}.astype({name_of})",
                name_of = format_args!("'{wanted}'")
            ),
        );
    }
    shape_error(
        py,
        format!(
            "{name} has {} dimensions, but {dimensions} are needed",
            untyped.ndim()
        ),
    )
}
