//! Strings between Python and bytes with offsets, and the table that finds them.

use crate::arrays::vector;
use crate::errors::{OrRaise, penchant_error};
use crate::pinned::Pinned;
use crate::turns::Turns;
use numpy::{IntoPyArray, PyArray1};
use penchant_kernels::strings::{self, Strings};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyString};

type Vector<'py, T> = Bound<'py, PyArray1<T>>;

/// From byte strings to their positions, over arrays that may be mapped from disk.
///
/// `StringTable(data, offsets, hashes, order)`: string `i` is `data[offsets[i]:offsets[i + 1]]`,
/// `hashes` holds the XXH64 hashes of the n strings in ascending order, `order` the position that
/// each hash belongs to. The arrays are kept, not copied, and must not be written to while the
/// table lives. Opening is O(1): only lengths are checked, so a damaged array costs wrong answers,
/// never a read out of bounds.
#[pyclass(frozen, module = "penchant._kernels")]
pub struct StringTable {
    data: Pinned<u8>,
    offsets: Pinned<i64>,
    hashes: Pinned<u64>,
    order: Pinned<i32>,
}

impl StringTable {
    fn view(&self, py: Python<'_>) -> PyResult<strings::StringTable<'_>> {
        Strings::trusted(self.data.slice(), self.offsets.slice())
            .and_then(|it| strings::StringTable::new(it, self.hashes.slice(), self.order.slice()))
            .or_raise(py)
    }
}

#[pymethods]
impl StringTable {
    #[new]
    fn new(
        py: Python<'_>,
        data: &Bound<'_, PyAny>,
        offsets: &Bound<'_, PyAny>,
        hashes: &Bound<'_, PyAny>,
        order: &Bound<'_, PyAny>,
    ) -> PyResult<Self> {
        let table = Self {
            data: Pinned::new(data, "data")?,
            offsets: Pinned::new(offsets, "offsets")?,
            hashes: Pinned::new(hashes, "hashes")?,
            order: Pinned::new(order, "order")?,
        };
        table.view(py)?;
        Ok(table)
    }

    /// The arrays `(hashes, order)` that make a table out of packed strings.
    ///
    /// uint64 and int32, each of one entry per string; equal hashes keep the order of the strings.
    /// The hash is XXH64 with seed 0, the same on every platform and in every version.
    /// `DataError` when the offsets don't rise from 0 to the length of `data`. O(n log n).
    #[staticmethod]
    fn build<'py>(
        py: Python<'py>,
        data: &Bound<'py, PyAny>,
        offsets: &Bound<'py, PyAny>,
    ) -> PyResult<(Vector<'py, u64>, Vector<'py, i32>)> {
        let data = vector::<u8>(data, "data")?;
        let offsets = vector::<i64>(offsets, "offsets")?;
        let (hashes, order) = py
            .detached(|| Strings::checked(data, offsets).map(|it| strings::StringTable::build(&it)))
            .or_raise(py)?;
        Ok((hashes.into_pyarray(py), order.into_pyarray(py)))
    }

    /// Position of `key`, a str or bytes; the lowest one where it stands several times, or -1.
    fn find(&self, key: &Bound<'_, PyAny>) -> PyResult<i32> {
        let table = self.view(key.py())?;
        let found = if let Ok(text) = key.cast::<PyString>() {
            // A string that has no UTF-8 form (a lone surrogate) can't stand in the table.
            text.to_str()
                .ok()
                .and_then(|text| table.find(text.as_bytes()))
        } else if let Ok(bytes) = key.cast::<PyBytes>() {
            table.find(bytes.as_bytes())
        } else {
            return Err(PyTypeError::new_err(format!(
                "key must be a str or bytes, got {}",
                key.get_type().name()?
            )));
        };
        Ok(found.unwrap_or(-1))
    }

