//! The contract of all segmenters, and examples for each of them.

use proptest::prelude::*;

use super::*;
use crate::Finish;

fn separators<const N: usize>(separators: [&str; N]) -> Separators {
    Separators::new(separators).unwrap()
}

/// Cuts `text` and shows the cuts as `|`.
fn cut(segmenter: &dyn StepSegmenter, text: &str) -> String {
    segmenter.segment(text).join("|")
}

#[test]
fn blank_lines() {
    for (text, expected) in [
        ("", ""),
        ("a", "a"),
        ("a\n\n", "a\n\n"),
        ("a\n\nb\n\nc", "a\n\n|b\n\n|c"),
        ("a.\n\n\n\nb", "a.\n\n\n\n|b"),
        ("a\nb\n\nc", "a\nb\n\n|c"),
        ("\n\na\n\nb", "\n\na\n\n|b"),
        ("\n\n\n", "\n\n\n"),
        ("a\r\n\r\nb", "a\r\n\r\n|b"),
        ("a\n\r\nb", "a\n\r\n|b"),
        ("a\n\n  b", "a\n\n|  b"),
        ("a\n\n  \n\tb", "a\n\n  \n|\tb"),
        ("a\n \n\nb", "a\n \n\n|b"),
        ("a\n \nb", "a\n \nb"),
        ("é\n\n—", "é\n\n|—"),
    ] {
        assert_eq!(cut(&BlankLine::new(), text), expected, "{text:?}");
    }
}

#[test]
fn newlines() {
    for (text, expected) in [
        ("a\nb\n", "a\n|b\n"),
        ("\na\n\n\nb", "\na\n\n\n|b"),
        ("a\r\nb", "a\r\n|b"),
        ("a\n  b", "a\n|  b"),
        ("a\rb", "a\rb"),
    ] {
        assert_eq!(cut(&Newline::new(), text), expected, "{text:?}");
    }
}

#[test]
fn several_separators() {
    let sentences = separators([". ", "? ", "\n"]);
    for (text, expected) in [
        ("Is it? No. 3.5 is\nit", "Is it? |No. |3.5 is\n|it"),
        (". a. b", ". a. |b"),
        ("? ? ? ", "? ? |? "),
        ("a. \n\nb", "a. \n\n|b"),
    ] {
        assert_eq!(cut(&sentences, text), expected, "{text:?}");
    }
    // The separator that is complete first ends the step, wherever it begins.
    assert_eq!(separators(["b", "abc"]).boundary("xabc"), Some(3));
    assert_eq!(separators(["ab", "a"]).boundary("xab"), Some(2));
}

#[test]
fn markers() {
    for (text, expected) in [
        ("Step 1: a\nStep 2: b\nStep 3: c", "Step 1: a\n|Step 2: b\n|Step 3: c"),
        ("## Step 1\na\n\n## Step 2\nb", "## Step 1\na\n\n|## Step 2\nb"),
        ("**Step 1** a\n**Step 2** b", "**Step 1** a\n|**Step 2** b"),
        ("### **STEP 1:** a\n### **step 12:** b", "### **STEP 1:** a\n|### **step 12:** b"),
        ("a\n  Step 2 : b", "a\n|  Step 2 : b"),
        ("a\nStep 2 shows that", "a\nStep 2 shows that"),
        ("a, Step 2: b", "a, Step 2: b"),
        ("a\nStep two: b", "a\nStep two: b"),
        ("a\nStep2: b", "a\nStep2: b"),
        ("a\nSteps 2: b", "a\nSteps 2: b"),
        ("\n\nStep 1: a", "\n\nStep 1: a"),
        ("a\nSté", "a\nSté"),
    ] {
        assert_eq!(cut(&StepMarkers::new(), text), expected, "{text:?}");
    }
    let german = StepMarkers::new().with_words(["Schritt", "Étape"]).unwrap();
    assert_eq!(cut(&german, "a\nSchritt 2: b\nÉtape 3: c\nStep 4: d"), "a\n|Schritt 2: b\n|Étape 3: c\nStep 4: d");
}

