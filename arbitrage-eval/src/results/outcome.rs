//! How a problem came out.

use serde::{Deserialize, Serialize};

/// How a problem came out. Files of grades may say it in a grader's words, given here as other names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// The answer is the right one.
    #[serde(alias = "correct")]
    Right,
    /// There is another answer, or none.
    #[serde(alias = "incorrect", alias = "no_answer")]
    Wrong,
    /// Nobody knows: a part of the engine failed, or the grader could not judge the answer. It says nothing of the models, so it
    /// counts neither for nor against them.
    #[serde(alias = "refused")]
    Errored,
}

impl Outcome {
    /// Whether the answer is right; `None` where nobody knows.
    pub fn is_right(self) -> Option<bool> {
        match self {
            Self::Right => Some(true),
            Self::Wrong => Some(false),
            Self::Errored => None,
        }
    }
}
