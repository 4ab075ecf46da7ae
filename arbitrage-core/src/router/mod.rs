//! Who writes the next step: [`AdvantageRouter`], and the policies that need no training.
//!
//! | policy | decides by | escalates when | τ in |
//! |---|---|---|---|
//! | [`AlwaysDraft`] | nothing | never | – |
//! | [`AlwaysTarget`] | nothing | always, and no draft is written | – |
//! | [`Random`] | a seeded coin | with the given probability | [0, 1] |
//! | [`Rsd`] | a scorer on the drafted step | `s_d ≤ τ` | the scorer's range |
//! | [`Oracle`] | a scorer on both steps | `s_t − s_d > τ` | ± the range's width |
//! | [`MeanLogprob`] | the draft's mean log-probability | `mean < τ` | ≤ 0 |
//! | [`FirstTokenEntropy`] | entropy of the step's first token | `H > τ` | ≥ 0 |
//! | [`Budget`] | another router | the other one does, at most B times a problem | – |
//! | [`Explore`] | another router, or a seeded coin with a given probability | the one that decides does | – |
//! | [`Handover`] | another router | the other one does, and for some steps after that | – |
//! | [`Labelling`] | another router, and scores both steps | the other one does | – |
//! | [`router_fn`] | a closure | the closure returns [`Route::Escalate`](crate::Route::Escalate) | – |
//!
//! What each policy compares with its threshold τ, and how, is a [`ThresholdRule`].

mod always;
mod both;
mod budget;
mod entropy;
mod explore;
mod function;
mod handover;
mod labelling;
mod logprob;
mod oracle;
mod random;
mod rsd;
mod rule;
mod samples;

pub use always::{AlwaysDraft, AlwaysTarget};
pub use both::{ScoreBoth, StepScores};
pub use budget::Budget;
pub use entropy::FirstTokenEntropy;
pub use explore::Explore;
pub use function::{RouterFn, router_fn};
pub use handover::{Handover, HandoverRule};
pub use labelling::Labelling;
pub use logprob::MeanLogprob;
pub use oracle::Oracle;
pub use random::Random;
pub use rsd::Rsd;
pub use rule::{Side, Signal, ThresholdRange, ThresholdRule};
pub use samples::TargetSamples;

use crate::error::ScoreError;
use crate::{BoxError, Candidate, Decision, Evidence, Prefix, SequenceId};

/// Decides, for each drafted step, whether the target should write it instead.
///
/// Only [`route`](Self::route) is required. A closure is a router too: [`router_fn`].
///
/// ```
/// use arbitrage_core::{AdvantageRouter, BoxError, Candidate, Decision, Route};
///
/// /// Escalates short drafts.
/// struct Terse(usize);
/// impl AdvantageRouter for Terse {
///     fn route(&mut self, candidate: &Candidate<'_>) -> Result<Decision, BoxError> {
///         Ok(Route::escalate_if(candidate.draft.text.len() < self.0).into())
///     }
/// }
/// ```
pub trait AdvantageRouter: Send {
    /// Name with parameters, for traces, such as `rsd(τ=0.7)`.
    fn name(&self) -> String {
        "custom".to_owned()
    }

    /// What the router must see to decide. [`Evidence::Both`] makes the engine call the target for every step.
    fn evidence(&self) -> Evidence {
        Evidence::DraftOnly
    }

    /// Decides from the prefix alone, before a draft is written. `Some(Escalate)` saves the draft, `Some(Accept)` saves
    /// the routing; `None`, the default, lets the draft be written and [`route`](Self::route) decide.
    fn before_draft(&mut self, _prefix: &Prefix<'_>) -> Option<Decision> {
        None
    }

    /// Decides on one drafted step.
    fn route(&mut self, candidate: &Candidate<'_>) -> Result<Decision, BoxError>;

    /// Decides on several drafted steps, in order. Override it where a batch is cheaper than single calls; the decisions must
    /// be those of [`route`](Self::route).
    fn route_batch(&mut self, candidates: &[Candidate<'_>]) -> Vec<Result<Decision, BoxError>> {
        candidates.iter().map(|candidate| self.route(candidate)).collect()
    }

    /// The sequence is finished, and whatever the router or its scorer keeps for it can be dropped. Called once a sequence,
    /// also for those that the router never saw.
    fn release(&mut self, _id: SequenceId) {}
}

/// The decision on a batch of one step.
fn single(answers: Vec<Result<Decision, BoxError>>) -> Result<Decision, BoxError> {
    let found = answers.len();
    match <[_; 1]>::try_from(answers) {
        Ok([answer]) => answer,
        Err(_) => Err(ScoreError::Count { expected: 1, found }.into()),
    }
}
