//! Rows that may be among the k best of a query, known by bounds of their scores.

/// Halvings of the range of scores in search of the k-th: enough to part all but the closest.
const STEPS: usize = 12;

/// Collects rows until it is full, then drops those that k others are certain to beat.
///
/// Only rows that the query may get are pushed: the bar rests on them. Sifting is a quickselect, so
/// a push costs O(1) on average whatever k is.
#[derive(Debug)]
pub(crate) struct Candidates {
    k: usize,
    rows: Vec<Candidate>,
    keys: Vec<i32>,
    bar: f32,
}

/// What came of a push.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pushed {
    /// The row is one more.
    Kept,
    /// The bar may have risen.
    Sifted,
    /// The bar may have risen, but few rows have left: too many are too close to call. Drain them.
    Crowded,
}

#[derive(Debug, Clone, Copy)]
struct Candidate {
    row: i32,
    lower: f32,
    upper: f32,
}

impl Candidates {
    /// Start with no rows. O(k) memory; `k` is at least 1.
    pub(crate) fn new(k: usize) -> Self {
        Self {
            k,
            rows: Vec::with_capacity(full(k)),
            keys: Vec::with_capacity(full(k)),
            bar: f32::NEG_INFINITY,
        }
    }

    /// k rows are certain to score this much or more: a row that comes after them must score more to
    /// be among the k best.
    #[inline]
    pub(crate) fn bar(&self) -> f32 {
        self.bar
    }

    /// Keep a row whose score lies between two bounds, neither of them NaN.
    #[inline]
    pub(crate) fn push(&mut self, row: i32, lower: f32, upper: f32) -> Pushed {
        self.rows.push(Candidate { row, lower, upper });
        if self.rows.len() < full(self.k) {
            Pushed::Kept
        } else {
            self.sift()
        }
    }

    /// Rows that are still candidates, in no particular order; none are left behind.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = i32> + '_ {
        if self.rows.len() > self.k {
            self.sift();
        }
        self.rows.drain(..).map(|candidate| candidate.row)
    }

    /// Raise the bar to the k-th greatest lower bound, and drop what can't reach it.
    #[inline(never)]
    fn sift(&mut self) -> Pushed {
        self.keys.clear();
        self.keys.extend(self.rows.iter().map(|row| key(row.lower)));
        self.bar = self.bar.max(value(below_kth(&self.keys, self.k)));
        let mut kept = 0;
        for place in 0..self.rows.len() {
            let candidate = self.rows[place];
            self.rows[kept] = candidate;
            kept += usize::from(candidate.upper >= self.bar); // no branch to guess
        }
        self.rows.truncate(kept);
        let full = full(self.k);
        if self.rows.len() > full - (full - self.k) / 4 {
            Pushed::Crowded
        } else {
            Pushed::Sifted
        }
    }
}

/// How many rows make sifting worth while: the fewer, the sooner the bar rises.
fn full(k: usize) -> usize {
    k + k / 2 + 8
}

/// A number that at least k of the keys reach, and few more than k.
///
/// The k-th greatest is looked for by bisection, and not to the end: counting takes no branches that
/// depend on the keys, so a dozen counts cost less than a quickselect.
fn below_kth(keys: &[i32], k: usize) -> i32 {
    let (mut low, mut high) = keys.iter().fold((i32::MAX, i32::MIN), |(low, high), &key| {
        (low.min(key), high.max(key))
    });
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
    low
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
    use super::{Candidates, Pushed, full, key, value};

    /// Push exact scores 0, 1, 2 ... in an order that jumps about.
    fn pushed(k: usize, count: usize) -> (Candidates, Vec<Pushed>) {
        let mut candidates = Candidates::new(k);
        let scores = (0..count).map(|i| i * 7919 % count);
        let told = scores.map(|score| candidates.push(score as i32, score as f32, score as f32));
        let told = told.collect();
        (candidates, told)
    }

    #[test]
    fn the_best_stay_and_the_bar_is_one_that_k_of_them_reach() {
        for k in [1, 2, 10, 100] {
            let (mut candidates, told) = pushed(k, 1000);
            assert!(told.contains(&Pushed::Sifted) && !told.contains(&Pushed::Crowded));
            let bar = candidates.bar();
            assert!(bar > 500.0 && bar <= (1000 - k) as f32, "{k}: {bar}");
            let mut rows: Vec<i32> = candidates.drain().collect();
            rows.sort_unstable();
            assert!(rows.len() < full(k) && rows.len() >= k);
            assert!(rows.ends_with(&(1000 - k as i32..1000).collect::<Vec<_>>()));
        }
    }

    #[test]
    fn a_row_stays_as_long_as_its_upper_bound_reaches_the_bar() {
        let mut candidates = Candidates::new(1);
        candidates.push(0, -100.0, 60.0);
        candidates.push(1, -100.0, 40.0);
        for row in 2..full(1) as i32 {
            candidates.push(row, 50.0, 50.0);
        }
        assert!(candidates.bar() <= 50.0 && candidates.bar() > 40.0);
        let rows: Vec<i32> = candidates.drain().collect();
        assert!(rows.contains(&0) && !rows.contains(&1));
    }

    #[test]
    fn equal_scores_crowd() {
        let mut candidates = Candidates::new(3);
        let told: Vec<Pushed> = (0..full(3))
            .map(|row| candidates.push(row as i32, 1.0, 1.0))
            .collect();
        assert_eq!(told.last(), Some(&Pushed::Crowded));
        assert_eq!(candidates.drain().count(), full(3));
        assert_eq!(candidates.drain().count(), 0);
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
