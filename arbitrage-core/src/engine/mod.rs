//! The loop: draft, route, rewrite where it pays, commit.

mod drafting;
mod intake;
mod judging;
mod live;
mod overlap;
mod pace;
mod turn;

pub use intake::Intake;
pub use overlap::Overlap;

use std::ops::ControlFlow;
use std::time::Instant;

use crate::segmenter::BlankLine;
use crate::trace::{ModelRecord, Record, RunNotes, RunRecord, SolutionRecord, StepRecord, TraceSink};
use crate::{
    Accepted, AdvantageRouter, Author, ConfigError, Drafter, EngineError, Limits, Problem, Role, SequenceId, StepRule,
    StepSegmenter, Stop, Usage, Verifier,
};
use intake::Listed;
use judging::Judging;
use live::Live;
use overlap::beside;
use pace::{Kind, Pace};
use turn::Turn;

/// A finished solution.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Solution {
    /// The committed steps, each with its author.
    pub steps: Vec<Accepted>,
    /// One record a step: drafts that were rejected, decisions, costs.
    pub records: Vec<StepRecord>,
    /// Why it ended.
    pub stop: Stop,
    /// What it cost.
    pub usage: Usage,
}

impl Solution {
    /// The whole text: the steps, joined.
    pub fn text(&self) -> String {
        self.steps.iter().map(|accepted| accepted.step.text.as_str()).collect()
    }
}

/// Joins a drafter, a verifier and a router into a reasoner.
///
/// The verifier is called for escalated steps only, unless the router asks for
/// [`Evidence::Both`](crate::Evidence::Both): laziness is where the speed comes from. Models are called with every open
/// sequence at once, up to [`Limits::in_flight`]; when one finishes, the next problem takes its place. The drafter waits
/// for router and target, unless [`Overlap`] lets it go on.
///
/// ```
/// use arbitrage_core::{Engine, Limits, Problem, router::AlwaysDraft, segmenter::Newline, testing::Scripted};
///
/// let (draft, target) = (Scripted::new("draft", ["one\n", "two"]), Scripted::new("target", []));
/// let mut engine = Engine::new(draft, target, AlwaysDraft)
///     .with_segmenter(Newline::new())
///     .with_limits(Limits::default().with_steps(10));
/// let solution = engine.solve(&Problem::new("Count to two."))?;
/// assert_eq!(solution.usage.acceptance_by_steps(), Some(1.0));
/// # Ok::<(), arbitrage_core::EngineError>(())
/// ```
pub struct Engine<D, V, R> {
    drafter: D,
    judging: Judging<V, R>,
    segmenter: Box<dyn StepSegmenter>,
    limits: Limits,
    sink: Box<dyn TraceSink>,
    notes: RunNotes,
    overlap: Overlap,
    pace: Pace,
    introduced: bool,
}

impl<D: Drafter, V: Verifier, R: AdvantageRouter> Engine<D, V, R> {
    /// An engine that cuts steps at blank lines, as the paper does, within the default [`Limits`].
    pub fn new(drafter: D, verifier: V, router: R) -> Self {
        Self {
            drafter,
            judging: Judging { verifier, router, escalate_on_error: false },
            segmenter: Box::new(BlankLine::new()),
            limits: Limits::default(),
            sink: Box::new(()),
            notes: RunNotes::default(),
            overlap: Overlap::Off,
            pace: Pace::new(Overlap::Off),
            introduced: false,
        }
    }

    /// Cuts steps by another rule.
    pub fn with_segmenter(mut self, segmenter: impl StepSegmenter + 'static) -> Self {
        self.segmenter = Box::new(segmenter);
        self
    }

    /// Sets the caps.
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Sends every record to `sink` as it comes.
    pub fn with_sink(mut self, sink: impl TraceSink + 'static) -> Self {
        self.sink = Box::new(sink);
        self
    }

