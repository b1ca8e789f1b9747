//! A borrowed row-major matrix.

use crate::KernelError;

/// `rows` rows of `dim` floats each, one after the other.
#[derive(Debug, Clone, Copy)]
pub struct Matrix<'a> {
    values: &'a [f32],
    rows: usize,
    dim: usize,
}

impl<'a> Matrix<'a> {
    /// View `values` as `rows` rows of `dim`.
    ///
    /// # Errors
    /// [`KernelError::Shape`] when the product differs from the number of values, or when there are
    /// more rows than an `i32` can number.
    pub fn new(values: &'a [f32], rows: usize, dim: usize) -> Result<Self, KernelError> {
        if rows.checked_mul(dim) != Some(values.len()) {
            return Err(KernelError::Shape(format!(
                "a matrix of {rows} rows of {dim} values cannot be made of {} values",
                values.len()
            )));
        }
        if i32::try_from(rows).is_err() {
            return Err(KernelError::Shape(format!(
                "a matrix has {rows} rows, but row numbers are 32 bits wide; split it into parts of at \
                 most {} rows",
                i32::MAX
            )));
        }
        Ok(Self { values, rows, dim })
    }

    /// All values, row after row.
    #[must_use]
    pub fn values(&self) -> &'a [f32] {
        self.values
    }

    /// How many rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// How many values a row.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// One row.
    ///
    /// # Panics
    /// When there is no such row.
    #[must_use]
    pub fn row(&self, row: usize) -> &'a [f32] {
        &self.values[row * self.dim..][..self.dim]
    }
}

#[cfg(test)]
mod tests {
    use super::Matrix;

    #[test]
    fn rows_follow_one_another() {
        let matrix = Matrix::new(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 3, 2).unwrap();
        assert_eq!(matrix.row(1), [3.0, 4.0]);
    }

    #[test]
    fn a_matrix_may_be_empty_in_either_direction() {
        assert!(Matrix::new(&[], 3, 0).unwrap().row(2).is_empty());
        assert_eq!(Matrix::new(&[], 0, 5).unwrap().rows(), 0);
    }

    #[test]
    fn sizes_that_do_not_multiply_are_refused() {
        let refused = Matrix::new(&[1.0, 2.0, 3.0], 2, 2).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "a matrix of 2 rows of 2 values cannot be made of 3 values"
        );
        assert!(Matrix::new(&[], usize::MAX, 2).is_err());
    }

    #[test]
    fn more_rows_than_row_numbers_are_refused() {
        let refused = Matrix::new(&[], 1 << 31, 0).unwrap_err();
        assert!(refused.to_string().contains("32 bits wide"));
    }
}
