//! How a problem came out.

use serde::{Deserialize, Serialize};

/// How a problem came out. Files of grades may also use the words of common graders; these are read as aliases.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// The answer is right.
    #[serde(alias = "correct")]
    Right,
    /// The answer is wrong, or there is none.
    #[serde(alias = "incorrect", alias = "no_answer")]
    Wrong,
    /// Unknown: the engine failed, or the grader could not judge the answer. This says nothing about the models, so the problem is
    /// excluded from accuracies.
    #[serde(alias = "refused")]
    Errored,
}

impl Outcome {
    /// Whether the answer is right; `None` where that is unknown.
    pub fn is_right(self) -> Option<bool> {
        match self {
            Self::Right => Some(true),
            Self::Wrong => Some(false),
            Self::Errored => None,
        }
    }
}
