//! Ranking: `ItemIndex`, and the functions around it.

use numpy::{PyArray1, PyArray2, PyArrayMethods};
use penchant_kernels::filter::{Filter, Ragged};
use penchant_kernels::top_k::{self, Best, Items, Magnitudes};
use penchant_kernels::{Isa, KernelError, Matrix, Resident, bitset};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

use crate::arrays::{matrix, vector};
use crate::errors::OrRaise;
use crate::pinned::Pinned;

/// A pair `(indptr, indices)` as Python hands it over.
type AnyPair<'py> = (Bound<'py, PyAny>, Bound<'py, PyAny>);

/// Rows (n, k), scores (n, k) and counts (n,), as Python gets them.
type Triple<'py> = (
    Bound<'py, PyArray2<i32>>,
    Bound<'py, PyArray2<f32>>,
    Bound<'py, PyArray1<i32>>,
);

/// Adds what this module has to the extension.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<ItemIndex>()?;
    module.add_function(wrap_pyfunction!(select_top_k, module)?)?;
    module.add_function(wrap_pyfunction!(dot, module)?)?;
    module.add_function(wrap_pyfunction!(bitset_of, module)?)?;
    module.add_function(wrap_pyfunction!(isas, module)?)?;
    Ok(())
}

/// Where the vectors of an index live.
enum Memory {
    Borrowed(Pinned<f32>),
    Resident(Resident),
}

/// Items to rank by dot product.
///
/// `items` is (m, d) float32. It is borrowed: the index keeps the array alive and reads it in every
/// call, so nobody may write to it or resize it. With `resident` the index makes a copy of its own
/// instead, 64-byte aligned and in huge pages where the system has them: more memory, up to 1.2
/// times the speed. `isa` forces one of `isas()`; without it the best is taken. All give the same
/// bits.
#[pyclass(frozen, module = "penchant._kernels")]
pub(crate) struct ItemIndex {
    memory: Memory,
    /// Number of items, m.
    #[pyo3(get)]
    rows: usize,
    /// Length of an item's vector, d.
    #[pyo3(get)]
    dim: usize,
    isa: Isa,
    /// Found when the first batch is ranked.
    magnitudes: Magnitudes,
}

impl ItemIndex {
    fn items(&self) -> Result<Matrix<'_>, KernelError> {
        let values = match &self.memory {
            Memory::Borrowed(array) => array.slice(),
            Memory::Resident(copy) => copy.values(),
        };
        Matrix::new(values, self.rows, self.dim)
    }
}

#[pymethods]
impl ItemIndex {
    #[new]
    #[pyo3(signature = (items, *, resident = false, isa = None))]
    fn new(items: &Bound<'_, PyAny>, resident: bool, isa: Option<&str>) -> PyResult<Self> {
        let py = items.py();
        let isa = chosen_isa(isa).or_raise(py)?;
        let matrix = floats(items, "items")?;
        let memory = if resident {
            Memory::Resident(py.detach(|| Resident::copy_of(matrix.values())))
        } else {
            Memory::Borrowed(Pinned::of(items, matrix.values())?)
        };
        Ok(Self {
            memory,
            rows: matrix.rows(),
            dim: matrix.dim(),
            isa,
            magnitudes: Magnitudes::default(),
        })
    }

    /// Whether the index owns a copy of its items.
    #[getter]
    fn resident(&self) -> bool {
        matches!(self.memory, Memory::Resident(_))
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
        k: i64,
        seen: Option<&Bound<'py, PyAny>>,
        allow: Option<&Bound<'py, PyAny>>,
        deny: Option<&Bound<'py, PyAny>>,
        lists: Option<&Bound<'py, PyAny>>,
        threads: i64,
    ) -> PyResult<Triple<'py>> {
        let py = queries.py();
        let queries = floats(queries, "queries")?;
        let (seen, lists) = (any_pair(seen, "seen")?, any_pair(lists, "lists")?);
        let filters = Filters::new(seen.as_ref(), allow, deny, lists.as_ref())?;
        let threads = usize::try_from(threads).unwrap_or(0);
        ranked(py, queries.rows(), k, |best| {
            let filter = filters.checked(queries.rows(), self.rows)?;
            let items = Items::with(self.items()?, &self.magnitudes);
            top_k::top_k(self.isa, items, queries, &filter, threads, best)
        })
    }

    /// Canonical scores of `queries` (n, d) float32 with all items, (n, m) float32; or with the items
    /// of `rows` (r,) int32 in that order, (n, r). See `dot`.
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
        let width = rows.map_or(self.rows, <[i32]>::len);
        scored(py, queries.rows(), width, |out| match rows {
            Some(rows) => top_k::dot_rows(self.isa, self.items()?, queries, rows, out),
            None => top_k::dot(self.isa, self.items()?, queries, out),
        })
    }

    fn __repr__(&self) -> String {
        format!(
            "ItemIndex({} x {}, {}, {})",
            self.rows,
            self.dim,
            if self.resident() {
                "resident"
            } else {
                "borrowed"
            },
            self.isa()
        )
    }
}

