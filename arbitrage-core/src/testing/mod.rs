//! Parts without weights, for tests, doc examples and first runs. Your own router can be tested against them.
//!
//! | part | what it does |
//! |---|---|
//! | [`Scripted`] | a model that reads its steps from a script |
//! | [`Babbler`] | a seeded random model that behaves like a real one, for property tests |
//! | [`TableScorer`] | scores steps by their text |
//! | [`CallLog`] | wraps any part and keeps what it was asked |
//! | [`Flaky`] | wraps any part and fails where told |

mod babbler;
mod call_log;
mod flaky;
mod scripted;
mod table_scorer;

pub use babbler::Babbler;
pub use call_log::{Call, CallLog, Recording};
pub use flaky::Flaky;
pub use scripted::Scripted;
pub use table_scorer::TableScorer;
