//! From byte strings to their positions, over arrays that may be mapped from disk.
//!
//! A [`Strings`] is the strings laid end to end with their offsets. A [`StringTable`] adds the
//! sorted hashes and the positions they belong to; a lookup guesses where a hash must lie (hashes
//! are uniform), gallops from there, and compares bytes. Nothing is copied and nothing is built at
//! load, so a table of millions of ids opens in the time it takes to map a file.

use crate::KernelError;
use crate::xxh64::xxh64;

/// Byte strings laid end to end: string `i` is `data[offsets[i]..offsets[i + 1]]`.
#[derive(Clone, Copy, Debug)]
pub struct Strings<'a> {
    data: &'a [u8],
    offsets: &'a [i64],
}

impl<'a> Strings<'a> {
    /// Strings whose offsets have been read and found in order. O(n).
    ///
    /// # Errors
    /// When the offsets do not rise from 0 to the length of `data`.
    pub fn checked(data: &'a [u8], offsets: &'a [i64]) -> Result<Self, KernelError> {
        let strings = Self::trusted(data, offsets)?;
        match offsets.windows(2).position(|pair| pair[0] > pair[1]) {
            None => Ok(strings),
            Some(at) => Err(KernelError::Data(format!(
                "offsets falls from {} to {} at position {}, and must never fall",
                offsets[at],
                offsets[at + 1],
                at + 1
            ))),
        }
    }

    /// Strings whose offsets are believed: only their two ends are read. O(1).
    ///
    /// Offsets that are wrong in between make [`Strings::get`] answer `None` or another slice of
    /// `data`, never something outside it.
    ///
    /// # Errors
    /// When the offsets do not start at 0 and end at the length of `data`, or are too many for
    /// 32-bit positions.
    pub fn trusted(data: &'a [u8], offsets: &'a [i64]) -> Result<Self, KernelError> {
        let (Some(&first), Some(&last)) = (offsets.first(), offsets.last()) else {
            return Err(KernelError::Shape(
                "offsets is empty, and must hold one more entry than there are strings".into(),
            ));
        };
        if first != 0 || usize::try_from(last) != Ok(data.len()) {
            return Err(KernelError::Data(format!(
                "offsets runs from {first} to {last}, and must run from 0 to {}, the length of data",
                data.len()
            )));
        }
        if i32::try_from(offsets.len() - 1).is_err() {
            return Err(KernelError::Shape(format!(
                "there are {} strings, and at most {} can have 32-bit positions",
                offsets.len() - 1,
                i32::MAX
            )));
        }
        Ok(Self { data, offsets })
    }

    /// How many strings there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Whether there is no string at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// String `position`, or `None` where there is none.
    #[must_use]
    pub fn get(&self, position: usize) -> Option<&'a [u8]> {
        let start = usize::try_from(*self.offsets.get(position)?).ok()?;
        let stop = usize::try_from(*self.offsets.get(position + 1)?).ok()?;
        self.data.get(start..stop)
    }
}

/// Finds the position of a byte string in time that hardly grows with the number of strings.
#[derive(Clone, Copy, Debug)]
pub struct StringTable<'a> {
    strings: Strings<'a>,
    hashes: &'a [u64],
    order: &'a [i32],
}

impl<'a> StringTable<'a> {
    /// The two arrays that make a table out of strings: their hashes, ascending, and the position
    /// each hash belongs to. Equal hashes keep the order of the strings. O(n log n).
    #[must_use]
    pub fn build(strings: &Strings<'_>) -> (Vec<u64>, Vec<i32>) {
        let mut pairs: Vec<(u64, i32)> = (0..strings.len())
            .map(|position| {
                (
                    xxh64(strings.get(position).unwrap_or_default()),
                    position as i32,
                )
            })
            .collect();
        pairs.sort_unstable();
        pairs.into_iter().unzip()
    }

    /// A table over arrays as [`StringTable::build`] makes them. O(1): their contents are believed,
    /// and a damaged array costs wrong answers, never a read out of bounds.
    ///
    /// # Errors
    /// When `hashes` or `order` has another length than there are strings.
    pub fn new(
        strings: Strings<'a>,
        hashes: &'a [u64],
        order: &'a [i32],
    ) -> Result<Self, KernelError> {
        for (name, length) in [("hashes", hashes.len()), ("order", order.len())] {
            if length != strings.len() {
                return Err(KernelError::Shape(format!(
                    "{name} has {length} entries, and must have one for each of the {} strings",
                    strings.len()
                )));
            }
        }
        Ok(Self {
            strings,
            hashes,
            order,
        })
    }

    /// Position of `key`, the lowest one where it stands several times, or `None`.
    #[must_use]
    pub fn find(&self, key: &[u8]) -> Option<i32> {
        let hash = xxh64(key);
        let first = lower_bound(self.hashes, hash);
        self.hashes[first..]
            .iter()
            .zip(&self.order[first..])
            .take_while(|&(&other, _)| other == hash)
            .map(|(_, &position)| position)
            .find(|&position| self.string(position) == Some(key))
    }

    /// Positions of many keys; -1 where a key is absent.
    #[must_use]
    pub fn find_many(&self, keys: &Strings<'_>) -> Vec<i32> {
        (0..keys.len())
            .map(|at| keys.get(at).and_then(|key| self.find(key)).unwrap_or(-1))
            .collect()
    }

