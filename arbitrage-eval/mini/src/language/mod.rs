//! The language of the questions: [`Story`], its sentences, and the way back from text.
//!
//! Writer and reader share one table of templates, so that a question says what the plan holds and nothing else, and the
//! checker can judge any problem of the family from its question alone.

mod event;
mod read;
mod story;
mod words;

pub(super) use event::{Event, Role};
pub(super) use read::story;
pub(super) use story::{Account, Beat, Story};
pub(super) use words::{Cast, below};

/// Every text from which the vocabulary is made: each template with each word that can stand in it, behind a space where
/// another sentence comes first.
pub(super) fn samples() -> Vec<String> {
    let told =
        |event: Event| (0..event.templates().len()).map(move |template| Beat { event, template, numbers: [1, 1] });
    let beats: Vec<Beat> = Event::ALL.into_iter().flat_map(told).collect();
    let written = |cast: Cast, beat: &Beat| {
        let space = if beat.event == Event::Start { "" } else { " " };
        format!("{space}{}", story::sentence(&cast, beat))
    };
    Cast::all().flat_map(|cast| beats.iter().map(move |beat| written(cast, beat))).collect()
}
