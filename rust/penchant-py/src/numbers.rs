//! Arguments as numbers: what is out of range is refused like what is no number, in one sentence.
//!
//! Which argument it was, `PyO3` says in a note beside the sentence.

use pyo3::exceptions::{PyOverflowError, PyTypeError, PyValueError};
use pyo3::prelude::*;

use penchant_kernels::KernelError;

/// A whole number that counts something, or a seed: 0 or more.
pub(crate) fn whole<T: TryFrom<u64>>(number: &Bound<'_, PyAny>) -> PyResult<T> {
    let wanted = format!("a whole number from 0 to {}", u64::MAX);
    let value: u64 = in_range(number, &wanted)?;
    T::try_from(value).map_err(|_| refusal(number, &wanted))
}

/// A whole number of either sign, for kernels that have their own words for a negative one.
pub(crate) fn integer(number: &Bound<'_, PyAny>) -> PyResult<i64> {
    in_range(number, &format!("a whole number below {}", i64::MAX))
}

/// A number that may have a fraction.
pub(crate) fn real<'a, 'py, T>(number: &'a Bound<'py, PyAny>) -> PyResult<T>
where
    T: FromPyObject<'a, 'py, Error = PyErr>,
{
    in_range(number, "a number within the range of floats")
}

/// Refuses results or working space of so many numbers when the system has no memory for them, before
/// anything else runs out of it. Nothing is touched.
pub(crate) fn fits_memory(numbers: usize, what: impl Fn() -> String) -> Result<(), KernelError> {
    match Vec::<f32>::new().try_reserve_exact(numbers) {
        Ok(()) => Ok(()),
        Err(_) => Err(KernelError::Request(format!(
            "{} fit no memory; ask for fewer",
            what()
        ))),
    }
}

fn in_range<'a, 'py, T>(number: &'a Bound<'py, PyAny>, wanted: &str) -> PyResult<T>
where
    T: FromPyObject<'a, 'py, Error = PyErr>,
{
    number.extract::<T>().map_err(|error: PyErr| {
        let py = number.py();
        // The latter comes from arrays of one text, which numpy tries to read.
        if error.is_instance_of::<PyOverflowError>(py) || error.is_instance_of::<PyValueError>(py) {
            refusal(number, wanted)
        } else {
            error
        }
    })
}

fn refusal(number: &Bound<'_, PyAny>, wanted: &str) -> PyErr {
    // Python writes no number of more than some thousand digits.
    let got = number.repr().map_or_else(
        |_| "a number too long to write".to_owned(),
        |text| text.to_string(),
    );
    PyTypeError::new_err(format!("got {got}, but {wanted} is needed"))
}
