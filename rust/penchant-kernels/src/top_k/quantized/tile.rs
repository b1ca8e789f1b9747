//! The inner loop: sums of codes of a few panels with a few queries, in registers.
//!
//! A register has the sums of the 16 rows of a panel with one query. They start at minus what they
//! must exceed, so the greatest of all tells whether any row of the tile is worth a look.

// Inlining keeps the sums in registers: what has no `#[target_feature]` becomes part of a function
// that has.
// Sums, starts and queries are numbered alike, and a constant number of each makes them registers.
#![allow(clippy::inline_always, clippy::needless_range_loop)]

use super::codes::{Bounds, Codes, PANELS, ROWS, STEP};
use super::halves::UPPER;
use super::lanes::Lane;
use crate::top_k::pieces::Search;

/// The sums of 16 rows.
///
/// # Safety
/// Methods are for functions compiled for the instruction set, and CPUs that have it. Pointers are to
/// 64 bytes of codes, or to 16 sums.
pub(super) trait Sums: Copy {
    /// One step of a panel.
    type Items: Copy;
    /// Four codes of a query, for every row.
    type Query: Copy;

    unsafe fn all(start: i32) -> Self;
    unsafe fn items(at: *const u8) -> Self::Items;
    /// The upper and the lower halves of 64 bytes, the upper ones where they are, as 16 h.
    unsafe fn halves(at: *const u8) -> [Self::Items; 2];
    unsafe fn query(codes: i32) -> Self::Query;
    /// `self` plus the products of four codes of each row.
    unsafe fn plus(self, items: Self::Items, query: Self::Query) -> Self;
    /// `self` plus 16 times the other.
    unsafe fn plus_16(self, other: Self) -> Self;
    unsafe fn join(self, other: Self) -> Self;
    unsafe fn max(self, other: Self) -> Self;
    /// The rows whose sum is above 0.
    unsafe fn positive(self) -> u16;
    unsafe fn store(self, at: *mut [i32; ROWS]);
}

/// Portable sums.
impl Sums for [i32; ROWS] {
    type Items = [u8; STEP];
    type Query = [i8; 4];

    #[inline(always)]
    unsafe fn all(start: i32) -> Self {
        [start; ROWS]
    }
    #[inline(always)]
    unsafe fn items(at: *const u8) -> Self::Items {
        // SAFETY: the caller's promise; bytes need no alignment.
        unsafe { *at.cast() }
    }
    #[inline(always)]
    unsafe fn halves(at: *const u8) -> [Self::Items; 2] {
        // SAFETY: as above.
        let bytes = unsafe { Self::items(at) };
        [
            bytes.map(|byte| byte & UPPER),
            bytes.map(|byte| byte & !UPPER),
        ]
    }
    #[inline(always)]
    unsafe fn query(codes: i32) -> Self::Query {
        codes.to_le_bytes().map(u8::cast_signed)
    }
    #[inline(always)]
    unsafe fn plus(mut self, items: Self::Items, query: Self::Query) -> Self {
        for (sum, item) in self.iter_mut().zip(items.as_chunks::<4>().0) {
            for (&item, query) in item.iter().zip(query) {
                *sum += i32::from(item) * i32::from(query);
            }
        }
        self
    }
    #[inline(always)]
    unsafe fn plus_16(self, other: Self) -> Self {
        std::array::from_fn(|row| self[row] + 16 * other[row])
    }
    #[inline(always)]
    unsafe fn join(self, other: Self) -> Self {
        std::array::from_fn(|row| self[row] + other[row])
    }
    #[inline(always)]
    unsafe fn max(self, other: Self) -> Self {
        std::array::from_fn(|row| self[row].max(other[row]))
    }
    #[inline(always)]
    unsafe fn positive(self) -> u16 {
        let bits = self.iter().enumerate();
        bits.fold(0, |bits, (row, &sum)| bits | u16::from(sum > 0) << row)
    }
    #[inline(always)]
    unsafe fn store(self, at: *mut [i32; ROWS]) {
        // SAFETY: the caller's promise.
        unsafe { *at = self };
    }
}

/// Which part of the next group a block of queries fetches while it works on this one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Share {
    /// Position of the block.
    pub(super) block: usize,
    /// Number of blocks; 0 where nothing is worth fetching.
    pub(super) blocks: usize,
    /// Whether a query that comes alone fetches anything.
    pub(super) far: bool,
}

impl Share {
    pub(super) const NOTHING: Self = Self {
        block: 0,
        blocks: 0,
        far: false,
    };

    /// What the block fetches with that tile.
    fn of(self, tile: usize) -> Fetch {
        match self.blocks {
            0 => Fetch::Nothing,
            1 if self.far => Fetch::Soon,
            1 => Fetch::InOrder,
            blocks if tile % blocks == self.block => Fetch::NextGroup,
            _ => Fetch::Nothing,
        }
    }
}

/// What is fetched beside a tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fetch {
    Nothing,
    /// Nothing either, but panels are read one after another, as they lie in memory.
    InOrder,
    /// The same, and what a query that comes alone reads next, [`AHEAD`] on.
    Soon,
    /// What follows the tile by a group, which other queries are still to meet.
    NextGroup,
}

/// Bytes that a query which comes alone fetches ahead: the best of 0.5 to 16 KB.
pub(super) const AHEAD: usize = 1024;

