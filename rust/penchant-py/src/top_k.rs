//! Ranking: `ItemIndex`, and the functions around it.

use std::sync::Arc;

use numpy::ndarray::ArrayView2;
use numpy::{PyArray1, PyArray2, PyArrayMethods};
use penchant_kernels::top_k::quantized::CodeShape;
use penchant_kernels::top_k::{self, Best, Overlay};
use penchant_kernels::{Isa, KernelError, Matrix, Resident, bitset};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

use crate::arrays::{matrix, vector};
use crate::base::{Base, CodeMemory, Memory, quantized};
use crate::errors::OrRaise;
use crate::filters::{Filters, any_pair};
use crate::numbers::{fits_memory, integer, whole};

/// Rows (n, k), scores (n, k) and counts (n,), as Python gets them.
type Triple<'py> = (
    Bound<'py, PyArray2<i32>>,
    Bound<'py, PyArray2<f32>>,
    Bound<'py, PyArray1<i32>>,
);

/// Codes and bounds, as Python gets them.
type CodeArrays<'py> = (Bound<'py, PyArray2<u8>>, Bound<'py, PyArray2<f32>>);

/// Adds what this module has to the extension.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<ItemIndex>()?;
    module.add_function(wrap_pyfunction!(quantize_items, module)?)?;
    module.add_function(wrap_pyfunction!(select_top_k, module)?)?;
    module.add_function(wrap_pyfunction!(dot, module)?)?;
    module.add_function(wrap_pyfunction!(bitset_of, module)?)?;
    module.add_function(wrap_pyfunction!(isas, module)?)?;
    Ok(())
}

/// Items to rank by dot product.
///
/// `items` is (m, d) float32. It is borrowed: the index keeps the array alive and reads it in every
/// call, so nobody may write to it or resize it. With `codes`, which `quantize_items` made of the same
/// items, a scan reads a byte a value instead of four and returns the same rows and scores, bit for
/// bit. With `resident` the index makes a copy of its own of what it scans, the codes or else the
/// items, 64-byte aligned and in huge pages where the system has them: more memory, up to 1.2 times the
/// speed. `isa` forces one of `isas()`; without it the best is taken. All give the same bits.
///
/// `ShapeError` when codes don't fit the items. Codes of other items of the same size can't be told
/// from the right ones, and give wrong answers.
///
/// An index never changes. `with_rows` and `without_rows` make another one that shares the items of
/// this one and keeps what changed apart, so that both can be asked, from any thread.
#[pyclass(frozen, module = "penchant._kernels")]
pub(crate) struct ItemIndex {
    base: Arc<Base>,
    overlay: Overlay,
    isa: Isa,
}

impl ItemIndex {
    /// The same items with other changes.
    fn changed(&self, overlay: Overlay) -> Self {
        Self {
            base: Arc::clone(&self.base),
            overlay,
            isa: self.isa,
        }
    }
}

#[pymethods]
impl ItemIndex {
    #[new]
    #[pyo3(signature = (items, *, codes = None, resident = false, isa = None))]
    fn new(
        items: &Bound<'_, PyAny>,
        codes: Option<&Bound<'_, PyAny>>,
        resident: bool,
        isa: Option<&str>,
    ) -> PyResult<Self> {
        let py = items.py();
        let isa = chosen_isa(isa).or_raise(py)?;
        let matrix = floats(items, "items")?;
        let codes = codes
            .map(|codes| code_memory(codes, resident))
            .transpose()?;
        let memory = Memory::of(items, matrix.values(), resident && codes.is_none())?;
        let base = Base::new(memory, codes, matrix.rows(), matrix.dim()).or_raise(py)?;
        Ok(Self {
            base: Arc::new(base),
            overlay: Overlay::new(matrix.rows(), matrix.dim()),
            isa,
        })
    }

    /// Number of items, m, with those that were taken out.
    #[getter]
    fn rows(&self) -> usize {
        self.overlay.rows()
    }

    /// Length of an item's vector, d.
    #[getter]
    fn dim(&self) -> usize {
        self.base.dim
    }

    /// How many rows are kept apart, because they were appended or replaced.
    #[getter]
    fn apart(&self) -> usize {
        self.overlay.apart()
    }

    /// Whether the index owns a copy of what it scans.
    #[getter]
    fn resident(&self) -> bool {
        self.base.resident()
    }

