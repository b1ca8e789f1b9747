//! The scan of a query that comes alone to many items, and waits for memory: it reads upper halves of
//! codes, and the rest only of panels that may hold what is looked for.

// Inlining keeps the sums in registers: what has no `#[target_feature]` becomes part of a function
// that has.
#![allow(clippy::inline_always, clippy::needless_range_loop)]

use super::codes::{Codes, PANELS, STEP};
use super::halves::UpperHalves;
use super::lanes::Lane;
use super::tile::{AHEAD, Fetch, Sums, meet_tile, prefetch};
use crate::top_k::pieces::Search;

/// Panels that are summed together.
const TILE: usize = 4;
/// Rows of a panel that are scored at once: no more bytes than its codes have.
const FEW: u32 = 2;
/// Panels of a group that may hold something, from which on the halves were not worth reading.
const MANY: usize = 6;
/// Groups read whole before halves get their next chance, at most.
const LONGEST_PAUSE: usize = 32;

/// Whether to read halves: after groups that these ruled little out of, pauses get longer.
#[derive(Debug)]
pub(super) struct Trust {
    pause: usize,
    next_pause: usize,
}

impl Trust {
    pub(super) fn new() -> Self {
        Self {
            pause: 0,
            next_pause: 1,
        }
    }

    /// Whether the next group is one to read halves of.
    pub(super) fn halves(&mut self) -> bool {
        let paused = self.pause > 0;
        self.pause -= usize::from(paused);
        !paused
    }

    /// Hear how many panels of a group were left.
    pub(super) fn hear(&mut self, left: usize) {
        if left >= MANY {
            self.pause = self.next_pause;
            self.next_pause = LONGEST_PAUSE.min(2 * self.next_pause);
        } else {
            self.next_pause = 1;
        }
    }
}

/// Let a query meet a group; how many panels it had to look at with all bits, or row by row.
///
/// # Safety
/// For functions compiled for the instruction set of `S`, and CPUs that have it.
#[inline(always)]
pub(super) unsafe fn sift<S: Sums>(
    search: Search<'_>,
    codes: Codes<'_>,
    halves: &UpperHalves,
    group: usize,
    lane: &mut Lane<'_, '_, '_>,
) -> usize {
    let steps = codes.steps().div_ceil(2);
    let bytes = halves.group(group);
    // The pointers below rest on these.
    assert_eq!(bytes.len(), PANELS * STEP * steps, "a whole group");
    assert_eq!(lane.codes.steps.len(), 2 * steps, "queries as long");
    let bounds = codes.bounds(group);
    lane.aim(bounds);
    let starts = lane
        .codes
        .starts_of_halves(&lane.starts, halves.errors(group));
    let query = lane.codes.steps.as_ptr();
    let mut reached = [0_u16; PANELS];
    for tile in (0..PANELS).step_by(TILE) {
        // SAFETY: the tile's panels lie in the group, the query has codes for two halves of each
        // step, and the caller promises the instruction set. Prefetching past the end is harmless.
        unsafe {
            let mut even: [S; TILE] = std::array::from_fn(|p| S::all(starts[tile + p]));
            let mut odd = [S::all(0); TILE];
            let start = bytes.as_ptr().add(tile * steps * STEP);
            // One panel after another, so that memory is read in its order.
            for p in 0..TILE {
                for step in 0..steps {
                    let at = start.add((p * steps + step) * STEP);
                    prefetch(at.wrapping_add(AHEAD));
                    let [above, below] = S::halves(at);
                    let query = [0, 1].map(|odd| S::query(*query.add(2 * step + odd)));
                    even[p] = even[p].plus(above, query[0]);
                    odd[p] = odd[p].plus(below, query[1]);
                }
            }
            let sums: [S; TILE] = std::array::from_fn(|p| even[p].plus_16(odd[p]));
            let most = sums.into_iter().fold(sums[0], |most, sum| most.max(sum));
            if most.positive() != 0 {
                for p in 0..TILE {
                    reached[tile + p] = sums[p].positive();
                }
            }
        }
    }
    let mut left = 0;
    for (panel, rows) in reached
        .into_iter()
        .enumerate()
        .filter(|(_, rows)| *rows != 0)
    {
        left += 1;
        if rows.count_ones() <= FEW {
            lane.take(search, bounds, group * PANELS + panel, rows.into());
        } else {
            let lanes = std::array::from_mut(lane);
            // SAFETY: the panel lies in the group, whose codes `meet_tile` checks, and the caller
            // promises the instruction set.
            unsafe { meet_tile::<S, 1, 1>(search, codes, group, panel, lanes, Fetch::Nothing) };
        }
    }
    left
}
