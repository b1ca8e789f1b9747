//! Restrictions of a ranking, as Python hands them over.

use penchant_kernels::KernelError;
use penchant_kernels::filter::{Filter, Ragged};
use pyo3::prelude::*;

use crate::arrays::{together, vector};

/// A pair `(indptr, indices)`, whatever its parts are.
pub(crate) type AnyPair<'py> = (Bound<'py, PyAny>, Bound<'py, PyAny>);

/// A pair `(indptr, indices)` as slices.
type Pair<'a> = (&'a [i64], &'a [i32]);

/// The arrays of a filter, checked for dtype and layout but not yet against each other.
pub(crate) struct Filters<'a> {
    seen: Option<Pair<'a>>,
    allow: Option<&'a [u64]>,
    deny: Option<&'a [u64]>,
    lists: Option<Pair<'a>>,
}

impl<'a> Filters<'a> {
    pub(crate) fn new(
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
    pub(crate) fn checked(&self, queries: usize, items: usize) -> Result<Filter<'a>, KernelError> {
        let ragged = |pair: Option<Pair<'a>>, name| {
            pair.map(|(indptr, indices)| Ragged::new(name, indptr, indices, queries, items))
                .transpose()
        };
        let (seen, lists) = (ragged(self.seen, "seen")?, ragged(self.lists, "lists")?);
        Filter::new(items, seen, self.allow, self.deny, lists)
    }
}

/// Both parts of a pair, whatever they are.
pub(crate) fn any_pair<'py>(
    pair: Option<&Bound<'py, PyAny>>,
    name: &str,
) -> PyResult<Option<AnyPair<'py>>> {
    pair.map(|pair| together(pair, name, "a pair (indptr, indices)"))
        .transpose()
}

fn pair<'a>(
    pair: Option<&'a AnyPair<'_>>,
    indptr_name: &str,
    indices_name: &str,
) -> PyResult<Option<Pair<'a>>> {
    pair.map(|(indptr, indices)| Ok((vector(indptr, indptr_name)?, vector(indices, indices_name)?)))
        .transpose()
}
