//! Scores from roll-outs: how often a step leads to the right answer (Math-Shepherd, arXiv 2312.08935).

use std::collections::HashMap;

use super::StepScorer;
use crate::drafter::draft_each;
use crate::error::ScoreError;
use crate::segmenter::BlankLine;
use crate::{
    Accepted, Author, BoxError, ConfigError, Drafter, EngineError, Finish, Limits, Prefix, Problem, Role, SequenceId,
    Step, StepRule, StepSegmenter, Stop,
};

/// Scores a step by the share of `K` completions from it that reach the right answer: a process reward without a reward model, for
/// every problem whose answer is known (Math-Shepherd's soft estimation, §3.3). A step that ends the text is checked itself, and one
/// that fills the context scores 0: neither is completed.
///
/// The writer of the completions has to sample with a temperature of its own, since greedy completions would all be equal. The seed
/// of completion `k` follows from the problem's seed, the step's index and `k`. A step therefore gets the same score in any batch, and
/// two steps after one prefix are completed with the same random numbers, which reduces the noise in the difference of their scores.
/// Equal steps in one call are completed once.
///
/// The completions of all steps in a call run in one batch, at most [`Limits::in_flight`] at a time. Each is a sequence of its own, and
/// is released when it ends. Limits count what is written after the step. A completion that a limit cuts off counts as wrong, whatever
/// it says.
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
    is_right: C,
    count: usize,
    limits: Limits,
    segmenter: Box<dyn StepSegmenter>,
    budget: usize,
    started: usize,
}

