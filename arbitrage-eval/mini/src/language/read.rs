//! From a question back to its meaning.

use super::super::statement::number;
use super::story::next_slot;
use super::{Beat, Cast, Event, Story};
use arbitrage_core::text::excerpt;

/// Most sentences that are read; the longest problem has seven.
const MOST_SENTENCES: usize = 16;

/// The story that `question` tells, white space around it left out.
///
/// # Errors
/// What was expected and what was found, for [`MiniError::Foreign`](crate::MiniError::Foreign).
pub(crate) fn story(question: &str) -> Result<Story, (String, String)> {
    let question = question.trim();
    let mut story = Story::default();
    for text in question.split_inclusive(['.', '?']).take(MOST_SENTENCES + 1) {
        let unknown = || ("a sentence of the family".to_owned(), excerpt(text.trim()));
        let beat = sentence(text.trim(), &mut story.cast).ok_or_else(unknown)?;
        story.beats.push(beat);
    }
    if story.beats.len() > MOST_SENTENCES {
        return Err((format!("at most {MOST_SENTENCES} sentences"), "more".to_owned()));
    }
    if !story.is_ordered() {
        return Err(("a start, what happens, and one question".to_owned(), excerpt(question)));
    }
    // Pronouns and spaces are not looked at while reading, and a second name in one slot replaces the first.
    let written = story.question();
    if written == question { Ok(story) } else { Err((format!("`{written}`"), excerpt(question))) }
}

fn sentence(text: &str, cast: &mut Cast) -> Option<Beat> {
    let told = |event: Event| event.templates().iter().enumerate().map(move |(at, template)| (event, at, *template));
    Event::ALL.into_iter().flat_map(told).find_map(|(event, template, words)| {
        let mut read = *cast;
        let numbers = slots(words, text, &mut read)?;
        *cast = read;
        Some(Beat { event, template, numbers })
    })
}

/// The numbers of `text` if it is the template filled in, its words put into `cast`.
fn slots(template: &str, text: &str, cast: &mut Cast) -> Option<[u64; 2]> {
    let mut numbers = [0; 2];
    let mut words = text.split(' ');
    for part in template.split(' ') {
        let word = words.next()?;
        let Some((before, slot, after)) = next_slot(part) else { if part == word { continue } else { return None } };
        let filling = word.strip_prefix(before)?.strip_suffix(after)?;
        match slot {
            "a" => numbers[0] = number(filling)?,
            "b" => numbers[1] = number(filling)?,
            _ => cast.take(slot, filling)?,
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
    fn a_question_is_read_back() {
        let story = story(QUESTION).unwrap();
        assert_eq!(story.question(), QUESTION);
        assert_eq!(story.plan().unwrap().solution(), "3*14=42\n\n12+42=54\n\n54/2=\\boxed{27}");
    }

    #[test]
    fn a_sum_of_two_earlier_results() {
        let both = "Tom has 40 eggs. He sells 10. Eve has twice as many. How many have both?";
        assert_eq!(story(both).unwrap().plan().unwrap().solution(), "40-10=30\n\n30*2=60\n\n30+60=\\boxed{90}");
    }

    #[test]
    fn other_questions_are_foreign() {
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
            assert!(story(question).is_err(), "{question}");
        }
        assert!(story(&format!("Ann has 12 pens. {}How many are left?", "She doubles them. ".repeat(9999))).is_err());
    }

    proptest! {
        #[test]
        fn hostile_questions_are_refused(cut in 0..QUESTION.len(), text in "\\PC{0,20}|[0-9]{0,40}") {
            let mut question = QUESTION.to_owned();
            question.insert_str(cut, &text);
            if let Ok(story) = story(&question) {
                prop_assert_eq!(story.question(), question.trim());
                story.plan();
            }
        }
    }
}