    /// Positions of n packed keys, (n,) int32; -1 where a key is absent.
    fn find_many<'py>(
        &self,
        py: Python<'py>,
        data: &Bound<'py, PyAny>,
        offsets: &Bound<'py, PyAny>,
    ) -> PyResult<Vector<'py, i32>> {
        let table = self.view(py)?;
        let data = vector::<u8>(data, "data")?;
        let offsets = vector::<i64>(offsets, "offsets")?;
        let found = py
            .detached(|| Strings::checked(data, offsets).map(|keys| table.find_many(&keys)))
            .or_raise(py)?;
        Ok(found.into_pyarray(py))
    }

    /// Positions of a list of n str, (n,) int32, -1 where one is absent; None where the list holds
    /// anything else, or a str that UTF-8 can't hold (a lone surrogate).
    ///
    /// For a few, which are read where they are, with the GIL; `find_many` is for many.
    fn find_few<'py>(&self, keys: &Bound<'py, PyList>) -> PyResult<Option<Vector<'py, i32>>> {
        let table = self.view(keys.py())?;
        let mut found = Vec::with_capacity(keys.len());
        for key in keys {
            let Some(text) = key
                .cast::<PyString>()
                .ok()
                .and_then(|key| key.to_str().ok())
            else {
                return Ok(None);
            };
            found.push(table.find(text.as_bytes()).unwrap_or(-1));
        }
        Ok(Some(found.into_pyarray(keys.py())))
    }

    /// The first string that stands a second time, as `(before, again)`, or None when all differ.
    ///
    /// Of several such strings, the one with the lowest second position. O(n).
    fn first_duplicate(&self, py: Python<'_>) -> PyResult<Option<(i32, i32)>> {
        let table = self.view(py)?;
        Ok(py.detached(|| table.first_duplicate()))
    }

    fn __len__(&self) -> usize {
        self.order.slice().len()
    }

    fn __repr__(&self) -> String {
        format!("StringTable({} strings)", self.order.slice().len())
    }
}

/// A sequence of n str (list, tuple, object array) laid end to end as UTF-8.
///
/// Returns `(data, offsets)`: uint8 and (n + 1,) int64; string `i` is
/// `data[offsets[i]:offsets[i + 1]]`. `TypeError` names the first position that holds no str,
/// `DataError` the first one that UTF-8 can't hold (a lone surrogate).
#[pyfunction]
fn pack_strings<'py>(
    py: Python<'py>,
    strings: &Bound<'py, PyAny>,
) -> PyResult<(Vector<'py, u8>, Vector<'py, i64>)> {
    let length = strings.len()?;
    let mut data = Vec::with_capacity(length * 8);
    let mut offsets = Vec::with_capacity(length + 1);
    offsets.push(0_i64);
    let mut push = |string: &Bound<'py, PyAny>| {
        data.extend_from_slice(utf8(string, offsets.len() - 1)?.as_bytes());
        offsets.push(data.len() as i64);
        Ok::<_, PyErr>(())
    };
    if let Ok(list) = strings.cast::<PyList>() {
        list.iter().try_for_each(|string| push(&string))?;
    } else {
        strings.try_iter()?.try_for_each(|string| push(&string?))?;
    }
    Ok((data.into_pyarray(py), offsets.into_pyarray(py)))
}

fn utf8<'a>(string: &'a Bound<'_, PyAny>, position: usize) -> PyResult<&'a str> {
    let Ok(text) = string.cast::<PyString>() else {
        return Err(PyTypeError::new_err(format!(
            "strings[{position}] must be a str, got {}",
            string.get_type().name()?
        )));
    };
    text.to_str().map_err(|_| {
        let message =
            format!("strings[{position}] has a lone surrogate, and must be text UTF-8 can hold");
        penchant_error(string.py(), "DataError", message)
    })
}

/// The strings at `positions`, (n,) int32, of packed UTF-8, as a list of str.
///
/// `DataError` for a position that doesn't exist, or bytes that aren't UTF-8.
#[pyfunction]
fn unpack_strings<'py>(
    py: Python<'py>,
    data: &Bound<'py, PyAny>,
    offsets: &Bound<'py, PyAny>,
    positions: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyList>> {
    let data = vector::<u8>(data, "data")?;
    let offsets = vector::<i64>(offsets, "offsets")?;
    let positions = vector::<i32>(positions, "positions")?;
    let strings = Strings::trusted(data, offsets).or_raise(py)?;
    let texts = PyList::empty(py);
    for &position in positions {
        let bytes = usize::try_from(position)
            .ok()
            .and_then(|at| strings.get(at));
        let Some(bytes) = bytes else {
            let message = format!(
                "positions holds {position}, and must hold positions in the {} strings",
                strings.len()
            );
            return Err(penchant_error(py, "DataError", message));
        };
        let Ok(text) = std::str::from_utf8(bytes) else {
            let message = format!("string {position} is not UTF-8; the packed strings are damaged");
            return Err(penchant_error(py, "DataError", message));
        };
        texts.append(PyString::new(py, text))?;
    }
    Ok(texts)
}

/// Adds this module's class and functions.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<StringTable>()?;
    module.add_function(wrap_pyfunction!(pack_strings, module)?)?;
    module.add_function(wrap_pyfunction!(unpack_strings, module)?)
}
