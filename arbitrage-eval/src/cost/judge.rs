//! What a decision takes.

use arbitrage_router::Policy;
use serde::{Deserialize, Serialize};

/// What a policy does to decide on a drafted step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Judge {
    /// It looks at what the draft computed anyway, or at nothing.
    #[default]
    Nothing,
    /// A trained router judges it.
    Router,
    /// A scorer reads it: RSD.
    Draft,
    /// A scorer reads it and the target's: the oracle.
    Both,
}

impl Judge {
    /// By a policy's name, with or without its threshold. Names that are no [`Policy`]'s decide for nothing.
    pub fn named(policy: &str) -> Self {
        match policy.split(':').next().unwrap_or(policy) {
            "learned" => Self::Router,
            "rsd" => Self::Draft,
            "oracle" => Self::Both,
            _ => Self::Nothing,
        }
    }
}

impl From<&Policy> for Judge {
    fn from(policy: &Policy) -> Self {
        Self::named(&policy.to_string())
    }
}
