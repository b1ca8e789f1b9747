//! Which rows a query may get back: `lists ∩ allow − deny − seen`.

use crate::KernelError;
use crate::bitset;

/// Ascending row numbers a query: query `q` has `indices[indptr[q]..indptr[q + 1]]`.
#[derive(Debug, Clone, Copy)]
pub struct Ragged<'a> {
    indptr: &'a [i64],
    indices: &'a [i32],
    items: usize,
}

impl<'a> Ragged<'a> {
    /// Check and view. `name` is what the caller calls the pair.
    ///
    /// # Errors
    /// [`KernelError::Shape`] when `indptr` is not `queries + 1` ascending offsets from 0 to the
    /// number of indices; [`KernelError::Data`] when the rows of a query are not strictly ascending
    /// inside `0..items`. O(queries + indices).
    pub fn new(
        name: &str,
        indptr: &'a [i64],
        indices: &'a [i32],
        queries: usize,
        items: usize,
    ) -> Result<Self, KernelError> {
        if indptr.len() != queries + 1 {
            return Err(KernelError::Shape(format!(
                "{name} has an indptr of {} offsets, but {queries} queries need {}",
                indptr.len(),
                queries + 1
            )));
        }
        let whole = usize::try_from(indptr[queries]) == Ok(indices.len());
        if indptr[0] != 0 || !whole || !indptr.is_sorted() {
            return Err(KernelError::Shape(format!(
                "{name} has an indptr that does not rise from 0 to its {} indices",
                indices.len()
            )));
        }
        let ragged = Self {
            indptr,
            indices,
            items,
        };
        for query in 0..queries {
            let rows = ragged.get(query);
            let inside = |row: &i32| usize::try_from(*row).is_ok_and(|row| row < items);
            if !rows.first().is_none_or(inside) || !rows.last().is_none_or(inside) {
                return Err(KernelError::Data(format!(
                    "{name} of query {query} holds a row outside 0..{items}"
                )));
            }
            if !rows.is_sorted_by(|a, b| a < b) {
                return Err(KernelError::Data(format!(
                    "{name} of query {query} is not ascending with each row at most once; sort it first"
                )));
            }
        }
        Ok(ragged)
    }

    /// How many queries there are.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.indptr.len() - 1
    }

    /// How many rows there are to hold.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.items
    }

    /// How many rows all queries hold together.
    #[must_use]
    pub fn entries(&self) -> usize {
        self.indices.len()
    }

    /// The rows of one query.
    #[must_use]
    pub fn get(&self, query: usize) -> &'a [i32] {
        // The offsets were checked in `new`.
        &self.indices[self.indptr[query] as usize..self.indptr[query + 1] as usize]
    }
}

/// The restrictions of a batch of queries; the default restricts nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Filter<'a> {
    seen: Option<Ragged<'a>>,
    allow: Option<&'a [u64]>,
    deny: Option<&'a [u64]>,
    lists: Option<Ragged<'a>>,
    part: Part<'a>,
}

/// Which rows of the catalogue a search goes over.
#[derive(Debug, Clone, Copy, Default)]
enum Part<'a> {
    /// All, under their own numbers.
    #[default]
    All,
    /// The first ones, less those of a set.
    First { rows: usize, stale: &'a [u64] },
    /// Some, ascending: the search calls them 0, 1, 2 ...
    Some(&'a [i32]),
}

impl<'a> Filter<'a> {
    /// Join the parts, all over a catalogue of `items`.
    ///
    /// # Errors
    /// [`KernelError::Shape`] when a bitset has another number of words than the catalogue needs.
    pub fn new(
        items: usize,
        seen: Option<Ragged<'a>>,
        allow: Option<&'a [u64]>,
        deny: Option<&'a [u64]>,
        lists: Option<Ragged<'a>>,
    ) -> Result<Self, KernelError> {
        for (name, set) in [("allow", allow), ("deny", deny)] {
            if let Some(set) = set
                && set.len() != bitset::words(items)
            {
                return Err(KernelError::Shape(format!(
                    "{name} has {} words, but a bitset of {items} items has {}; make it with bitset()",
                    set.len(),
                    bitset::words(items)
                )));
            }
        }
        Ok(Self {
            seen,
            allow,
            deny,
            lists,
            part: Part::All,
        })
    }

    /// The same restrictions for a search of the first `rows` of the catalogue, less those of the
    /// set `stale`; `lists` are those of this filter inside that part.
    pub(crate) fn first(self, rows: usize, stale: &'a [u64], lists: Option<Ragged<'a>>) -> Self {
        Self {
            lists,
            part: Part::First { rows, stale },
            ..self
        }
    }

    /// The same restrictions for a search of `rows`, which it knows by their positions; `lists`
    /// are those of this filter as such positions.
    pub(crate) fn some(self, rows: &'a [i32], lists: Option<Ragged<'a>>) -> Self {
        Self {
            lists,
            part: Part::Some(rows),
            ..self
        }
    }

    /// Check that every part is about that many queries and items.
    ///
    /// # Errors
    /// [`KernelError::Shape`] when one is not.
    pub(crate) fn check(&self, queries: usize, items: usize) -> Result<(), KernelError> {
        let words = |set: &[u64]| set.len() == bitset::words(items);
        let lists = |lists: Ragged<'_>| lists.indptr.len() == queries + 1 && lists.items == items;
        let fits = match self.part {
            Part::All => {
                self.allow.is_none_or(words)
                    && self.deny.is_none_or(words)
                    && self.seen.is_none_or(lists)
            }
            // The rest was checked against the whole catalogue.
            Part::First { rows, .. } => rows == items,
            Part::Some(rows) => rows.len() == items,
        };
        if fits && self.lists.is_none_or(lists) {
            return Ok(());
        }
        Err(KernelError::Shape(format!(
            "a filter of other sizes does not fit {queries} queries and {items} items"
        )))
    }

    /// The only rows that query may get, when the caller listed them.
    #[must_use]
    pub fn listed(&self, query: usize) -> Option<&'a [i32]> {
        self.lists.map(|lists| lists.get(query))
    }

    /// Whether any query has its rows listed.
    #[must_use]
    pub fn lists_rows(&self) -> bool {
        self.lists.is_some()
    }

    /// What one query's rows must pass; `lists` is not part of it.
    #[must_use]
    pub fn gate(&self, query: usize) -> Gate<'a> {
        Gate {
            seen: self.seen.map_or(&[], |seen| seen.get(query)),
            allow: self.allow,
            deny: self.deny,
            part: self.part,
        }
    }
}

