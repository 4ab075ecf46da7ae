//! The engine: it drafts a step, routes it, has the target rewrite it where the router escalates, and commits it.

mod background;
mod choose;
mod draft;
mod route;
mod sequence;
mod solution;
mod source;
mod step_state;

pub use solution::Solution;
pub use source::{ProblemSource, WhenEmpty};

use std::ops::ControlFlow;

use crate::segmenter::BlankLine;
use crate::trace::{DraftsRecord, ModelRecord, Record, RunNotes, RunRecord, TraceSink};
use crate::{
    AdvantageRouter, ChooseBy, ConfigError, Drafter, EngineError, Limits, Overlap, Problem, SequenceId, SeveralDrafts,
    StepRule, StepScorer, StepSegmenter, Verifier,
};
use background::run_concurrently;
use draft::{DraftStage, assume_accepted};
use route::RouteStage;
use sequence::{ActiveSequence, SequenceEnd};
use source::SliceSource;
use step_state::{OnRouterError, StepState};

/// Joins a drafter, a verifier and a router into a reasoner.
///
/// The verifier is called for escalated steps only, unless the router asks for [`Evidence::Both`](crate::Evidence::Both): calls that
/// are not made are where the speed comes from. Models are called with a batch of all active sequences, up to
/// [`Limits::in_flight`]; when one finishes, the next problem takes its place. The drafter waits for router and target, unless
/// [`Overlap`] lets it work ahead.
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
    draft_stage: DraftStage<D>,
    route_stage: RouteStage<V, R>,
    segmenter: Box<dyn StepSegmenter>,
    limits: Limits,
    sink: Box<dyn TraceSink>,
    notes: RunNotes,
    overlap: Overlap,
    has_run_record: bool,
}

impl<D: Drafter, V: Verifier, R: AdvantageRouter> Engine<D, V, R> {
    /// An engine that cuts steps at blank lines, as the paper does, within the default [`Limits`].
    pub fn new(drafter: D, verifier: V, router: R) -> Self {
        Self {
            draft_stage: DraftStage { drafter, several: None, is_chosen_by_router: false },
            route_stage: RouteStage { verifier, router, on_router_error: OnRouterError::EndSequence, chooser: None },
            segmenter: Box::new(BlankLine::new()),
            limits: Limits::default(),
            sink: Box::new(()),
            notes: RunNotes::default(),
            overlap: Overlap::Off,
            has_run_record: false,
        }
    }

    /// Cuts steps by another rule.
    pub fn with_segmenter(mut self, segmenter: impl StepSegmenter + 'static) -> Self {
        self.segmenter = Box::new(segmenter);
        self
    }

    /// Sets the limits.
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Sends every record to `sink` as it is made.
    pub fn with_sink(mut self, sink: impl TraceSink + 'static) -> Self {
        self.sink = Box::new(sink);
        self
    }

    /// Adds notes to the run's record: prompt, sampling, device.
    pub fn with_notes(mut self, notes: impl Into<RunNotes>) -> Self {
        self.notes = notes.into();
        self
    }

    /// Escalates a step when its router fails or returns NaN, instead of ending the problem with an error. Such steps are counted
    /// in [`Usage::fallback_steps`](crate::Usage::fallback_steps) and keep the error in their record.
    pub fn with_fallback_to_target(mut self) -> Self {
        self.route_stage.on_router_error = OnRouterError::Escalate;
        self
    }

    /// Lets the drafter work ahead while router and target are busy. It is off by default.
    pub fn with_overlap(mut self, overlap: Overlap) -> Self {
        self.overlap = overlap;
        self
    }