    /// The first string that stands a second time: (where it stood before, where it stands again),
    /// the second position being the lowest possible; `None` when all differ. O(n).
    #[must_use]
    pub fn first_duplicate(&self) -> Option<(i32, i32)> {
        let mut found: Option<(i32, i32)> = None;
        let mut start = 0;
        for run in self.hashes.chunk_by(|a, b| a == b) {
            let positions = &self.order[start..start + run.len()];
            start += run.len();
            if run.len() == 1 {
                continue;
            }
            // Sorted, so that a run of colliding hashes is never compared all against all.
            let mut named: Vec<_> = positions.iter().map(|&p| (self.string(p), p)).collect();
            named.sort_unstable();
            for same in named
                .chunk_by(|a, b| a.0 == b.0)
                .filter(|same| same.len() > 1)
            {
                let pair = (same[0].1, same[1].1);
                if found.is_none_or(|best| pair.1 < best.1) {
                    found = Some(pair);
                }
            }
        }
        found
    }

    fn string(&self, position: i32) -> Option<&'a [u8]> {
        self.strings.get(usize::try_from(position).ok()?)
    }
}

/// First index of ascending, uniformly spread `hashes` whose entry is not below `hash`.
///
/// One interpolation lands about sqrt(n) / 2 entries off; doubling steps then bracket the answer,
/// so the memory touched stays near the guess, and the worst case is that of a binary search.
fn lower_bound(hashes: &[u64], hash: u64) -> usize {
    let n = hashes.len();
    let guess = ((u128::from(hash) * n as u128) >> 64) as usize;
    let (mut low, mut high) = (guess, guess);
    let mut step = 8;
    while low > 0 && hashes[low - 1] >= hash {
        high = low - 1;
        low = low.saturating_sub(step);
        step *= 2;
    }
    let mut step = 8;
    while high < n && hashes[high] < hash {
        low = high + 1;
        high = n.min(high + step);
        step *= 2;
    }
    low + hashes[low..high].partition_point(|&other| other < hash)
}

#[cfg(test)]
mod tests {
    use super::{StringTable, Strings, lower_bound};
    use proptest::prelude::*;

    fn pack(strings: &[Vec<u8>]) -> (Vec<u8>, Vec<i64>) {
        let mut offsets = vec![0];
        for string in strings {
            offsets.push(offsets.last().unwrap() + string.len() as i64);
        }
        (strings.concat(), offsets)
    }

    proptest! {
        #[test]
        fn lookups_agree_with_a_search_from_the_left(
            strings in prop::collection::vec(prop::collection::vec(0_u8..3, 0..4), 0..60),
            keys in prop::collection::vec(prop::collection::vec(0_u8..3, 0..4), 0..20),
        ) {
            let (data, offsets) = pack(&strings);
            let packed = Strings::checked(&data, &offsets).unwrap();
            let (hashes, order) = StringTable::build(&packed);
            let table = StringTable::new(packed, &hashes, &order).unwrap();
            for key in strings.iter().chain(&keys) {
                let naive = strings.iter().position(|s| s == key).map(|at| at as i32);
                prop_assert_eq!(table.find(key), naive);
            }
            let naive = (0..strings.len()).find_map(|again| {
                let before = strings[..again].iter().position(|s| *s == strings[again])?;
                Some((before as i32, again as i32))
            });
            prop_assert_eq!(table.first_duplicate(), naive);
        }

        #[test]
        fn the_lower_bound_is_a_partition_point_whatever_the_spread(
            mut hashes in prop::collection::vec(prop_oneof![any::<u64>(), 0_u64..9, Just(u64::MAX)], 0..90),
            hash in prop_oneof![any::<u64>(), 0_u64..9, Just(u64::MAX)],
        ) {
            hashes.sort_unstable();
            let naive = hashes.partition_point(|&other| other < hash);
            prop_assert_eq!(lower_bound(&hashes, hash), naive);
        }

        #[test]
        fn damaged_arrays_cost_answers_but_never_a_crash(
            data in prop::collection::vec(any::<u8>(), 8),
            middle in prop::collection::vec(any::<i64>(), 4),
            hashes in prop::collection::vec(any::<u64>(), 5),
            order in prop::collection::vec(any::<i32>(), 5),
            key in prop::collection::vec(any::<u8>(), 0..4),
        ) {
            let offsets: Vec<i64> = [vec![0], middle, vec![8]].concat();
            let strings = Strings::trusted(&data, &offsets).unwrap();
            let table = StringTable::new(strings, &hashes, &order).unwrap();
            if let Some(position) = table.find(&key) {
                prop_assert_eq!(table.string(position), Some(&key[..]));
            }
            let _ = table.first_duplicate();
        }
    }

    #[test]
    fn a_key_is_found_among_strings_whose_hashes_all_collide() {
        let (data, offsets) = pack(&[b"a".to_vec(), b"b".to_vec(), b"c".to_vec()]);
        let strings = Strings::checked(&data, &offsets).unwrap();
        let hashes = [crate::xxh64::xxh64(b"c"); 3];
        let table = StringTable::new(strings, &hashes, &[0, 1, 2]).unwrap();
        assert_eq!(table.find(b"c"), Some(2));
        assert_eq!(table.first_duplicate(), None);
    }

    #[test]
    fn wrong_offsets_and_lengths_are_refused() {
        let refused = |offsets: &[i64]| Strings::checked(b"abc", offsets).unwrap_err().to_string();
        assert!(refused(&[]).contains("offsets is empty"));
        assert!(refused(&[0, 2]).contains("from 0 to 2, and must run from 0 to 3"));
        assert!(refused(&[1, 3]).contains("from 1 to 3"));
        assert!(refused(&[0, 2, 1, 3]).contains("falls from 2 to 1 at position 2"));
        let strings = Strings::checked(b"abc", &[0, 3]).unwrap();
        let error = StringTable::new(strings, &[], &[0])
            .unwrap_err()
            .to_string();
        assert!(error.contains("hashes has 0 entries"), "{error}");
    }
}
