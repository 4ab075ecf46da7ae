//! Steps judged by where they lead (Math-Shepherd, arXiv 2312.08935).

use std::collections::HashMap;

use super::StepScorer;
use crate::drafter::draft_each;
use crate::error::ScoreError;
use crate::segmenter::BlankLine;
use crate::{
    Accepted, Author, BoxError, ConfigError, Drafter, EngineError, Finish, Limits, Prefix, Problem, Role, SequenceId,
    Step, StepRule, StepSegmenter, Stop,
};

/// Scores a step by the share of `K` completions from it that reach the right answer: a process reward without a reward model,
/// for every problem whose answer is known (Math-Shepherd's soft estimation, §3.3). A step that ends the text is right or not,
/// and one that fills the context leads nowhere: neither is completed.
///
/// The writer of the completions has to sample, at a temperature of its own; greedy ones would all be one. Completion `k` is drawn
/// under a seed that follows from the problem's, the step's place and `k`, so that the same step gets the same score in any
/// batch, and two steps from one prefix are completed with the same random numbers, which their difference then does not depend
/// on. Two equal steps of a call are completed once.
///
/// The completions of all steps of a call run side by side, at most [`Limits::in_flight`] at a time, as sequences of their own,
/// each released when it ends. One that a limit cuts is wrong, whatever it said until then: limits count what is written behind
/// the step, and endless completions end by them.
///
/// ```
/// use arbitrage_core::scorer::Rollouts;
/// use arbitrage_core::{Finish, Prefix, Problem, SequenceId, Step, StepScorer, testing::Scripted};
///
/// let writer = Scripted::new("writer", ["6 times 7 is 42.\n\n", "So it is 42."]);
/// let mut scorer = Rollouts::new(writer, 8, |_, solution| Ok(solution.ends_with("42.")))?;
/// let problem = Problem::new("What is 6 times 7?");
/// let prefix = Prefix::new(SequenceId(0), &problem, &[]);
/// let [open, wrong] = [("Multiply.\n\n", Finish::Boundary), ("It is 43.", Finish::EndOfText)].map(|(t, f)| Step::new(t, f));
/// assert_eq!(scorer.score(&[(prefix, &open), (prefix, &wrong)])?, [1.0, 0.0]);
/// # Ok::<(), arbitrage_core::BoxError>(())
/// ```
pub struct Rollouts<D, C> {
    writer: D,
    check: C,
    count: usize,
    limits: Limits,
    segmenter: Box<dyn StepSegmenter>,
    budget: usize,
    begun: usize,
}

