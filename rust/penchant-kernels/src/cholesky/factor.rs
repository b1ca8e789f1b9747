//! The upper factor of a symmetric matrix, where it stands.

use super::{BLOCK, TILE, add_products, products, sums_in};
use crate::simd::{Lanes, Simd, Work};

/// Rows that are factored between two visits of those above, and lanes of a row from which on that
/// pays: a shorter matrix stays in the second cache.
const PANEL: usize = 64;
const WIDE: usize = 32;

/// The rows of a matrix, to become those of its upper factor.
pub(super) struct Factor<'a> {
    pub(super) rows: &'a mut [Lanes],
    pub(super) width: usize,
}

impl Work for Factor<'_> {
    type Output = Option<usize>;

    /// Row by row: what the rows above leave of this one, divided by the root of its diagonal.
    ///
    /// The sums over rows above go on from row to row, in panels or not, so that bits are the same.
    #[inline(always)]
    fn on<S: Simd>(self, simd: S) -> Option<usize> {
        let width = self.width;
        let panels = width >= WIDE;
        let mut sums = vec![Lanes::ZERO; if panels { PANEL * width } else { 0 }];
        for first in (0..16 * width).step_by(TILE) {
            let (above, panel) = self.rows.split_at_mut(first * width);
            let panel = &mut panel[..TILE * width];
            let at = first % PANEL;
            if panels && at == 0 {
                panel_products(simd, &mut sums, above, width, first);
            }
            let (earlier, above): (&[Lanes], _) = if panels {
                (
                    &sums[at * width..][..TILE * width],
                    &above[(first - at) * width..],
                )
            } else {
                (&[], &*above)
            };
            let wanted: [f32; TILE] =
                std::array::from_fn(|at| panel[at * width + first / 16].0[first % 16 + at]);
            add_products(simd, panel, earlier, above, width, first, -1.0);
            for (at, wanted) in wanted.into_iter().enumerate() {
                let (block, lane) = ((first + at) / 16, (first + at) % 16);
                let (done, row) = panel.split_at_mut(at * width);
                let row = &mut row[..width];
                for done in done.chunks_exact(width) {
                    let scalar = simd.splat(-done[block].0[lane]);
                    for (lanes, done) in row[block..].iter_mut().zip(&done[block..]) {
                        simd.store(simd.fma(scalar, simd.load(done), simd.load(lanes)), lanes);
                    }
                }
                let pivot = row[block].0[lane];
                // Less is what rounding leaves of a singular matrix.
                if !(pivot > wanted * f32::EPSILON && pivot.is_finite()) {
                    return Some(first + at);
                }
                row[block].0[..lane].fill(0.0);
                let scale = simd.splat(1.0 / pivot.sqrt());
                for lanes in &mut row[block..] {
                    simd.store(simd.mul(simd.load(lanes), scale), lanes);
                }
            }
        }
        None
    }
}

/// The sums over all of `rows` of the products that a panel of [`PANEL`] rows from `first` on takes
/// away, for each of its tiles: the panel as far as `rows` go.
///
/// Blocks of rows are copied side by side first, since rows of a large matrix lie so far apart that a
/// cache has few places for them; and each is read for all tiles, so that memory is read once for
/// the whole panel.
#[inline(always)]
fn panel_products<S: Simd>(
    simd: S,
    sums: &mut [Lanes],
    rows: &[Lanes],
    width: usize,
    first: usize,
) {
    /// Lanes of one row: those of the panel, then two to be multiplied by them.
    const COPIED: usize = PANEL / 16 + 2;
    sums.fill(Lanes::ZERO);
    let start = first / 16;
    let mut copied = vec![Lanes::ZERO; BLOCK * COPIED];
    for block in rows.chunks(BLOCK * width) {
        let count = block.len() / width;
        for (into, row) in copied
            .chunks_exact_mut(COPIED)
            .zip(block.chunks_exact(width))
        {
            let panel = &row[start..width.min(start + PANEL / 16)];
            into[..panel.len()].copy_from_slice(panel);
        }
        for lane in (start..width).step_by(2) {
            for (into, row) in copied
                .chunks_exact_mut(COPIED)
                .zip(block.chunks_exact(width))
            {
                let pair = &row[lane..width.min(lane + 2)];
                into[PANEL / 16..][..pair.len()].copy_from_slice(pair);
            }
            let copied = &copied[..count * COPIED];
            for (at, tile) in sums.chunks_exact_mut(TILE * width).enumerate() {
                // Left of the diagonal nothing is asked for.
                if 16 * (lane + 2) <= first + TILE * at {
                    continue;
                }
                let mut pair = [Lanes::ZERO; 2 * TILE];
                for (pair, row) in pair.chunks_exact_mut(2).zip(tile.chunks_exact(width)) {
                    let known = &row[lane..width.min(lane + 2)];
                    pair[..known.len()].copy_from_slice(known);
                }
                let known = sums_in::<S, 2>(simd, &pair, 2, 0);
                let more = products::<S, 2>(simd, known, copied, COPIED, TILE * at, PANEL / 16);
                for (row, more) in tile.chunks_exact_mut(width).zip(more) {
                    for (lanes, more) in row[lane..].iter_mut().zip(more) {
                        simd.store(more, lanes);
                    }
                }
            }
        }
    }
}