impl<D, C> Rollouts<D, C>
where
    D: Drafter,
    C: FnMut(&Problem, &str) -> Result<bool, BoxError> + Send,
{
    /// Default for the completions in flight. A larger batch gains little speed.
    const IN_FLIGHT: usize = 128;

    /// Scores with `count` completions of each step by `writer`. `is_right` says whether the text of a whole solution is right, or
    /// returns an error if that cannot be decided. Steps end at blank lines, and the [`Limits`] are the default ones with 128
    /// completions in flight.
    ///
    /// # Errors
    /// [`ConfigError::Limit`] if `count` is 0.
    pub fn new(writer: D, count: usize, is_right: C) -> Result<Self, ConfigError> {
        if count == 0 {
            return Err(ConfigError::Limit { name: "roll-outs", least: 1, found: count });
        }
        let limits = Limits::default().with_in_flight(Self::IN_FLIGHT);
        let segmenter = Box::new(BlankLine::new());
        Ok(Self { writer, is_right, count, limits, segmenter, budget: usize::MAX, started: 0 })
    }

    /// Sets the limits on what is written after a step, and the most completions in flight.
    ///
    /// # Errors
    /// As [`Limits::validate`].
    pub fn with_limits(mut self, limits: Limits) -> Result<Self, ConfigError> {
        limits.validate()?;
        self.limits = limits;
        Ok(self)
    }

    /// Cuts steps by another rule. It matters only because limits are checked between steps.
    pub fn with_segmenter(mut self, segmenter: impl StepSegmenter + 'static) -> Self {
        self.segmenter = Box::new(segmenter);
        self
    }

    /// Limits the number of completions in the scorer's lifetime. A call that needs more than are left starts none and fails for all of
    /// its steps, with [`ScoreError::Budget`]. [`score_each`](super::score_each) then scores each step alone, so those for which the
    /// budget suffices still get a score. The completions of a call that fails count too.
    pub fn with_budget(mut self, completions: usize) -> Self {
        self.budget = completions;
        self
    }

    /// Number of completions started so far.
    pub fn started(&self) -> usize {
        self.started
    }

    /// Takes the completions of `steps` from the budget.
    fn spend_budget(&mut self, steps: &[(Prefix<'_>, &Step)]) -> Result<(), ScoreError> {
        let requested = steps.iter().filter(|(_, step)| can_continue(step)).count().saturating_mul(self.count);
        let (budget, left) = (self.budget, self.budget.saturating_sub(self.started));
        if requested > left {
            return Err(ScoreError::Budget { budget, left, requested });
        }
        self.started += requested;
        Ok(())
    }

    fn score_distinct(&mut self, steps: &[(Prefix<'_>, &Step)]) -> Result<Vec<f32>, BoxError> {
        let score_ended = |(prefix, step): &(Prefix<'_>, &Step)| match step.finish {
            Finish::EndOfText => (self.is_right)(prefix.problem, &(prefix.text() + &step.text)).map(usize::from),
            _ => Ok(0),
        };
        let ended = steps.iter().map(score_ended).collect::<Result<Vec<usize>, BoxError>>()?;
        self.spend_budget(steps)?;
        let (mut active, mut right) = (Vec::new(), vec![0; steps.len()]);
        let completed = self.complete(steps, &mut active, &mut right);
        active.iter().for_each(|unfinished| self.writer.release(unfinished.id));
        completed?;
        let score = |(ended, right): (usize, usize)| ended as f32 + right as f32 / self.count as f32;
        Ok(ended.into_iter().zip(right).map(score).collect())
    }

    /// Adds the number of right completions of each step to `right`. If it fails, unfinished completions are left in `active`.
    fn complete<'a>(
        &mut self,
        steps: &'a [(Prefix<'a>, &Step)],
        active: &mut Vec<Completion<'a>>,
        right: &mut [usize],
    ) -> Result<(), BoxError> {
        let count = self.count;
        let open = steps.iter().enumerate().filter(|(_, (_, step))| can_continue(step));
        let mut waiting = open.flat_map(|(index, (prefix, step))| {
            (0..count).map(move |number| Completion::new(index, prefix, step, number))
        });
        loop {
            let free = self.limits.in_flight.saturating_sub(active.len());
            active.extend(waiting.by_ref().take(free));
            if active.is_empty() {
                return Ok(());
            }
            self.advance(active)?;
            for ended in active.extract_if(.., |completion| completion.stop.is_some()) {
                self.writer.release(ended.id);
                let is_complete = ended.stop == Some(Stop::EndOfText);
                let is_right = is_complete && (self.is_right)(ended.original, &ended.prefix().text())?;
                right[ended.step] += usize::from(is_right);
            }
        }
    }

    /// Writes one step of every completion.
    fn advance(&mut self, active: &mut [Completion<'_>]) -> Result<(), BoxError> {
        let rule = StepRule::new(&self.segmenter, self.limits.step_tokens);
        let prefixes: Vec<_> = active.iter().map(Completion::prefix).collect();
        let steps = draft_each(&mut self.writer, &prefixes, &rule);
        for (completion, step) in active.iter_mut().zip(steps) {
            let (role, name, index) = (Role::Drafter, self.writer.name(), completion.steps.len());
            let failed = |source| EngineError::Component { role, name: name.to_owned(), step: index, source };
            completion.push(step.map_err(failed)?, &self.limits);
        }
        Ok(())
    }
}

/// A solution that is being written after a step.
struct Completion<'a> {
    id: SequenceId,
    /// Index of the step that is scored with it.
    step: usize,
    /// The problem with its own seed.
    original: &'a Problem,
    /// The problem with the completion's seed.
    problem: Problem,
    steps: Vec<Accepted>,
    /// Number of steps up to the one that is scored.
    prefix_len: usize,
    /// Tokens written after it.
    tokens: usize,
    stop: Option<Stop>,
}

impl<'a> Completion<'a> {
    fn new(index: usize, prefix: &Prefix<'a>, step: &Step, number: usize) -> Self {
        let problem = prefix.problem.clone().with_seed(prefix.rollout_seed(number));
        let mut steps = prefix.steps.to_vec();
        steps.push(committed(step.clone()));
        Self {
            id: SequenceId::fresh(),
            step: index,
            original: prefix.problem,
            problem,
            prefix_len: steps.len(),
            steps,
            tokens: 0,
            stop: None,
        }
    }

    fn prefix(&self) -> Prefix<'_> {
        Prefix::new(self.id, &self.problem, &self.steps)
    }

    fn push(&mut self, step: Step, limits: &Limits) {
        self.tokens += step.token_count();
        self.steps.push(committed(step));
        self.stop = limits.stop_reason(&self.steps[self.prefix_len..], self.tokens);
    }
}

/// A step of a completion. Its author is arbitrary, since the score does not depend on it.
fn committed(step: Step) -> Accepted {
    Accepted { step, author: Author::Target }
}

/// Whether another step can follow.
fn can_continue(step: &Step) -> bool {
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
    /// [`ScoreError::Budget`]; [`EngineError::Component`] or [`EngineError::Count`] if the writer fails; the checker's own. No step is
    /// scored then.
    fn score(&mut self, steps: &[(Prefix<'_>, &Step)]) -> Result<Vec<f32>, BoxError> {
        let mut indices = HashMap::new();
        let mut distinct: Vec<(Prefix<'_>, &Step)> = Vec::new();
        let index_of = steps.iter().map(|&(prefix, step)| {
            let key = (prefix.problem, prefix.steps.len(), prefix.text(), &step.text, step.finish);
            *indices.entry(key).or_insert_with(|| {
                distinct.push((prefix, step));
                distinct.len() - 1
            })
        });
        let index_of: Vec<usize> = index_of.collect();
        let scores = self.score_distinct(&distinct)?;
        Ok(index_of.into_iter().map(|index| scores[index]).collect())
    }
}

impl<D, C> std::fmt::Debug for Rollouts<D, C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (count, started) = (self.count, self.started);
        f.debug_struct("Rollouts").field("count", &count).field("started", &started).finish_non_exhaustive()
    }
}
