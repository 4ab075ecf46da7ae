//! The contract of drafters and verifiers.

use std::fmt;

use super::{Violation, answers, check_name, require};
use crate::segmenter::BlankLine;
use crate::{
    Accepted, Author, Drafter, Finish, Prefix, Problem, Rewrite, SequenceId, Step, StepResult, StepRule, StepSegmenter,
    Verifier,
};

/// What [`check_drafter`] and [`check_verifier`] let a model write.
pub struct DecodingCases {
    problems: Vec<Problem>,
    segmenter: Box<dyn StepSegmenter>,
    step_tokens: usize,
    steps: usize,
}

impl Default for DecodingCases {
    /// Three problems of up to four steps each, cut at blank lines and after 16 tokens.
    fn default() -> Self {
        let problem =
            |seed: u64| Problem::new(format!("What is {seed} times 7?")).with_id(format!("p{seed}")).with_seed(seed);
        let problems = (0..3).map(problem).collect();
        Self { problems, segmenter: Box::new(BlankLine::new()), step_tokens: 16, steps: 4 }
    }
}

impl fmt::Debug for DecodingCases {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut fields = f.debug_struct("DecodingCases");
        fields.field("problems", &self.problems).field("step_tokens", &self.step_tokens).field("steps", &self.steps);
        fields.finish_non_exhaustive()
    }
}

impl DecodingCases {
    /// Solves these problems.
    pub fn with_problems(mut self, problems: Vec<Problem>) -> Self {
        self.problems = problems;
        self
    }

    /// Cuts steps with this segmenter.
    pub fn with_segmenter(mut self, segmenter: impl StepSegmenter + 'static) -> Self {
        self.segmenter = Box::new(segmenter);
        self
    }

    /// Sets the maximum number of tokens a step, at least 1.
    pub fn with_step_tokens(mut self, tokens: usize) -> Self {
        self.step_tokens = tokens;
        self
    }

    /// Sets the maximum number of steps a problem.
    pub fn with_steps(mut self, steps: usize) -> Self {
        self.steps = steps;
        self
    }
}

/// Checks a drafter: one step a prefix, each within its rule, that depends on problem and prefix alone, not on batch, order,
/// caches or earlier calls.
///
/// # Errors
/// [`Violation`].
pub fn check_drafter<D: Drafter + ?Sized>(drafter: &mut D, cases: &DecodingCases) -> Result<(), Violation> {
    check_name(|| drafter.name().to_owned())?;
    let rule = StepRule::new(&cases.segmenter, cases.step_tokens);
    let mut model = Checked { drafter, rule };
    model.write(&[])?;
    let written = model.solve(cases)?;
    let ids = || (0..).map(SequenceId);

    // The same prefixes again, from the longest to the shortest: a cache has to be rolled back.
    for (id, solution) in ids().zip(&written) {
        for index in (0..solution.steps.len()).rev() {
            model.expect(solution, index, id, "after longer prefixes of the sequence")?;
        }
    }
    // The last step after another history: what follows a rejected step must not be continued.
    for (id, solution) in ids().zip(&written) {
        let Some((_, history)) = solution.steps.split_last() else { continue };
        if let Some((_, before)) = history.split_last() {
            let rejected = Step::new("Or is it another way?\n\n", Finish::Boundary);
            let other = [before, &[Accepted { step: rejected, author: Author::Target }]].concat();
            model.write(&[Prefix::new(id, &solution.problem, &other)])?;
        }
        model.expect(solution, history.len(), id, "after another history of the sequence")?;
    }
    ids().take(written.len()).for_each(|id| model.drafter.release(id));
    for (id, solution) in ids().zip(&written) {
        model.expect(solution, 0, id, "after the sequence was released")?;
    }
    // All first steps in one call, the other way round, and as sequences that the model has not seen.
    let last_first: Vec<&Written> = written.iter().rev().collect();
    let prefixes = last_first.iter().zip((100..).map(SequenceId)).map(|(one, id)| Prefix::new(id, &one.problem, &[]));
    let steps = model.write(&prefixes.collect::<Vec<_>>())?;
    last_first.iter().zip(&steps).try_for_each(|(one, step)| same(&one.steps[0].step, step, "in reversed order"))
}

/// Checks a verifier as [`check_drafter`] checks a drafter, without and with a rejected draft.
///
/// # Errors
/// [`Violation`].
pub fn check_verifier<V: Verifier + ?Sized>(verifier: &mut V, cases: &DecodingCases) -> Result<(), Violation> {
    for rejected in [None, Some(Step::new("The draft is wrong.\n\n", Finish::Boundary))] {
        check_drafter(&mut Rewriting { verifier, rejected }, cases)?;
    }
    Ok(())
}

/// A verifier whose requests all have the same rejected draft.
struct Rewriting<'a, V: ?Sized> {
    verifier: &'a mut V,
    rejected: Option<Step>,
}

impl<V: Verifier + ?Sized> Drafter for Rewriting<'_, V> {
    fn name(&self) -> &str {
        self.verifier.name()
    }

    fn draft(&mut self, prefixes: &[Prefix<'_>], rule: &StepRule<'_>) -> Vec<StepResult> {
        let rejected = self.rejected.as_ref();
        let requests: Vec<_> = prefixes.iter().map(|prefix| Rewrite { prefix: *prefix, rejected }).collect();
        self.verifier.rewrite(&requests, rule)
    }

    fn release(&mut self, id: SequenceId) {
        self.verifier.release(id);
    }
}

