//! Rows that changed after an index was made: appended, replaced or taken out, without a new copy.
//!
//! The items that the index was made of, its base, stay where they are. Rows that changed have their
//! vectors in a small matrix here, and a bitset says which rows of the base no longer count. A search
//! goes over both, and its two answers are merged: the answer of an index built anew, bit for bit.

use super::{Best, Items, Magnitudes, check, check_out, check_rows, dot, dot_rows, top_k};
use crate::filter::{Filter, Ragged};
use crate::{Isa, KernelError, Matrix, Resident, bitset};

/// What changed of a base. It never changes itself: each change makes another one.
///
/// Rows keep their numbers: one that is taken out leaves a gap, which nothing closes.
#[derive(Debug)]
pub struct Overlay {
    /// Rows of the base.
    base: usize,
    /// Rows in all, with those that were taken out.
    rows: usize,
    dim: usize,
    /// Which rows have their vectors here, ascending.
    own: Vec<i32>,
    vectors: Vec<f32>,
    magnitudes: Magnitudes,
    /// Rows of the base that were replaced or taken out; no words where there are none.
    stale: Vec<u64>,
}

impl Overlay {
    /// No changes to a base of `rows` rows of `dim` floats.
    #[must_use]
    pub fn new(rows: usize, dim: usize) -> Self {
        Self {
            base: rows,
            rows,
            dim,
            own: Vec::new(),
            vectors: Vec::new(),
            magnitudes: Magnitudes::default(),
            stale: Vec::new(),
        }
    }

    /// Rows in all, with those that were taken out.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// How many rows have their vectors apart from the base.
    #[must_use]
    pub fn apart(&self) -> usize {
        self.own.len()
    }

    /// Replace rows, or append them behind the last; a row that was taken out comes back.
    ///
    /// O(rows apart · dim + rows / 64), however few are new.
    ///
    /// # Errors
    /// [`KernelError::Shape`] when there is not one vector a row, as wide as the items;
    /// [`KernelError::Data`] when rows do not ascend, or new ones do not go on where the old ones end.
    pub fn with_rows(&self, rows: &[i32], vectors: Matrix<'_>) -> Result<Self, KernelError> {
        if vectors.rows() != rows.len() || vectors.dim() != self.dim {
            return Err(KernelError::Shape(format!(
                "vectors is {} x {}, but {n} rows of this index need {n} x {}",
                vectors.rows(),
                vectors.dim(),
                self.dim,
                n = rows.len(),
            )));
        }
        let total = self.rows_with(rows)?;
        let mut own = Vec::with_capacity(self.own.len() + rows.len());
        let mut merged = Vec::with_capacity(self.vectors.len() + vectors.values().len());
        let mut old = self.own.iter().enumerate().peekable();
        for (position, &row) in rows.iter().enumerate() {
            while let Some((at, &before)) = old.next_if(|&(_, &other)| other < row) {
                own.push(before);
                merged.extend_from_slice(self.vectors().row(at));
            }
            old.next_if(|&(_, &other)| other == row);
            own.push(row);
            merged.extend_from_slice(vectors.row(position));
        }
        for (at, &after) in old {
            own.push(after);
            merged.extend_from_slice(self.vectors().row(at));
        }
        Ok(Self {
            rows: total,
            own,
            vectors: merged,
            magnitudes: Magnitudes::default(),
            stale: self.stale_with(rows),
            ..*self
        })
    }

    /// Take rows out, in any order: no search finds them, and their scores are -inf. Rows that are
    /// out stay out, and row -1 is none. O(rows apart · dim + rows / 64).
    ///
    /// # Errors
    /// [`KernelError::Data`] for any other row that is not there.
    pub fn without_rows(&self, rows: &[i32]) -> Result<Self, KernelError> {
        let out = bitset::of(rows, self.rows)?;
        let (mut own, mut kept) = (Vec::new(), Vec::new());
        for (at, &row) in self.own.iter().enumerate() {
            if !bitset::contains(&out, row as usize) {
                own.push(row);
                kept.extend_from_slice(self.vectors().row(at));
            }
        }
        Ok(Self {
            own,
            vectors: kept,
            magnitudes: Magnitudes::default(),
            stale: self.stale_with(rows),
            ..*self
        })
    }

