//! A random model that behaves like a real one.

use std::collections::HashMap;

use crate::{
    Accepted, Author, Drafter, Draw, Finish, Prefix, Rewrite, SequenceId, Step, StepCost, StepCutter, StepResult,
    StepRule, Verifier, VocabularyId,
};

/// A language model of 16 tokens with a random distribution for each context, which depends on a seed and is the same on every
/// machine. It is a [`Drafter`] and a [`Verifier`].
///
/// It does what real models do and property tests need: it looks for the boundary after each token, has tokens that contain
/// separators and punctuation, writes blank and repeated steps at times, samples from [`Prefix::draw`], gives log-probabilities
/// and entropy, and can keep a cache.
///
/// ```
/// use arbitrage_core::{Author, Engine, Problem, router::AlwaysDraft, testing::Babbler};
/// let model = |seed, author| Babbler::new("babbler", author, seed);
/// let mut engine = Engine::new(model(1, Author::Draft), model(2, Author::Target), AlwaysDraft);
/// let problem = Problem::new("Say something.").with_seed(7);
/// assert_eq!(engine.solve(&problem)?.text(), engine.solve(&problem)?.text());
/// # Ok::<(), arbitrage_core::EngineError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Babbler {
    name: String,
    author: Author,
    seed: u64,
    end_probability: f64,
    cache: Option<HashMap<SequenceId, Vec<Cached>>>,
    rolls_back: bool,
}

/// The cached state of a sequence after one of its steps.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Cached {
    tokens: usize,
    state: u64,
}

const VOCABULARY: [&str; 16] =
    ["a ", "so ", "7", "12 ", "= ", "é", "—", " ", "x", ".\n\n", "\n", "\n\n", "Step 2: ", "!\r\n", "; ", "the "];

impl Babbler {
    /// A model that draws as `author`, ends its text with probability 0.05 at each token, and keeps no cache. The seed takes
    /// the place of weights.
    pub fn new(name: impl Into<String>, author: Author, seed: u64) -> Self {
        Self { name: name.into(), author, seed, end_probability: 0.05, cache: None, rolls_back: false }
    }

    /// Sets the probability of ending the text at each token. With 0, only limits end it.
    pub fn with_end_probability(mut self, probability: f64) -> Self {
        self.end_probability = probability;
        self
    }

    /// Keeps a cache by the sequence's id: only the steps that are new since the last call are read. The text is that of a
    /// model without cache if, and only if, prefixes of one id only grow.
    pub fn with_cache(mut self) -> Self {
        self.cache = Some(HashMap::new());
        self
    }

    /// Keeps a cache that is compared with the prefix and rolled back to the part that still matches, as [`Drafter`] requires:
    /// the text is always that of a model without cache.
    pub fn with_rollback(self) -> Self {
        Self { rolls_back: true, ..self.with_cache() }
    }

    /// Reads the prefix, or the part that is not cached, and returns its state and what reading it cost.
    fn read(&mut self, prefix: &Prefix<'_>) -> (u64, StepCost) {
        let empty = Cached { tokens: 0, state: mix(self.seed, &prefix.problem.question) };
        let next = |known: &[Cached], step: &Step| {
            let last = known.last().unwrap_or(&empty);
            Cached { tokens: last.tokens + step.token_count(), state: mix(last.state, &step.text) }
        };
        let mut known = self.cache.as_mut().and_then(|cache| cache.remove(&prefix.id)).unwrap_or_default();
        if self.rolls_back {
            let steps = prefix.steps.iter().enumerate();
            let matches = |(at, accepted): &(usize, &Accepted)| {
                known.get(*at).is_some_and(|cached| *cached == next(&known[..*at], &accepted.step))
            };
            known.truncate(steps.take_while(matches).count());
        }
        let cached = known.last().map_or(0, |cached| cached.tokens);
        for accepted in prefix.steps.iter().skip(known.len()) {
            known.push(next(&known, &accepted.step));
        }
        let Cached { tokens, state } = known.last().copied().unwrap_or(empty);
        if let Some(cache) = &mut self.cache {
            cache.insert(prefix.id, known);
        }
        (state, StepCost::new(tokens - cached, cached, 0, 0.0))
    }

    fn write(&mut self, prefix: &Prefix<'_>, rule: &StepRule<'_>) -> Step {
        let (mut state, mut cost) = self.read(prefix);
        let mut sampler = prefix.draw(self.author);
        let (mut cutter, mut tokens, mut logprobs) = (StepCutter::new(rule), Vec::new(), Vec::new());
        let mut first_entropy = None;
        let finish = loop {
            if sampler.uniform() < self.end_probability {
                break Finish::EndOfText;
            }
            let Sampled { token, logprob, entropy } = sample(state, sampler.uniform());
            state = mix(state, VOCABULARY[token]);
            tokens.push(token as u32);
            logprobs.push(logprob);
            first_entropy.get_or_insert(entropy);
            if let Some(finish) = cutter.push(VOCABULARY[token]) {
                break finish;
            }
        };
        cost.decoded = cutter.tokens();
        tokens.truncate(cost.decoded);
        logprobs.truncate(cost.decoded);
        let step =
            cutter.into_step(finish).with_tokens(tokens, VocabularyId(16)).with_logprobs(logprobs).with_cost(cost);
        first_entropy.into_iter().fold(step, Step::with_first_entropy)
    }
}

/// A token that was drawn, with the numbers of its distribution.
struct Sampled {
    token: usize,
    logprob: f32,
    /// Entropy in nats.
    entropy: f32,
}

/// Draws a token with the uniform number `at` from the distribution that belongs to `state`.
fn sample(state: u64, at: f64) -> Sampled {
    let mut chance = Draw::new(state);
    let weights: [f64; VOCABULARY.len()] = std::array::from_fn(|_| sharp(chance.uniform()));
    let total: f64 = weights.iter().sum();
    let mut left = at * total;
    let token = weights.iter().position(|weight| {
        left -= weight;
        left < 0.0
    });
    let token = token.unwrap_or(VOCABULARY.len() - 1);
    let logprob = |weight: f64| (weight / total).ln();
    let entropy: f64 = weights.iter().map(|&weight| -weight / total * logprob(weight)).sum();
    Sampled { token, logprob: logprob(weights[token]) as f32, entropy: entropy as f32 }
}

/// A few likely tokens, many unlikely ones. Multiplications round alike on every machine; `powi` need not.
fn sharp(uniform: f64) -> f64 {
    let square = uniform * uniform;
    square * square + 1e-6
}

/// A state that depends on all of `text`.
fn mix(state: u64, text: &str) -> u64 {
    text.bytes().fold(Draw::new(state).next_u64(), |state, byte| Draw::new(state ^ u64::from(byte)).next_u64())
}

impl Drafter for Babbler {
    fn name(&self) -> &str {
        &self.name
    }

    fn draft(&mut self, prefixes: &[Prefix<'_>], rule: &StepRule<'_>) -> Vec<StepResult> {
        prefixes.iter().map(|prefix| Ok(self.write(prefix, rule))).collect()
    }

    fn release(&mut self, id: SequenceId) {
        if let Some(cache) = &mut self.cache {
            cache.remove(&id);
        }
    }
}

impl Verifier for Babbler {
    fn name(&self) -> &str {
        &self.name
    }

    fn rewrite(&mut self, requests: &[Rewrite<'_>], rule: &StepRule<'_>) -> Vec<StepResult> {
        requests.iter().map(|request| Ok(self.write(&request.prefix, rule))).collect()
    }

    fn release(&mut self, id: SequenceId) {
        Drafter::release(self, id);
    }
}
