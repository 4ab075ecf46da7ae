//! Why a policy could not be made.

use arbitrage_core::ConfigError;

use super::Policy;

/// Why a policy could not be made.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// No policy has this name.
    #[error("policy `{found}` is unknown; expected one of {}", Policy::known_names().join(", "))]
    Unknown {
        /// The name given.
        found: String,
    },
    /// The threshold is missing, surplus, or not a number.
    #[error("policy `{policy}`: expected {expected}, found `{found}`")]
    Threshold {
        /// The policy's name.
        policy: String,
        /// What belongs after the colon.
        expected: &'static str,
        /// What was given.
        found: String,
    },
    /// The policy scores steps, and no scorer was given.
    #[error("policy `{policy}` needs a step scorer (such as the target as judge), and none was given")]
    Scorer {
        /// The policy.
        policy: String,
    },
    /// The policy is a trained router, whose weights have to be loaded from a folder.
    #[error("policy `{policy}` is a trained router: give the folder with its weights")]
    Folder {
        /// The policy.
        policy: String,
    },
    /// A custom policy has a name that cannot be registered.
    #[error("policy name `{name}`: expected {expected}")]
    Name {
        /// The name.
        name: String,
        /// What a name has to be.
        expected: &'static str,
    },
    /// What follows the policy after a `+` is no lookahead.
    #[error("lookahead of a policy: expected {expected}, found `{found}`")]
    Lookahead {
        /// What may be written.
        expected: &'static str,
        /// What was given.
        found: String,
    },
    /// The threshold lies outside the policy's range, or a handover's numbers do.
    #[error(transparent)]
    Config(#[from] ConfigError),
}