    /// Whether it scans codes instead of floats.
    #[getter]
    fn quantized(&self) -> bool {
        self.base.quantized()
    }

    /// Name of the instruction set in use.
    #[getter]
    fn isa(&self) -> &'static str {
        self.isa.name()
    }

    /// The k best items of each query by dot product: `(rows, scores, counts)`.
    ///
    /// `queries` is (n, d) float32. `rows` (n, k) int32 and `scores` (n, k) float32 run from best to
    /// worst, equal scores by lower row; a query has `counts` (n,) int32 results, `min(k, eligible)`,
    /// and the rest of its row is padding of row -1 and score -inf.
    ///
    /// Eligible are `lists` ∩ `allow` - `deny` - `seen`. `seen` and `lists` are pairs
    /// `(indptr, indices)`, (n + 1,) int64 and int32, with ascending unique rows a query; with
    /// `lists` only the rows listed are scored. `allow` and `deny` are bitsets over the items (see
    /// `bitset`), for all queries. An item whose score is NaN is not eligible.
    ///
    /// Scores are canonical (see `dot`): a batch equals a loop, and every instruction set and number
    /// of threads gives the same bits. `threads` is a limit; small work stays on the caller's
    /// thread. O(n x m x d) time, O(threads x n x k) memory.
    ///
    /// `ShapeError` when arrays don't fit, `DataError` for rows out of order or out of range,
    /// `RequestError` for k < 0, `SettingsError` for threads < 1.
    #[pyo3(signature = (queries, k, *, seen = None, allow = None, deny = None, lists = None, threads = 1))]
    #[allow(clippy::too_many_arguments)] // the Python signature, where all but two are optional
    fn top_k<'py>(
        &self,
        queries: &Bound<'py, PyAny>,
        #[pyo3(from_py_with = integer)] k: i64,
        seen: Option<&Bound<'py, PyAny>>,
        allow: Option<&Bound<'py, PyAny>>,
        deny: Option<&Bound<'py, PyAny>>,
        lists: Option<&Bound<'py, PyAny>>,
        #[pyo3(from_py_with = whole)] threads: usize,
    ) -> PyResult<Triple<'py>> {
        let py = queries.py();
        let queries = floats(queries, "queries")?;
        let (seen, lists) = (any_pair(seen, "seen")?, any_pair(lists, "lists")?);
        let filters = Filters::new(seen.as_ref(), allow, deny, lists.as_ref())?;
        ranked(py, queries.rows(), k, |best| {
            let filter = filters.checked(queries.rows(), self.overlay.rows())?;
            let items = self.base.items()?;
            self.overlay
                .top_k(self.isa, items, queries, &filter, threads, best)
        })
    }

    /// Canonical scores of `queries` (n, d) float32 with all items, (n, m) float32; or with the items
    /// of `rows` (r,) int32 in that order, (n, r). See `dot`. An item that was taken out scores -inf.
    ///
    /// `DataError` for a row that isn't there.
    #[pyo3(signature = (queries, rows = None))]
    fn scores<'py>(
        &self,
        queries: &Bound<'py, PyAny>,
        rows: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyArray2<f32>>> {
        let py = queries.py();
        let queries = floats(queries, "queries")?;
        let rows = rows.map(|rows| vector(rows, "rows")).transpose()?;
        let width = rows.map_or(self.overlay.rows(), <[i32]>::len);
        scored(py, queries.rows(), width, |out| {
            let (isa, items) = (self.isa, self.base.matrix()?);
            match rows {
                Some(rows) => self.overlay.dot_rows(isa, items, queries, rows, out),
                None => self.overlay.dot(isa, items, queries, out),
            }
        })
    }

    /// Another index, with the vectors of `rows` (r,) int32 replaced or appended.
    ///
    /// `vectors` is (r, d) float32 and copied. `rows` ascend, each at most once; those past the last
    /// go on from there, and one that was taken out comes back. Answers are, bit for bit, those of an
    /// index made anew. O(apart x d + m / 64): rows kept apart are copied, the others are not. A
    /// search takes as much longer as there are rows apart for each item; see `compacted`.
    ///
    /// `ShapeError` when there is not one vector of length d a row, `DataError` for rows out of order.
    fn with_rows(&self, rows: &Bound<'_, PyAny>, vectors: &Bound<'_, PyAny>) -> PyResult<Self> {
        let py = rows.py();
        let (rows, vectors) = (vector(rows, "rows")?, floats(vectors, "vectors")?);
        let overlay = py.detach(|| self.overlay.with_rows(rows, vectors));
        Ok(self.changed(overlay.or_raise(py)?))
    }

    /// Another index, in which no search finds `rows` (r,) int32, in any order.
    ///
    /// The other items keep their row numbers. Answers are those of this index with `rows` denied.
    /// O(apart x d + m / 64).
    ///
    /// `DataError` for a row that isn't there.
    fn without_rows(&self, rows: &Bound<'_, PyAny>) -> PyResult<Self> {
        let py = rows.py();
        let rows = vector(rows, "rows")?;
        let overlay = py.detach(|| self.overlay.without_rows(rows));
        Ok(self.changed(overlay.or_raise(py)?))
    }

    /// Another index with the same answers, resident, in which no row is kept apart.
    ///
    /// O(m x d): worth while when changes or searches have become slow, on a thread that can wait.
    fn compacted(&self, py: Python<'_>) -> PyResult<Self> {
        let compact = || {
            let (copy, overlay) = self.overlay.compacted(self.base.matrix()?)?;
            let (rows, dim) = (overlay.rows(), self.base.dim);
            let codes = if self.base.quantized() {
                let (codes, bounds) = quantized(Matrix::new(copy.values(), rows, dim)?, 1)?;
                Some(CodeMemory {
                    codes: Memory::Resident(codes),
                    bounds: Memory::Resident(Resident::copy_of(&bounds)),
                })
            } else {
                None
            };
            let base = Base::new(Memory::Resident(copy), codes, rows, dim)?;
            Ok(Self {
                base: Arc::new(base),
                ..self.changed(overlay)
            })
        };
        py.detach(compact).or_raise(py)
    }

    fn __repr__(&self) -> String {
        format!(
            "ItemIndex({} x {}, {}{}, {})",
            self.rows(),
            self.dim(),
            if self.quantized() { "quantized, " } else { "" },
            if self.resident() {
                "resident"
            } else {
                "borrowed"
            },
            self.isa()
        )
    }
}

