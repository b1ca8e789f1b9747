//! The k-th greatest of some floats, or nearly: what the best so far have in common.

/// Halvings of a range of floats in search of the k-th: enough to part all but the closest.
const STEPS: usize = 16;

/// How many entries make looking for the k-th worth while: the fewer, the sooner a bar rises.
pub(crate) fn full(k: usize) -> usize {
    k.saturating_add(k / 2).saturating_add(8)
}

/// Whether so many of [`full`] have stayed that looking again soon would be a waste.
pub(crate) fn crowded(len: usize, k: usize) -> bool {
    len > full(k) - (full(k) - k) / 4
}

/// A float that at least k of the scores reach, and few more than k. `keys` is room to work in.
///
/// There are at least k scores, none of them NaN. The k-th is looked for by bisection, and not to the
/// end: counting takes no branches that depend on the scores, so 16 counts cost less than a
/// quickselect. O(scores).
pub(crate) fn nearly_kth(scores: impl Iterator<Item = f32>, k: usize, keys: &mut Vec<i32>) -> f32 {
    keys.clear();
    let (mut low, mut high) = (i32::MAX, i32::MIN);
    for score in scores {
        let key = key(score);
        (low, high) = (low.min(key), high.max(key));
        keys.push(key);
    }
    for _ in 0..STEPS {
        let middle = low.midpoint(high);
        let reaching = keys
            .iter()
            .map(|&key| i32::from(key >= middle))
            .sum::<i32>() as usize;
        if reaching < k {
            high = middle;
        } else {
            low = middle;
        }
        if reaching == k {
            break;
        }
    }
    value(low)
}

/// A whole number in the place that a float, not NaN, has among the floats.
fn key(float: f32) -> i32 {
    let bits = float.to_bits() as i32;
    bits ^ ((bits >> 31) & i32::MAX)
}

/// The float of a key.
fn value(key: i32) -> f32 {
    f32::from_bits((key ^ ((key >> 31) & i32::MAX)) as u32)
}

#[cfg(test)]
mod tests {
    use super::{key, nearly_kth, value};

    #[test]
    fn at_least_k_reach_it_and_few_more() {
        let scores: Vec<f32> = (0..1000).map(|i| (i * 7919 % 1000) as f32).collect();
        for k in [1, 2, 10, 500, 1000] {
            let kth = nearly_kth(scores.iter().copied(), k, &mut Vec::new());
            let reaching = scores.iter().filter(|&&score| score >= kth).count();
            assert!((k..=k + 10).contains(&reaching), "{k}: {reaching}");
        }
    }

    #[test]
    fn equal_scores_are_all_reached() {
        let kth = nearly_kth([2.0_f32; 9].into_iter(), 3, &mut Vec::new());
        assert_eq!(kth.to_bits(), 2.0_f32.to_bits());
    }

    #[test]
    fn scores_of_any_size_are_parted() {
        let scores = [
            f32::NEG_INFINITY,
            -1e38,
            -1e-40,
            0.0,
            1e-40,
            1.0,
            1e38,
            f32::INFINITY,
        ];
        for k in 1..=scores.len() {
            let kth = nearly_kth(scores.into_iter(), k, &mut Vec::new());
            assert!(kth > f32::NEG_INFINITY || k == scores.len());
            assert!(scores.into_iter().filter(|&score| score >= kth).count() >= k);
        }
    }

    #[test]
    fn keys_have_the_order_of_floats() {
        let floats = [
            f32::NEG_INFINITY,
            -1e30,
            -1.0,
            -1e-45,
            -0.0,
            0.0,
            1e-45,
            1.0,
            f32::INFINITY,
        ];
        assert!(floats.map(key).is_sorted_by(|a, b| a < b));
        for float in floats {
            assert_eq!(value(key(float)).to_bits(), float.to_bits());
        }
    }
}
