//! Sets of rows as bits: row `r` is bit `r % 64` of word `r / 64`.

use crate::KernelError;

/// How many words a set over `items` rows has.
#[must_use]
pub fn words(items: usize) -> usize {
    items.div_ceil(64)
}

/// Whether the set holds `row`; a row past the words is not in it.
#[must_use]
#[inline]
pub fn contains(set: &[u64], row: usize) -> bool {
    set.get(row / 64)
        .is_some_and(|word| word >> (row % 64) & 1 == 1)
}

/// The set of `rows`, in [`words`]`(items)` words.
///
/// The rows come in any order, and those that stand twice count once. Row -1, which is none, is
/// passed over.
///
/// # Errors
/// [`KernelError::Data`] for any other row outside `0..items`.
pub fn of(rows: &[i32], items: usize) -> Result<Vec<u64>, KernelError> {
    let mut set = vec![0_u64; words(items)];
    for (position, &row) in rows.iter().enumerate() {
        match usize::try_from(row) {
            Ok(row) if row < items => set[row / 64] |= 1 << (row % 64),
            Err(_) if row == -1 => {}
            _ => {
                return Err(KernelError::Data(format!(
                    "rows[{position}] is {row}, and must lie in 0..{items}"
                )));
            }
        }
    }
    Ok(set)
}

#[cfg(test)]
mod tests {
    use super::{contains, of};

    #[test]
    fn a_set_holds_what_was_put_in_and_nothing_else() {
        let set = of(&[129, 0, -1, 64, 64], 130).unwrap();
        let held: Vec<usize> = (0..200).filter(|&row| contains(&set, row)).collect();
        assert_eq!(held, [0, 64, 129]);
        assert_eq!(set.len(), 3);
    }

    #[test]
    fn a_row_outside_the_catalogue_is_named() {
        let refused = |row| of(&[1, row], 5).unwrap_err().to_string();
        assert_eq!(refused(5), "rows[1] is 5, and must lie in 0..5");
        assert_eq!(refused(-2), "rows[1] is -2, and must lie in 0..5");
    }
}
