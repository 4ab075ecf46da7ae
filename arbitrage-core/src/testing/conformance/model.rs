//! The contract of drafters and verifiers.

use std::fmt;

use super::{Violation, answers, check_name, require};
use crate::segmenter::BlankLine;
use crate::{
    Accepted, Author, Drafter, Finish, Prefix, Problem, Rewrite, SequenceId, Step, StepResult, StepRule, StepSegmenter,
    Verifier, forward_methods,
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

    /// Sets the maximum number of steps a problem, at least 1.
    pub fn with_steps(mut self, steps: usize) -> Self {
        self.steps = steps.max(1);
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
    let mut model = CheckedDrafter { drafter, rule };
    model.write(&[])?;
    let solutions = model.solve(cases)?;
    model.check_rollback(&solutions)?;
    model.check_release(&solutions)?;
    model.check_reversed(&solutions)
}

/// Checks a verifier as [`check_drafter`] checks a drafter, without and with a rejected draft.
///
/// # Errors
/// [`Violation`].
pub fn check_verifier<V: Verifier + ?Sized>(verifier: &mut V, cases: &DecodingCases) -> Result<(), Violation> {
    for rejected in [None, Some(Step::new("The draft is wrong.\n\n", Finish::Boundary))] {
        check_drafter(&mut WithRejected { verifier, rejected }, cases)?;
    }
    Ok(())
}

/// A verifier whose requests all have the same rejected draft.
struct WithRejected<'a, V: ?Sized> {
    verifier: &'a mut V,
    rejected: Option<Step>,
}

impl<V: Verifier + ?Sized> Drafter for WithRejected<'_, V> {
    forward_methods!(Drafter, self => self.verifier; name, release);

    fn draft(&mut self, prefixes: &[Prefix<'_>], rule: &StepRule<'_>) -> Vec<StepResult> {
        let rejected = self.rejected.as_ref();
        let requests: Vec<_> = prefixes.iter().map(|prefix| Rewrite { prefix: *prefix, rejected }).collect();
        self.verifier.rewrite(&requests, rule)
    }
}

/// What a model wrote for a problem when all problems were solved together.
struct ExpectedSolution {
    id: SequenceId,
    problem: Problem,
    steps: Vec<Accepted>,
}

/// A drafter whose steps are checked one by one.
struct CheckedDrafter<'a, D: ?Sized> {
    drafter: &'a mut D,
    rule: StepRule<'a>,
}

impl<D: Drafter + ?Sized> CheckedDrafter<'_, D> {
    fn write(&mut self, prefixes: &[Prefix<'_>]) -> Result<Vec<Step>, Violation> {
        let found = self.drafter.draft(prefixes, &self.rule);
        let steps = answers(found, prefixes.len(), "a model gives one step for each prefix")?;
        steps.iter().try_for_each(|step| check_step(step, &self.rule))?;
        Ok(steps)
    }

    /// Solves all problems together, and asks for each step a second time: in the same batch, and alone.
    fn solve(&mut self, cases: &DecodingCases) -> Result<Vec<ExpectedSolution>, Violation> {
        let empty = |problem: &Problem| ExpectedSolution {
            id: SequenceId::fresh(),
            problem: problem.clone(),
            steps: Vec::new(),
        };
        let mut solutions: Vec<ExpectedSolution> = cases.problems.iter().map(empty).collect();
        for index in 0..cases.steps {
            let is_open = |one: &ExpectedSolution| one.steps.len() == index && !one.has_ended();
            let open: Vec<usize> = (0..solutions.len()).filter(|at| is_open(&solutions[*at])).collect();
            let prefixes: Vec<Prefix<'_>> = open.iter().map(|at| solutions[*at].prefix(index)).collect();
            let (steps, again) = (self.write(&prefixes)?, self.write(&prefixes)?);
            steps.iter().zip(&again).try_for_each(|(step, again)| same(step, again, "again"))?;
            for (at, step) in open.into_iter().zip(steps) {
                solutions[at].steps.push(Accepted { step, author: Author::Draft });
                let id = SequenceId::fresh();
                let prefix = Prefix { id, ..solutions[at].prefix(index) };
                let alone = self.write(&[prefix])?;
                self.drafter.release(id);
                alone.iter().try_for_each(|step| same(&solutions[at].steps[index].step, step, "alone"))?;
            }
        }
        Ok(solutions)
    }

    /// Asks for prefixes that do not continue the sequences' last ones, so that a cache has to be rolled back.
    fn check_rollback(&mut self, solutions: &[ExpectedSolution]) -> Result<(), Violation> {
        for solution in solutions {
            for index in (0..solution.steps.len()).rev() {
                self.expect(solution, index, "after longer prefixes of the sequence")?;
            }
        }
        for solution in solutions {
            let last = solution.steps.len() - 1;
            if let Some(before) = last.checked_sub(1) {
                let rejected = Step::new("Or is it another way?\n\n", Finish::Boundary);
                let other =
                    [&solution.steps[..before], &[Accepted { step: rejected, author: Author::Target }]].concat();
                self.write(&[Prefix { steps: &other, ..solution.prefix(0) }])?;
            }
            self.expect(solution, last, "after another history of the sequence")?;
        }
        Ok(())
    }

    /// Releases all sequences, and asks for their first steps again.
    fn check_release(&mut self, solutions: &[ExpectedSolution]) -> Result<(), Violation> {
        solutions.iter().for_each(|solution| self.drafter.release(solution.id));
        for solution in solutions {
            self.expect(solution, 0, "after the sequence was released")?;
            self.drafter.release(solution.id);
        }
        Ok(())
    }

    /// Asks for the first steps of all problems in reversed order, as new sequences.
    fn check_reversed(&mut self, solutions: &[ExpectedSolution]) -> Result<(), Violation> {
        let reversed: Vec<&ExpectedSolution> = solutions.iter().rev().collect();
        let prefixes: Vec<Prefix<'_>> =
            reversed.iter().map(|one| Prefix { id: SequenceId::fresh(), ..one.prefix(0) }).collect();
        let steps = self.write(&prefixes)?;
        prefixes.iter().for_each(|prefix| self.drafter.release(prefix.id));
        reversed.iter().zip(&steps).try_for_each(|(one, step)| same(&one.steps[0].step, step, "in reversed order"))
    }

    /// Asks for one step of a solution, and expects what was written before.
    fn expect(&mut self, of: &ExpectedSolution, index: usize, how: &str) -> Result<(), Violation> {
        let steps = self.write(&[of.prefix(index)])?;
        steps.iter().try_for_each(|step| same(&of.steps[index].step, step, how))
    }
}

impl ExpectedSolution {
    /// The prefix of step `index`.
    fn prefix(&self, index: usize) -> Prefix<'_> {
        Prefix::new(self.id, &self.problem, &self.steps[..index])
    }

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

    // Its boundary need not be in the text: some are found only in the tokens after it, which are dropped.
    let has_text = step.finish != Finish::Boundary || !step.text.is_empty();
    require(has_text, "a step that ended at a boundary has text before it", found)?;
    // The token at the boundary may go on after it. Two words are more than one token.
    let boundary = rule.segmenter.boundary(&step.text);
    let words_after = boundary.map_or(0, |end| step.text[end..].split_whitespace().count());
    require(words_after < 2, "a step ends at the first token edge at or past its boundary", found)
}

#[cfg(test)]
mod tests;
