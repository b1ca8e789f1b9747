//! Ranking without an index, and what `ItemIndex` shares with it: how results are made.

use numpy::{PyArray1, PyArray2, PyArrayMethods};
use penchant_kernels::filter::Ragged;
use penchant_kernels::top_k::{self, Best};
use penchant_kernels::{Isa, KernelError, Matrix, bitset};
use pyo3::prelude::*;

use crate::arrays::{matrix, together, vector};
use crate::errors::OrRaise;
use crate::filters::{AnyPair, Filters, any_pair};
use crate::numbers::{fits_memory, integer};
use crate::turns::Turns;

/// Rows (n, k), scores (n, k) and counts (n,), as Python gets them.
pub(crate) type Triple<'py> = (
    Bound<'py, PyArray2<i32>>,
    Bound<'py, PyArray2<f32>>,
    Bound<'py, PyArray1<i32>>,
);

/// Adds what this module has to the extension.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(select_top_k, module)?)?;
    module.add_function(wrap_pyfunction!(places, module)?)?;
    module.add_function(wrap_pyfunction!(dot, module)?)?;
    module.add_function(wrap_pyfunction!(bitset_of, module)?)?;
    module.add_function(wrap_pyfunction!(isas, module)?)?;
    Ok(())
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

/// Where columns stand among those of their rows of `scores` (n, m) float32: (l,) int32.
///
/// lists: (indptr (n + 1,) int64, indices (l,) int32), ascending columns of each row. The place of one
/// is how many come before it, 0 for the best: those of a greater score, and lower columns of the same.
/// A NaN comes last. O(l x m), so for a few columns of a row quicker than ranking it.
#[pyfunction]
fn places<'py>(
    scores: &Bound<'py, PyAny>,
    lists: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyArray1<i32>>> {
    let py = scores.py();
    let scores = floats(scores, "scores")?;
    let (indptr, indices): AnyPair<'_> = together(lists, "lists", "a pair (indptr, indices)")?;
    let (indptr, indices) = (vector(&indptr, "lists[0]")?, vector(&indices, "lists[1]")?);
    let mut found = vec![0; indices.len()];
    py.detached(|| {
        let listed = Ragged::new("lists", indptr, indices, scores.rows(), scores.dim())?;
        top_k::places(Isa::best(), scores, &listed, &mut found)
    })
    .or_raise(py)?;
    Ok(PyArray1::from_vec(py, found))
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
/// Rows come in any order, and those that stand twice count once; row -1, which is none, is passed
/// over. `DataError` for any other row outside 0..items.
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
pub(crate) fn isas() -> Vec<&'static str> {
    let available = Isa::ALL.into_iter().filter(|isa| isa.available());
    available.map(Isa::name).collect()
}

/// A size that Python gave as a whole number.
fn size(name: &str, value: i64) -> Result<usize, KernelError> {
    usize::try_from(value)
        .map_err(|_| KernelError::Request(format!("{name} is {value}, and must be at least 0")))
}

/// A matrix of float32 over an argument.
pub(crate) fn floats<'a>(array: &'a Bound<'_, PyAny>, name: &str) -> PyResult<Matrix<'a>> {
    let (values, rows, dim) = matrix(array, name)?;
    Matrix::new(values, rows, dim).or_raise(array.py())
}

/// Makes the result arrays, and lets `rank` fill them without the GIL.
pub(crate) fn ranked(
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
    py.detached(|| rank(Best::new(k, row_slots, score_slots, count_slots)?))
        .or_raise(py)?;
    Ok((rows, scores, counts))
}

/// Makes the array of scores, and lets `fill` write it without the GIL.
pub(crate) fn scored(
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
    py.detached(|| fill(slots)).or_raise(py)?;
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
