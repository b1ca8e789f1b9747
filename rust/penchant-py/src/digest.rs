//! BLAKE3 digests of files and buffers, by which a saved model proves that it is whole.

use crate::errors::shape_error;
use crate::turns::Turns;
use pyo3::buffer::PyUntypedBuffer;
use pyo3::exceptions::{PyOSError, PyTypeError};
use pyo3::prelude::*;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Large enough to feed the widest SIMD path at few system calls, small enough to stay in the L2.
const CHUNK: usize = 256 * 1024;

/// BLAKE3 digest of a file's bytes, as 64 hexadecimal digits.
///
/// Reads the file once, in pieces, on the calling thread. `OSError` as `open(path, "rb")` has it.
#[pyfunction]
#[pyo3(name = "blake3")]
fn blake3_file(py: Python<'_>, path: PathBuf) -> PyResult<String> {
    py.detached(|| digest_file(&path))
        .map_err(|error| os_error(&error, path))
}

/// BLAKE3 digest of the bytes of a buffer (bytes, a numpy array), as 64 hexadecimal digits.
///
/// The buffer must not be written to meanwhile. `ShapeError` when it is not C-contiguous.
#[pyfunction]
fn blake3_bytes(py: Python<'_>, buffer: &Bound<'_, PyAny>) -> PyResult<String> {
    let buffer = PyUntypedBuffer::get(buffer).map_err(|error| {
        PyTypeError::new_err(format!(
            "buffer must be bytes or a numpy array of plain numbers, got {} ({error})",
            buffer.get_type()
        ))
    })?;
    if !buffer.is_c_contiguous() {
        let message = "buffer has gaps, or another order than rows after rows, in memory; \
                       pass numpy.ascontiguousarray(buffer)";
        return Err(shape_error(py, message.to_owned()));
    }
    let bytes = if buffer.len_bytes() == 0 {
        &[][..] // the pointer of an empty buffer may be null
    } else {
        // SAFETY: the buffer is contiguous and stays exported until after the digest is made. Its
        // owner must not write meanwhile, as the documentation of this function says.
        unsafe { std::slice::from_raw_parts(buffer.buf_ptr().cast::<u8>(), buffer.len_bytes()) }
    };
    Ok(py.detached(|| ::blake3::hash(bytes).to_hex().to_string()))
}

fn digest_file(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut hasher = ::blake3::Hasher::new();
    let mut chunk = vec![0; CHUNK];
    loop {
        match file.read(&mut chunk) {
            Ok(0) => return Ok(hasher.finalize().to_hex().to_string()),
            Ok(length) => hasher.update(&chunk[..length]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
    }
}

/// The `OSError` that `open(path)` would raise: right subclass, `errno` and `filename` filled in.
fn os_error(error: &io::Error, path: PathBuf) -> PyErr {
    match error.raw_os_error() {
        Some(number) => {
            // "No such file or directory (os error 2)" without what errno repeats.
            let text = error.to_string();
            let text = text
                .split(" (os error")
                .next()
                .unwrap_or_default()
                .to_owned();
            PyOSError::new_err((number, text, path.into_os_string()))
        }
        None => PyOSError::new_err(format!("{}: {error}", path.display())),
    }
}

/// Adds this module's functions.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(blake3_file, module)?)?;
    module.add_function(wrap_pyfunction!(blake3_bytes, module)?)
}