/// The k best columns of each row of `scores` (n, m) float32: `(rows, scores, counts)`.
///
/// For scorers that are no dot product. Result, filters, order, ties and errors are those of
/// `ItemIndex.top_k`. O(n x m).
#[pyfunction]
#[pyo3(signature = (scores, k, *, seen = None, allow = None, deny = None, lists = None))]
fn select_top_k<'py>(
    scores: &Bound<'py, PyAny>,
    k: i64,
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
fn bitset_of<'py>(rows: &Bound<'py, PyAny>, items: i64) -> PyResult<Bound<'py, PyArray1<u64>>> {
    let py = rows.py();
    let items = size("items", items).or_raise(py)?;
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
        .and_then(|k| fits_memory(queries, k).map(|()| k))
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
    fits_memory(queries, items).or_raise(py)?;
    // SAFETY: nobody else sees the array before `fill` has written all of it, and where it refuses
    // the array is dropped unread.
    let scores = unsafe { PyArray2::<f32>::new(py, [queries, items], false) };
    // SAFETY: the same.
    let slots = unsafe { scores.as_slice_mut()? };
    py.detach(|| fill(slots)).or_raise(py)?;
    Ok(scores)
}

/// Refuses results that no memory holds, before numpy is asked for them.
fn fits_memory(queries: usize, columns: usize) -> Result<(), KernelError> {
    match queries.checked_mul(columns) {
        Some(entries) if entries <= 1 << 40 => Ok(()),
        _ => Err(KernelError::Request(format!(
            "{columns} results for each of {queries} queries fit no memory; ask for fewer"
        ))),
    }
}

/// A pair `(indptr, indices)` as slices.
type Pair<'a> = (&'a [i64], &'a [i32]);

/// The arrays of a filter, checked for dtype and layout but not yet against each other.
struct Filters<'a> {
    seen: Option<Pair<'a>>,
    allow: Option<&'a [u64]>,
    deny: Option<&'a [u64]>,
    lists: Option<Pair<'a>>,
}

impl<'a> Filters<'a> {
    fn new(
        seen: Option<&'a AnyPair<'_>>,
        allow: Option<&'a Bound<'_, PyAny>>,
        deny: Option<&'a Bound<'_, PyAny>>,
        lists: Option<&'a AnyPair<'_>>,
    ) -> PyResult<Self> {
        let words =
            |set: Option<&'a Bound<'_, PyAny>>, name| set.map(|set| vector(set, name)).transpose();
        Ok(Self {
            seen: pair(seen, "seen[0]", "seen[1]")?,
            allow: words(allow, "allow")?,
            deny: words(deny, "deny")?,
            lists: pair(lists, "lists[0]", "lists[1]")?,
        })
    }

    /// The filter. O(queries + rows in `seen` and `lists`), so it is made without the GIL.
    fn checked(&self, queries: usize, items: usize) -> Result<Filter<'a>, KernelError> {
        let ragged = |pair: Option<Pair<'a>>, name| {
            pair.map(|(indptr, indices)| Ragged::new(name, indptr, indices, queries, items))
                .transpose()
        };
        let (seen, lists) = (ragged(self.seen, "seen")?, ragged(self.lists, "lists")?);
        Filter::new(items, seen, self.allow, self.deny, lists)
    }
}

/// Both parts of a pair, whatever they are.
fn any_pair<'py>(pair: Option<&Bound<'py, PyAny>>, name: &str) -> PyResult<Option<AnyPair<'py>>> {
    let taken = pair.map(|pair| {
        pair.extract().map_err(|_| {
            PyTypeError::new_err(format!(
                "{name} must be a pair (indptr, indices) of numpy arrays, got {}",
                pair.get_type()
            ))
        })
    });
    taken.transpose()
}

fn pair<'a>(
    pair: Option<&'a AnyPair<'_>>,
    indptr_name: &str,
    indices_name: &str,
) -> PyResult<Option<Pair<'a>>> {
    pair.map(|(indptr, indices)| Ok((vector(indptr, indptr_name)?, vector(indices, indices_name)?)))
        .transpose()
}
