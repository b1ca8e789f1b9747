//! A sparse matrix times a dense or a sparse one, into dense rows.
//!
//! An element of the product is `((0 + a*b) + a*b) + ...` over a row's entries in the order of
//! their columns, each product rounded before it is added. So its bits depend neither on the batch
//! that it is computed in, nor on threads, nor on the instruction set.

use crate::KernelError;
use crate::csr::Csr;
use crate::parallel::{Queue, together, useful_threads};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

/// `sparse` x `dense`, where `dense` has `width` numbers a row: the rows `rows` of the product, all
/// of them for `None`; -1 gives a row of zeros. O(entries x width).
///
/// # Errors
/// When the shapes don't fit, a row asked for doesn't exist, or a row is damaged.
pub fn sparse_dense(
    sparse: &Csr<'_>,
    dense: &[f32],
    width: usize,
    rows: Option<&[i32]>,
    threads: usize,
) -> Result<Vec<f32>, KernelError> {
    if sparse.columns().checked_mul(width) != Some(dense.len()) {
        return Err(KernelError::Shape(format!(
            "dense has {} numbers, and must have {} rows of {width}",
            dense.len(),
            sparse.columns()
        )));
    }
    if let Some(&row) = rows.and_then(|rows| rows.iter().find(|&&row| !in_range(row, sparse))) {
        return Err(KernelError::Data(format!(
            "out_rows holds {row}, and must hold -1 or rows of the {} of the matrix",
            sparse.rows()
        )));
    }
    let count = rows.map_or(sparse.rows(), <[i32]>::len);
    let add_rows = add_rows_for_this_machine();
    fill_rows(count, width, threads, |at, out| {
        let row = rows.map_or(at as i32, |rows| rows[at]);
        if row >= 0 {
            let (columns, values) = sparse.row(row as usize)?;
            add_rows(columns, values, dense, out);
        }
        Ok(())
    })
}

fn in_range(row: i32, sparse: &Csr<'_>) -> bool {
    row >= -1 && i64::from(row) < sparse.rows() as i64
}

/// `a` x `b`, both sparse, as dense rows. O(products that are added).
///
/// # Errors
/// When the shapes don't fit, or a row that is read is damaged.
pub fn sparse_sparse(a: &Csr<'_>, b: &Csr<'_>, threads: usize) -> Result<Vec<f32>, KernelError> {
    if a.columns() != b.rows() {
        return Err(KernelError::Shape(format!(
            "the first matrix has {} columns, and the other must have as many rows, not {}",
            a.columns(),
            b.rows()
        )));
    }
    let others = Rows::new(b, a.entries());
    fill_rows(a.rows(), b.columns(), threads, |row, out| {
        let (columns, values) = a.row(row)?;
        for (&column, &value) in columns.iter().zip(values) {
            let (targets, weights) = others.row(column as usize)?;
            for (&target, &weight) in targets.iter().zip(weights) {
                out[target as usize] += value * weight;
            }
        }
        Ok(())
    })
}

/// Rows that are read often: each is checked until it was found whole once.
struct Rows<'a> {
    matrix: &'a Csr<'a>,
    /// Empty where so few rows are read that to remember them costs more.
    whole: Vec<AtomicBool>,
}

impl<'a> Rows<'a> {
    fn new(matrix: &'a Csr<'a>, reads: usize) -> Self {
        let remembered = if reads > matrix.rows() {
            matrix.rows()
        } else {
            0
        };
        Self {
            matrix,
            whole: (0..remembered).map(|_| AtomicBool::new(false)).collect(),
        }
    }

    fn row(&self, row: usize) -> Result<(&'a [i32], &'a [f32]), KernelError> {
        let whole = self.whole.get(row);
        if whole.is_some_and(|whole| whole.load(Ordering::Relaxed)) {
            let range = self.matrix.checked_range(row);
            return Ok((
                &self.matrix.indices()[range.clone()],
                &self.matrix.values()[range],
            ));
        }
        let found = self.matrix.row(row)?;
        if let Some(whole) = whole {
            whole.store(true, Ordering::Relaxed);
        }
        Ok(found)
    }
}

