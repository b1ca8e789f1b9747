//! The ratings, cut into a grid of blocks that are worked on side by side.
//!
//! Blocks of one stratum share neither users nor items, so threads may take them in any way and
//! give the same bits. The grid follows from the data alone, never from the number of threads. A
//! finer grid makes shorter runs of one user, and each run loads and stores the user's factors
//! once, so the grid is as coarse as the threads of a common machine allow.

use super::Ratings;
use crate::KernelError;
use crate::parallel::map;
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

impl Block {
    /// Puts ratings of `users` users in the order of users; those of one keep their order.
    fn new(parts: &[&[(u32, Entry)]], users: usize) -> Self {
        let ratings = || parts.iter().copied().flatten();
        let mut free = vec![0_u32; users];
        for (user, _) in ratings() {
            free[*user as usize] += 1;
        }
        let runs = (0..).zip(&free).filter(|(_, length)| **length > 0);
        let runs = runs
            .map(|(user, &length)| Run { user, length })
            .collect::<Vec<_>>();
        let mut start = 0;
        for count in &mut free {
            start += std::mem::replace(count, start);
        }
        let mut entries = vec![Entry::default(); start as usize];
        for (user, entry) in ratings() {
            let at = &mut free[*user as usize];
            entries[*at as usize] = *entry;
            *at += 1;
        }
        Self { runs, entries }
    }
}

/// How many ratings each row has.
#[derive(Clone, Debug)]
pub(super) struct Counts {
    pub(super) users: Vec<u32>,
    pub(super) items: Vec<u32>,
}

impl Counts {
    /// Counts, and refuses a row out of range. O(ratings + threads x rows).
    pub(super) fn new(ratings: &Ratings<'_>, threads: usize) -> Result<Self, KernelError> {
        Ok(Self {
            users: counts("users", ratings.users, ratings.n_users, threads)?,
            items: counts("items", ratings.items, ratings.n_items, threads)?,
        })
    }
}

/// Ranges of users and of items, which cut all ratings into blocks.
#[derive(Clone, Debug)]
pub(super) struct Cuts {
    pub(super) users: Vec<Range<usize>>,
    pub(super) items: Vec<Range<usize>>,
}

impl Cuts {
    /// `size` ranges of each, with about equally many ratings.
    pub(super) fn new(counts: &Counts, size: usize) -> Self {
        Self {
            users: cut(&counts.users, size),
            items: cut(&counts.items, size),
        }
    }

    pub(super) fn size(&self) -> usize {
        self.users.len()
    }
}

/// Ratings in as many blocks as there are pairs of ranges.
#[derive(Clone, Debug)]
pub(super) struct Grid {
    size: usize,
    blocks: Vec<Block>,
}

impl Grid {
    /// Cuts ratings whose rows have been checked. O(ratings + rows).
    pub(super) fn new(ratings: &Ratings<'_>, mean: f64, cuts: &Cuts, threads: usize) -> Self {
        let size = cuts.size();
        let (users, items) = (Places::new(&cuts.users), Places::new(&cuts.items));
        let parts = in_parts(ratings.values.len(), threads, |range| {
            let mut parts = vec![Vec::new(); size * size];
            for at in range {
                let (users, user) = users.of(ratings.users[at]);
                let (items, item) = items.of(ratings.items[at]);
                let value = (f64::from(ratings.values[at]) - mean) as f32;
                parts[users * size + items].push((user, Entry { item, value }));
            }
            parts
        });
        let blocks = map(threads, size * size, |block| {
            let parts: Vec<&[_]> = parts.iter().map(|part| &part[block][..]).collect();
            Block::new(&parts, cuts.users[block / size].len())
        });
        Self { size, blocks }
    }

    /// How many strata make an epoch.
    pub(super) fn strata(&self) -> usize {
        self.size
    }

    /// The block of stratum `stratum` in each range of users, with its range of items.
    pub(super) fn stratum(&self, stratum: usize) -> impl Iterator<Item = (usize, &Block)> {
        (0..self.size).map(move |users| {
            let items = (users + stratum) % self.size;
            (items, &self.blocks[users * self.size + items])
        })
    }
}

