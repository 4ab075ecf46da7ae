//! Predicts how long the same work would take on other hardware, one problem at a time.
//!
//! A trace counts the tokens that each model read and decoded, and the steps that were routed or scored. [`WorkCounts`] has these counts
//! for a problem that was solved, or for one that a [replay](crate::replay) predicts; [`Hardware`] has the seconds per token. Time is
//! linear in the counts, so that every policy on every trace can be priced for a pair of models that was never run here.
//!
//! ```
//! use arbitrage_eval::cost::{Hardware, Reuse, WorkCounts};
//! let text = r#"{
//!     "name": "Llama 1B/8B on an A100",
//!     "draft": { "decoded": 0.004, "prefilled": 0.00002 },
//!     "target": { "decoded": 0.0125, "prefilled": 0.0001 }
//! }"#;
//! let hardware: Hardware = serde_json::from_str(text)?;
//! let mut work = WorkCounts::default();
//! (work.draft.decoded, work.target.prefilled) = (100.0, 100.0);
//! assert!((hardware.seconds(&work, Reuse::Off) - 0.41).abs() < 1e-12);
//! # Ok::<(), serde_json::Error>(())
//! ```

mod decision;
mod error;
mod hardware;
mod measured;
mod pair_seconds;
mod payoff;
mod work;

pub use decision::DecisionWork;
pub use error::CostError;
#[cfg(test)]
pub(crate) use hardware::tests::pair as test_hardware;
pub use hardware::{Hardware, Reuse, TokenSeconds};
pub use measured::measured;
#[cfg(test)]
pub(crate) use pair_seconds::tests::pair as test_pair_seconds;
pub use pair_seconds::{PairSeconds, PassSeconds, PromptTokens};
pub use payoff::Payoff;
pub use work::{RoleWork, WorkCounts};