    /// One copy with every row in its place, and what is left to know about it: the rows that are
    /// out. O(rows · dim).
    ///
    /// # Errors
    /// [`KernelError::Shape`] for the items of another base.
    pub fn compacted(&self, base: Matrix<'_>) -> Result<(Resident, Self), KernelError> {
        self.check_base(base)?;
        let appended = vec![0.0; (self.rows - self.base) * self.dim];
        let mut copy = Resident::joined(&[base.values(), &appended]);
        let mut stale = self.stale.clone();
        stale.resize(bitset::words(self.rows), 0);
        for row in self.base..self.rows {
            stale[row / 64] |= 1 << (row % 64);
        }
        for (at, &row) in self.own.iter().enumerate() {
            let row = row as usize;
            copy.values_mut()[row * self.dim..][..self.dim].copy_from_slice(self.vectors().row(at));
            stale[row / 64] &= !(1 << (row % 64));
        }
        let rest = Self {
            stale,
            ..Self::new(self.rows, self.dim)
        };
        Ok((copy, rest))
    }

    /// [`top_k`](super::top_k) over the rows as they are now. O(queries · (rows + rows apart) · dim).
    ///
    /// # Errors
    /// As there, and [`KernelError::Shape`] for the items of another base.
    pub fn top_k<'a>(
        &self,
        isa: Isa,
        base: impl Into<Items<'a>>,
        queries: Matrix<'_>,
        filter: &Filter<'_>,
        threads: usize,
        mut best: Best<'_>,
    ) -> Result<(), KernelError> {
        let base = base.into();
        self.check_base(base.matrix)?;
        if self.is_unchanged() {
            return top_k(isa, base, queries, filter, threads, best);
        }
        filter.check(queries.rows(), self.rows)?;
        let (mut of_base, mut of_own) = (Listed::default(), Listed::default());
        if filter.lists_rows() {
            for query in 0..queries.rows() {
                let listed = filter.listed(query).unwrap_or_default();
                of_base.push(listed.iter().copied().filter(|&row| self.counts(row)));
                of_own.push(listed.iter().filter_map(|row| self.place(*row)));
            }
        }
        let lists = filter.lists_rows();
        let lists = |listed| Listed::checked(listed, queries.rows(), lists);
        let part = filter.first(self.base, &self.stale, lists((&of_base, self.base))?);
        top_k(isa, base, queries, &part, threads, best.reborrow())?;

        let k = best.k.min(self.own.len());
        let mut rows = vec![0; queries.rows() * k];
        let mut scores = vec![0.0; queries.rows() * k];
        let mut counts = vec![0; queries.rows()];
        let mut others = Best::new(k, &mut rows, &mut scores, &mut counts)?;
        let items = Items::with(self.vectors(), &self.magnitudes);
        let part = filter.some(&self.own, lists((&of_own, self.own.len()))?);
        top_k(isa, items, queries, &part, threads, others.reborrow())?;
        best.merge(&others, &self.own);
        Ok(())
    }

    /// [`dot`](super::dot) over the rows as they are now; a row that is out scores -inf.
    ///
    /// # Errors
    /// As there, and [`KernelError::Shape`] for the items of another base.
    pub fn dot(
        &self,
        isa: Isa,
        base: Matrix<'_>,
        queries: Matrix<'_>,
        out: &mut [f32],
    ) -> Result<(), KernelError> {
        self.check_base(base)?;
        if self.is_unchanged() {
            return dot(isa, base, queries, out);
        }
        check(isa, base, queries)?;
        check_out(queries.rows(), self.rows, out)?;
        let mut others = vec![0.0; self.own.len()];
        for query in 0..queries.rows() {
            let scores = &mut out[query * self.rows..][..self.rows];
            let query = Matrix::new(queries.row(query), 1, self.dim)?;
            dot(isa, base, query, &mut scores[..self.base])?;
            scores[self.base..].fill(f32::NEG_INFINITY);
            for (word, &bits) in self.stale.iter().enumerate() {
                let mut bits = bits;
                while bits != 0 {
                    scores[64 * word + bits.trailing_zeros() as usize] = f32::NEG_INFINITY;
                    bits &= bits - 1;
                }
            }
            dot(isa, self.vectors(), query, &mut others)?;
            for (&row, &score) in self.own.iter().zip(&others) {
                scores[row as usize] = score;
            }
        }
        Ok(())
    }

    /// [`dot_rows`](super::dot_rows) of the rows as they are now; a row that is out scores -inf.
    ///
    /// # Errors
    /// As there, and [`KernelError::Shape`] for the items of another base.
    pub fn dot_rows(
        &self,
        isa: Isa,
        base: Matrix<'_>,
        queries: Matrix<'_>,
        rows: &[i32],
        out: &mut [f32],
    ) -> Result<(), KernelError> {
        self.check_base(base)?;
        if self.is_unchanged() {
            return dot_rows(isa, base, queries, rows, out);
        }
        check(isa, base, queries)?;
        check_out(queries.rows(), rows.len(), out)?;
        check_rows(rows, self.rows)?;
        out.fill(f32::NEG_INFINITY);
        let place = |row: i32| self.counts(row).then_some(row);
        self.spread(isa, base, queries, rows, place, out)?;
        let place = |row: i32| self.place(row);
        self.spread(isa, self.vectors(), queries, rows, place, out)
    }

    /// Score those of `rows` that have a place in `items`, and write the scores where they belong.
    fn spread(
        &self,
        isa: Isa,
        items: Matrix<'_>,
        queries: Matrix<'_>,
        rows: &[i32],
        place: impl Fn(i32) -> Option<i32>,
        out: &mut [f32],
    ) -> Result<(), KernelError> {
        let placed = rows.iter().enumerate();
        let placed = placed.filter_map(|(slot, &row)| place(row).map(|place| (slot, place)));
        let (slots, places): (Vec<_>, Vec<_>) = placed.unzip();
        let mut scores = vec![0.0; places.len()];
        for query in 0..queries.rows() {
            let of_query = Matrix::new(queries.row(query), 1, self.dim)?;
            dot_rows(isa, items, of_query, &places, &mut scores)?;
            for (&slot, &score) in slots.iter().zip(&scores) {
                out[query * rows.len() + slot] = score;
            }
        }
        Ok(())
    }

    /// Whether the base is all there is.
    fn is_unchanged(&self) -> bool {
        self.rows == self.base && self.stale.is_empty()
    }

    /// Whether that row is in the base, and still counts.
    fn counts(&self, row: i32) -> bool {
        (row as usize) < self.base && !bitset::contains(&self.stale, row as usize)
    }

    /// Where the vector of that row is, if it is here.
    fn place(&self, row: i32) -> Option<i32> {
        let place = self.own.binary_search(&row).ok()?;
        Some(place as i32)
    }

    /// The rows that have their vectors here.
    fn vectors(&self) -> Matrix<'_> {
        Matrix::new(&self.vectors, self.own.len(), self.dim).expect("one vector a row")
    }

    /// The stale rows of the base, and these.
    fn stale_with(&self, rows: &[i32]) -> Vec<u64> {
        let mut stale = self.stale.clone();
        stale.resize(bitset::words(self.base), 0);
        for row in rows.iter().map(|&row| row as usize) {
            if row < self.base {
                stale[row / 64] |= 1 << (row % 64);
            }
        }
        stale
    }

    /// How many rows there are with these.
    fn rows_with(&self, rows: &[i32]) -> Result<usize, KernelError> {
        let mut total = self.rows;
        let mut before = -1;
        for (position, &row) in rows.iter().enumerate() {
            if row <= before {
                return Err(KernelError::Data(format!(
                    "rows[{position}] is {row}, which does not ascend from 0 with each row at most \
                     once; sort them"
                )));
            }
            if row as usize > total {
                return Err(KernelError::Data(format!(
                    "rows[{position}] is {row}, but the next new row is {total}"
                )));
            }
            total += usize::from(row as usize == total);
            before = row;
        }
        Ok(total)
    }

    fn check_base(&self, base: Matrix<'_>) -> Result<(), KernelError> {
        if (base.rows(), base.dim()) == (self.base, self.dim) {
            return Ok(());
        }
        Err(KernelError::Shape(format!(
            "changes of {} x {} items do not fit {} x {}",
            self.base,
            self.dim,
            base.rows(),
            base.dim()
        )))
    }
}

/// Listed rows of each query, one query after the other.
#[derive(Debug)]
struct Listed {
    indptr: Vec<i64>,
    indices: Vec<i32>,
}

impl Default for Listed {
    fn default() -> Self {
        Self {
            indptr: vec![0],
            indices: Vec::new(),
        }
    }
}

impl Listed {
    /// Add the rows of the next query.
    fn push(&mut self, rows: impl Iterator<Item = i32>) {
        self.indices.extend(rows);
        self.indptr.push(self.indices.len() as i64);
    }

    /// The lists as a part of a filter, where that has lists.
    fn checked(
        (listed, items): (&Self, usize),
        queries: usize,
        wanted: bool,
    ) -> Result<Option<Ragged<'_>>, KernelError> {
        if !wanted {
            return Ok(None);
        }
        Ragged::new("lists", &listed.indptr, &listed.indices, queries, items).map(Some)
    }
}
