//! Guessing tokens ahead and verifying the guesses in one pass: token-level speculative decoding (Leviathan et al., arXiv
//! 2211.17192), with the text unchanged.
//!
//! A pass over a token and `g` guesses behind it costs little more than a pass over the token: most of the time goes into
//! reading the weights. The model draws its own token at every place, from its own random numbers, and goes on for as long as
//! what it drew is what was guessed. So the text is the same, token for token, whatever is guessed, greedy or not, and the
//! guesses may follow the clock: how many are worth verifying depends on what passes cost here and now (`costs`) and on how
//! often such guesses came true ([`Acceptance`]).
//!
//! For a guess of certainty, "draw and compare" accepts a token with the probability that the model gives it, and draws from
//! the rest otherwise: the point-mass rule. A [`DraftModel`] draws its guesses with the same random numbers as the model will
//! use, which makes the two agree nearly as often as any rule can ([`Sampler::pick`]); Leviathan's rule agrees a little more
//! often, but lets the text depend on who guesses and how far.

mod acceptance;
mod costs;
mod draft_model;
mod prompt_lookup;
mod rejected;

pub use acceptance::{Acceptance, Gate};
pub use draft_model::DraftModel;
pub use prompt_lookup::PromptLookup;
pub(super) use rejected::Rejected;

use arbitrage_core::{SequenceId, VocabularyId};

use crate::error::{Error, Result};
use crate::sampler::Sampler;
use costs::PassCosts;

/// Most guesses a sequence and pass: past it a product costs a row what it costs in prefill, and nothing is gained.
pub(super) const MOST: usize = 32;

/// Guesses the tokens that a model will write next.
///
/// Guesses change the speed and never the text. A proposer that cannot help returns nothing; it has no errors.
///
/// ```
/// use arbitrage_models::speculation::{Guess, Proposer, Request};
///
/// /// Believes that the last token comes again.
/// struct Echo;
/// impl Proposer for Echo {
///     fn name(&self) -> &str {
///         "echo"
///     }
///     fn propose(&mut self, requests: &[Request<'_>]) -> Vec<Guess> {
///         let last = |request: &Request<'_>| request.tokens.last().map(|&id| (id, 0.1)).into_iter().collect();
///         requests.iter().map(last).collect()
///     }
/// }
/// ```
pub trait Proposer: Send {
    /// Name for reports.
    fn name(&self) -> &str;

    /// Guesses for each request, in order, at most [`Request::most`] each.
    fn propose(&mut self, requests: &[Request<'_>]) -> Vec<Guess>;

    /// The vocabulary of the guesses, where they come from a vocabulary of their own.
    fn vocabulary(&self) -> Option<VocabularyId> {
        None
    }

    /// What guessing a token costs, in seconds.
    fn seconds_per_token(&self) -> f64 {
        0.0
    }

    /// The sequence is finished: what is kept of it may go.
    fn release(&mut self, _id: SequenceId) {}
}

/// A sequence whose next tokens are to be guessed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Request<'a> {
    /// Cache hint.
    pub id: SequenceId,
    /// Prompt, accepted steps, and what is written of the step: at least one token.
    pub tokens: &'a [u32],
    /// Most guesses.
    pub most: usize,
    /// Draws the sequence's next token. A clone that draws from similar logits mostly draws the same.
    pub sampler: &'a Sampler,
    /// Tells which guesses are worth verifying.
    pub gate: Gate<'a>,
}

/// Tokens that may come next, one after the other.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Guess {
    /// The tokens.
    pub tokens: Vec<u32>,
    /// How sure the guesser is of each, from 0 to 1, given that those before it are right. Need not be calibrated: how often
    /// such guesses come true is learned.
    pub confidences: Vec<f32>,
}

impl FromIterator<(u32, f32)> for Guess {
    fn from_iter<I: IntoIterator<Item = (u32, f32)>>(guesses: I) -> Self {
        let (tokens, confidences) = guesses.into_iter().unzip();
        Self { tokens, confidences }
    }
}

/// Who guessed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// The rejected step, which the text has followed so far.
    Rejected,
    /// The rejected step, which the text has left and met again.
    Rejoined,
    /// The model's own proposer.
    Proposer,
}

/// A guess that is to be verified.
pub(super) struct Plan {
    pub guess: Guess,
    source: Source,
}