impl<D, C> Rollouts<D, C>
where
    D: Drafter,
    C: FnMut(&Problem, &str) -> Result<bool, BoxError> + Send,
{
    /// Completions at a time: rows of one pass, of which more gain little.
    const IN_FLIGHT: usize = 128;

    /// `count` completions a step by `writer`; `check` says whether a whole solution, its text, is right, or why that cannot be
    /// said. Steps end at blank lines and by the default [`Limits`], but for 128 completions in flight.
    ///
    /// # Errors
    /// [`ConfigError::Limit`] for no completions.
    pub fn new(writer: D, count: usize, check: C) -> Result<Self, ConfigError> {
        if count == 0 {
            return Err(ConfigError::Limit { name: "roll-outs", least: 1, found: count });
        }
        let limits = Limits::default().with_in_flight(Self::IN_FLIGHT);
        let segmenter = Box::new(BlankLine::new());
        Ok(Self { writer, check, count, limits, segmenter, budget: usize::MAX, begun: 0 })
    }

    /// Sets the caps on what is written behind a step, and the most completions at a time.
    ///
    /// # Errors
    /// As [`Limits::validate`].
    pub fn with_limits(mut self, limits: Limits) -> Result<Self, ConfigError> {
        limits.validate()?;
        self.limits = limits;
        Ok(self)
    }

    /// Cuts steps by another rule, which changes nothing but how soon limits are looked at.
    pub fn with_segmenter(mut self, segmenter: impl StepSegmenter + 'static) -> Self {
        self.segmenter = Box::new(segmenter);
        self
    }

    /// Begins at most so many completions in the scorer's life. A call whose completions are more than are left begins none and is
    /// an error, [`ScoreError::Budget`], for all of its steps; the oracle then asks for each step alone, so that those for which it
    /// suffices are scored still. Completions of a call that fails count.
    pub fn with_budget(mut self, completions: usize) -> Self {
        self.budget = completions;
        self
    }

    /// Completions begun so far.
    pub fn begun(&self) -> usize {
        self.begun
    }

    /// Takes the completions of `steps` from the budget.
    fn spend(&mut self, steps: &[(Prefix<'_>, &Step)]) -> Result<(), ScoreError> {
        let asked = steps.iter().filter(|(_, step)| goes_on(step)).count().saturating_mul(self.count);
        let (budget, left) = (self.budget, self.budget.saturating_sub(self.begun));
        if asked > left {
            return Err(ScoreError::Budget { budget, left, asked });
        }
        self.begun += asked;
        Ok(())
    }

    fn score_distinct(&mut self, steps: &[(Prefix<'_>, &Step)]) -> Result<Vec<f32>, BoxError> {
        let ended = |(prefix, step): &(Prefix<'_>, &Step)| match step.finish {
            Finish::EndOfText => (self.check)(prefix.problem, &(prefix.text() + &step.text)).map(usize::from),
            _ => Ok(0),
        };
        let ended = steps.iter().map(ended).collect::<Result<Vec<usize>, BoxError>>()?;
        self.spend(steps)?;
        let (mut live, mut right) = (Vec::new(), vec![0; steps.len()]);
        let outcome = self.complete(steps, &mut live, &mut right);
        live.iter().for_each(|left| self.writer.release(left.id));
        outcome?;
        let share = |(ended, right): (usize, usize)| ended as f32 + right as f32 / self.count as f32;
        Ok(ended.into_iter().zip(right).map(share).collect())
    }

    /// Counts the right completions of every step in `right`. Those that are not at their end stay in `live`.
    fn complete<'a>(
        &mut self,
        steps: &'a [(Prefix<'a>, &Step)],
        live: &mut Vec<Completion<'a>>,
        right: &mut [usize],
    ) -> Result<(), BoxError> {
        let count = self.count;
        let open = steps.iter().enumerate().filter(|(_, (_, step))| goes_on(step));
        let mut waiting = open
            .flat_map(|(of, (prefix, step))| (0..count).map(move |number| Completion::new(of, prefix, step, number)));
        loop {
            let room = self.limits.in_flight.saturating_sub(live.len());
            live.extend(waiting.by_ref().take(room));
            if live.is_empty() {
                return Ok(());
            }
            self.advance(live)?;
            for done in live.extract_if(.., |completion| completion.stop.is_some()) {
                self.writer.release(done.id);
                let whole = done.stop == Some(Stop::EndOfText);
                right[done.of] += usize::from(whole && (self.check)(done.asked, &done.prefix().text())?);
            }
        }
    }

    /// One step of every completion.
    fn advance(&mut self, live: &mut [Completion<'_>]) -> Result<(), BoxError> {
        let rule = StepRule::new(&self.segmenter, self.limits.step_tokens);
        let prefixes: Vec<_> = live.iter().map(Completion::prefix).collect();
        let steps = draft_each(&mut self.writer, &prefixes, &rule);
        for (completion, step) in live.iter_mut().zip(steps) {
            let (role, name, step_index) = (Role::Drafter, self.writer.name(), completion.steps.len());
            let failed = |source| EngineError::Part { role, name: name.to_owned(), step: step_index, source };
            completion.push(step.map_err(failed)?, &self.limits);
        }
        Ok(())
    }
}

/// A solution under way behind a step.
struct Completion<'a> {
    id: SequenceId,
    /// Index of the step that it completes.
    of: usize,
    /// The problem as it was asked.
    asked: &'a Problem,
    /// The same under the completion's seed.
    problem: Problem,
    steps: Vec<Accepted>,
    /// Steps that were there before.
    given: usize,
    tokens: usize,
    stop: Option<Stop>,
}

impl<'a> Completion<'a> {
    fn new(of: usize, prefix: &Prefix<'a>, step: &Step, number: usize) -> Self {
        let problem = prefix.problem.clone().with_seed(prefix.rollout_seed(number));
        let mut steps = prefix.steps.to_vec();
        steps.push(accepted(step.clone()));
        let given = steps.len();
        Self { id: SequenceId::fresh(), of, asked: prefix.problem, problem, steps, given, tokens: 0, stop: None }
    }

    fn prefix(&self) -> Prefix<'_> {
        Prefix::new(self.id, &self.problem, &self.steps)
    }

    fn push(&mut self, step: Step, limits: &Limits) {
        self.tokens += step.token_count();
        self.steps.push(accepted(step));
        self.stop = limits.stop(&self.steps[self.given..], self.tokens);
    }
}

/// Who wrote a step is not what it is scored by.
fn accepted(step: Step) -> Accepted {
    Accepted { step, author: Author::Target }
}

/// Whether anything can follow the step.
fn goes_on(step: &Step) -> bool {
    !matches!(step.finish, Finish::EndOfText | Finish::Context)
}

impl<D, C> StepScorer for Rollouts<D, C>
where
    D: Drafter,
    C: FnMut(&Problem, &str) -> Result<bool, BoxError> + Send,
{
    fn name(&self) -> String {
        format!("{} roll-outs by {}", self.count, self.writer.name())
    }

    /// # Errors
    /// [`ScoreError::Budget`]; [`EngineError::Part`] or [`EngineError::Count`] where the writer fails; the checker's own. No step
    /// is scored then.
    fn score(&mut self, steps: &[(Prefix<'_>, &Step)]) -> Result<Vec<f32>, BoxError> {
        let mut places = HashMap::new();
        let mut distinct: Vec<(Prefix<'_>, &Step)> = Vec::new();
        let of = steps.iter().map(|&(prefix, step)| {
            let same = (prefix.problem, prefix.steps.len(), prefix.text(), &step.text, step.finish);
            *places.entry(same).or_insert_with(|| {
                distinct.push((prefix, step));
                distinct.len() - 1
            })
        });
        let of: Vec<usize> = of.collect();
        let scores = self.score_distinct(&distinct)?;
        Ok(of.into_iter().map(|at| scores[at]).collect())
    }
}
