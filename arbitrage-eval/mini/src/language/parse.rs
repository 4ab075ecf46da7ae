//! Parses questions.

use super::super::statement::parse_number;
use super::story::{TemplateSlot, next_slot};
use super::{Names, Sentence, SentenceKind, Story};
use arbitrage_core::text::excerpt;

/// Most sentences that are parsed. The longest problem has seven.
const MAX_SENTENCES: usize = 16;

/// How a text differs from the questions of the family.
#[derive(Clone, Debug)]
pub(crate) struct Mismatch {
    pub(crate) expected: String,
    pub(crate) found: String,
}

impl Mismatch {
    pub(crate) fn new(expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self { expected: expected.into(), found: found.into() }
    }
}

/// Parses a question, without the white space around it.
///
/// # Errors
/// [`Mismatch`] where it is not a question of the family.
pub(crate) fn parse_story(question: &str) -> Result<Story, Mismatch> {
    let question = question.trim();
    let mut story = Story::default();
    for text in question.split_inclusive(['.', '?']).take(MAX_SENTENCES + 1) {
        let unknown = || Mismatch::new("a sentence of the family", excerpt(text.trim()));
        let sentence = parse_sentence(text.trim(), &mut story.names).ok_or_else(unknown)?;
        story.sentences.push(sentence);
    }
    if story.sentences.len() > MAX_SENTENCES {
        return Err(Mismatch::new(format!("at most {MAX_SENTENCES} sentences"), "more"));
    }
    if !story.is_ordered() {
        return Err(Mismatch::new("a start, what happens, and one question", excerpt(question)));
    }
    // Parsing ignores pronouns and spaces, and a second name in one slot replaces the first, so the text is compared as a whole.
    let written = story.question();
    if written == question { Ok(story) } else { Err(Mismatch::new(format!("`{written}`"), excerpt(question))) }
}

/// Parses a sentence, and takes its words into `names`.
fn parse_sentence(text: &str, names: &mut Names) -> Option<Sentence> {
    let candidates = SentenceKind::ALL
        .into_iter()
        .flat_map(|kind| kind.templates().iter().enumerate().map(move |(template, words)| (kind, template, *words)));
    candidates.into_iter().find_map(|(kind, template, words)| {
        let mut candidate = *names;
        let numbers = parse_slots(words, text, &mut candidate)?;
        *names = candidate;
        Some(Sentence { kind, template, numbers })
    })
}

/// The numbers of `text`, if it is the template with its slots filled. Its words are taken into `names`.
fn parse_slots(template: &str, text: &str, names: &mut Names) -> Option<[u64; 2]> {
    let mut numbers = [0; 2];
    let mut words = text.split(' ');
    for part in template.split(' ') {
        let word = words.next()?;
        let Some(TemplateSlot { before, name, after }) = next_slot(part) else {
            if part == word { continue } else { return None }
        };
        let content = word.strip_prefix(before)?.strip_suffix(after)?;
        match name {
            "a" => numbers[0] = parse_number(content)?,
            "b" => numbers[1] = parse_number(content)?,
            _ => names.set(name, content)?,
        }
    }
    if words.next().is_none() { Some(numbers) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const QUESTION: &str = "Ann has 12 pens. She buys 3 packs of 14. She gives half to Bob. How many are left?";

    #[test]
    fn a_question_is_parsed() {
        let story = parse_story(QUESTION).unwrap();
        assert_eq!(story.question(), QUESTION);
        assert_eq!(story.plan().unwrap().solution(), "3*14=42\n\n12+42=54\n\n54/2=\\boxed{27}");
    }

    #[test]
    fn a_sum_of_two_earlier_results() {
        let both = "Tom has 40 eggs. He sells 10. Eve has twice as many. How many have both?";
        assert_eq!(parse_story(both).unwrap().plan().unwrap().solution(), "40-10=30\n\n30*2=60\n\n30+60=\\boxed{90}");
    }

    #[test]
    fn other_questions_are_rejected() {
        for question in [
            "",
            "What is 6 times 7?",
            "Ann has 12 pens.",
            "How many are left?",
            "Ann has 12 pens. How many are left? She sells 3.",
            "Ann has 12 pens. He sells 3. How many are left?",
            "Ann has 12 pens. She sells 03. How many are left?",
            "Ann has 12 pens. She sells  3. How many are left?",
            "Ann has 12 pens.She sells 3. How many are left?",
            "Ann has 12 pens. She gives 3 to Bob. She gives 3 to Tom. How many are left?",
            "Ann has 12 pens. She sells 3. How many have both?",
            "Ann has 12 pens. Bob has 3 more. How many are left?",
            "Ann has 12 pens. Ann has 12 pens. How many are left?",
            "Ann has 12 pens. She sells 3 … How many are left?",
        ] {
            assert!(parse_story(question).is_err(), "{question}");
        }
        assert!(
            parse_story(&format!("Ann has 12 pens. {}How many are left?", "She doubles them. ".repeat(9999))).is_err()
        );
    }

    proptest! {
        #[test]
        fn hostile_questions_are_rejected(cut in 0..QUESTION.len(), text in "\\PC{0,20}|[0-9]{0,40}") {
            let mut question = QUESTION.to_owned();
            question.insert_str(cut, &text);
            if let Ok(story) = parse_story(&question) {
                prop_assert_eq!(story.question(), question.trim());
                story.plan();
            }
        }
    }
}
