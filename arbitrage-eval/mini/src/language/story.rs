//! The meaning of a question, and its text.

use super::super::solution_plan::SolutionPlan;
use super::{Names, RunningTotal, SentenceKind, SentencePosition};

/// One sentence of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sentence {
    pub(crate) kind: SentenceKind,
    /// The index of its text among the templates of its kind.
    pub(crate) template: usize,
    /// `a` and `b`, or 0 where the sentence has none.
    pub(crate) numbers: [u64; 2],
}

/// The sentences of a question, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Story {
    pub(crate) names: Names,
    pub(crate) sentences: Vec<Sentence>,
}

impl Story {
    /// The text of the question.
    pub(crate) fn question(&self) -> String {
        let sentences: Vec<String> = self.sentences.iter().map(|sentence| sentence.text(&self.names)).collect();
        sentences.join(" ")
    }

    /// The steps that answer the question. `None` where a step has no result.
    pub(crate) fn plan(&self) -> Option<SolutionPlan> {
        let mut total = RunningTotal::default();
        self.sentences.iter().try_for_each(|sentence| total.add(sentence))?;
        Some(total.plan)
    }

    /// Whether every sentence is at a position that its kind may have.
    pub(crate) fn is_ordered(&self) -> bool {
        let positions: Vec<SentencePosition> = self.sentences.iter().map(|sentence| sentence.kind.position()).collect();
        let (Some((SentencePosition::Opening, rest)), Some(last)) = (positions.split_first(), positions.last()) else {
            return false;
        };
        let follows = |pair: &[SentencePosition]| match pair[0] {
            SentencePosition::Opening | SentencePosition::Change => {
                !matches!(pair[1], SentencePosition::Opening | SentencePosition::QuestionOfTwo)
            }
            SentencePosition::Comparison => pair[1] == SentencePosition::QuestionOfTwo,
            SentencePosition::Question | SentencePosition::QuestionOfTwo => false,
        };
        let ends = matches!(last, SentencePosition::Question | SentencePosition::QuestionOfTwo);
        ends && !rest.is_empty() && positions.windows(2).all(follows)
    }
}

impl Sentence {
    /// The text of the sentence.
    pub(crate) fn text(&self, names: &Names) -> String {
        let templates = self.kind.templates();
        let mut text = String::new();
        let mut rest = templates[self.template % templates.len()];
        while let Some(TemplateSlot { before, name, after }) = next_slot(rest) {
            text.push_str(before);
            match (name, names.word(name)) {
                (_, Some(word)) => text.push_str(word),
                ("a", None) => text.push_str(&self.numbers[0].to_string()),
                (_, None) => text.push_str(&self.numbers[1].to_string()),
            }
            rest = after;
        }
        text + rest
    }
}

/// A slot of a template, with the text before and after it.
pub(crate) struct TemplateSlot<'t> {
    pub(crate) before: &'t str,
    pub(crate) name: &'t str,
    pub(crate) after: &'t str,
}

/// The first slot of a template.
pub(crate) fn next_slot(template: &str) -> Option<TemplateSlot<'_>> {
    let (before, rest) = template.split_once('{')?;
    let (name, after) = rest.split_once('}')?;
    Some(TemplateSlot { before, name, after })
}
