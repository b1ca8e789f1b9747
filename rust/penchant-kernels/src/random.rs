//! Random numbers that follow from a key and a count, and from nothing else.
//!
//! A draw that a seed, an epoch and a row lead to is the same whichever thread makes it and
//! whatever was drawn before: streams are named, not shared. The numbers are those of `SplitMix64`
//! (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014), whose n-th
//! number is a mixture of the key and n.

/// The golden ratio as a fraction of 2^64: consecutive counts differ in about half of their bits.
const STEP: u64 = 0x9E37_79B9_7F4A_7C15;

/// A stream of numbers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Draws {
    state: u64,
}

impl Draws {
    /// The stream of that name; a name is a seed and whatever tells its streams apart.
    #[inline]
    pub(crate) fn new(name: &[u64]) -> Self {
        let (&seed, rest) = name.split_first().unwrap_or((&0, &[]));
        Self {
            state: rest
                .iter()
                .fold(seed, |state, &part| mixed(state.wrapping_add(STEP)) ^ part),
        }
    }

    /// The next 64 bits.
    #[inline]
    pub(crate) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(STEP);
        mixed(self.state)
    }

    /// A whole number from 0 to `n - 1`: the high half of a product (Lemire 2019), uneven by less
    /// than one in 2^64 / n.
    #[inline]
    pub(crate) fn below(&mut self, n: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(n)) >> 64) as u64
    }

    /// A number from 0 up to 1, one of 2^24.
    #[inline]
    pub(crate) fn fraction(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1_u32 << 24) as f32
    }
}

/// Every bit of the result depends on every bit given; no two arguments give the same.
#[inline]
fn mixed(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::Draws;

    #[test]
    fn a_seed_alone_gives_the_numbers_of_the_paper() {
        let mut draws = Draws::new(&[1_234_567]);
        let first = [(); 3].map(|()| draws.next());
        assert_eq!(
            first,
            [
                6_457_827_717_110_365_317,
                3_203_168_211_198_807_973,
                9_817_491_932_198_370_423
            ]
        );
    }

    #[test]
    fn streams_of_different_names_differ() {
        let names: [&[u64]; 5] = [&[1], &[1, 0], &[1, 1], &[0, 1], &[1, 0, 1]];
        let mut firsts = names.map(|name| Draws::new(name).next()).to_vec();
        firsts.sort_unstable();
        firsts.dedup();
        assert_eq!(firsts.len(), names.len());
    }

    #[test]
    fn fractions_are_even() {
        let mut draws = Draws::new(&[3, 1]);
        let mut tenths = [0_u32; 10];
        for _ in 0..10_000 {
            tenths[(draws.fraction() * 10.0) as usize] += 1;
        }
        assert!(
            tenths.iter().all(|&count| (900..1100).contains(&count)),
            "{tenths:?}"
        );
    }
}
