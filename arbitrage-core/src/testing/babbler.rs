//! A random model that keeps the contract of a real one.

use std::collections::HashMap;

use crate::{
    Accepted, Author, Drafter, Draw, Finish, Prefix, Rewrite, SequenceId, Step, StepCost, StepResult, StepRule,
    Verifier, VocabularyId,
};

/// A language model of 16 tokens whose distribution is drawn by chance for each context, seeded, the same on every
/// machine. It is a [`Drafter`] and a [`Verifier`].
///
/// It does what a real model does and property tests need: it looks for the boundary after each token, fuses separators
/// with punctuation, writes blank and repeated steps at times, samples from [`Prefix::draw`], gives log-probabilities and
/// entropy, and can keep a cache.
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

/// What the model remembers of a sequence up to some step.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Cached {
    tokens: usize,
    state: u64,
}

const VOCABULARY: [&str; 16] =
    ["a ", "so ", "7", "12 ", "= ", "é", "—", " ", "x", ".\n\n", "\n", "\n\n", "Step 2: ", "!\r\n", "; ", "the "];

impl Babbler {
    /// A model that draws as `author`, ends its text with one token in 20, and keeps no cache. The seed stands for the
    /// weights.
    pub fn new(name: impl Into<String>, author: Author, seed: u64) -> Self {
        Self { name: name.into(), author, seed, end_probability: 0.05, cache: None, rolls_back: false }
    }

    /// Sets the probability of ending the text at each token. With 0 it never ends by itself.
    pub fn with_end_probability(mut self, probability: f64) -> Self {
        self.end_probability = probability;
        self
    }

    /// Keeps a cache that trusts the sequence's id: it reads the steps that are new since the last call and does not look
    /// at older ones again. It gives the text of a model without cache if, and only if, prefixes of one id only grow.
    pub fn with_cache(mut self) -> Self {
        self.cache = Some(HashMap::new());
        self
    }

    /// Keeps a cache that checks what it holds against the prefix and rolls back to what still stands, as
    /// [`Drafter`] asks: it gives the text of a model without cache, whatever it is asked.
    pub fn with_rollback(self) -> Self {
        Self { rolls_back: true, ..self.with_cache() }
    }

    /// Reads the prefix, all of it or what is new, and returns its state and what reading it cost.
    fn read(&mut self, prefix: &Prefix<'_>) -> (u64, StepCost) {
        let empty = Cached { tokens: 0, state: mix(self.seed, &prefix.problem.question) };
        let next = |known: &[Cached], step: &Step| {
            let last = known.last().unwrap_or(&empty);
            Cached { tokens: last.tokens + step.token_count(), state: mix(last.state, &step.text) }
        };
        let mut known = self.cache.as_mut().and_then(|cache| cache.remove(&prefix.id)).unwrap_or_default();
        if self.rolls_back {
            let steps = prefix.steps.iter().enumerate();
            let stands = |(at, accepted): &(usize, &Accepted)| {
                known.get(*at).is_some_and(|cached| *cached == next(&known[..*at], &accepted.step))
            };
            known.truncate(steps.take_while(stands).count());
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
        let mut writing = Writing::default();
        let finish = loop {
            if sampler.uniform() < self.end_probability {
                break Finish::EndOfText;
            }
            let (token, logprob, entropy) = sample(state, sampler.uniform());
            state = mix(state, VOCABULARY[token]);
            writing.push(token, logprob, entropy);
            if writing.keep_to_boundary(rule) {
                break Finish::Boundary;
            } else if writing.tokens.len() >= rule.max_tokens {
                break rule.finish_at(writing.tokens.len());
            }
        };
        cost.decoded = writing.tokens.len();
        writing.into_step(finish).with_cost(cost)
    }
}

/// A step in the making.
#[derive(Default)]
struct Writing {
    text: String,
    tokens: Vec<u32>,
    edges: Vec<usize>,
    logprobs: Vec<f32>,
    first_entropy: Option<f32>,
}

impl Writing {
    fn push(&mut self, token: usize, logprob: f32, entropy: f32) {
        self.text.push_str(VOCABULARY[token]);
        self.tokens.push(token as u32);
        self.edges.push(self.text.len());
        self.logprobs.push(logprob);
        self.first_entropy.get_or_insert(entropy);
    }

    /// Drops the tokens past the boundary, if there is one.
    fn keep_to_boundary(&mut self, rule: &StepRule<'_>) -> bool {
        let Some(boundary) = rule.segmenter.boundary(&self.text) else { return false };
        let kept = self.edges.iter().position(|&edge| edge >= boundary).map_or(self.edges.len(), |last| last + 1);
        self.text.truncate(self.edges[kept - 1]);
        self.tokens.truncate(kept);
        self.logprobs.truncate(kept);
        true
    }

    fn into_step(self, finish: Finish) -> Step {
        let step = Step::new(self.text, finish).with_tokens(self.tokens, VocabularyId(16)).with_logprobs(self.logprobs);
        self.first_entropy.into_iter().fold(step, Step::with_first_entropy)
    }
}

/// Picks a token with the uniform number `at` from the distribution that belongs to `state`, and gives its
/// log-probability and the distribution's entropy in nats.
fn sample(state: u64, at: f64) -> (usize, f32, f32) {
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
    (token, logprob(weights[token]) as f32, entropy as f32)
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