    /// Adds notes to the run's record: prompt, sampling, device.
    pub fn with_notes(mut self, notes: impl Into<RunNotes>) -> Self {
        self.notes = notes.into();
        self
    }

    /// Escalates a step when its router fails or answers nonsense, instead of ending the problem with an error. Each
    /// such step is counted in [`Usage::fallback_steps`] and keeps the error in its record.
    pub fn with_fallback_to_target(mut self) -> Self {
        self.judging.escalate_on_error = true;
        self
    }

    /// Lets the drafter write on while router and target are at work. Off at first.
    pub fn with_overlap(mut self, overlap: Overlap) -> Self {
        (self.overlap, self.pace) = (overlap, Pace::new(overlap));
        self
    }

    /// Whether turns overlap; `None` while [`Overlap::Measured`] has not settled. What it settled for holds as long as the
    /// engine does.
    pub fn overlap_choice(&self) -> Option<bool> {
        self.pace.choice()
    }

    /// Solves one problem.
    ///
    /// # Errors
    /// [`EngineError`], naming the part that failed and the step.
    pub fn solve(&mut self, problem: &Problem) -> Result<Solution, EngineError> {
        let mut answers = self.solve_all(std::slice::from_ref(problem));
        answers.pop().unwrap_or_else(|| {
            let name = self.drafter.name().to_owned();
            Err(EngineError::Count { role: Role::Drafter, name, expected: 1, found: 0 })
        })
    }

    /// Solves many problems, up to [`Limits::in_flight`] at a time, and returns the solutions in the problems' order. A
    /// problem that fails does not touch the others.
    pub fn solve_all(&mut self, problems: &[Problem]) -> Vec<Result<Solution, EngineError>> {
        let mut answers: Vec<_> = problems.iter().map(|_| None).collect();
        self.solve_each(problems, |index, answer| answers[index] = Some(answer));
        answers.into_iter().flatten().collect()
    }

    /// Solves many problems and hands each solution over as soon as it is finished, with its problem's index.
    pub fn solve_each(&mut self, problems: &[Problem], mut done: impl FnMut(usize, Result<Solution, EngineError>)) {
        self.solve_until(problems, |index, answer| {
            done(index, answer);
            ControlFlow::Continue(())
        });
    }

    /// [`solve_each`](Self::solve_each), until `done` breaks off: where answers cannot be kept, writing more of them is of no
    /// use. What is unfinished then is dropped, without a record of its end.
    pub fn solve_until(
        &mut self,
        problems: &[Problem],
        mut done: impl FnMut(usize, Result<Solution, EngineError>) -> ControlFlow<()>,
    ) {
        let served = self.serve(&mut Listed::new(problems, &mut done));
        if let Err(error) = served {
            let _ = (0..problems.len()).try_for_each(|index| done(index, Err(error.clone().into())));
        }
    }

    /// Solves what `intake` brings, up to [`Limits::in_flight`] at a time, until it has nothing more. A problem that comes
    /// while others are being solved joins them at the next turn; each turn writes one step of every open sequence. What is
    /// written of a problem does not depend on when it came and on what was beside it.
    ///
    /// # Errors
    /// [`ConfigError::Limit`], before anything is asked of the intake.
    pub fn serve(&mut self, intake: &mut impl Intake) -> Result<(), ConfigError> {
        self.limits.validate()?;
        self.introduce();
        let mut live: Vec<Live> = Vec::new();
        loop {
            for dropped in live.extract_if(.., |sequence| intake.is_cancelled(sequence.id)) {
                self.release(dropped.id);
            }
            while live.len() < self.limits.in_flight
                && let Some((id, problem)) = intake.next(live.is_empty())
            {
                live.push(Live::new(id, problem));
            }
            if live.is_empty() {
                return Ok(());
            }
            self.timed_advance(&mut live);
            for (id, record) in live.iter().filter_map(Live::latest) {
                intake.committed(id, record);
            }
            let mut told = ControlFlow::Continue(());
            for finished in live.extract_if(.., |sequence| sequence.is_finished()) {
                let (id, answer) = (finished.id, self.conclude(finished));
                told = if told.is_continue() { intake.finished(id, answer) } else { told };
            }
            if told.is_break() {
                live.iter().for_each(|dropped| self.release(dropped.id));
                return Ok(());
            }
        }
    }

