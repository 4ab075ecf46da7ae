//! Random runs, shared by the tests.
#![allow(dead_code, reason = "each test binary uses only some of this")]

use arbitrage_core::router::{AlwaysDraft, AlwaysTarget, Budget, FirstTokenEntropy, MeanLogprob, Oracle, Random, Rsd};
use arbitrage_core::scorer::scorer_fn;
use arbitrage_core::segmenter::{BlankLine, Newline, Separators, StepMarkers, TokenBudget};
use arbitrage_core::testing::{Babbler, CallLog, Recording};
use arbitrage_core::{
    Accepted, AdvantageRouter, Author, Engine, Finish, Limits, Overlap, Problem, RoleUsage, Route, Solution, StepCost,
    StepScorer, StepSegmenter, Stop, Usage, router_fn,
};
use proptest::prelude::*;

pub(crate) type TestEngine = Engine<Recording<Babbler>, Recording<Babbler>, Box<dyn AdvantageRouter>>;

/// The configuration of a run.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub seed: u64,
    pub router: usize,
    pub segmenter: usize,
    pub limits: Limits,
    pub end_probability: f64,
    pub cached: bool,
    pub overlap: Overlap,
}

prop_compose! {
    pub fn limits()(
        steps in 1..15usize, step_tokens in 1..16usize, tokens in 1..120usize, blank in 1..4usize,
        repeats in 2..4usize, in_flight in 1..6usize,
    ) -> Limits {
        Limits::default().with_steps(steps).with_step_tokens(step_tokens).with_tokens(tokens)
            .with_blank_steps(blank).with_repeats(repeats).with_in_flight(in_flight)
    }
}

prop_compose! {
    /// Any configuration of a run in which no component fails.
    pub fn setup()(
        seed: u64, router in 0..ROUTERS, segmenter in 0..SEGMENTERS, limits in limits(),
        end_probability in prop::sample::select(vec![0.0, 0.02, 0.2]), cached: bool,
        overlap in prop::sample::select(vec![Overlap::Off, Overlap::On]),
    ) -> Setup {
        Setup { seed, router, segmenter, limits, end_probability, cached, overlap }
    }
}

impl Setup {
    pub(crate) fn new(seed: u64, router: usize) -> Self {
        let limits = Limits::default().with_steps(12).with_step_tokens(12);
        Self { seed, router, segmenter: 0, limits, end_probability: 0.05, cached: true, overlap: Overlap::Off }
    }

    /// An engine on two babblers, and the log of its calls.
    pub(crate) fn engine(&self) -> (TestEngine, CallLog) {
        let log = CallLog::new();
        let (draft, target) = (log.record(self.drafter()), log.record(self.target()));
        let engine = Engine::new(draft, target, router(self.router, &log))
            .with_segmenter(segmenter(self.segmenter))
            .with_limits(self.limits)
            .with_overlap(self.overlap);
        (engine, log)
    }

    /// A drafter whose cache assumes that prefixes only grow. That is so unless it drafts ahead.
    pub(crate) fn drafter(&self) -> Babbler {
        let model = self.model("draft", Author::Draft);
        match (self.cached, self.overlap) {
            (false, _) => model,
            (true, Overlap::Off) => model.with_cache(),
            (true, _) => model.with_rollback(),
        }
    }

    /// A target whose cache assumes that prefixes only grow.
    pub(crate) fn target(&self) -> Babbler {
        let model = self.model("target", Author::Target);
        if self.cached { model.with_cache() } else { model }
    }

    fn model(&self, name: &str, author: Author) -> Babbler {
        let seed = self.seed.wrapping_add(author as u64);
        Babbler::new(name, author, seed).with_end_probability(self.end_probability)
    }

    /// Problems with seeds of their own.
    pub(crate) fn problems(&self, count: usize) -> Vec<Problem> {
        let problem = |n: usize| Problem::new(format!("Question {n}?")).with_id(format!("p{n}"));
        (0..count).map(|n| problem(n).with_seed(self.seed.wrapping_mul(31).wrapping_add(n as u64))).collect()
    }
}

