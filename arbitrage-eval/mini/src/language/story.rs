//! A question's meaning: who, how many, and what happens.

use super::super::plan::{Operand, Plan};
use super::super::statement::Operation;
use super::{Cast, Event, Role};

/// One sentence: what happens, and which of its templates tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Beat {
    pub(crate) event: Event,
    pub(crate) template: usize,
    /// `a` and `b`; 0 where the event has none.
    pub(crate) numbers: [u64; 2],
}

/// The sentences of a question, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Story {
    pub(crate) cast: Cast,
    pub(crate) beats: Vec<Beat>,
}

impl Story {
    /// The question.
    pub(crate) fn question(&self) -> String {
        let sentences: Vec<String> = self.beats.iter().map(|beat| sentence(&self.cast, beat)).collect();
        sentences.join(" ")
    }

    /// What has to be worked out; `None` when a step has no result.
    pub(crate) fn plan(&self) -> Option<Plan> {
        let mut account = Account::default();
        self.beats.iter().try_for_each(|beat| account.add(beat))?;
        Some(account.plan)
    }

    /// Whether every sentence is in its place.
    pub(crate) fn is_ordered(&self) -> bool {
        let roles: Vec<Role> = self.beats.iter().map(|beat| beat.event.role()).collect();
        let (Some((Role::Opening, rest)), Some(last)) = (roles.split_first(), roles.last()) else { return false };
        let follows = |pair: &[Role]| match pair[0] {
            Role::Opening | Role::Change => !matches!(pair[1], Role::Opening | Role::QuestionOfTwo),
            Role::Comparison => pair[1] == Role::QuestionOfTwo,
            Role::Question | Role::QuestionOfTwo => false,
        };
        let ends = matches!(last, Role::Question | Role::QuestionOfTwo);
        ends && !rest.is_empty() && roles.windows(2).all(follows)
    }
}

/// A sentence's text.
pub(crate) fn sentence(cast: &Cast, beat: &Beat) -> String {
    let templates = beat.event.templates();
    let mut text = String::new();
    let mut rest = templates[beat.template % templates.len()];
    while let Some((before, slot, after)) = next_slot(rest) {
        text.push_str(before);
        match (slot, cast.word(slot)) {
            (_, Some(word)) => text.push_str(word),
            ("a", _) => text.push_str(&beat.numbers[0].to_string()),
            _ => text.push_str(&beat.numbers[1].to_string()),
        }
        rest = after;
    }
    text + rest
}

/// The first slot of a template, with what is before and after it.
pub(crate) fn next_slot(template: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = template.split_once('{')?;
    let (slot, after) = rest.split_once('}')?;
    Some((before, slot, after))
}

/// A plan in the making: how many there are, and how many there were a sentence ago.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) plan: Plan,
    running: Operand,
    before: Operand,
}

impl Default for Account {
    fn default() -> Self {
        Self { plan: Plan::default(), running: Operand::Given(0), before: Operand::Given(0) }
    }
}

impl Account {
    /// How many there are.
    pub(crate) fn running(&self) -> u64 {
        self.plan.value(self.running, &[]).unwrap_or_default()
    }

    /// Adds a sentence's steps; `None` when one has no result.
    pub(crate) fn add(&mut self, beat: &Beat) -> Option<()> {
        let [a, b] = beat.numbers.map(Operand::Given);
        let (v, two, plan) = (self.running, Operand::Given(2), &mut self.plan);
        let after = match beat.event {
            Event::Start => Some(a),
            Event::Gain | Event::More => plan.push(Operation::Add, vec![v, a]),
            Event::Lose | Event::Fewer => plan.push(Operation::Subtract, vec![v, a]),
            Event::Double | Event::Twice => plan.push(Operation::Multiply, vec![v, two]),
            Event::Half | Event::HalfAsMany => plan.push(Operation::Divide, vec![v, two]),
            Event::Times | Event::Price => plan.push(Operation::Multiply, vec![v, a]),
            Event::Sum => plan.push(Operation::Add, vec![v, a, b]),
            Event::Share => plan.push(Operation::Divide, vec![v, a]),
            Event::Rest => plan.push(Operation::Remainder, vec![v, a]),
            Event::PacksIn | Event::PacksOut => plan.push(Operation::Multiply, vec![a, b]),
            Event::PercentIn | Event::PercentOut => plan.push(Operation::Percent, vec![a, b]),
            Event::Ask | Event::AskOther => Some(v),
            Event::AskBoth => plan.push(Operation::Add, vec![self.before, v]),
        };
        let after = match beat.event {
            Event::PacksIn | Event::PercentIn => plan.push(Operation::Add, vec![v, after?]),
            Event::PacksOut | Event::PercentOut => plan.push(Operation::Subtract, vec![v, after?]),
            _ => after,
        };
        (self.before, self.running) = (v, after?);
        Some(())
    }
}
