//! A scan of bytes instead of floats, whose answer is provably the same.
//!
//! Items are kept once more as whole numbers from -127 to 127, a byte a value, and queries are
//! rounded likewise when they come. A quarter of the memory is read, and one instruction (`vpdpbusd`)
//! multiplies and adds 64 of them. Sums of codes rank nothing: they rule out rows that are certain not
//! to enter. All others are scored [canonically](crate::canonical) from the floats. So the answer is
//! that of the scan of floats, bit for bit, and does not depend on how well the codes fit; only speed
//! does.
//!
//! **The bound.** Let x be a row and x̂ what its codes c stand for, c / α with α = 127 / max|x| over the
//! 16 rows of its panel; q a query and q̂ = p / β the same of it. Then
//! q·x − q̂·x̂ = q·(x − x̂) + (q − q̂)·x̂, so by Cauchy and Schwarz
//!
//! |q·x − (c·p) / (αβ)| ≤ ‖q‖ ‖x − x̂‖ + ‖q − q̂‖ ‖x̂‖ =: M.
//!
//! A row with a score above the bar has c·p > (bar − M) αβ. With the greatest ‖x − x̂‖ and ‖x̂‖ of a
//! panel in M, all 16 sums c·p are held against one whole number.
//!
//! **Roundings.** u = 2⁻²⁴. The canonical score is within (⌈d/16⌉ + 4) u ‖q‖‖x‖, to first order, of the
//! exact q·x (N. J. Higham, *Accuracy and Stability of Numerical Algorithms*, 2nd edition 2002, section
//! 3.1). The threshold is computed in floats with some ten roundings, each of at most u times
//! |bar| + M. Bars beyond ±2 ‖q‖‖x‖ decide the same whichever way they are rounded, and M is at most
//! 2 ‖q‖‖x‖, since rounding to codes moves no value further than from 0; so all roundings together are
//! off by less than (⌈d/16⌉ + 64) u ‖q‖‖x‖. Codes store ‖x − x̂‖ with (⌈d/16⌉ + 96) u ‖x‖ added, all norms
//! rounded up. Underflows cost less than one unit of c·p, which is taken off the threshold: values are
//! only quantized where the greatest of a panel, or of a query, lies between 2⁻³⁰ and 2⁴⁰.
//!
//! **One query alone** over many items waits for memory. It may read the upper halves of codes first,
//! which `halves.rs` has a bound for too, and all bits of what is left (`sift.rs`).
//!
//! **What has no codes** (a panel that holds a NaN, an infinity or greater values than those; a query of
//! the kind) has M = ∞, and its rows are always scored.

mod codes;
mod halves;
mod lanes;
mod query;
mod sift;
#[cfg(test)]
mod tests;
mod tile;
#[cfg(target_arch = "x86_64")]
mod x86;

use std::ops::Range;

pub use codes::{CodeShape, Codes, quantize};
pub use halves::UpperHalves;

use super::pieces::Search;
use crate::heap::Selection;
use crate::{Isa, Matrix};
use codes::{GROUP, ROWS};
use lanes::Lane;
use sift::Trust;
use tile::Share;

/// Greatest code of a query.
const LEVELS: f32 = 127.0;

/// Which sums of codes this CPU has instructions for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Engine {
    Scalar,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Vnni,
}

impl Engine {
    fn of(isa: Isa) -> Self {
        match isa {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 if crate::isa::has_vnni() => Self::Vnni,
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 | Isa::Avx2 => Self::Avx2,
            _ => Self::Scalar,
        }
    }

    fn levels(self) -> f32 {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => x86::LEVELS_256,
            _ => LEVELS,
        }
    }

    /// Let all queries meet a group.
    fn meet(
        self,
        search: Search<'_>,
        codes: Codes<'_>,
        group: usize,
        lanes: &mut [Lane<'_, '_, '_>],
    ) {
        match self {
            Self::Scalar => {
                for lanes in lanes.chunks_mut(1) {
                    // SAFETY: portable sums need no instruction set.
                    unsafe {
                        tile::meet::<[i32; ROWS], 1, 1>(
                            search,
                            codes,
                            group,
                            lanes,
                            Share::NOTHING,
                        );
                    }
                }
            }
            #[cfg(target_arch = "x86_64")]
            // SAFETY: `top_k` saw that the CPU has the instruction set.
            Self::Avx2 => unsafe { x86::meet_256(search, codes, group, lanes) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the same, and `Engine::of` asked for VNNI.
            Self::Vnni => unsafe { x86::meet_512(search, codes, group, lanes) },
        }
    }

    /// Let a query meet the upper halves of a group; how many panels are left.
    fn sift(
        self,
        search: Search<'_>,
        codes: Codes<'_>,
        halves: &UpperHalves,
        group: usize,
        lane: &mut Lane<'_, '_, '_>,
    ) -> usize {
        match self {
            // SAFETY: portable sums need no instruction set.
            Self::Scalar => unsafe {
                sift::sift::<[i32; ROWS]>(search, codes, halves, group, lane)
            },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as in `meet`.
            Self::Avx2 => unsafe { x86::sift_256(search, codes, halves, group, lane) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as in `meet`.
            Self::Vnni => unsafe { x86::sift_512(search, codes, halves, group, lane) },
        }
    }
}

/// Whether the scan of codes is the faster one for that k: where few rows are ruled out, it only adds
/// to the work.
pub(super) fn pays(k: usize, items: Matrix<'_>) -> bool {
    k.saturating_mul(ROWS) <= items.rows()
}

/// Offer the items of some chunks to every query, as far as they may enter. Chunks begin at whole
/// groups and come in ascending order.
pub(super) fn scan(
    search: Search<'_>,
    codes: Codes<'_>,
    chunks: impl Iterator<Item = Range<usize>>,
    selections: &mut [Selection<'_>],
) {
    let engine = Engine::of(search.isa);
    let mut lanes: Vec<_> = selections
        .iter_mut()
        .enumerate()
        .map(|(query, selection)| Lane::new(search.queries.row(query), engine.levels(), selection))
        .collect();
    let mut trust = Trust::new();
    for rows in chunks {
        debug_assert!(rows.start.is_multiple_of(GROUP), "whole groups");
        for group in rows.start / GROUP..rows.end.div_ceil(GROUP) {
            match (codes.halves(), &mut lanes[..]) {
                (Some(halves), [lane]) if trust.halves() => {
                    trust.hear(engine.sift(search, codes, halves, group, lane));
                }
                (_, lanes) => engine.meet(search, codes, group, lanes),
            }
        }
    }
    for lane in &mut lanes {
        lane.settle(search);
    }
}