/// Let `Q` queries meet a group, `P` panels at a time.
///
/// # Safety
/// For functions compiled for the instruction set of `S`, and CPUs that have it.
#[inline(always)]
pub(super) unsafe fn meet<S: Sums, const P: usize, const Q: usize>(
    search: Search<'_>,
    codes: Codes<'_>,
    group: usize,
    lanes: &mut [Lane<'_, '_, '_>],
    share: Share,
) {
    let lanes: &mut [Lane<'_, '_, '_>; Q] = lanes.try_into().expect("a lane for each query");
    for lane in &mut *lanes {
        lane.aim(codes.bounds(group));
    }
    for tile in (0..PANELS).step_by(P) {
        // SAFETY: the caller's promise.
        unsafe { meet_tile::<S, P, Q>(search, codes, group, tile, lanes, share.of(tile / P)) };
    }
}

/// Let `Q` queries, which aim at a group, meet `P` panels of it from `tile` on; `fetch` beside them.
///
/// # Safety
/// For functions compiled for the instruction set of `S`, and CPUs that have it.
#[inline(always)]
pub(super) unsafe fn meet_tile<S: Sums, const P: usize, const Q: usize>(
    search: Search<'_>,
    codes: Codes<'_>,
    group: usize,
    tile: usize,
    lanes: &mut [Lane<'_, '_, '_>; Q],
    fetch: Fetch,
) {
    let steps = codes.steps();
    let bytes = codes.group(group);
    let bounds = codes.bounds(group);
    // The pointers below rest on these.
    assert_eq!(bytes.len(), PANELS * STEP * steps, "a whole group");
    assert!(tile + P <= PANELS, "panels of the group");
    for lane in &*lanes {
        assert!(
            lane.codes.steps.len() >= steps,
            "queries as long as the items"
        );
    }
    // SAFETY: the tile's panels lie in the group, every query has a code for each step, and the
    // caller promises the instruction set. Prefetching past the end is harmless.
    unsafe {
        let started: [[i32; P]; Q] =
            std::array::from_fn(|q| std::array::from_fn(|p| lanes[q].starts[tile + p]));
        let mut sums: [[S; P]; Q] = started.map(|starts| starts.map(|start| S::all(start)));
        let queries: [*const i32; Q] = std::array::from_fn(|q| lanes[q].codes.steps.as_ptr());
        let start = bytes.as_ptr().add(tile * steps * STEP);
        if Q == 1 && fetch == Fetch::Soon {
            in_order::<S, P, true>(start, steps, queries[0], &mut sums[0]);
        } else if Q == 1 && fetch == Fetch::InOrder {
            in_order::<S, P, false>(start, steps, queries[0], &mut sums[0]);
        } else {
            let mut fetched = start.wrapping_add(bytes.len());
            for step in 0..steps {
                let query: [S::Query; Q] = std::array::from_fn(|q| S::query(*queries[q].add(step)));
                if fetch != Fetch::Nothing {
                    for _ in 0..P {
                        prefetch(fetched);
                        fetched = fetched.wrapping_add(STEP);
                    }
                }
                for p in 0..P {
                    let items = S::items(start.add((p * steps + step) * STEP));
                    for q in 0..Q {
                        sums[q][p] = sums[q][p].plus(items, query[q]);
                    }
                }
            }
        }
        let mut most = sums[0][0];
        for sums in &sums {
            for &sum in sums {
                most = most.max(sum);
            }
        }
        if most.positive() != 0 {
            let mut table = [[[0; ROWS]; P]; Q];
            let mut reached = [0_u32; Q];
            for q in 0..Q {
                for p in 0..P {
                    sums[q][p].store(&raw mut table[q][p]);
                    reached[q] |= u32::from(sums[q][p].positive() != 0) << p;
                }
            }
            tell(
                search,
                bounds,
                group * PANELS + tile,
                &table,
                &started,
                &reached,
                lanes,
            );
        }
    }
}

/// Add up `P` panels, one after another. `SOON` fetches ahead.
///
/// # Safety
/// As for [`meet_tile`]: the panels follow each other from `start` on, of `steps` steps each, for which
/// the query has codes.
#[inline(always)]
unsafe fn in_order<S: Sums, const P: usize, const SOON: bool>(
    start: *const u8,
    steps: usize,
    query: *const i32,
    sums: &mut [S; P],
) {
    for (p, sum) in sums.iter_mut().enumerate() {
        // SAFETY: the caller's promise; prefetching past the end is harmless.
        unsafe {
            let plus = |sum: S, step: usize| {
                let at = start.add((p * steps + step) * STEP);
                if SOON {
                    prefetch(at.wrapping_add(AHEAD));
                }
                sum.plus(S::items(at), S::query(*query.add(step)))
            };
            // Two chains of additions, since each waits for the one before.
            let [mut even, mut odd] = [*sum, S::all(0)];
            for two in 0..steps / 2 {
                even = plus(even, 2 * two);
                odd = plus(odd, 2 * two + 1);
            }
            if steps % 2 == 1 {
                even = plus(even, steps - 1);
            }
            *sum = even.join(odd);
        }
    }
}

/// Tell the queries of the panels that reached them.
#[cold]
#[inline(never)]
fn tell<const P: usize, const Q: usize>(
    search: Search<'_>,
    bounds: Bounds<'_>,
    panel: usize,
    sums: &[[[i32; ROWS]; P]; Q],
    started: &[[i32; P]; Q],
    reached: &[u32; Q],
    lanes: &mut [Lane<'_, '_, '_>; Q],
) {
    for q in 0..Q {
        let mut left = reached[q];
        while left != 0 {
            let p = left.trailing_zeros() as usize;
            left &= left - 1;
            lanes[q].hear(search, bounds, panel + p, &sums[q][p], started[q][p]);
        }
    }
}

/// Fetch a line into L2.
#[inline(always)]
pub(super) fn prefetch(at: *const u8) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
        // SAFETY: every x86-64 CPU has the instruction, and it changes nothing.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(at.cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = at;
}
