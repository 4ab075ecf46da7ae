//! Step-level speculative reasoning: a small draft model writes most reasoning steps, a large target model writes only
//! those where a router expects it to do better (arXiv 2512.05033).
//!
//! The other crates build on this one. It holds the traits of the components, the engine that runs them, and the trace that the
//! engine writes. It depends on no tensor library, HTTP client or async runtime, and builds in seconds.
//!
//! | trait | role |
//! |---|---|
//! | [`Drafter`] | writes the next step, cheaply |
//! | [`AdvantageRouter`] | sees the prefix and the drafted step, decides who writes it |
//! | [`Verifier`] | the target model: writes the step that replaces a rejected draft |
//! | [`StepSegmenter`] | says where a step ends, for both models alike |
//! | [`StepScorer`] | scores steps, for the reward-guided and oracle policies |
//!
//! [`Engine`] runs them. A first run needs no weights: [`testing`] has fake models.
//!
//! ```
//! use arbitrage_core::{Engine, Problem, Route, router_fn, testing::Scripted};
//!
//! let draft = Scripted::new("draft", ["6 times 7 is 43.\n\n", "The answer is 42."]);
//! let target = Scripted::new("target", ["6 times 7 is 42.\n\n", "The answer is 42."]);
//! // Escalate a step when it holds the digit 3.
//! let router = router_fn(|c| if c.draft.text.contains('3') { Route::Escalate } else { Route::Accept });
//!
//! let mut engine = Engine::new(draft, target, router);
//! let solution = engine.solve(&Problem::new("What is 6 times 7?"))?;
//! assert_eq!(solution.text(), "6 times 7 is 42.\n\nThe answer is 42.");
//! assert_eq!(solution.usage.escalated_steps, 1);
//! # Ok::<(), arbitrage_core::EngineError>(())
//! ```

mod choose_by;
mod decision;
mod drafter;
mod engine;
mod error;
mod forward;
pub mod fs;
pub mod json;
mod limits;
mod overlap;
mod problem;
pub mod router;
pub mod scorer;
mod seed;
pub mod segmenter;
mod shared;
mod step;
mod step_cutter;
pub mod testing;
pub mod text;
pub mod trace;
mod usage;
mod verifier;

pub use choose_by::ChooseBy;
pub use decision::{Decision, Evidence, Route};
pub use drafter::{DraftCopies, Drafter, DrafterFn, SeveralDrafts, StepResult, StepsResult, drafter_fn};
pub use engine::{Engine, ProblemSource, Solution, WhenEmpty};
pub use error::{BoxError, ConfigError, EngineError, Role, ScoreError, StepError};
pub use limits::{Limits, Stop};
pub use overlap::Overlap;
pub use problem::{Message, Prefix, Problem, SequenceId};
pub use router::{AdvantageRouter, router_fn};
pub use scorer::StepScorer;
pub use seed::Draw;
pub use segmenter::StepSegmenter;
pub use shared::Shared;
pub use step::{Accepted, Author, Candidate, Finish, Hidden, Rewrite, Step, StepRule, VocabularyId};
pub use step_cutter::StepCutter;
pub use usage::{RoleUsage, StepCost, Usage};
pub use verifier::{Target, Verifier};

/// Compiles and runs the README's code as doc tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct CoreReadme;
