//! The ratings, cut into a grid of blocks that are worked on side by side.
//!
//! Blocks of one stratum share neither users nor items, so threads may take them in any way and
//! give the same bits. The grid follows from the data alone, never from the number of threads. A
//! finer grid makes shorter runs of one user, and each run loads and stores the user's factors
//! once, so the grid is as coarse as the threads of a common machine allow.

use super::Ratings;
use crate::KernelError;
use std::ops::Range;

/// A rating of the user whose run it stands in.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Entry {
    /// Row within the block's items.
    pub(super) item: u32,
    /// The rating less the mean of all.
    pub(super) value: f32,
}

/// How many entries in a row belong to one user.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Run {
    /// Row within the block's users.
    pub(super) user: u32,
    pub(super) length: u32,
}

/// The ratings of a range of users for a range of items, grouped by user.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Block {
    pub(super) runs: Vec<Run>,
    pub(super) entries: Vec<Entry>,
}

/// All ratings: `size` x `size` blocks.
#[derive(Clone, Debug)]
pub(super) struct Grid {
    pub(super) size: usize,
    pub(super) users: Vec<Range<usize>>,
    pub(super) items: Vec<Range<usize>>,
    blocks: Vec<Block>,
}

impl Grid {
    /// Cuts the ratings. The order of a user's ratings is kept within a block. O(ratings + rows).
    pub(super) fn new(ratings: &Ratings<'_>, mean: f64, size: usize) -> Result<Self, KernelError> {
        let user_counts = counts("users", ratings.users, ratings.n_users)?;
        let item_counts = counts("items", ratings.items, ratings.n_items)?;
        let (users, items) = (cut(&user_counts, size), cut(&item_counts, size));
        let by_user = grouped(ratings.users, &user_counts);
        let mut part_of_item = vec![0_u16; ratings.n_items];
        for (part, range) in items.iter().enumerate() {
            part_of_item[range.clone()].fill(part as u16);
        }
        let mut blocks = vec![Block::default(); size * size];
        let mut start = 0;
        for (range, row) in users.iter().zip(blocks.chunks_exact_mut(size)) {
            for user in range.clone() {
                let stop = start + user_counts[user] as usize;
                let before: Vec<usize> = row.iter().map(|block| block.entries.len()).collect();
                for &at in &by_user[start..stop] {
                    let item = ratings.items[at as usize] as usize;
                    let part = part_of_item[item] as usize;
                    row[part].entries.push(Entry {
                        item: (item - items[part].start) as u32,
                        value: (f64::from(ratings.values[at as usize]) - mean) as f32,
                    });
                }
                for (block, before) in row.iter_mut().zip(before) {
                    let length = (block.entries.len() - before) as u32;
                    if length > 0 {
                        block.runs.push(Run {
                            user: (user - range.start) as u32,
                            length,
                        });
                    }
                }
                start = stop;
            }
        }
        Ok(Self {
            size,
            users,
            items,
            blocks,
        })
    }

    /// The block of stratum `stratum` in each range of users, with its range of items.
    pub(super) fn stratum(&self, stratum: usize) -> impl Iterator<Item = (usize, &Block)> {
        (0..self.size).map(move |users| {
            let items = (users + stratum) % self.size;
            (items, &self.blocks[users * self.size + items])
        })
    }
}

/// How often each row occurs.
fn counts(name: &str, rows: &[i32], n: usize) -> Result<Vec<u32>, KernelError> {
    let mut counts = vec![0; n];
    for (at, &row) in rows.iter().enumerate() {
        match usize::try_from(row)
            .ok()
            .and_then(|row| counts.get_mut(row))
        {
            Some(count) => *count += 1,
            None => {
                return Err(KernelError::Data(format!(
                    "{name}[{at}] is {row}, and must be a row from 0 to {} (n_{name} is {n})",
                    n as i64 - 1
                )));
            }
        }
    }
    Ok(counts)
}

/// Ranges of rows, `size` of them, with about equally many ratings each.
fn cut(counts: &[u32], size: usize) -> Vec<Range<usize>> {
    let total: u64 = counts.iter().map(|&count| u64::from(count)).sum();
    let (mut ranges, mut start, mut seen) = (Vec::with_capacity(size), 0, 0_u64);
    for part in 1..size as u64 {
        let mut stop = start;
        while stop < counts.len() && seen * (size as u64) < total * part {
            seen += u64::from(counts[stop]);
            stop += 1;
        }
        ranges.push(start..stop);
        start = stop;
    }
    ranges.push(start..counts.len());
    ranges
}

/// Positions of the ratings, those of user 0 first, in their own order.
fn grouped(users: &[i32], counts: &[u32]) -> Vec<u32> {
    let mut free = Vec::with_capacity(counts.len());
    let mut start = 0;
    for &count in counts {
        free.push(start);
        start += count;
    }
    let mut order = vec![0; users.len()];
    for (at, &user) in users.iter().enumerate() {
        order[free[user as usize] as usize] = at as u32;
        free[user as usize] += 1;
    }
    order
}

#[cfg(test)]
mod tests {
    use super::{Grid, cut};
    use crate::sgd::Ratings;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_rating_is_in_the_grid_once_and_strata_share_no_row(
            pairs in prop::collection::vec((0_i32..9, 0_i32..7, -2_i8..3), 0..60),
            size in 1_usize..5,
        ) {
            let users: Vec<i32> = pairs.iter().map(|pair| pair.0).collect();
            let items: Vec<i32> = pairs.iter().map(|pair| pair.1).collect();
            let values: Vec<f32> = pairs.iter().map(|pair| f32::from(pair.2)).collect();
            let ratings =
                Ratings { users: &users, items: &items, values: &values, n_users: 9, n_items: 7 };
            let grid = Grid::new(&ratings, 0.0, size).unwrap();
            let mut found = Vec::new();
            for stratum in 0..size {
                let mut taken: Vec<usize> = grid.stratum(stratum).map(|(items, _)| items).collect();
                for (users, (items, block)) in grid.stratum(stratum).enumerate() {
                    let mut entries = block.entries.iter();
                    for run in &block.runs {
                        for entry in entries.by_ref().take(run.length as usize) {
                            let user = grid.users[users].start + run.user as usize;
                            let item = grid.items[items].start + entry.item as usize;
                            prop_assert!(grid.users[users].contains(&user));
                            prop_assert!(grid.items[items].contains(&item));
                            found.push((user as i32, item as i32, entry.value as i8));
                        }
                    }
                    prop_assert!(entries.next().is_none());
                }
                taken.sort_unstable();
                prop_assert_eq!(taken, (0..size).collect::<Vec<_>>());
            }
            let mut expected = pairs;
            expected.sort_unstable();
            found.sort_unstable();
            prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn ranges_hold_about_equally_many_ratings() {
        assert_eq!(cut(&[5, 1, 1, 1, 1, 1], 2), [0..1, 1..6]);
        assert_eq!(cut(&[1, 1, 1, 1], 4), [0..1, 1..2, 2..3, 3..4]);
        assert_eq!(cut(&[9], 3), [0..1, 1..1, 1..1]);
        assert_eq!(cut(&[], 2), [0..0, 0..0]);
    }
}
