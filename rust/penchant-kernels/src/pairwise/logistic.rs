//! The logistic function with the same bits on every machine.

/// 1.5 * 2^23: adding it rounds to a whole number, which then stands in the lowest bits.
const ROUNDER: f32 = 12_582_912.0;

/// `1 / (1 + e^x)`, within a few units in the last place; a NaN stays one.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "must be part of a function compiled for fused multiply-adds"
)]
pub(super) fn pull(x: f32) -> f32 {
    // Beyond this e^x leaves the normal numbers.
    let x = x.clamp(-87.0, 87.0);
    let shifted = x.mul_add(std::f32::consts::LOG2_E, ROUNDER);
    let whole = shifted - ROUNDER;
    // The rest, to within half of ln 2, by ln 2 in two parts; then e^rest as a power series.
    let rest = whole.mul_add(-1.428_606_8e-6, whole.mul_add(-0.693_145_75, x));
    let mut power = 1.0 / 5040.0;
    for coefficient in [
        1.0 / 720.0,
        1.0 / 120.0,
        1.0 / 24.0,
        1.0 / 6.0,
        0.5,
        1.0,
        1.0,
    ] {
        power = rest.mul_add(power, coefficient);
    }
    // Times 2^whole, by way of the exponent's bits.
    let exponential = f32::from_bits(power.to_bits().wrapping_add(shifted.to_bits() << 23));
    1.0 / (1.0 + exponential)
}

#[cfg(test)]
mod tests {
    use super::pull;

    #[test]
    fn it_is_the_logistic_function() {
        for step in -2000..=2000_i16 {
            let x = f32::from(step) / 25.0;
            let exact = 1.0 / (1.0 + f64::from(x).exp());
            let error = (f64::from(pull(x)) - exact).abs() / exact;
            assert!(error < 3e-7, "{x}: {error}");
        }
    }

    #[test]
    fn it_is_even_at_zero_and_ends_at_zero_and_one() {
        assert_eq!(pull(0.0).to_bits(), 0.5_f32.to_bits());
        assert_eq!(pull(f32::NEG_INFINITY).to_bits(), 1.0_f32.to_bits());
        assert!(pull(f32::INFINITY) < 1e-37);
        assert!(pull(f32::NAN).is_nan());
    }
}
