//! Random choices that depend on a seed alone.

/// SplitMix64: one seed gives one sequence, on every machine.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// A number below `end`; 0 where `end` is 0.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.number() % (end as u64).max(1)) as usize
    }

    /// True in `percent` of 100 cases.
    pub(crate) fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// One of `choices`, of which there is at least one.
    pub(crate) fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }

    /// One of `choices`, or none where there are none.
    pub(crate) fn pick_mut<'a, T>(&mut self, choices: &'a mut [T]) -> Option<&'a mut T> {
        let at = self.below(choices.len());
        choices.get_mut(at)
    }

    /// Of choices with weights, one.
    pub(crate) fn weighted<'a, T>(&mut self, choices: &'a [T], weight: impl Fn(&T) -> usize) -> &'a T {
        let mut left = self.below(choices.iter().map(&weight).sum());
        let chosen = choices.iter().find(|choice| {
            let found = left < weight(choice);
            left = left.saturating_sub(weight(choice));
            found
        });
        chosen.unwrap_or(&choices[0])
    }
}
