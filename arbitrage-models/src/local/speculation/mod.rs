//! Token-level speculative decoding (Leviathan et al., arXiv 2211.17192): proposed tokens are verified in one pass, and the text
//! stays unchanged.
//!
//! A pass over a token and `g` speculative tokens after it costs little more than a pass over the token alone, since most of the
//! time goes into reading the weights. The model samples its own token at every position, from its own random numbers, and
//! continues for as long as it samples the speculative token. So the text is the same, token for token, whatever is proposed,
//! greedy or not. That is why the number of tokens that are verified may depend on timing: on what passes of few and of many rows cost
//! on this machine, which is measured when the first tokens are to be verified (`pass_costs`), and on how often similar proposals were accepted ([`SpeculationAcceptance`]).
//!
//! For a proposal without a distribution, "sample and compare" accepts a token with the probability that the model gives it, and
//! samples from the other tokens otherwise. A [`DraftModel`] samples its proposals with the same random numbers as the model,
//! which makes the two agree nearly as often as any rule can ([`Sampler::pick`]). Leviathan's rule agrees a little more often,
//! but lets the text depend on the proposer and on the number of proposed tokens.

mod acceptance;
mod draft_model;
mod pass_costs;
mod prompt_lookup;
mod rejected_step;

pub use acceptance::{Gate, SpeculationAcceptance};
pub use draft_model::DraftModel;
pub use prompt_lookup::PromptLookup;
pub(super) use rejected_step::RejectedStep;

use std::hint::black_box;
use std::time::Instant;

use arbitrage_core::{SequenceId, VocabularyId};

use crate::decoder::{Decoder, Outputs, Span, values};
use crate::error::{Error, Result};
use crate::sampler::Sampler;
use pass_costs::PassCosts;

/// Most speculative tokens of a sequence in one pass. Beyond it, a row costs as much as it does in prefill, and nothing is gained.
pub(super) const MAX_SPECULATIVE_TOKENS: usize = 32;

/// Proposes the tokens that a model will generate next.
///
/// Proposals change the speed and never the text. A proposer that has none returns nothing; there are no errors.
///
/// ```
/// use arbitrage_models::speculation::{ProposalRequest, ProposedTokens, Proposer};
///
/// /// Proposes the last token again.
/// struct Echo;
/// impl Proposer for Echo {
///     fn name(&self) -> &str {
///         "echo"
///     }
///     fn propose(&mut self, requests: &[ProposalRequest<'_>]) -> Vec<ProposedTokens> {
///         let last = |request: &ProposalRequest<'_>| request.tokens.last().map(|&id| (id, 0.1)).into_iter().collect();
///         requests.iter().map(last).collect()
///     }
/// }
/// ```
pub trait Proposer: Send {
    /// Name for reports.
    fn name(&self) -> &str;

    /// Proposals for each request, in order, at most [`ProposalRequest::max_tokens`] each.
    fn propose(&mut self, requests: &[ProposalRequest<'_>]) -> Vec<ProposedTokens>;

    /// The vocabulary of the proposed tokens; `None` for proposers that only repeat tokens which they were given.
    fn vocabulary(&self) -> Option<VocabularyId> {
        None
    }

    /// What proposing one token costs, in seconds.
    fn seconds_per_token(&self) -> f64 {
        0.0
    }

    /// Drops what is kept of a sequence that is finished.
    fn release(&mut self, _id: SequenceId) {}
}

/// A sequence whose next tokens are to be proposed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ProposalRequest<'a> {
    /// Identifies the sequence to proposers that cache.
    pub id: SequenceId,
    /// Prompt, accepted steps, and the tokens of the current step: at least one token.
    pub tokens: &'a [u32],
    /// Most tokens that may be proposed.
    pub max_tokens: usize,
    /// Samples the sequence's next token. A clone that samples from similar logits mostly gives the same token.
    pub sampler: &'a Sampler,
    /// Says which proposals are worth verifying.
    pub gate: Gate<'a>,
}

/// Tokens that may come next, in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ProposedTokens {
    /// The tokens.
    pub tokens: Vec<u32>,
    /// The proposer's confidence in each token, from 0 to 1, given that all before it are right. It need not be calibrated: how
    /// often proposals of a confidence are accepted is learned.
    pub confidences: Vec<f32>,
}