/// What a model wrote for a problem when all problems were solved together.
struct Written {
    problem: Problem,
    steps: Vec<Accepted>,
}

/// A drafter whose steps are checked one by one.
struct Checked<'a, D: ?Sized> {
    drafter: &'a mut D,
    rule: StepRule<'a>,
}

impl<D: Drafter + ?Sized> Checked<'_, D> {
    fn write(&mut self, prefixes: &[Prefix<'_>]) -> Result<Vec<Step>, Violation> {
        let found = self.drafter.draft(prefixes, &self.rule);
        let steps = answers(found, prefixes.len(), "a model gives one step for each prefix")?;
        steps.iter().try_for_each(|step| check_step(step, &self.rule))?;
        Ok(steps)
    }

    /// Solves all problems together, and asks for each step a second time: in the same batch, and alone.
    fn solve(&mut self, cases: &DecodingCases) -> Result<Vec<Written>, Violation> {
        let empty = |problem: &Problem| Written { problem: problem.clone(), steps: Vec::new() };
        let mut written: Vec<Written> = cases.problems.iter().map(empty).collect();
        for index in 0..cases.steps {
            let is_open = |one: &Written| one.steps.len() == index && !one.has_ended();
            let open: Vec<usize> = (0..written.len()).filter(|at| is_open(&written[*at])).collect();
            let prefix = |at: &usize| Prefix::new(SequenceId(*at as u64), &written[*at].problem, &written[*at].steps);
            let prefixes: Vec<Prefix<'_>> = open.iter().map(prefix).collect();
            let (steps, again) = (self.write(&prefixes)?, self.write(&prefixes)?);
            steps.iter().zip(&again).try_for_each(|(step, again)| same(step, again, "again"))?;
            for (at, step) in open.into_iter().zip(steps) {
                written[at].steps.push(Accepted { step, author: Author::Draft });
                self.expect(&written[at], index, SequenceId(1000 + at as u64), "alone")?;
            }
        }
        Ok(written)
    }

    /// Asks for one step of a solution, and expects what was written before.
    fn expect(&mut self, of: &Written, index: usize, id: SequenceId, how: &str) -> Result<(), Violation> {
        let steps = self.write(&[Prefix::new(id, &of.problem, &of.steps[..index])])?;
        steps.iter().try_for_each(|step| same(&of.steps[index].step, step, how))
    }
}

impl Written {
    fn has_ended(&self) -> bool {
        let last = self.steps.last().map(|accepted| accepted.step.finish);
        matches!(last, Some(Finish::EndOfText | Finish::Context))
    }
}

fn same(expected: &Step, found: &Step, how: &str) -> Result<(), Violation> {
    let of = |step: &Step| (step.text.clone(), step.tokens.clone(), step.finish);
    let requirement = "the same prefix gets the same step, in every batch and order and whatever is cached";
    require(of(expected) == of(found), requirement, || format!("{:?}, and {how} {:?}", of(expected), of(found)))
}

/// Whether a step is within its rule and its numbers are possible.
fn check_step(step: &Step, rule: &StepRule<'_>) -> Result<(), Violation> {
    /// Rounding may put a logarithm of 1 a little above 0.
    const ROUNDING: f32 = 1e-3;
    let found = || format!("{step:?}");
    let tokens = if step.tokens.is_empty() { step.cost.decoded } else { step.tokens.len() };
    require(tokens <= rule.max_tokens, "a step has at most the rule's tokens", found)?;
    let are_named = step.tokens.is_empty() || step.vocabulary.is_some();
    require(are_named, "token ids come with their vocabulary", found)?;
    let is_one_each = step.tokens.is_empty() || step.logprobs.is_empty() || step.tokens.len() == step.logprobs.len();
    require(is_one_each, "there is one log-probability a token, or none at all", found)?;
    let are_logprobs = step.logprobs.iter().all(|logprob| logprob.is_finite() && *logprob <= ROUNDING);
    require(are_logprobs, "log-probabilities are finite and at most 0", found)?;
    let is_entropy = step.first_entropy.is_none_or(|entropy| entropy.is_finite() && entropy >= -ROUNDING);
    require(is_entropy, "an entropy is finite and at least 0", found)?;
    let is_time = step.cost.seconds.is_finite() && step.cost.seconds >= 0.0;
    require(is_time, "a time is finite and at least 0", found)?;

    let boundary = rule.segmenter.boundary(&step.text);
    let is_full = rule.segmenter.token_budget().is_some_and(|budget| tokens == 0 || tokens >= budget);
    let ends_there = step.finish != Finish::Boundary || boundary.is_some() || is_full;
    require(ends_there, "a step that ended at a boundary has one", found)?;
    // The token at the boundary may go on after it. Two words are more than one token.
    let words_after = boundary.map_or(0, |end| step.text[end..].split_whitespace().count());
    require(words_after < 2, "a step ends at the first token edge at or past its boundary", found)
}

#[cfg(test)]
mod tests;
