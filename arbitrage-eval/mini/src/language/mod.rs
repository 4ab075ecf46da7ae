//! The language of the questions: a [`Story`] of [`Sentence`]s, written as text and parsed from text.
//!
//! Writing and parsing share one table of templates, so that a question states exactly what its plan computes, and the checker can check
//! any problem of the family from its question alone.

mod names;
mod parse;
mod running_total;
mod sentence_kind;
mod story;

pub(super) use names::{Names, uniform_below};
pub(super) use parse::{Mismatch, parse_story};
pub(super) use running_total::RunningTotal;
pub(super) use sentence_kind::{SentenceKind, SentencePosition};
pub(super) use story::{Sentence, Story};

/// The texts from which the vocabulary is made: each template with each word that its slots may have. A space precedes the sentences that
/// follow another one.
pub(super) fn samples() -> Vec<String> {
    let sentences_of = |kind: SentenceKind| {
        (0..kind.templates().len()).map(move |template| Sentence { kind, template, numbers: [1, 1] })
    };
    let sentences: Vec<Sentence> = SentenceKind::ALL.into_iter().flat_map(sentences_of).collect();
    let text = |names: Names, sentence: &Sentence| {
        let space = if sentence.kind == SentenceKind::Start { "" } else { " " };
        format!("{space}{}", sentence.text(&names))
    };
    Names::all().flat_map(|names| sentences.iter().map(move |sentence| text(names, sentence))).collect()
}