    /// Advances, and lets the pace learn from how long it took.
    fn timed_advance(&mut self, live: &mut [Live]) {
        let tokens = |live: &[Live]| live.iter().map(|sequence| sequence.tokens).sum::<usize>();
        let (start, before) = (Instant::now(), tokens(live));
        let opening = live.iter().any(|sequence| sequence.records.is_empty());
        self.advance(live);
        let by_target = |live: &Live| live.records.last().is_some_and(|record| record.author == Author::Target);
        let kind = Kind { opening, escalated: live.iter().any(by_target) };
        self.pace.record(kind, start.elapsed().as_secs_f64(), tokens(live) - before);
    }

    /// One step of every open sequence. This is the algorithm.
    fn advance(&mut self, live: &mut [Live]) {
        let rule = StepRule::new(&self.segmenter, self.limits.step_tokens);
        let mut turns = self.judging.decide_early(live);
        drafting::draft(&mut self.drafter, live, &mut turns, &rule);
        let supposed = if self.pace.overlaps() { drafting::suppose(live, &turns, &self.limits) } else { Vec::new() };
        if supposed.is_empty() {
            self.judging.judge(live, &mut turns, &rule);
        } else {
            let ahead = beside(
                || drafting::draft_ahead(&mut self.drafter, live, &supposed, &rule),
                || self.judging.judge(live, &mut turns, &rule),
            );
            supposed.into_iter().zip(ahead.into_iter().flatten()).for_each(|(at, step)| turns[at].ahead = step);
        }
        self.commit(live, turns);
    }

    fn commit(&mut self, live: &mut [Live], turns: Vec<Turn>) {
        for (sequence, turn) in live.iter_mut().zip(turns) {
            let Some(record) = sequence.commit(turn, &self.limits) else { continue };
            let index = record.index;
            if let Err(source) = self.sink.write(&Record::Step(record)) {
                sequence.fail_to_record(index, source);
            }
        }
    }

    /// Lets all parts forget a sequence.
    fn release(&mut self, id: SequenceId) {
        self.drafter.release(id);
        self.judging.verifier.release(id);
        self.judging.router.release(id);
    }

    /// Lets all parts forget a finished sequence and records its end.
    fn conclude(&mut self, finished: Live) -> Result<Solution, EngineError> {
        self.release(finished.id);
        let record = Record::Solution(SolutionRecord {
            problem: finished.problem.id.clone(),
            question: finished.problem.question.clone(),
            stop: finished.stop,
            error: finished.error.as_ref().map(ToString::to_string),
            text: finished.prefix().text(),
            usage: finished.usage,
        });
        let written = self.sink.write(&record);
        finished.into_answer(written)
    }

    /// What a trace says of the run, before its first problem.
    pub fn run_record(&self) -> RunRecord {
        let (drafter, verifier) = (&self.drafter, &self.judging.verifier);
        RunRecord {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            drafter: ModelRecord { name: drafter.name().to_owned(), digest: drafter.digest() },
            verifier: ModelRecord { name: verifier.name().to_owned(), digest: verifier.digest() },
            router: self.judging.router.name(),
            limits: self.limits,
            overlap: self.overlap,
            notes: self.notes.clone(),
        }
    }

    /// Writes the run's record before the first problem's.
    fn introduce(&mut self) {
        if std::mem::replace(&mut self.introduced, true) {
            return;
        }
        // A sink that fails here fails again at the first step, where there is a problem to report it to.
        self.sink.write(&Record::Run(self.run_record())).ok();
    }
}
