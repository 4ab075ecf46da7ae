//! Random choices that are the same on every machine.

use arbitrage_core::Draw;

/// A uniform number below `bound`; 0 for a bound of 0. Its bias, less than `bound / 2⁶⁴`, is negligible.
pub(crate) fn below(draw: &mut Draw, bound: usize) -> usize {
    ((u128::from(draw.next_u64()) * bound as u128) >> 64) as usize
}

/// Keeps a uniformly random selection of `count` items, or all if there are fewer, in random order.
pub(crate) fn choose<T>(draw: &mut Draw, items: &mut Vec<T>, count: usize) {
    for index in 0..count.min(items.len()) {
        let other = index + below(draw, items.len() - index);
        items.swap(index, other);
    }
    items.truncate(count);
}

/// A hash of `text` that is the same in every release and on every machine, unlike that of the standard library: FNV-1a
/// from a mixed seed, mixed once more because short texts change the high bits of FNV-1a only little.
pub(crate) fn hash(seed: u64, text: &str) -> u64 {
    let start = Draw::new(seed).next_u64() ^ 0xCBF2_9CE4_8422_2325;
    let state = text.bytes().fold(start, |state, byte| (state ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3));
    Draw::new(state).next_u64()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn numbers_stay_below(seed in any::<u64>(), bound in 1usize..50) {
            let mut draw = Draw::new(seed);
            prop_assert!((0..100).all(|_| below(&mut draw, bound) < bound));
        }

        #[test]
        fn a_choice_has_no_duplicates(seed in any::<u64>(), size in 0usize..30, count in 0usize..40) {
            let mut items: Vec<usize> = (0..size).collect();
            choose(&mut Draw::new(seed), &mut items, count);
            prop_assert_eq!(items.len(), count.min(size));
            items.sort_unstable();
            items.dedup();
            prop_assert_eq!(items.len(), count.min(size));
        }
    }

    #[test]
    fn items_are_chosen_uniformly() {
        let mut counts = [0usize; 5];
        let mut draw = Draw::new(1);
        for _ in 0..10_000 {
            let mut items = vec![0, 1, 2, 3, 4];
            choose(&mut draw, &mut items, 2);
            items.into_iter().for_each(|item| counts[item] += 1);
        }
        // 4,000 each, with a standard deviation of 49.
        assert!(counts.iter().all(|count| count.abs_diff(4_000) < 250), "{counts:?}");
    }

    #[test]
    fn hashes_depend_on_seed_and_text() {
        let hashes = [hash(0, "a"), hash(1, "a"), hash(0, "b"), hash(0, ""), hash(0, "ab"), hash(0, "ba")];
        let mut distinct = hashes.to_vec();
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(distinct.len(), hashes.len());
    }
}
