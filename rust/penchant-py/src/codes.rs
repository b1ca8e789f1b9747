//! Codes of items: `quantize_items`, and the way back from Python.

use numpy::ndarray::ArrayView2;
use numpy::{PyArray1, PyArray2, PyArrayMethods};
use penchant_kernels::Resident;
use penchant_kernels::top_k::quantized::CodeShape;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

use crate::arrays::matrix;
use crate::base::{CodeMemory, Memory, quantized};
use crate::errors::OrRaise;
use crate::numbers::whole;
use crate::top_k::floats;
use crate::turns::Turns;

/// Codes and bounds, as Python gets them.
type CodeArrays<'py> = (Bound<'py, PyArray2<u8>>, Bound<'py, PyArray2<f32>>);

/// Adds this module's function.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(quantize_items, module)?)
}

/// The pair that `quantize_items` gave.
pub(crate) fn code_memory(pair: &Bound<'_, PyAny>, resident: bool) -> PyResult<CodeMemory> {
    let (codes, bounds): (Bound<'_, PyAny>, Bound<'_, PyAny>) = pair.extract().map_err(|_| {
        PyTypeError::new_err(format!(
            "codes must be the pair (codes, bounds) that quantize_items gives, got {}",
            pair.get_type()
        ))
    })?;
    let (bytes, ..) = matrix(&codes, "codes[0]")?;
    let (floats, ..) = matrix(&bounds, "codes[1]")?;
    Ok(CodeMemory {
        codes: Memory::of(&codes, bytes, resident)?,
        bounds: Memory::of(&bounds, floats, resident)?,
    })
}

/// Codes that Python holds through an array.
#[pyclass(frozen, module = "penchant._kernels")]
struct CodeOwner(Resident<u8>);

/// Codes of `items` (m, d) float32, a byte a value, for `ItemIndex(items, codes=...)`:
/// `(codes, bounds)`.
///
/// `codes` is (16·g, 64·⌈d / 4⌉) uint8, a panel of 16 items a row; `bounds` is (g, 48) float32, with
/// the scale and the errors of the 16 panels of each group of g = ⌈m / 256⌉. Both can be saved and
/// mapped again; they hold on every CPU. Items are rounded to 255 levels, panel by panel. `codes` lies
/// in huge pages where the system has them.
///
/// The result does not depend on `threads`. O(m x d). `ShapeError` for more than 16,384 columns,
/// `SettingsError` for threads < 1.
#[pyfunction]
#[pyo3(signature = (items, *, threads = 1))]
fn quantize_items<'py>(
    items: &Bound<'py, PyAny>,
    #[pyo3(from_py_with = whole)] threads: usize,
) -> PyResult<CodeArrays<'py>> {
    let py = items.py();
    let items = floats(items, "items")?;
    let shape = CodeShape::of(items.rows(), items.dim()).or_raise(py)?;
    let (codes, bounds) = py.detached(|| quantized(items, threads)).or_raise(py)?;
    let owner = Bound::new(py, CodeOwner(codes))?;
    let codes = ArrayView2::from_shape((shape.panels, shape.width), owner.get().0.values())
        .map_err(|error| PyTypeError::new_err(error.to_string()))?;
    // SAFETY: the array keeps `owner` alive, whose memory neither moves nor changes: it is made
    // read-only before anyone sees it.
    let codes = unsafe { PyArray2::borrow_from_array(&codes, owner.clone().into_any()) };
    codes.call_method1("setflags", (false,))?;
    let bounds = PyArray1::from_vec(py, bounds).reshape([shape.groups, CodeShape::BOUNDS])?;
    Ok((codes, bounds))
}