/// Which range a row is in.
struct Places<'a> {
    ranges: &'a [Range<usize>],
    range_of_row: Vec<u8>,
}

impl<'a> Places<'a> {
    fn new(ranges: &'a [Range<usize>]) -> Self {
        let rows = ranges.last().map_or(0, |range| range.end);
        let mut range_of_row = vec![0; rows];
        for (at, range) in ranges.iter().enumerate() {
            range_of_row[range.clone()].fill(at as u8);
        }
        Self {
            ranges,
            range_of_row,
        }
    }

    /// A row's range, and its place there.
    fn of(&self, row: i32) -> (usize, u32) {
        let row = row as usize;
        let range = usize::from(self.range_of_row[row]);
        (range, (row - self.ranges[range].start) as u32)
    }
}

/// What `work` makes of each of as many ranges of `0..n` as there are threads, in order.
fn in_parts<T: Send>(n: usize, threads: usize, work: impl Fn(Range<usize>) -> T + Sync) -> Vec<T> {
    let length = n.div_ceil(threads);
    map(threads, threads, |part| {
        work((part * length).min(n)..((part + 1) * length).min(n))
    })
}

/// How often each row occurs.
fn counts(name: &str, rows: &[i32], n: usize, threads: usize) -> Result<Vec<u32>, KernelError> {
    let parts = in_parts(rows.len(), threads, |range| {
        let mut counts = vec![0_u32; n];
        for at in range {
            match counts.get_mut(rows[at] as usize) {
                Some(count) => *count += 1,
                None => return Err(at),
            }
        }
        Ok(counts)
    });
    let mut sum = vec![0; n];
    for part in parts {
        let counts = part.map_err(|at| {
            KernelError::Data(format!(
                "{name}[{at}] is {}, and must be a row from 0 to {} (n_{name} is {n})",
                rows[at],
                n as i64 - 1
            ))
        })?;
        for (sum, count) in sum.iter_mut().zip(counts) {
            *sum += count;
        }
    }
    Ok(sum)
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

#[cfg(test)]
mod tests {
    use super::{Counts, Cuts, Grid, cut};
    use crate::sgd::Ratings;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_rating_is_in_the_grid_once_and_strata_share_no_row(
            triples in prop::collection::vec((0_i32..9, 0_i32..7, -2_i8..3), 0..60),
            size in 1_usize..5,
            threads in 1_usize..4,
        ) {
            let users: Vec<i32> = triples.iter().map(|triple| triple.0).collect();
            let items: Vec<i32> = triples.iter().map(|triple| triple.1).collect();
            let values: Vec<f32> = triples.iter().map(|triple| f32::from(triple.2)).collect();
            let ratings =
                Ratings { users: &users, items: &items, values: &values, n_users: 9, n_items: 7 };
            let cuts = Cuts::new(&Counts::new(&ratings, threads).unwrap(), size);
            let grid = Grid::new(&ratings, 0.0, &cuts, threads);
            let mut found = Vec::new();
            for stratum in 0..grid.strata() {
                let mut taken: Vec<usize> = grid.stratum(stratum).map(|(items, _)| items).collect();
                for (users, (items, block)) in grid.stratum(stratum).enumerate() {
                    let mut entries = block.entries.iter();
                    prop_assert!(block.runs.is_sorted_by(|a, b| a.user < b.user));
                    for run in &block.runs {
                        for entry in entries.by_ref().take(run.length as usize) {
                            let user = cuts.users[users].start + run.user as usize;
                            let item = cuts.items[items].start + entry.item as usize;
                            prop_assert!(cuts.users[users].contains(&user));
                            prop_assert!(cuts.items[items].contains(&item));
                            found.push((user as i32, item as i32, entry.value as i8));
                        }
                    }
                    prop_assert!(entries.next().is_none());
                }
                taken.sort_unstable();
                prop_assert_eq!(taken, (0..size).collect::<Vec<_>>());
            }
            // Sorting by user and item keeps the order of a pair that stands more than once.
            let pair = |rating: &(i32, i32, i8)| (rating.0, rating.1);
            let mut expected = triples;
            expected.sort_by_key(pair);
            found.sort_by_key(pair);
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