/// The pair that `quantize_items` gave.
fn code_memory(pair: &Bound<'_, PyAny>, resident: bool) -> PyResult<CodeMemory> {
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
    let (codes, bounds) = py.detach(|| quantized(items, threads)).or_raise(py)?;
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

/// The k best columns of each row of `scores` (n, m) float32: `(rows, scores, counts)`.
///
/// For scorers that are no dot product. Result, filters, order, ties and errors are those of
/// `ItemIndex.top_k`. O(n x m).
#[pyfunction]
#[pyo3(signature = (scores, k, *, seen = None, allow = None, deny = None, lists = None))]
fn select_top_k<'py>(
    scores: &Bound<'py, PyAny>,
    #[pyo3(from_py_with = integer)] k: i64,
    seen: Option<&Bound<'py, PyAny>>,
    allow: Option<&Bound<'py, PyAny>>,
    deny: Option<&Bound<'py, PyAny>>,
    lists: Option<&Bound<'py, PyAny>>,
) -> PyResult<Triple<'py>> {
    let py = scores.py();
    let scores = floats(scores, "scores")?;
    let (seen, lists) = (any_pair(seen, "seen")?, any_pair(lists, "lists")?);
    let filters = Filters::new(seen.as_ref(), allow, deny, lists.as_ref())?;
    ranked(py, scores.rows(), k, |best| {
        let filter = filters.checked(scores.rows(), scores.dim())?;
        top_k::select_top_k(scores, &filter, best)
    })
}

/// Canonical scores of `queries` (n, d) float32 with `items` (m, d) float32: (n, m) float32.
///
/// A canonical score pads both vectors with zeros to a multiple of 16, sums elements j, 16 + j,
/// 32 + j ... in lane j by fused multiply-adds, and adds the 16 lanes as a fixed tree. The bits are
/// those of `ItemIndex.top_k` and `ItemIndex.scores`, on every CPU. O(n x m x d).
#[pyfunction]
fn dot<'py>(
    queries: &Bound<'py, PyAny>,
    items: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyArray2<f32>>> {
    let py = queries.py();
    let (queries, items) = (floats(queries, "queries")?, floats(items, "items")?);
    scored(py, queries.rows(), items.rows(), |out| {
        top_k::dot(Isa::best(), items, queries, out)
    })
}

