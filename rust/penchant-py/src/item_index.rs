//! `ItemIndex`: items that are asked again and again.

use std::sync::Arc;

use numpy::PyArray2;
use penchant_kernels::top_k::Overlay;
use penchant_kernels::{Isa, KernelError, Matrix, Resident};
use pyo3::prelude::*;

use crate::arrays::vector;
use crate::base::{Base, CodeMemory, Memory, quantized};
use crate::codes::code_memory;
use crate::errors::OrRaise;
use crate::filters::{Filters, any_pair};
use crate::numbers::{integer, whole};
use crate::top_k::{Triple, floats, isas, ranked, scored};
use crate::turns::Turns;

/// Adds this module's class.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<ItemIndex>()
}

/// Items to rank by dot product.
///
/// `items` is (m, d) float32. It is borrowed: the index keeps the array alive and reads it in every
/// call, so nobody may write to it or resize it. With `codes`, which `quantize_items` made of the same
/// items, a scan reads a byte a value instead of four and returns the same rows and scores, bit for
/// bit. With `resident` the index makes a copy of its own of what it scans, the codes or else the
/// items, 64-byte aligned and in huge pages where the system has them: more memory, up to 1.2 times the
/// speed. Of more than 32 MB of codes, d <= 96, it also keeps the upper halves apart (half a byte a
/// value): up to twice the speed for queries that come alone. `isa` forces one of `isas()`; without it the best is taken. All give the same bits.
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
        let (rows, dim) = (matrix.rows(), matrix.dim());
        let base = py
            .detached(|| Base::new(memory, codes, rows, dim))
            .or_raise(py)?;
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
        let overlay = py.detached(|| self.overlay.with_rows(rows, vectors));
        Ok(self.changed(overlay.or_raise(py)?))
    }

    /// Another index, in which no search finds `rows` (r,) int32, in any order.
    ///
    /// The other items keep their row numbers. Answers are those of this index with `rows` denied.
    /// Row -1, which is none, is passed over. O(apart x d + m / 64).
    ///
    /// `DataError` for any other row that isn't there.
    fn without_rows(&self, rows: &Bound<'_, PyAny>) -> PyResult<Self> {
        let py = rows.py();
        let rows = vector(rows, "rows")?;
        let overlay = py.detached(|| self.overlay.without_rows(rows));
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
        py.detached(compact).or_raise(py)
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