/// A sequence that could verify guesses in the next pass.
pub(super) struct Ask<'a> {
    pub id: SequenceId,
    /// Prompt, accepted steps and what is written of the step: what the cache holds, and what is pending.
    pub tokens: [&'a [u32]; 2],
    /// What is written of the step.
    pub written: &'a [u32],
    pub rejected: Option<&'a Rejected>,
    pub most: usize,
    pub sampler: &'a Sampler,
}

/// What a model knows about guessing.
#[derive(Default)]
pub(super) struct Speculation {
    proposer: Option<Box<dyn Proposer>>,
    pub costs: PassCosts,
    /// A table for each [`Source`].
    acceptance: [Acceptance; 3],
    /// Guesses a pass, where they are not to follow what pays.
    pub depth: Option<usize>,
}

impl Speculation {
    /// Sets the proposer of a model of vocabulary `own`.
    pub fn set(&mut self, proposer: Box<dyn Proposer>, own: VocabularyId) -> Result<()> {
        if let Some(other) = proposer.vocabulary().filter(|&other| other != own) {
            let (expected, found) = (format!("{:016x}, the model's", own.0), format!("{:016x}", other.0));
            return Err(Error::Parameter { name: "vocabulary of the proposer", expected, found });
        }
        self.proposer = Some(proposer);
        Ok(())
    }

    /// Whether anything could be guessed for a sequence with this rejected step.
    pub fn is_possible(&self, rejected: Option<&Rejected>) -> bool {
        self.proposer.is_some() || rejected.is_some()
    }

    /// What is worth verifying, for each of those that ask among the `sequences` that share the pass. `ids` bounds the ids.
    pub fn plan(&mut self, asks: &[Ask<'_>], sequences: usize, ids: usize) -> Vec<Plan> {
        let least = self.least(sequences, 0.0);
        let mut plans: Vec<_> = asks.iter().map(|ask| self.reuse(ask, least)).collect();
        let open: Vec<usize> = (0..asks.len()).filter(|&at| plans[at].guess.tokens.is_empty()).collect();
        let extra = self.proposer.as_ref().map_or(0.0, |proposer| proposer.seconds_per_token());
        let least = self.least(sequences, extra);
        let Some(proposer) = self.proposer.as_mut().filter(|_| !open.is_empty()) else { return plans };
        let gate = Gate::new(&self.acceptance[Source::Proposer as usize], least);
        let tokens: Vec<_> = open.iter().map(|&at| asks[at].tokens.concat()).collect();
        let asked = open.iter().map(|&at| &asks[at]).zip(&tokens);
        let requests: Vec<_> =
            asked.map(|(&Ask { id, most, sampler, .. }, tokens)| Request { id, tokens, most, sampler, gate }).collect();
        for (&at, mut guess) in open.iter().zip(proposer.propose(&requests)) {
            let known = guess.tokens.iter().take_while(|&&id| (id as usize) < ids).count();
            guess.cut(known.min(asks[at].most), gate);
            plans[at] = Plan { guess, source: Source::Proposer };
        }
        plans
    }

    /// The probability from which on a guess pays.
    fn least(&self, sequences: usize, extra: f64) -> f64 {
        if self.depth.is_some() { 0.0 } else { self.costs.least(sequences, extra) }
    }

    fn reuse(&self, ask: &Ask<'_>, least: f64) -> Plan {
        let found = ask.rejected.map(|rejected| rejected.guess(ask.written));
        let (mut guess, source) = found.unwrap_or((Guess::default(), Source::Rejected));
        guess.cut(ask.most, Gate::new(&self.acceptance[source as usize], least));
        Plan { guess, source }
    }

    /// Learns that `confirmed` guesses of a plan came true, and whether the next one was put to the test in vain.
    pub fn learn(&mut self, plan: &Plan, confirmed: usize, refuted: bool) {
        let tested = confirmed + usize::from(refuted);
        for (at, &confidence) in plan.guess.confidences.iter().take(tested).enumerate() {
            self.acceptance[plan.source as usize].learn(confidence, at < confirmed);
        }
    }

    /// Lets the proposer forget a sequence.
    pub fn release(&mut self, id: SequenceId) {
        if let Some(proposer) = &mut self.proposer {
            proposer.release(id);
        }
    }
}

impl Guess {
    /// Keeps at most `most` guesses, and those that pay.
    fn cut(&mut self, most: usize, mut gate: Gate<'_>) {
        self.confidences.resize(self.tokens.len(), 0.0);
        let kept = self.confidences.iter().take(most).take_while(|&&confidence| gate.admits(confidence)).count();
        self.tokens.truncate(kept);
        self.confidences.truncate(kept);
    }
}
