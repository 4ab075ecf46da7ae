//! Indices sorted by a series of numbers, in groups of equal numbers.

/// Indices of a series in ascending sorted of its numbers, none of which is NaN, grouped where numbers are equal.
#[derive(Clone, Debug)]
pub(crate) struct SortedGroups {
    indices: Vec<usize>,
    /// End of each group within `indices`.
    ends: Vec<usize>,
}

impl SortedGroups {
    pub(crate) fn new(numbers: &[f32]) -> Self {
        let mut indices: Vec<usize> = (0..numbers.len()).collect();
        indices.sort_by(|a, b| numbers[*a].total_cmp(&numbers[*b]));
        let groups = indices.chunk_by(|a, b| numbers[*a] == numbers[*b]);
        let ends = groups.scan(0, |end, group| {
            *end += group.len();
            Some(*end)
        });
        let ends = ends.collect();
        Self { indices, ends }
    }

    /// Groups of indices with equal numbers, from the least number to the greatest.
    pub(crate) fn groups(&self) -> impl DoubleEndedIterator<Item = &[usize]> {
        (0..self.ends.len()).map(|group| {
            let start = group.checked_sub(1).map_or(0, |before| self.ends[before]);
            &self.indices[start..self.ends[group]]
        })
    }

    /// Length of the series.
    pub(crate) fn len(&self) -> usize {
        self.indices.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn groups_ascend_and_hold_equal_numbers(numbers in prop::collection::vec((-3i8..4).prop_map(f32::from), 0..30)) {
            let sorted = SortedGroups::new(&numbers);
            let groups: Vec<Vec<usize>> = sorted.groups().map(<[usize]>::to_vec).collect();
            let values: Vec<f32> = groups.iter().map(|group| numbers[group[0]]).collect();
            prop_assert!(values.is_sorted_by(|a, b| a < b));
            for (group, value) in groups.iter().zip(values) {
                prop_assert_eq!(group.len(), numbers.iter().filter(|number| **number == value).count());
                prop_assert!(group.iter().all(|index| numbers[*index] == value));
            }
            prop_assert_eq!(groups.concat().len(), sorted.len());
        }
    }

    #[test]
    fn positive_and_negative_zero_are_equal() {
        let groups: Vec<usize> = SortedGroups::new(&[0.0, -0.0, 1.0, -0.0]).groups().map(<[usize]>::len).collect();
        assert_eq!(groups, [3, 1]);
    }
}
