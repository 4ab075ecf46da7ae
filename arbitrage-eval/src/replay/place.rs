//! What is known of one place.

use arbitrage_core::trace::StepRecord;
use arbitrage_core::{Author, Step};

/// One place of a collected solution: both models' steps from the same prefix.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Place {
    /// Index of the step, from 0.
    pub index: usize,
    /// Whose step was committed when it was collected.
    pub author: Author,
    /// The drafted step.
    pub draft: Written,
    /// The target's step.
    pub target: Written,
    /// Tokens that both steps begin with; 0 where they are of two vocabularies.
    pub shared: usize,
    /// The draft's mean log-probability a token, in nats.
    pub mean_logprob: Option<f32>,
    /// Entropy of the draft's first token, in nats.
    pub first_entropy: Option<f32>,
    /// The estimate of the policy that was collected, in its own unit.
    pub recorded: Option<f32>,
    /// The estimate of the trained router that is to be replayed, if [one was given](super::Dump::with_estimates).
    pub estimate: Option<f32>,
    /// What RSD's own scorer says of the draft, in its own unit, if it is another than the collection's and [was asked](super::Dump::with_scores).
    pub judged: Option<f32>,
}

/// A step that one of the models wrote.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Written {
    /// Its score, from 0 to the dump's [greatest](super::Dump::greatest).
    pub score: f32,
    /// Its tokens.
    pub tokens: usize,
    /// Tokens that were decoded for it: with the end of the text, which is none of the step's, there is one more.
    pub decoded: usize,
    /// Tokens before it: the prompt and the steps so far.
    pub context: usize,
    /// Tokens that were guessed and verified while it was written, or [would have been](super::Dump::new).
    pub guessed: usize,
    /// Tokens, of those, that came true.
    pub confirmed: usize,
}

impl Place {
    /// What a record tells; `None` without both steps and both scores.
    pub(super) fn new(record: &StepRecord) -> Option<Self> {
        let (draft, target) = (record.draft.as_ref()?, record.target.as_ref()?);
        let nothing_written = draft.text.is_empty().then_some(0.0);
        Some(Self {
            index: record.index,
            author: record.author,
            draft: Written::new(draft, record.decision.draft_score?),
            target: Written::new(target, record.decision.target_score?),
            shared: shared(draft, target),
            mean_logprob: draft.mean_logprob().or(nothing_written),
            first_entropy: draft.first_entropy,
            recorded: record.decision.estimate,
            estimate: None,
            judged: None,
        })
    }

    /// The score by which RSD decides.
    pub(super) fn rsd_score(&self) -> f32 {
        self.judged.unwrap_or(self.draft.score)
    }

    /// The advantage `Δ = s_t − s_d`, in [−1, 1].
    pub fn advantage(&self) -> f32 {
        self.target.score - self.draft.score
    }
}

impl Written {
    fn new(step: &Step, score: f32) -> Self {
        let cost = &step.cost;
        let (tokens, context) = (step.token_count(), cost.prefilled + cost.cached);
        // A writer that reports no cost has decoded what it wrote.
        let decoded = if cost.decoded == 0 && !step.text.is_empty() { tokens } else { cost.decoded };
        Self { score, tokens, decoded, context, guessed: cost.guessed, confirmed: cost.confirmed }
    }
}

fn shared(draft: &Step, target: &Step) -> usize {
    if draft.vocabulary.is_none() || draft.vocabulary != target.vocabulary {
        return 0;
    }
    draft.tokens.iter().zip(&target.tokens).take_while(|(one, other)| one == other).count()
}
