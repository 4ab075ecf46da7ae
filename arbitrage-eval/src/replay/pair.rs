//! Both models' steps after the same prefix.

use arbitrage_core::trace::StepRecord;
use arbitrage_core::{Author, Step};

/// Both models' steps after the same prefix of a collected solution.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct StepPair {
    /// Index of the step, from 0.
    pub index: usize,
    /// Whose step was committed when the trace was collected.
    pub author: Author,
    /// The drafted step.
    pub draft: PairedStep,
    /// The target's step.
    pub target: PairedStep,
    /// Number of tokens that both steps begin with; 0 where the models have different vocabularies.
    pub shared: usize,
    /// The draft's mean log-probability per token, in nats.
    pub mean_logprob: Option<f32>,
    /// Entropy of the draft's first token, in nats.
    pub first_entropy: Option<f32>,
    /// The estimate of the policy that was collected, in its own unit.
    pub recorded: Option<f32>,
    /// The estimate of the trained router to be replayed, if [set](super::PairedTrace::with_estimates).
    pub estimate: Option<f32>,
    /// The score of the draft by RSD's own scorer, if it is not the collection's and was [set](super::PairedTrace::with_rsd_scores).
    pub rsd_score: Option<f32>,
}

/// One of the two steps.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct PairedStep {
    /// Its score, from 0 to the trace's [maximum](super::PairedTrace::max_score).
    pub score: f32,
    /// Number of tokens.
    pub tokens: usize,
    /// Number of decoded tokens: one more than `tokens` where the text ended, since the end token is not part of the step.
    pub decoded: usize,
    /// Number of tokens before it: the prompt and the earlier steps.
    pub context: usize,
    /// Speculative tokens that were verified for it, or are [assumed](super::PairedTrace::new) to have been.
    pub guessed: usize,
    /// Speculative tokens that were confirmed.
    pub confirmed: usize,
}

impl StepPair {
    /// The steps of a record; `None` unless it has both steps and both scores.
    pub(super) fn new(record: &StepRecord) -> Option<Self> {
        let (draft, target) = (record.draft.as_ref()?, record.target.as_ref()?);
        let of_empty_step = draft.text.is_empty().then_some(0.0);
        Some(Self {
            index: record.index,
            author: record.author,
            draft: PairedStep {
                decoded: decoded_drafts(record, draft),
                ..PairedStep::new(draft, record.decision.draft_score?)
            },
            target: PairedStep::new(target, record.decision.target_score?),
            shared: shared_tokens(draft, target),
            mean_logprob: draft.mean_logprob().or(of_empty_step),
            first_entropy: draft.first_entropy,
            recorded: record.decision.estimate,
            estimate: None,
            rsd_score: None,
        })
    }

    /// The score by which RSD decides.
    pub(super) fn rsd_decision_score(&self) -> f32 {
        self.rsd_score.unwrap_or(self.draft.score)
    }

    /// The advantage `Δ = s_t − s_d`, in the unit of the scores.
    pub fn advantage(&self) -> f32 {
        self.target.score - self.draft.score
    }
}

/// Decoded tokens of the draft, or of all drafts that it was chosen from.
fn decoded_drafts(record: &StepRecord, draft: &Step) -> usize {
    let of_all = record.choice.as_ref().map(|choice| choice.candidates.iter().map(|one| one.cost.decoded).sum());
    of_all.unwrap_or_else(|| PairedStep::decoded(draft))
}

impl PairedStep {
    fn new(step: &Step, score: f32) -> Self {
        let cost = &step.cost;
        let (tokens, context, decoded) = (step.token_count(), cost.prefilled + cost.cached, Self::decoded(step));
        Self { score, tokens, decoded, context, guessed: cost.guessed, confirmed: cost.confirmed }
    }

    /// Decoded tokens of a step. A model that reports no cost decoded at least the step's tokens.
    fn decoded(step: &Step) -> usize {
        let is_reported = step.cost.decoded > 0 || step.text.is_empty();
        if is_reported { step.cost.decoded } else { step.token_count() }
    }
}

fn shared_tokens(draft: &Step, target: &Step) -> usize {
    if draft.vocabulary.is_none() || draft.vocabulary != target.vocabulary {
        return 0;
    }
    draft.tokens.iter().zip(&target.tokens).take_while(|(one, other)| one == other).count()
}
