//! Parts without weights, for tests, doc examples and first runs, and checks for parts of your own.
//!
//! | item | what it does |
//! |---|---|
//! | [`Scripted`] | a model that reads its steps from a script |
//! | [`Babbler`] | a seeded random model that behaves like a real one, for property tests |
//! | [`TableScorer`] | scores steps by their text |
//! | [`CallLog`] | wraps any part and logs its calls |
//! | [`Flaky`] | wraps any part and fails at given requests |
//! | [`conformance`] | checks that a part of your own keeps the contract of its trait |

mod babbler;
mod call_log;
pub mod conformance;
mod flaky;
mod scripted;
mod table_scorer;

pub use babbler::Babbler;
pub use call_log::{CallLog, LoggedCall, Recording};
pub use flaky::Flaky;
pub use scripted::Scripted;
pub use table_scorer::TableScorer;
