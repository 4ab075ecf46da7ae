//! Random numbers that depend on what they are used for, and not on the order of calls.

/// A small stream of random numbers (SplitMix64), the same on every machine and in every version.
///
/// ```
/// use arbitrage_core::Draw;
/// let mut draw = Draw::new(1);
/// assert_eq!(draw.next_u64(), 10451216379200822465);
/// assert!((0.0..1.0).contains(&draw.uniform()));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draw(u64);

impl Draw {
    /// The stream that `seed` starts.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A uniformly distributed number in `[0, 1)`, a multiple of 2⁻⁵³.
    pub fn uniform(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }
}

/// The stream for step `index` of a problem and for one `purpose`. Each number is mixed in before the next is added, so that
/// neighbouring seeds and steps do not share a stream.
pub(crate) fn draw(seed: u64, index: u64, purpose: u64) -> Draw {
    let mixed = [index, purpose].into_iter().fold(seed, |state, number| Draw::new(state).next_u64() ^ number);
    Draw::new(Draw::new(mixed).next_u64())
}
