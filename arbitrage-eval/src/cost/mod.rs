//! What the same work would take on other hardware, one problem at a time.
//!
//! A trace counts tokens: those that each model read and wrote, and steps that were judged. [`Work`] holds these counts, of a problem
//! that was solved or of one that a [replay](crate::replay) predicts; a [`Hardware`] holds the seconds a token. Seconds are linear in
//! the counts, so that every policy on every trace can be priced for a pair of models that was never run here.
//!
//! ```
//! use arbitrage_eval::cost::{Hardware, Judge, Reuse, Work};
//! let text = r#"{
//!     "name": "Llama 1B/8B on an A100",
//!     "draft": { "decoded": 0.004, "prefilled": 0.00002 },
//!     "target": { "decoded": 0.0125, "prefilled": 0.0001 }
//! }"#;
//! let hardware: Hardware = serde_json::from_str(text)?;
//! let mut work = Work::default();
//! (work.draft.decoded, work.target.prefilled) = (100.0, 100.0);
//! assert!((hardware.seconds(&work, Reuse::Off) - 0.41).abs() < 1e-12);
//! # Ok::<(), serde_json::Error>(())
//! ```

mod error;
mod hardware;
mod judge;
mod measured;
mod priced;
mod work;

pub use error::CostError;
pub use hardware::{Hardware, Reuse, TokenSeconds};
pub use judge::Judge;
pub use measured::measured;
pub use priced::{priced, priced_curve};
pub use work::{RoleWork, Work};