/// Makes `count` rows of `width` zeros, and lets `fill` work on each; of several refusals, that of
/// the lowest row is returned.
pub(crate) fn fill_rows(
    count: usize,
    width: usize,
    threads: usize,
    fill: impl Fn(usize, &mut [f32]) -> Result<(), KernelError> + Sync,
) -> Result<Vec<f32>, KernelError> {
    let threads = useful_threads(threads, count)?;
    let mut product = vec![
        0.0;
        count
            .checked_mul(width)
            .ok_or_else(|| too_large(count, width))?
    ];
    let refusal = Mutex::new(None::<(usize, KernelError)>);
    let refuse = |row: usize, error: KernelError| {
        let mut first = refusal.lock().unwrap_or_else(PoisonError::into_inner);
        if first.as_ref().is_none_or(|(other, _)| row < *other) {
            *first = Some((row, error));
        }
    };
    if width == 0 {
        (0..count).try_for_each(|row| fill(row, &mut []))?;
        return Ok(product);
    }
    let queue = Queue::new(product.chunks_exact_mut(width).enumerate());
    together(threads, || {
        while let Some((row, out)) = queue.take() {
            if let Err(error) = fill(row, out) {
                refuse(row, error);
            }
        }
    });
    match refusal.into_inner().unwrap_or_else(PoisonError::into_inner) {
        None => Ok(product),
        Some((_, error)) => Err(error),
    }
}

fn too_large(count: usize, width: usize) -> KernelError {
    KernelError::Shape(format!(
        "the product has {count} rows of {width}, and fits no memory"
    ))
}

type AddRows = fn(&[i32], &[f32], &[f32], &mut [f32]);

/// `out += value * row of dense` for each entry, in order.
///
/// Four rows of `dense` pass at once, so that `out` is read and written a quarter as often; the
/// additions keep their order, hence their bits.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "each caller compiles it for its own instruction set"
)]
fn add_rows(columns: &[i32], values: &[f32], dense: &[f32], out: &mut [f32]) {
    let width = out.len();
    let row = |column: i32| &dense[column as usize * width..][..width];
    let (columns_by_4, columns_left) = columns.as_chunks::<4>();
    let (values_by_4, values_left) = values.as_chunks::<4>();
    for (&[c0, c1, c2, c3], &[v0, v1, v2, v3]) in columns_by_4.iter().zip(values_by_4) {
        let (d0, d1, d2, d3) = (row(c0), row(c1), row(c2), row(c3));
        for i in 0..width {
            out[i] = (((out[i] + v0 * d0[i]) + v1 * d1[i]) + v2 * d2[i]) + v3 * d3[i];
        }
    }
    for (&column, &value) in columns_left.iter().zip(values_left) {
        for (out, &number) in out.iter_mut().zip(row(column)) {
            *out += value * number;
        }
    }
}

