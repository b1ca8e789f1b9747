//! Sparse matrices as three borrowed arrays, read with care.
//!
//! A row's columns are ascending and unique. A matrix that serves requests may be mapped from disk
//! and large, so opening one is O(1); each kernel checks the rows that it touches.

use crate::KernelError;
use std::ops::Range;

/// A sparse matrix: row `r` holds `indices[indptr[r]..indptr[r + 1]]` and the values beside them.
#[derive(Clone, Copy, Debug)]
pub struct Csr<'a> {
    indptr: &'a [i64],
    indices: &'a [i32],
    values: &'a [f32],
    columns: usize,
}

/// A sparse matrix that owns its arrays.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CsrBuf {
    /// Where each row starts, and where the last one ends.
    pub indptr: Vec<i64>,
    /// The column of each entry.
    pub indices: Vec<i32>,
    /// The value of each entry.
    pub values: Vec<f32>,
}

impl CsrBuf {
    /// A view of the matrix, which has `columns` columns.
    #[must_use]
    pub fn view(&self, columns: usize) -> Csr<'_> {
        Csr {
            indptr: &self.indptr,
            indices: &self.indices,
            values: &self.values,
            columns,
        }
    }
}

impl<'a> Csr<'a> {
    /// A matrix over three arrays. O(1): only lengths and the two ends of `indptr` are read.
    ///
    /// # Errors
    /// When the arrays don't fit each other, or rows or columns need more than 32 bits.
    pub fn new(
        indptr: &'a [i64],
        indices: &'a [i32],
        values: &'a [f32],
        columns: usize,
    ) -> Result<Self, KernelError> {
        let (Some(&first), Some(&last)) = (indptr.first(), indptr.last()) else {
            return Err(KernelError::Shape(
                "indptr is empty, and must hold one more entry than there are rows".into(),
            ));
        };
        if values.len() != indices.len() {
            return Err(KernelError::Shape(format!(
                "values has {} entries, and must have one for each of the {} indices",
                values.len(),
                indices.len()
            )));
        }
        if first != 0 || usize::try_from(last) != Ok(indices.len()) {
            return Err(KernelError::Data(format!(
                "indptr runs from {first} to {last}, and must run from 0 to {}, the number of \
                 indices",
                indices.len()
            )));
        }
        for (name, size) in [("rows", indptr.len() - 1), ("columns", columns)] {
            if i32::try_from(size).is_err() {
                return Err(KernelError::Shape(format!(
                    "the matrix has {size} {name}, and may have {} at most",
                    i32::MAX
                )));
            }
        }
        Ok(Self {
            indptr,
            indices,
            values,
            columns,
        })
    }

    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.indptr.len() - 1
    }

    /// Number of columns.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Number of stored entries.
    #[must_use]
    pub fn entries(&self) -> usize {
        self.indices.len()
    }

    /// Columns and values of a row, checked. O(entries of the row).
    ///
    /// # Errors
    /// When `indptr` or the row's columns are out of order or out of range.
    pub fn row(&self, row: usize) -> Result<(&'a [i32], &'a [f32]), KernelError> {
        let (start, stop) = (self.indptr[row], self.indptr[row + 1]);
        let range = start as usize..stop as usize;
        let (Some(indices), Some(values)) =
            (self.indices.get(range.clone()), self.values.get(range))
        else {
            return Err(KernelError::Data(format!(
                "indptr says that row {row} is entries {start} to {stop}, and must rise from 0 to \
                 {}",
                self.indices.len()
            )));
        };
        // Without an early way out, so that the comparison of a whole row is a few wide steps.
        let pairs = indices.iter().zip(indices.iter().skip(1));
        if pairs.filter(|(before, after)| before >= after).count() > 0 {
            return Err(KernelError::Data(format!(
                "the columns of row {row} are not ascending and unique; sort them and add up \
                 those that stand twice"
            )));
        }
        if let (Some(&first), Some(&last)) = (indices.first(), indices.last())
            && (first < 0 || last as usize >= self.columns)
        {
            return Err(KernelError::Data(format!(
                "row {row} has columns from {first} to {last}, and the matrix has {} columns",
                self.columns
            )));
        }
        Ok((indices, values))
    }

    /// Columns and values of a row whose columns may stand in any order. O(entries of the row).
    ///
    /// # Errors
    /// When there is no such row, or its columns or `indptr` are out of range.
    pub(crate) fn ranked_row(&self, row: i32) -> Result<(&'a [i32], &'a [f32]), KernelError> {
        let at = usize::try_from(row).unwrap_or(usize::MAX);
        if at >= self.rows() {
            return Err(KernelError::Data(format!(
                "row {row} was asked for, and the matrix has {} rows",
                self.rows()
            )));
        }
        let range = self.indptr[at] as usize..self.indptr[at + 1] as usize;
        let (Some(indices), Some(values)) =
            (self.indices.get(range.clone()), self.values.get(range))
        else {
            return Err(KernelError::Data(format!(
                "indptr doesn't rise at row {row}, and must rise from 0 to {}",
                self.indices.len()
            )));
        };
        let outside = |&&column: &&i32| column < 0 || column as usize >= self.columns;
        if let Some(column) = indices.iter().find(outside) {
            return Err(KernelError::Data(format!(
                "row {row} has column {column}, and the matrix has {} columns",
                self.columns
            )));
        }
        Ok((indices, values))
    }

    /// Checks every row, after which rows can be read unchecked. O(entries).
    ///
    /// # Errors
    /// As [`Csr::row`].
    pub fn check(&self) -> Result<(), KernelError> {
        (0..self.rows()).try_for_each(|row| self.row(row).map(drop))
    }

    /// Rows become columns; the entries of a new row are ascending. O(entries + rows + columns).
    ///
    /// # Errors
    /// As [`Csr::row`], for any row.
    pub fn transpose(&self) -> Result<CsrBuf, KernelError> {
        self.check()?;
        Ok(self.checked_transpose(|_, _| ()))
    }

    /// The transpose of a matrix that [`Csr::check`] has passed; `moved` hears for each entry, in
    /// order, where it stands now.
    pub(crate) fn checked_transpose(&self, mut moved: impl FnMut(usize, usize)) -> CsrBuf {
        let mut indptr = vec![0_i64; self.columns + 1];
        for &column in self.indices {
            indptr[column as usize + 1] += 1;
        }
        for column in 0..self.columns {
            indptr[column + 1] += indptr[column];
        }
        let mut free = indptr.clone();
        let mut indices = vec![0; self.entries()];
        let mut values = vec![0.0; self.entries()];
        for row in 0..self.rows() {
            for entry in self.checked_range(row) {
                let column = self.indices[entry] as usize;
                let at = free[column] as usize;
                free[column] += 1;
                indices[at] = row as i32;
                values[at] = self.values[entry];
                moved(entry, at);
            }
        }
        CsrBuf {
            indptr,
            indices,
            values,
        }
    }

    /// The entries of a row, as positions in the arrays, of a matrix that [`Csr::check`] has
    /// passed.
    pub(crate) fn checked_range(&self, row: usize) -> Range<usize> {
        self.indptr[row] as usize..self.indptr[row + 1] as usize
    }

    /// The same pattern with other values, one for each entry.
    pub(crate) fn with_values<'b>(&self, values: &'b [f32]) -> Csr<'b>
    where
        'a: 'b,
    {
        assert_eq!(values.len(), self.entries());
        Csr { values, ..*self }
    }

    /// Column of each entry.
    pub(crate) fn indices(&self) -> &'a [i32] {
        self.indices
    }

    /// Value of each entry.
    pub(crate) fn values(&self) -> &'a [f32] {
        self.values
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::{Csr, CsrBuf};
    use proptest::prelude::*;

    /// Dense rows, as a naive twin wants them.
    pub(crate) type Dense = Vec<Vec<f32>>;

    pub(crate) fn sparse(dense: &[Vec<f32>]) -> CsrBuf {
        let mut csr = CsrBuf {
            indptr: vec![0],
            ..CsrBuf::default()
        };
        for row in dense {
            for (column, &value) in row.iter().enumerate().filter(|(_, value)| **value != 0.0) {
                csr.indices.push(column as i32);
                csr.values.push(value);
            }
            csr.indptr.push(csr.indices.len() as i64);
        }
        csr
    }

    /// Matrices of small whole and half numbers, mostly zero.
    pub(crate) fn matrices(rows: usize, columns: usize) -> impl Strategy<Value = (Dense, usize)> {
        (0..=rows, 0..=columns).prop_flat_map(|(rows, columns)| {
            let value =
                prop_oneof![3 => Just(0.0), 2 => (-8_i8..9).prop_map(|v| f32::from(v) / 2.0)];
            let row = prop::collection::vec(value, columns);
            (prop::collection::vec(row, rows), Just(columns))
        })
    }

    proptest! {
        #[test]
        fn the_transpose_is_the_dense_transpose((dense, columns) in matrices(6, 6)) {
            let turned: Dense =
                (0..columns).map(|c| dense.iter().map(|row| row[c]).collect()).collect();
            prop_assert_eq!(sparse(&dense).view(columns).transpose().unwrap(), sparse(&turned));
        }

        #[test]
        fn damaged_arrays_are_refused_or_read_within_bounds(
            middle in prop::collection::vec(any::<i64>(), 2),
            indices in prop::collection::vec(-1_i32..5, 4),
        ) {
            let indptr = [vec![0], middle, vec![4]].concat();
            let csr = Csr::new(&indptr, &indices, &[1.0; 4], 4).unwrap();
            if csr.check().is_ok() {
                prop_assert!((0..3).all(|row| csr.row(row).is_ok()));
                prop_assert!(csr.transpose().is_ok());
            }
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let refused = |indptr: &[i64], indices: &[i32], values: &[f32]| {
            Csr::new(indptr, indices, values, 3)
                .and_then(|csr| csr.check())
                .unwrap_err()
                .to_string()
        };
        assert!(refused(&[], &[], &[]).contains("indptr is empty"));
        assert!(refused(&[0, 1], &[0], &[]).contains("values has 0 entries"));
        assert!(refused(&[1, 1], &[0], &[1.0]).contains("runs from 1 to 1"));
        assert!(refused(&[0, 2, 1], &[0], &[1.0]).contains("row 0 is entries 0 to 2"));
        assert!(refused(&[0, 2], &[1, 1], &[1.0; 2]).contains("row 0 are not ascending"));
        assert!(refused(&[0, 1], &[3], &[1.0]).contains("columns from 3 to 3"));
        assert!(refused(&[0, 1], &[-1], &[1.0]).contains("columns from -1 to -1"));
    }
}
