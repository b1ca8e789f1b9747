//! The canonical score: one definition of a dot product, the same bits on every instruction set.
//!
//! Both vectors are padded with zeros to a multiple of 16. Lane `j` of 16 sums the elements `j`,
//! `16 + j`, `32 + j` …, each by one fused multiply-add, starting at +0. The lanes are then added as
//! a fixed tree: 8 + 8, 4 + 4, 2 + 2, 1 + 1. A vector register of 16 floats does this natively, two
//! of 8 do it just as well, and so does this file one float at a time.

/// Lanes of a canonical sum.
pub const LANES: usize = 16;

/// The canonical score of two vectors of equal length.
///
/// A NaN in, or infinities that meet zero or one another, give NaN, as IEEE 754 says.
///
/// # Panics
/// When the lengths differ.
#[must_use]
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len(), "vectors of one length");
    let mut lanes = [0.0_f32; LANES];
    let (a_blocks, a_tail) = a.as_chunks::<LANES>();
    let (b_blocks, b_tail) = b.as_chunks::<LANES>();
    for (x, y) in a_blocks.iter().zip(b_blocks) {
        for lane in 0..LANES {
            lanes[lane] = x[lane].mul_add(y[lane], lanes[lane]);
        }
    }
    if !a_tail.is_empty() {
        for (lane, sum) in lanes.iter_mut().enumerate() {
            // The padding is added too: it turns a lane of -0 into +0, as a full register would.
            *sum = match a_tail.get(lane).zip(b_tail.get(lane)) {
                Some((x, y)) => x.mul_add(*y, *sum),
                None => *sum + 0.0,
            };
        }
    }
    add_lanes(&lanes)
}

/// The fixed tree over the 16 lanes.
fn add_lanes(lanes: &[f32; LANES]) -> f32 {
    let mut sums = *lanes;
    let mut half = LANES / 2;
    while half > 0 {
        for lane in 0..half {
            sums[lane] += sums[lane + half];
        }
        half /= 2;
    }
    sums[0]
}

#[cfg(test)]
mod tests {
    use super::{LANES, dot};

    #[test]
    fn whole_numbers_give_the_exact_sum() {
        for dim in 0..70_u8 {
            let a: Vec<f32> = (0..dim).map(f32::from).collect();
            let b: Vec<f32> = (0..dim).map(|i| f32::from(i % 5)).collect();
            let exact: i32 = (0..i32::from(dim)).map(|i| i * (i % 5)).sum();
            assert!(
                (dot(&a, &b) - exact as f32).abs() < f32::EPSILON,
                "dim {dim}"
            );
        }
    }

    #[test]
    fn products_are_not_rounded_before_they_are_added() {
        let x = 1.0 + f32::EPSILON;
        // Elements 0 and 16 share a lane: the second product lands on -(x * x) rounded.
        let mut a = [0.0; 2 * LANES];
        let mut b = [0.0; 2 * LANES];
        (a[0], b[0]) = (-(x * x), 1.0);
        (a[LANES], b[LANES]) = (x, x);
        assert_eq!(
            dot(&a, &b).to_bits(),
            (f32::EPSILON * f32::EPSILON).to_bits()
        );
    }

    #[test]
    fn opposite_lanes_meet_before_neighbours_do() {
        // 1e8 in lane 0 swallows the 1 of lane 1, but -1e8 in lane 8 takes it away first.
        let mut a = [0.0; LANES];
        (a[0], a[1], a[8]) = (1e8, 1.0, -1e8);
        assert_eq!(dot(&a, &[1.0; LANES]).to_bits(), 1.0_f32.to_bits());
    }

    #[test]
    fn an_underflow_to_negative_zero_is_padded_away() {
        let tiny = f32::MIN_POSITIVE;
        assert_eq!(dot(&[-tiny], &[tiny]).to_bits(), 0.0_f32.to_bits());
        assert_eq!(dot(&[], &[]).to_bits(), 0.0_f32.to_bits());
    }
}
