//! Separates problems for training from problems for measuring: [`Stream`].

use arbitrage_core::Draw;
use serde::{Deserialize, Serialize};

use super::MiniError;
use super::solution_plan::SolutionPlan;
use arbitrage_core::text::{excerpt, fnv1a};

/// An endless stream of problems that shares no problem with the other streams.
///
/// Streams have their own seeds. In addition, a hash of the canonical solution decides which stream may have a problem, so that no test
/// problem is a training problem with other names in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stream {
    /// For training.
    Train,
    /// For choices during training, as the best checkpoint.
    Validation,
    /// For reported results.
    Test,
}

/// Number of indices of a stream. Greater indices wrap around.
const STREAM_LENGTH: u64 = 1 << 40;

impl Stream {
    /// All streams.
    pub const ALL: [Self; 3] = [Self::Train, Self::Validation, Self::Test];

    /// The id of the problem at `index`, such as `mini-test-000123`.
    pub fn id(self, index: u64) -> String {
        format!("mini-{self}-{:06}", index % STREAM_LENGTH)
    }

    /// The seed of the problem at `index`. The seeds of the three streams start at 0, 2⁴⁰ and 2⁴¹.
    pub fn seed(self, index: u64) -> u64 {
        let first = match self {
            Self::Train => 0,
            Self::Validation => STREAM_LENGTH,
            Self::Test => 2 * STREAM_LENGTH,
        };
        first + index % STREAM_LENGTH
    }

    /// The stream that may have a problem with this plan: one in eight solutions is for testing, and one in eight for validation.
    pub(super) fn of(plan: &SolutionPlan) -> Self {
        match Draw::new(fnv1a(plan.solution().as_bytes())).next_u64() % 8 {
            0 => Self::Test,
            1 => Self::Validation,
            _ => Self::Train,
        }
    }
}

impl std::fmt::Display for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Train => "train",
            Self::Validation => "validation",
            Self::Test => "test",
        })
    }
}

impl std::str::FromStr for Stream {
    type Err = MiniError;

    fn from_str(name: &str) -> Result<Self, MiniError> {
        let named = Self::ALL.into_iter().find(|stream| stream.to_string() == name);
        named.ok_or_else(|| MiniError::Stream { found: excerpt(name) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_seeds_are_pinned() {
        assert_eq!(Stream::Test.id(123), "mini-test-000123");
        assert_eq!(Stream::Validation.id(1_234_567), "mini-validation-1234567");
        assert_eq!(Stream::ALL.map(|stream| stream.seed(5)), [5, (1 << 40) + 5, (2 << 40) + 5]);
        assert_eq!("train".parse::<Stream>().unwrap(), Stream::Train);
        assert!("Train".parse::<Stream>().unwrap_err().to_string().contains("found `Train`"));
        assert_eq!(fnv1a(b"a"), 0xaf63_dc4c_8601_ec8c);
    }
}
