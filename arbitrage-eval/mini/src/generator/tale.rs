//! One attempt at a problem, move by move.

use arbitrage_core::Draw;

use super::super::family::{Dial, Family, Move};
use super::super::kind::Kind;
use super::super::language::{Account, Beat, Cast, Event, Role, Story, below};
use super::super::plan::{Plan, PlanStep};
use super::super::statement::Operation;
use super::moves;

/// What is settled about a problem before its tale is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) steps: usize,
    pub(super) hard: bool,
}

impl Shape {
    pub(super) fn hardness(self) -> &'static str {
        if self.hard { "with a hard move" } else { "without a hard move" }
    }
}

/// A story in the making.
pub(super) struct Tale<'a> {
    family: &'a Family,
    shape: Shape,
    story: Story,
    account: Account,
    /// Whether the shape's hard move has been made.
    hardened: bool,
}

impl<'a> Tale<'a> {
    pub(super) fn begin(family: &'a Family, shape: Shape, cast: Cast, draw: &mut Draw) -> Option<Self> {
        let story = Story { cast, beats: Vec::new() };
        let mut tale = Self { family, shape, story, account: Account::default(), hardened: false };
        let start = moves::within(family.start, draw);
        tale.tell(Event::Start, [start, 0], draw)?;
        Some(tale)
    }

    /// Whether steps are missing.
    pub(super) fn is_open(&self) -> bool {
        self.missing() > 0
    }

    /// Makes one move; `None` when none is possible, or its numbers do not work out.
    pub(super) fn go_on(&mut self, draw: &mut Draw) -> Option<()> {
        let (kind, dial) = self.choose(draw)?;
        self.hardened |= kind.is_hard();
        for (event, numbers) in moves::events(kind, &dial, self.account.running(), draw)? {
            self.tell(event, numbers, draw)?;
        }
        Some(())
    }

    /// The question and its plan; `None` when a hard move is missing.
    pub(super) fn end(mut self, draw: &mut Draw) -> Option<(String, Plan)> {
        let asked = |beat: &Beat| matches!(beat.event.role(), Role::Question | Role::QuestionOfTwo);
        if !self.story.beats.last().is_some_and(asked) {
            self.tell(Event::Ask, [0, 0], draw)?;
        }
        let found = (self.story.question(), self.account.plan);
        (self.hardened == self.shape.hard).then_some(found)
    }

    fn missing(&self) -> usize {
        self.shape.steps.saturating_sub(self.account.plan.steps().len())
    }

    /// One of the moves that are possible here, by weight.
    fn choose(&self, draw: &mut Draw) -> Option<(Move, Dial)> {
        let (missing, running) = (self.missing(), self.account.running());
        let possible = |kind: Move, dial: &Dial| {
            let fits = if kind.is_last() { kind.steps() == missing } else { kind.steps() <= missing };
            let hard = self.shape.hard && !self.hardened;
            fits && dial.running.contains(running) && (hard || !kind.is_hard())
        };
        let moves = self.family.moves.iter().map(|(kind, dial)| (*kind, *dial));
        let moves: Vec<(Move, Dial)> = moves.filter(|(kind, dial)| possible(*kind, dial)).collect();
        let total: f64 = moves.iter().map(|(_, dial)| dial.weight).sum();
        let mut left = draw.uniform() * total;
        moves.into_iter().find(|(_, dial)| {
            left -= dial.weight;
            left < 0.0
        })
    }

    /// Adds a sentence; `None` when a step of it has no result within the family's range.
    fn tell(&mut self, event: Event, numbers: [u64; 2], draw: &mut Draw) -> Option<()> {
        let beat = Beat { event, template: below(draw, event.templates().len()), numbers };
        let before = self.account.plan.steps().len();
        self.account.add(&beat)?;
        self.story.beats.push(beat);
        let family = self.family;
        let sound = |step: &PlanStep| is_exact(step) && in_range(family, step);
        self.account.plan.steps()[before..].iter().all(sound).then_some(())
    }
}

/// Of two numbers of two digits.
const MOST_PRODUCT: u64 = 99 * 99;

fn in_range(family: &Family, step: &PlanStep) -> bool {
    let most = if step.kind() == Kind::Product { MOST_PRODUCT } else { family.result.most };
    (family.result.least..=most).contains(&step.result())
}

/// Whether nothing was rounded.
fn is_exact(step: &PlanStep) -> bool {
    match (step.operation(), step.values()) {
        (Operation::Divide, &[a, b]) => a % b == 0,
        (Operation::Percent, &[rate, base]) => (rate * base) % 100 == 0,
        _ => true,
    }
}