impl FromIterator<(u32, f32)> for ProposedTokens {
    fn from_iter<I: IntoIterator<Item = (u32, f32)>>(proposals: I) -> Self {
        let (tokens, confidences) = proposals.into_iter().unzip();
        Self { tokens, confidences }
    }
}

/// Where proposed tokens come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ProposalSource {
    /// The rejected step, which the text has followed so far.
    Rejected,
    /// The rejected step, which the text has left and joined again.
    Rejoined,
    /// The model's proposer.
    Proposer,
}

/// The proposed tokens that are to be verified in the next pass.
pub(super) struct SpeculationPlan {
    pub proposed: ProposedTokens,
    source: ProposalSource,
}

/// How many of the tokens of a plan the model sampled too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Verification {
    pub accepted: usize,
    /// Whether the token after them was compared and rejected. It is not compared when the step ends before it.
    pub next_was_rejected: bool,
}

/// A sequence that could verify speculative tokens in the next pass.
pub(super) struct DraftRequest<'a> {
    pub id: SequenceId,
    /// Prompt, accepted steps and the tokens of the current step: the cached ones, and the pending ones.
    pub tokens: [&'a [u32]; 2],
    /// The tokens of the current step.
    pub step_tokens: &'a [u32],
    pub rejected: Option<&'a RejectedStep>,
    pub max_tokens: usize,
    pub sampler: &'a Sampler,
}

/// A model's sources of speculative tokens, and what is known of their acceptance and cost.
#[derive(Default)]
pub(super) struct Speculation {
    proposer: Option<Box<dyn Proposer>>,
    pub costs: PassCosts,
    /// Indexed by [`ProposalSource`].
    acceptance: [SpeculationAcceptance; 3],
    /// Speculative tokens a pass, where the number is fixed rather than chosen by what pays.
    pub fixed_count: Option<usize>,
}

impl Speculation {
    /// Sets the proposer of a model of vocabulary `expected`.
    pub(super) fn set_proposer(&mut self, proposer: Box<dyn Proposer>, expected: VocabularyId) -> Result<()> {
        if let Some(other) = proposer.vocabulary().filter(|&other| other != expected) {
            let (expected, found) = (format!("{:016x}, the model's", expected.0), format!("{:016x}", other.0));
            return Err(Error::Parameter { name: "vocabulary of the proposer", expected, found });
        }
        self.proposer = Some(proposer);
        Ok(())
    }

    /// The same costs, for another role of the same model; nothing else is shared.
    pub(super) fn with_same_costs(&self) -> Self {
        Self { costs: self.costs.clone(), ..Self::default() }
    }

    /// Measures what passes of `decoder` cost, the first time that it is called; see [`PassCosts::measure_once`]. Nothing is measured
    /// where the number of speculative tokens is fixed, nor where burn runs the decoder: on an accelerator, the first passes of
    /// a shape compile and tune its kernels, which takes longer than all that follows.
    pub(super) fn measure_costs(&mut self, decoder: &Decoder) {
        if self.fixed_count.is_none() && !decoder.is_plain() {
            self.costs.measure_once(|rows| timed_pass(decoder, rows));
        }
    }

    /// Whether there is any source of proposals for a sequence with this rejected step.
    pub(super) fn is_possible(&self, rejected: Option<&RejectedStep>) -> bool {
        self.proposer.is_some() || rejected.is_some()
    }