/// The test of one query, made for the few rows whose score would bring them into the result.
#[derive(Debug, Clone, Copy)]
pub struct Gate<'a> {
    seen: &'a [i32],
    allow: Option<&'a [u64]>,
    deny: Option<&'a [u64]>,
    part: Part<'a>,
}

impl Gate<'_> {
    /// Whether `row` may be shown. O(log seen).
    #[must_use]
    pub fn admits(&self, row: i32) -> bool {
        let row = match self.part {
            Part::First { stale, .. } if bitset::contains(stale, row as usize) => return false,
            Part::All | Part::First { .. } => row,
            Part::Some(rows) => rows[row as usize],
        };
        let at = row as usize;
        self.allow.is_none_or(|set| bitset::contains(set, at))
            && !self.deny.is_some_and(|set| bitset::contains(set, at))
            && self.seen.binary_search(&row).is_err()
    }
}

#[cfg(test)]
mod tests {
    use super::{Filter, Ragged};

    fn refusal(indptr: &[i64], indices: &[i32]) -> String {
        Ragged::new("seen", indptr, indices, 2, 5)
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn each_query_has_its_own_rows() {
        let ragged = Ragged::new("seen", &[0, 2, 3], &[1, 4, 0], 2, 5).unwrap();
        assert_eq!((ragged.get(0), ragged.get(1)), (&[1, 4][..], &[0][..]));
    }

    #[test]
    fn offsets_that_do_not_fit_are_named() {
        assert_eq!(
            refusal(&[0, 1], &[1]),
            "seen has an indptr of 2 offsets, but 2 queries need 3"
        );
        for indptr in [[0, 2, 1], [1, 1, 1], [0, 0, 2], [0, -1, 1], [0, 9, 1]] {
            assert_eq!(
                refusal(&indptr, &[1]),
                "seen has an indptr that does not rise from 0 to its 1 indices"
            );
        }
    }

    #[test]
    fn rows_that_cannot_be_searched_are_named() {
        let order = "seen of query 1 is not ascending with each row at most once; sort it first";
        assert_eq!(refusal(&[0, 0, 2], &[3, 1]), order);
        assert_eq!(refusal(&[0, 0, 2], &[3, 3]), order);
        let outside = "seen of query 0 holds a row outside 0..5";
        assert_eq!(refusal(&[0, 1, 1], &[5]), outside);
        assert_eq!(refusal(&[0, 1, 1], &[-1]), outside);
    }

    #[test]
    fn a_row_passes_when_it_is_allowed_not_denied_and_not_seen() {
        let seen = Ragged::new("seen", &[0, 1, 1], &[3], 2, 5).unwrap();
        let filter = Filter::new(5, Some(seen), Some(&[0b11110]), Some(&[0b00100]), None).unwrap();
        let passing = |query| -> Vec<i32> {
            let gate = filter.gate(query);
            (0..5).filter(|&row| gate.admits(row)).collect()
        };
        assert_eq!(passing(0), [1, 4]);
        assert_eq!(passing(1), [1, 3, 4]);
    }

    #[test]
    fn a_filter_of_other_sizes_is_refused() {
        let lists = Ragged::new("lists", &[0, 1, 1], &[3], 2, 5).unwrap();
        let filter = Filter::new(5, None, None, None, Some(lists)).unwrap();
        assert!(filter.check(2, 5).is_ok());
        let refused = filter.check(2, 3).unwrap_err().to_string();
        assert_eq!(
            refused,
            "a filter of other sizes does not fit 2 queries and 3 items"
        );
        assert!(filter.check(3, 5).is_err());
    }

    #[test]
    fn a_part_of_the_catalogue_has_the_restrictions_of_the_whole() {
        let seen = Ragged::new("seen", &[0, 1], &[3], 1, 5).unwrap();
        let filter = Filter::new(5, Some(seen), None, Some(&[0b00001]), None).unwrap();
        let passing = |filter: Filter<'_>, rows| -> Vec<i32> {
            assert!(filter.check(1, rows as usize).is_ok());
            assert!(filter.check(1, rows as usize + 1).is_err());
            (0..rows)
                .filter(|&row| filter.gate(0).admits(row))
                .collect()
        };
        assert_eq!(passing(filter, 5), [1, 2, 4]);
        assert_eq!(passing(filter.first(4, &[0b00100], None), 4), [1]);
        assert_eq!(passing(filter.some(&[0, 2, 3, 4], None), 4), [1, 3]);
    }

    #[test]
    fn a_bitset_of_another_catalogue_is_refused() {
        let refused = Filter::new(65, None, None, Some(&[0]), None).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "deny has 1 words, but a bitset of 65 items has 2; make it with bitset()"
        );
    }
}