/// The set of `rows` (r,) int32 over `items` rows: ceil(items / 64) words of uint64, row `r` being
/// bit `r % 64` of word `r // 64`.
///
/// Rows come in any order, and those that stand twice count once. `DataError` for a row outside
/// 0..items.
#[pyfunction]
#[pyo3(name = "bitset")]
fn bitset_of<'py>(
    rows: &Bound<'py, PyAny>,
    #[pyo3(from_py_with = integer)] items: i64,
) -> PyResult<Bound<'py, PyArray1<u64>>> {
    let py = rows.py();
    let items = size("items", items).or_raise(py)?;
    fits_memory(items / 32, || format!("sets of {items} items")).or_raise(py)?;
    let words = bitset::of(vector(rows, "rows")?, items).or_raise(py)?;
    Ok(PyArray1::from_vec(py, words))
}

/// Names of the instruction sets this CPU runs, slowest first, out of scalar, avx2 and avx512.
#[pyfunction]
fn isas() -> Vec<&'static str> {
    let available = Isa::ALL.into_iter().filter(|isa| isa.available());
    available.map(Isa::name).collect()
}

/// The instruction set asked for, or the best.
fn chosen_isa(name: Option<&str>) -> Result<Isa, KernelError> {
    let Some(name) = name else {
        return Ok(Isa::best());
    };
    let found = Isa::named(name).filter(|isa| isa.available());
    found.ok_or_else(|| {
        KernelError::Setting(format!(
            "isa is \"{name}\", and must be one that this CPU runs: {}; leave it out for the best",
            isas().join(", ")
        ))
    })
}

/// A size that Python gave as a whole number.
fn size(name: &str, value: i64) -> Result<usize, KernelError> {
    usize::try_from(value)
        .map_err(|_| KernelError::Request(format!("{name} is {value}, and must be at least 0")))
}

/// A matrix of float32 over an argument.
fn floats<'a>(array: &'a Bound<'_, PyAny>, name: &str) -> PyResult<Matrix<'a>> {
    let (values, rows, dim) = matrix(array, name)?;
    Matrix::new(values, rows, dim).or_raise(array.py())
}

/// Makes the result arrays, and lets `rank` fill them without the GIL.
fn ranked(
    py: Python<'_>,
    queries: usize,
    k: i64,
    rank: impl FnOnce(Best<'_>) -> Result<(), KernelError> + Send,
) -> PyResult<Triple<'_>> {
    let k = size("k", k)
        .and_then(|k| results_fit(queries, k).map(|()| k))
        .or_raise(py)?;
    // SAFETY: nobody else sees the arrays before `rank` has filled them, and where it refuses they
    // are dropped unread; plain numbers need no initialisation to be written to.
    let (rows, scores, counts) = unsafe {
        (
            PyArray2::<i32>::new(py, [queries, k], false),
            PyArray2::<f32>::new(py, [queries, k], false),
            PyArray1::<i32>::new(py, queries, false),
        )
    };
    // SAFETY: the same; the three arrays don't overlap.
    let (row_slots, score_slots, count_slots) = unsafe {
        (
            rows.as_slice_mut()?,
            scores.as_slice_mut()?,
            counts.as_slice_mut()?,
        )
    };
    py.detach(|| rank(Best::new(k, row_slots, score_slots, count_slots)?))
        .or_raise(py)?;
    Ok((rows, scores, counts))
}

/// Makes the array of scores, and lets `fill` write it without the GIL.
fn scored(
    py: Python<'_>,
    queries: usize,
    items: usize,
    fill: impl FnOnce(&mut [f32]) -> Result<(), KernelError> + Send,
) -> PyResult<Bound<'_, PyArray2<f32>>> {
    results_fit(queries, items).or_raise(py)?;
    // SAFETY: nobody else sees the array before `fill` has written all of it, and where it refuses
    // the array is dropped unread.
    let scores = unsafe { PyArray2::<f32>::new(py, [queries, items], false) };
    // SAFETY: the same.
    let slots = unsafe { scores.as_slice_mut()? };
    py.detach(|| fill(slots)).or_raise(py)?;
    Ok(scores)
}

/// Refuses results that no memory holds, before numpy is asked for them.
fn results_fit(queries: usize, columns: usize) -> Result<(), KernelError> {
    // Rows and scores.
    let numbers = queries.saturating_mul(columns).saturating_mul(2);
    fits_memory(numbers, || {
        format!("{columns} results for each of {queries} queries")
    })
}
