//! The part of the problems that one of several processes solves.

use std::fmt;
use std::str::FromStr;

use super::HarnessError;

/// Part `index` of `count`, written `2/8`: every eighth problem, starting with the second. Shards are of equal size, and each is a cross
/// section of all problems.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    index: usize,
    count: usize,
}

impl Shard {
    /// Part `index`, from 1, of `count`.
    ///
    /// # Errors
    /// [`HarnessError::Shard`] unless `index` is from 1 to `count`.
    pub fn new(index: usize, count: usize) -> Result<Self, HarnessError> {
        let is_part = (1..=count).contains(&index);
        is_part
            .then_some(Self { index, count })
            .ok_or_else(|| HarnessError::Shard { found: format!("{index}/{count}") })
    }

    /// All shards of a division into `count` parts.
    pub fn all(count: usize) -> impl Iterator<Item = Self> {
        (1..=count).map(move |index| Self { index, count })
    }

    /// The number of shards.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The shard's items, in their order.
    pub fn of<T: Clone>(&self, items: &[T]) -> Vec<T> {
        items.iter().skip(self.index - 1).step_by(self.count).cloned().collect()
    }

    /// Name of the shard's folder inside that of the evaluation.
    pub fn folder(&self) -> String {
        format!("shard-{}-of-{}", self.index, self.count)
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

impl FromStr for Shard {
    type Err = HarnessError;

    fn from_str(text: &str) -> Result<Self, HarnessError> {
        let wrong = || HarnessError::Shard { found: text.to_owned() };
        let (index, count) = text.split_once('/').ok_or_else(wrong)?;
        let number = |text: &str| text.parse::<usize>().map_err(|_| wrong());
        Self::new(number(index)?, number(count)?).map_err(|_| wrong())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_item_is_in_one_part(items in 0usize..50, count in 1usize..9) {
            let items: Vec<usize> = (0..items).collect();
            let mut parts: Vec<usize> = Shard::all(count).flat_map(|shard| shard.of(&items)).collect();
            let sizes: Vec<usize> = Shard::all(count).map(|shard| shard.of(&items).len()).collect();
            prop_assert!(sizes.iter().max().unwrap() - sizes.iter().min().unwrap() <= 1);
            parts.sort_unstable();
            prop_assert_eq!(parts, items);
        }
    }

    #[test]
    fn text_and_back() {
        assert_eq!("2/8".parse::<Shard>().unwrap().to_string(), "2/8");
        for wrong in ["", "2", "0/8", "9/8", "1/0", "-1/8", "1/8/9", "x/8"] {
            let error = wrong.parse::<Shard>().unwrap_err().to_string();
            assert!(error.contains(&format!("`{wrong}`")), "{error}");
        }
    }
}
