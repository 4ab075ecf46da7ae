//! Builds the story of one problem, move by move.

use arbitrage_core::Draw;

use super::super::family::{Family, Move, MoveConfig};
use super::super::language::{Names, RunningTotal, Sentence, SentenceKind, SentencePosition, Story, uniform_below};
use super::super::solution_plan::{PlanStep, SolutionPlan};
use super::super::statement::Operation;
use super::super::step_kind::StepKind;
use super::moves;

/// The properties of a problem that are drawn before its story.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ProblemShape {
    pub(super) steps: usize,
    /// Whether the problem has a hard move.
    pub(super) hard: bool,
}

impl ProblemShape {
    pub(super) fn hardness(self) -> &'static str {
        if self.hard { "with a hard move" } else { "without a hard move" }
    }
}

/// An unfinished story.
pub(super) struct StoryBuilder<'a> {
    family: &'a Family,
    shape: ProblemShape,
    story: Story,
    total: RunningTotal,
    has_hard_move: bool,
}

impl<'a> StoryBuilder<'a> {
    pub(super) fn new(family: &'a Family, shape: ProblemShape, names: Names, draw: &mut Draw) -> Option<Self> {
        let story = Story { names, sentences: Vec::new() };
        let mut builder = Self { family, shape, story, total: RunningTotal::default(), has_hard_move: false };
        let start = moves::draw_within(family.start, draw);
        builder.add_sentence(SentenceKind::Start, [start, 0], draw)?;
        Some(builder)
    }

    /// Whether the story has fewer steps than its shape.
    pub(super) fn needs_steps(&self) -> bool {
        self.missing_steps() > 0
    }

    /// Adds one move. `None` where no move is possible, or its numbers do not fit.
    pub(super) fn add_move(&mut self, draw: &mut Draw) -> Option<()> {
        let (kind, config) = self.draw_move(draw)?;
        self.has_hard_move |= kind.is_hard();
        for (sentence, numbers) in moves::sentences(kind, &config, self.total.running(), draw)? {
            self.add_sentence(sentence, numbers, draw)?;
        }
        Some(())
    }

    /// The question and its plan. `None` where a hard move is missing.
    pub(super) fn finish(mut self, draw: &mut Draw) -> Option<(String, SolutionPlan)> {
        let is_question = |sentence: &Sentence| {
            matches!(sentence.kind.position(), SentencePosition::Question | SentencePosition::QuestionOfTwo)
        };
        if !self.story.sentences.last().is_some_and(is_question) {
            self.add_sentence(SentenceKind::Ask, [0, 0], draw)?;
        }
        let found = (self.story.question(), self.total.plan);
        (self.has_hard_move == self.shape.hard).then_some(found)
    }

    fn missing_steps(&self) -> usize {
        self.shape.steps.saturating_sub(self.total.plan.steps().len())
    }

    /// A move that is possible at this point, drawn by weight.
    fn draw_move(&self, draw: &mut Draw) -> Option<(Move, MoveConfig)> {
        let (missing, running) = (self.missing_steps(), self.total.running());
        let possible = |kind: Move, config: &MoveConfig| {
            let fits = if kind.is_last() { kind.steps() == missing } else { kind.steps() <= missing };
            let needs_hard_move = self.shape.hard && !self.has_hard_move;
            fits && config.running.contains(running) && (needs_hard_move || !kind.is_hard())
        };
        let moves = self.family.moves.iter().map(|(kind, config)| (*kind, *config));
        let moves: Vec<(Move, MoveConfig)> = moves.filter(|(kind, config)| possible(*kind, config)).collect();
        let total_weight: f64 = moves.iter().map(|(_, config)| config.weight).sum();
        let mut left = draw.uniform() * total_weight;
        moves.into_iter().find(|(_, config)| {
            left -= config.weight;
            left < 0.0
        })
    }

    /// Adds a sentence. `None` where one of its steps has no result in the family's range.
    fn add_sentence(&mut self, kind: SentenceKind, numbers: [u64; 2], draw: &mut Draw) -> Option<()> {
        let sentence = Sentence { kind, template: uniform_below(draw, kind.templates().len()), numbers };
        let before = self.total.plan.steps().len();
        self.total.add(&sentence)?;
        self.story.sentences.push(sentence);
        let is_valid = |step: &PlanStep| is_exact(step) && in_range(self.family, step);
        self.total.plan.steps()[before..].iter().all(is_valid).then_some(())
    }
}

/// The greatest product of two two-digit numbers.
const MAX_PRODUCT: u64 = 99 * 99;

fn in_range(family: &Family, step: &PlanStep) -> bool {
    let most = if step.kind() == StepKind::Product { MAX_PRODUCT } else { family.result.most };
    (family.result.least..=most).contains(&step.result())
}

/// Whether the result is not rounded.
fn is_exact(step: &PlanStep) -> bool {
    match (step.operation(), step.values()) {
        (Operation::Divide, &[a, b]) => a % b == 0,
        (Operation::Percent, &[rate, base]) => (rate * base) % 100 == 0,
        _ => true,
    }
}
