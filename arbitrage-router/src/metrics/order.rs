//! Numbers sorted once, ties together.

/// Places of numbers in ascending order of the numbers, which are not NaN.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    places: Vec<usize>,
    /// Where each group of equal numbers ends among the places.
    ends: Vec<usize>,
}

impl Order {
    pub fn new(numbers: &[f32]) -> Self {
        let mut places: Vec<usize> = (0..numbers.len()).collect();
        places.sort_by(|a, b| numbers[*a].total_cmp(&numbers[*b]));
        let groups = places.chunk_by(|a, b| numbers[*a] == numbers[*b]);
        let running = groups.scan(0, |end, group| {
            *end += group.len();
            Some(*end)
        });
        let ends = running.collect();
        Self { places, ends }
    }

    /// Groups of places with equal numbers, from the least number to the greatest.
    pub fn groups(&self) -> impl DoubleEndedIterator<Item = &[usize]> {
        (0..self.ends.len()).map(|group| {
            let start = group.checked_sub(1).map_or(0, |before| self.ends[before]);
            &self.places[start..self.ends[group]]
        })
    }

    /// How many numbers there are.
    pub fn len(&self) -> usize {
        self.places.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn groups_hold_equals_and_ascend(numbers in prop::collection::vec((-3i8..4).prop_map(f32::from), 0..30)) {
            let order = Order::new(&numbers);
            let groups: Vec<Vec<usize>> = order.groups().map(<[usize]>::to_vec).collect();
            let values: Vec<f32> = groups.iter().map(|group| numbers[group[0]]).collect();
            prop_assert!(values.is_sorted_by(|a, b| a < b));
            for (group, value) in groups.iter().zip(values) {
                prop_assert_eq!(group.len(), numbers.iter().filter(|number| **number == value).count());
                prop_assert!(group.iter().all(|place| numbers[*place] == value));
            }
            prop_assert_eq!(groups.concat().len(), order.len());
        }
    }

    #[test]
    fn both_zeros_are_one_number() {
        let groups: Vec<usize> = Order::new(&[0.0, -0.0, 1.0, -0.0]).groups().map(<[usize]>::len).collect();
        assert_eq!(groups, [3, 1]);
    }
}
