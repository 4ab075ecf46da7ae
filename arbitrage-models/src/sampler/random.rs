//! Random numbers that stay the same for ever.

/// SplitMix64 (Steele, Lea, Flood 2014): a counter and a mixer. Its sequence is pinned by test, so that a seed gives the
/// same text in every version.
#[derive(Debug, Clone)]
pub struct Random {
    counter: u64,
}

const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

impl Random {
    /// The sequence of `seed` and `stream`; either changes all of it.
    pub fn new(seed: u64, stream: u64) -> Self {
        Self { counter: mix(mix(seed.wrapping_add(GOLDEN)) ^ stream) }
    }

    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.counter = self.counter.wrapping_add(GOLDEN);
        mix(self.counter)
    }

    /// Uniform in `[0, 1)`, a multiple of 2⁻⁵³.
    pub fn uniform(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 * (1.0 / (1_u64 << 53) as f64)
    }
}

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The published sequence for seed 1234567.
    #[test]
    fn is_splitmix64() {
        let mut random = Random { counter: 1_234_567 };
        let expected = [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423];
        assert_eq!([(); 3].map(|()| random.next_u64()), expected);
    }

    #[test]
    fn seeds_and_streams_are_separate() {
        let first = |seed, stream| Random::new(seed, stream).next_u64();
        let all = [first(0, 0), first(0, 1), first(1, 0), first(1, 1)];
        for (i, a) in all.iter().enumerate() {
            assert!(all[i + 1..].iter().all(|b| a != b));
        }
    }
}