#[cfg(target_arch = "x86_64")]
fn add_rows_for_this_machine() -> AddRows {
    #[target_feature(enable = "avx512f")]
    fn avx512(columns: &[i32], values: &[f32], dense: &[f32], out: &mut [f32]) {
        add_rows(columns, values, dense, out);
    }
    #[target_feature(enable = "avx2")]
    fn avx2(columns: &[i32], values: &[f32], dense: &[f32], out: &mut [f32]) {
        add_rows(columns, values, dense, out);
    }
    if is_x86_feature_detected!("avx512f") {
        // SAFETY: the processor has AVX-512F.
        |columns, values, dense, out| unsafe { avx512(columns, values, dense, out) }
    } else if is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has AVX2.
        |columns, values, dense, out| unsafe { avx2(columns, values, dense, out) }
    } else {
        add_rows
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn add_rows_for_this_machine() -> AddRows {
    add_rows
}

#[cfg(test)]
mod tests {
    use super::{add_rows, add_rows_for_this_machine, sparse_dense, sparse_sparse};
    use crate::csr::tests::{matrices, sparse};
    use proptest::prelude::*;

    fn naive(a: &[Vec<f32>], b: &[Vec<f32>], width: usize) -> Vec<f32> {
        let element = |row: &[f32], column: usize| {
            let entries = row.iter().zip(b).filter(|(value, _)| **value != 0.0);
            entries.fold(0.0, |sum, (value, other)| sum + value * other[column])
        };
        a.iter()
            .flat_map(|row| (0..width).map(|column| element(row, column)))
            .collect()
    }

    proptest! {
        #[test]
        fn products_have_the_bits_of_the_naive_sum(
            (a, inner) in matrices(6, 12),
            width in 0_usize..40,
            seed in prop::collection::vec(-1.0_f32..1.0, 12 * 40),
            threads in 1_usize..4,
        ) {
            let b: Vec<Vec<f32>> = seed.chunks(40).take(inner).map(|r| r[..width].to_vec()).collect();
            let (left, right) = (sparse(&a), sparse(&b));
            let (left, right) = (left.view(inner), right.view(width));
            let expected = naive(&a, &b, width);
            let dense = sparse_dense(&left, &b.concat(), width, None, threads).unwrap();
            prop_assert_eq!(&dense, &expected);
            prop_assert_eq!(&sparse_sparse(&left, &right, threads).unwrap(), &expected);
            for (row, expected) in expected.chunks(width.max(1)).enumerate() {
                let one = sparse_dense(&left, &b.concat(), width, Some(&[row as i32]), 1).unwrap();
                prop_assert_eq!(&one, expected);
            }
        }

        #[test]
        fn every_instruction_set_gives_the_same_bits(
            dense in prop::collection::vec(-1.0_f32..1.0, 7 * 37),
            values in prop::collection::vec(-1.0_f32..1.0, 7),
        ) {
            let columns = [0, 1, 2, 3, 4, 5, 6];
            let (mut portable, mut wide) = (vec![0.0; 37], vec![0.0; 37]);
            add_rows(&columns, &values, &dense, &mut portable);
            add_rows_for_this_machine()(&columns, &values, &dense, &mut wide);
            prop_assert_eq!(portable, wide);
        }
    }

    #[test]
    fn a_row_of_minus_one_is_zeros() {
        let a = sparse(&[vec![2.0]]);
        let product = sparse_dense(&a.view(1), &[3.0, 4.0], 2, Some(&[-1, 0]), 1).unwrap();
        assert_eq!(product, [0.0, 0.0, 6.0, 8.0]);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let a = sparse(&[vec![1.0, 1.0]]);
        let refused = sparse_dense(&a.view(2), &[0.0; 3], 2, None, 1)
            .unwrap_err()
            .to_string();
        assert!(
            refused.contains("dense has 3 numbers, and must have 2 rows of 2"),
            "{refused}"
        );
        let refused = sparse_dense(&a.view(2), &[0.0; 2], 1, Some(&[1]), 1).unwrap_err();
        assert!(
            refused.to_string().contains("out_rows holds 1"),
            "{refused}"
        );
        let refused = sparse_sparse(&a.view(2), &a.view(2), 1)
            .unwrap_err()
            .to_string();
        assert!(refused.contains("has 2 columns, and the other must have as many rows, not 1"));
        let mut damaged = sparse(&[vec![1.0], vec![1.0], vec![1.0]]);
        damaged.indices[1..].fill(7);
        let eye = sparse(&[
            vec![1.0, 0.0, 0.0],
            vec![0.0, 1.0, 0.0],
            vec![0.0, 0.0, 1.0],
        ]);
        let full = sparse(&[vec![1.0; 3], vec![1.0; 3], vec![1.0; 3]]);
        for (left, threads) in [(&eye, 1), (&eye, 3), (&full, 1), (&full, 3)] {
            let refused = sparse_sparse(&left.view(3), &damaged.view(1), threads).unwrap_err();
            assert!(
                refused
                    .to_string()
                    .contains("row 1 has columns from 7 to 7"),
                "{refused}"
            );
        }
    }
}