    /// The tokens that are worth verifying for each request, when `sequences` sequences share the pass. Proposed ids that are not
    /// below `token_count` are dropped.
    pub(super) fn plan(
        &mut self,
        requests: &[DraftRequest<'_>],
        sequences: usize,
        token_count: usize,
    ) -> Vec<SpeculationPlan> {
        let thresholds = self.thresholds(sequences, 0.0);
        let mut plans: Vec<_> = requests.iter().map(|request| self.plan_rejected(request, &thresholds)).collect();
        let open: Vec<usize> = (0..requests.len()).filter(|&at| plans[at].proposed.tokens.is_empty()).collect();
        let seconds = self.proposer.as_ref().map_or(0.0, |proposer| proposer.seconds_per_token());
        let thresholds = self.thresholds(sequences, seconds);
        let Some(proposer) = self.proposer.as_mut().filter(|_| !open.is_empty()) else { return plans };
        let gate = Gate::new(&self.acceptance[ProposalSource::Proposer as usize], &thresholds);
        let tokens: Vec<_> = open.iter().map(|&at| requests[at].tokens.concat()).collect();
        let open_requests = open.iter().map(|&at| &requests[at]).zip(&tokens);
        let proposals: Vec<_> = open_requests
            .map(|(&DraftRequest { id, max_tokens, sampler, .. }, tokens)| ProposalRequest {
                id,
                tokens,
                max_tokens,
                sampler,
                gate,
            })
            .collect();
        for (&at, mut proposed) in open.iter().zip(proposer.propose(&proposals)) {
            let valid = proposed.tokens.iter().take_while(|&&id| (id as usize) < token_count).count();
            proposed.truncate(valid.min(requests[at].max_tokens), gate);
            plans[at] = SpeculationPlan { proposed, source: ProposalSource::Proposer };
        }
        plans
    }

    /// For each speculative token in turn, the probability of acceptance from which on verifying it pays, when proposing a token costs
    /// `seconds`.
    fn thresholds(&self, sequences: usize, seconds: f64) -> [f64; MAX_SPECULATIVE_TOKENS] {
        match self.fixed_count {
            Some(_) => [0.0; MAX_SPECULATIVE_TOKENS],
            None => self.costs.thresholds(sequences, seconds),
        }
    }

    fn plan_rejected(&self, request: &DraftRequest<'_>, thresholds: &[f64]) -> SpeculationPlan {
        let found = request.rejected.map(|rejected| rejected.propose(request.step_tokens));
        let (mut proposed, source) = found.unwrap_or((ProposedTokens::default(), ProposalSource::Rejected));
        proposed.truncate(request.max_tokens, Gate::new(&self.acceptance[source as usize], thresholds));
        SpeculationPlan { proposed, source }
    }

    /// Learns from the verification of a plan.
    pub(super) fn learn(&mut self, plan: &SpeculationPlan, verification: Verification) {
        let compared = verification.accepted + usize::from(verification.next_was_rejected);
        for (at, &confidence) in plan.proposed.confidences.iter().take(compared).enumerate() {
            self.acceptance[plan.source as usize].observe(confidence, at < verification.accepted);
        }
    }

    /// Drops what the proposer keeps of a sequence that is finished.
    pub(super) fn release(&mut self, id: SequenceId) {
        if let Some(proposer) = &mut self.proposer {
            proposer.release(id);
        }
    }
}

/// Seconds of a pass over `rows` rows of an empty sequence, with the logits of all; `None` when the pass fails.
fn timed_pass(decoder: &Decoder, rows: usize) -> Option<f64> {
    let tokens = vec![0; rows];
    let start = Instant::now();
    let mut cache = decoder.cache();
    let span = Span { cache: &mut cache, tokens: &tokens, outputs: Outputs::All };
    black_box(values(decoder.forward(&mut [span]).ok()??.logits));
    Some(start.elapsed().as_secs_f64())
}

impl ProposedTokens {
    /// Keeps at most `count` tokens, and of these the ones before the first that `gate` does not admit.
    fn truncate(&mut self, count: usize, mut gate: Gate<'_>) {
        self.confidences.resize(self.tokens.len(), 0.0);
        let kept = self.confidences.iter().take(count).take_while(|&&confidence| gate.admits(confidence)).count();
        self.tokens.truncate(kept);
        self.confidences.truncate(kept);
    }
}