    /// Has the drafter write several drafts of each step, of which the best is chosen before the router and the target are asked
    /// about it. One draft is the default: then nothing is chosen, and `by` is dropped.
    ///
    /// ```
    /// use arbitrage_core::{Author, ChooseBy, Engine, Problem, SeveralDrafts, router::AlwaysDraft, testing::Babbler};
    /// let model = |author| Babbler::new("babbler", author, 1);
    /// let mut engine = Engine::new(model(Author::Draft), model(Author::Target), AlwaysDraft)
    ///     .with_drafts(SeveralDrafts::new(4, 1.0)?, ChooseBy::Logprob);
    /// let solution = engine.solve(&Problem::new("Say something."))?;
    /// assert!(solution.records.iter().all(|record| record.choice.as_ref().is_some_and(|choice| choice.candidates.len() == 4)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn with_drafts(mut self, drafts: SeveralDrafts, by: ChooseBy) -> Self {
        let is_several = drafts.count() > 1;
        self.draft_stage.several = is_several.then_some(drafts);
        self.draft_stage.is_chosen_by_router = matches!(by, ChooseBy::Estimate(_));
        self.route_stage.chooser = is_several.then_some(by);
        self
    }

    /// Solves one problem.
    ///
    /// # Errors
    /// [`EngineError`], naming the component that failed and the step.
    pub fn solve(&mut self, problem: &Problem) -> Result<Solution, EngineError> {
        self.limits.validate()?;
        self.write_run_record();
        let mut sequence = ActiveSequence::new(SequenceId::fresh(), problem.clone());
        loop {
            if let Some(end) = sequence.end.take() {
                return self.finish_sequence(sequence, end);
            }
            self.advance(std::slice::from_mut(&mut sequence));
        }
    }

    /// Solves many problems, up to [`Limits::in_flight`] at a time, and returns the solutions in the problems' order. A problem
    /// that fails does not affect the others.
    pub fn solve_all(&mut self, problems: &[Problem]) -> Vec<Result<Solution, EngineError>> {
        let mut results: Vec<_> = problems.iter().map(|_| None).collect();
        self.solve_each(problems, |index, result| results[index] = Some(result));
        results.into_iter().flatten().collect()
    }

    /// Solves many problems and passes each result on as soon as it is known, with its problem's index.
    pub fn solve_each(
        &mut self,
        problems: &[Problem],
        mut on_finished: impl FnMut(usize, Result<Solution, EngineError>),
    ) {
        self.solve_until(problems, |index, result| {
            on_finished(index, result);
            ControlFlow::Continue(())
        });
    }

    /// [`solve_each`](Self::solve_each), until `on_finished` returns `Break`, for instance because results cannot be stored any
    /// more. Unfinished problems are then dropped, and their end is not recorded.
    pub fn solve_until(
        &mut self,
        problems: &[Problem],
        mut on_finished: impl FnMut(usize, Result<Solution, EngineError>) -> ControlFlow<()>,
    ) {
        let served = self.serve(&mut SliceSource::new(problems, &mut on_finished));
        if let Err(error) = served {
            let _ = (0..problems.len()).try_for_each(|index| on_finished(index, Err(error.clone().into())));
        }
    }

    /// Solves the problems that `source` supplies, up to [`Limits::in_flight`] at a time, until it has no more. Each iteration
    /// writes one step of every active sequence, and problems that arrive meanwhile join at the next one. The text of a solution
    /// depends neither on when its problem arrived nor on which others were solved at the same time.
    ///
    /// # Errors
    /// [`ConfigError::Limit`], before `source` is called.
    pub fn serve(&mut self, source: &mut impl ProblemSource) -> Result<(), ConfigError> {
        self.limits.validate()?;
        self.write_run_record();
        let mut active: Vec<ActiveSequence> = Vec::new();
        loop {
            for cancelled in active.extract_if(.., |sequence| source.is_cancelled(sequence.id)) {
                self.release(cancelled.id);
            }
            while active.len() < self.limits.in_flight {
                let when_empty = if active.is_empty() { WhenEmpty::Wait } else { WhenEmpty::Return };
                let Some((id, problem)) = source.next(when_empty) else { break };
                active.push(ActiveSequence::new(id, problem));
            }
            if active.is_empty() {
                return Ok(());
            }
            self.advance(&mut active);
            for (id, record) in active.iter().filter_map(ActiveSequence::last_committed) {
                source.committed(id, record);
            }
            if self.finish_ended(&mut active, source).is_break() {
                active.iter().for_each(|dropped| self.release(dropped.id));
                return Ok(());
            }
        }
    }

    /// Writes one step of every active sequence. This is the algorithm.
    fn advance(&mut self, active: &mut [ActiveSequence]) {
        let rule = StepRule::new(&self.segmenter, self.limits.step_tokens);
        let mut states = self.route_stage.begin_steps(active);
        self.draft_stage.draft_steps(active, &mut states, &rule);
        self.route_stage.choose(self.draft_stage.drafter.name(), active, &mut states);
        let assumed = match self.overlap {
            Overlap::Off => Vec::new(),
            Overlap::On => assume_accepted(active, &states, &self.limits),
        };
        if assumed.is_empty() {
            self.route_stage.run(active, &mut states, &rule);
        } else {
            let next_drafts = run_concurrently(
                || self.draft_stage.draft_ahead(active, &assumed, &rule),
                || self.route_stage.run(active, &mut states, &rule),
            );
            for (index, next_drafts) in assumed.into_iter().zip(next_drafts.into_iter().flatten()) {
                states[index].next_drafts = next_drafts;
            }
        }
        self.commit(active, states);
    }

    fn commit(&mut self, active: &mut [ActiveSequence], states: Vec<StepState>) {
        for (sequence, state) in active.iter_mut().zip(states) {
            let Some(record) = sequence.commit(state, &self.limits) else { continue };
            let index = record.index;
            if let Err(source) = self.sink.write(&Record::Step(record)) {
                sequence.end = Some(SequenceEnd::sink_failed(index, source));
            }
        }
    }

    /// Removes the sequences that have ended and passes their results to `source`, until it returns `Break`.
    fn finish_ended(&mut self, active: &mut Vec<ActiveSequence>, source: &mut impl ProblemSource) -> ControlFlow<()> {
        let mut flow = ControlFlow::Continue(());
        let ended = active.extract_if(.., |sequence| sequence.end.is_some());
        for (sequence, end) in ended.filter_map(|mut sequence| sequence.end.take().map(|end| (sequence, end))) {
            let (id, result) = (sequence.id, self.finish_sequence(sequence, end));
            if flow.is_continue() {
                flow = source.finished(id, result);
            }
        }
        flow
    }

    /// Releases a sequence from all components and records its end.
    fn finish_sequence(&mut self, sequence: ActiveSequence, end: SequenceEnd) -> Result<Solution, EngineError> {
        self.release(sequence.id);
        let written = self.sink.write(&Record::Solution(sequence.solution_record(&end)));
        let end = match (end, written) {
            (SequenceEnd::Stopped(_), Err(source)) => SequenceEnd::sink_failed(sequence.records.len(), source),
            (end, _) => end,
        };
        match end {
            SequenceEnd::Stopped(stop) => Ok(sequence.into_solution(stop)),
            SequenceEnd::Failed(error) => Err(error),
        }
    }

    fn release(&mut self, id: SequenceId) {
        self.draft_stage.drafter.release(id);
        self.route_stage.verifier.release(id);
        self.route_stage.router.release(id);
        if let Some(ChooseBy::Score(scorer)) = &mut self.route_stage.chooser {
            scorer.release(id);
        }
    }

    /// The record of the run that comes first in a trace.
    pub fn run_record(&self) -> RunRecord {
        let (drafter, verifier) = (&self.draft_stage.drafter, &self.route_stage.verifier);
        let drafts = self.draft_stage.several.zip(self.route_stage.chooser.as_ref());
        RunRecord {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            drafter: ModelRecord { name: drafter.name().to_owned(), digest: drafter.digest() },
            verifier: ModelRecord { name: verifier.name().to_owned(), digest: verifier.digest() },
            router: self.route_stage.router.name(),
            limits: self.limits,
            overlap: self.overlap,
            drafts: drafts.map(|(drafts, by)| DraftsRecord {
                count: drafts.count(),
                temperature: drafts.temperature(),
                chosen_by: by.name(),
            }),
            notes: self.notes.clone(),
        }
    }

    /// Writes the run's record, once, before the first problem.
    fn write_run_record(&mut self) {
        if std::mem::replace(&mut self.has_run_record, true) {
            return;
        }
        // The error can be ignored: a sink that fails here fails again at the first step, where there is a problem to report it for.
        self.sink.write(&Record::Run(self.run_record())).ok();
    }
}

impl<D, V, R> std::fmt::Debug for Engine<D, V, R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("limits", &self.limits).field("overlap", &self.overlap).finish_non_exhaustive()
    }
}