#[test]
fn token_budget() {
    let budget = TokenBudget::new(7).unwrap();
    assert_eq!(budget.segment("a\n\nb"), ["a\n\nb"]);
    assert_eq!(crate::StepRule::new(&budget, 100).max_tokens, 7);
    assert_eq!(crate::StepRule::new(&budget, 3).max_tokens, 3);
    assert_eq!(crate::StepRule::new(&Newline::new(), 3).max_tokens, 3);
    let finish_of_longest = |segmenter: &dyn StepSegmenter, max_tokens| {
        let rule = crate::StepRule::new(segmenter, max_tokens);
        rule.finish_at(rule.max_tokens)
    };
    let finishes = [100, 7, 3].map(|max_tokens| finish_of_longest(&budget, max_tokens));
    assert_eq!(finishes, [Finish::Boundary, Finish::Boundary, Finish::Length]);
    assert_eq!(finish_of_longest(&Newline::new(), 7), Finish::Length);
    // A server with less context than the rule allows writes fewer tokens.
    assert_eq!(crate::StepRule::new(&budget, 100).finish_at(4), Finish::Length);
}

#[test]
fn invalid_parameters_are_refused() {
    assert!(Separators::new::<&str>([]).is_err());
    assert!(Separators::new(["\n", ""]).is_err());
    assert!(StepMarkers::new().with_words::<&str>([]).is_err());
    assert!(StepMarkers::new().with_words(["Step", " "]).is_err());
    assert!(TokenBudget::new(0).is_err());
}

#[test]
fn stop_strings_end_steps() {
    let all: [Box<dyn StepSegmenter>; 3] =
        [Box::new(BlankLine::new()), Box::new(Newline::new()), Box::new(separators([". ", "\n"]))];
    for segmenter in all {
        assert!(!segmenter.stop_sequences().is_empty());
        for stop in segmenter.stop_sequences() {
            assert_eq!(segmenter.boundary(&format!("a{stop}")), Some(1 + stop.len()));
        }
    }
    assert!(StepMarkers::new().stop_sequences().is_empty());
}

const KINDS: usize = 7;

fn segmenter(kind: usize) -> Box<dyn StepSegmenter> {
    match kind {
        0 => Box::new(BlankLine::new()),
        1 => Box::new(Newline::new()),
        2 => Box::new(separators(["\n", "\n\n", ". "])),
        3 => Box::new(separators(["b", "abc", "—"])),
        4 => Box::new(StepMarkers::new()),
        5 => Box::new(StepMarkers::new().with_words(["Étape", "a"]).unwrap()),
        _ => Box::new(TokenBudget::new(3).unwrap()),
    }
}

/// Text made of the pieces that segmenters react to.
fn text() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "\n", "\n", "\r\n", " ", "\t", "\u{a0}", "a", "b", "abc", "—", "É", "Step", "Étape", "1", "23", ":", "#", "##",
        "**", ".", ". ",
    ]);
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_boundary_follows_some_text_and_lies_on_a_character_edge(kind in 0..KINDS, text in text()) {
        let segmenter = segmenter(kind);
        if let Some(end) = segmenter.boundary(&text) {
            prop_assert!(text.is_char_boundary(end));
            prop_assert!(!text[..end].trim().is_empty());
        }
    }

    #[test]
    fn a_boundary_stays_when_text_is_appended(kind in 0..KINDS, text in text(), more in text()) {
        let segmenter = segmenter(kind);
        if let Some(end) = segmenter.boundary(&text) {
            let whole = text + &more;
            let later = segmenter.boundary(&whole);
            prop_assert!(later >= Some(end));
            prop_assert_eq!(whole[end..later.unwrap_or(end)].trim(), "");
        }
    }

    #[test]
    fn streaming_finds_the_step_that_the_whole_text_has(kind in 0..KINDS, text in text()) {
        let segmenter = segmenter(kind);
        let edges = text.char_indices().map(|(at, c)| at + c.len_utf8());
        let first = edges.filter_map(|edge| segmenter.boundary(&text[..edge])).next();
        let whole = segmenter.boundary(&text);
        prop_assert_eq!(first.map(|end| text[..end].trim_end()), whole.map(|end| text[..end].trim_end()));
    }

    #[test]
    fn pieces_concatenate_to_the_text(kind in 0..KINDS, text in text()) {
        let segmenter = segmenter(kind);
        let pieces = segmenter.segment(&text);
        prop_assert_eq!(pieces.concat(), text.clone());
        prop_assert!(pieces.iter().all(|piece| !piece.is_empty()));
        let leading = pieces.iter().rev().skip(1);
        prop_assert!(leading.into_iter().all(|piece| !piece.trim().is_empty()), "only the last piece may be blank");
    }

    #[test]
    fn any_text_is_cut_without_panic(kind in 0..KINDS, text in ".{0,40}") {
        prop_assert_eq!(segmenter(kind).segment(&text).concat(), text);
    }
}