/// A scorer without a model: the share of a step's characters that are ASCII.
pub(crate) fn ascii_share() -> impl StepScorer + Clone {
    scorer_fn(|_, step| {
        let characters = step.text.chars().count().max(1);
        step.text.chars().filter(char::is_ascii_alphanumeric).count() as f32 / characters as f32
    })
}

pub(crate) const ROUTERS: usize = 12;

/// All policies. `log` records their scorers' calls.
pub(crate) fn router(kind: usize, log: &CallLog) -> Box<dyn AdvantageRouter> {
    let scorer = || log.record(ascii_share());
    match kind {
        0 => Box::new(AlwaysDraft),
        1 => Box::new(AlwaysTarget),
        2 => Box::new(Random::new(0.4).unwrap()),
        3 => Box::new(Rsd::new(scorer(), 0.4).unwrap()),
        4 => Box::new(Oracle::new(scorer(), 0.0).unwrap()),
        5 => Box::new(MeanLogprob::new(-1.2).unwrap()),
        6 => Box::new(router_fn(|c| Route::escalate_if(c.draft.first_entropy > Some(1.4)))),
        7 => Box::new(router_fn(|c| Route::escalate_if(c.draft.text.len() % 2 == 0))),
        8 => Box::new(Budget::new(AlwaysTarget, 2)),
        9 => Box::new(Budget::new(Rsd::new(scorer(), 0.6).unwrap(), 1)),
        10 => Box::new(Budget::new(Oracle::new(scorer(), -0.5).unwrap(), 2)),
        _ => Box::new(Budget::new(FirstTokenEntropy::new(0.0).unwrap(), 0)),
    }
}

pub(crate) const SEGMENTERS: usize = 5;
pub(crate) const MARKERS: usize = 3;

pub(crate) fn segmenter(kind: usize) -> Box<dyn StepSegmenter> {
    match kind {
        0 => Box::new(BlankLine::new()),
        1 => Box::new(Newline::new()),
        2 => Box::new(Separators::new(["; ", "\n"]).unwrap()),
        MARKERS => Box::new(StepMarkers::new()),
        _ => Box::new(TokenBudget::new(5).unwrap()),
    }
}

/// Why a solution of these steps has to stop, computed in another way than the engine does.
pub(crate) fn expected_stop(steps: &[Accepted], limits: &Limits) -> Option<Stop> {
    let texts: Vec<&str> = steps.iter().map(|accepted| accepted.step.text.as_str()).collect();
    let blank = texts.iter().rev().take_while(|text| text.trim().is_empty()).count();
    let repeated = texts.iter().rev().take_while(|text| Some(text) == texts.last().as_ref()).count();
    let tokens: usize = steps.iter().map(|accepted| accepted.step.token_count()).sum();
    match steps.last()?.step.finish {
        Finish::EndOfText => Some(Stop::EndOfText),
        Finish::Context => Some(Stop::Context),
        _ if blank >= limits.blank_steps => Some(Stop::Blank),
        _ if repeated >= limits.repeats => Some(Stop::Repetition),
        _ if tokens >= limits.tokens => Some(Stop::Tokens),
        _ if texts.len() >= limits.steps => Some(Stop::Steps),
        _ => None,
    }
}

/// The solution without the fields that depend on time, on caches and on overlap.
pub(crate) fn timeless(mut solution: Solution) -> Solution {
    let steps = solution.steps.iter_mut().map(|accepted| &mut accepted.step);
    let recorded = solution.records.iter_mut().flat_map(|record| {
        (record.router_seconds, record.discarded) = (0.0, None);
        record.draft.iter_mut().chain(record.target.iter_mut())
    });
    for step in steps.chain(recorded) {
        step.cost = StepCost::new(0, 0, step.cost.decoded, 0.0);
    }
    solution.usage = timeless_usage(solution.usage);
    solution
}

pub(crate) fn timeless_usage(mut usage: Usage) -> Usage {
    (usage.router_seconds, usage.discarded) = (0.0, RoleUsage::default());
    for role in [&mut usage.draft, &mut usage.target] {
        (role.seconds, role.prefill_seconds, role.prefilled, role.cached) = (0.0, 0.0, 0, 0);
    }
    usage
}
