//! The contract of segmenters.

use super::{Violation, require};
use crate::StepSegmenter;

/// Texts with what segmenters commonly stumble over.
const TEXTS: [&str; 10] = [
    "",
    "One line.",
    "First.\n\nSecond.\n\n\n\nThird.",
    "Windows\r\n\r\nline ends\r\n \r\n",
    "\n\n \n\nblank first\n\n",
    "Step 1: add.\nStep 2: multiply.\n\nStep 3: done.",
    "é — 数学\n\n🙂🙂; ß\n",
    "```\ncode\n\nmore code\n```\n\ntext",
    "a;b; c.\n\n; ;;",
    "   \t  ",
];

/// Checks a segmenter on texts of its own and on `texts`: boundaries lie on character edges and stay where they are when text
/// is appended, and the pieces of a text concatenate to it.
///
/// # Errors
/// [`Violation`].
pub fn check_segmenter<S: StepSegmenter + ?Sized>(segmenter: &S, texts: &[&str]) -> Result<(), Violation> {
    let budget = segmenter.token_budget();
    require(budget != Some(0), "a token budget is at least 1", || "a budget of 0 tokens".to_owned())?;
    let stops = segmenter.stop_sequences();
    require(!stops.iter().any(String::is_empty), "stop sequences are not empty", || format!("{stops:?}"))?;
    for text in TEXTS.iter().chain(texts) {
        check_boundaries(segmenter, text)?;
        check_pieces(segmenter, text)?;
    }
    Ok(())
}

/// Appends a text character by character, as a model does.
fn check_boundaries<S: StepSegmenter + ?Sized>(segmenter: &S, text: &str) -> Result<(), Violation> {
    let mut before: Option<usize> = None;
    for end in text.char_indices().map(|(at, c)| at + c.len_utf8()) {
        let written = &text[..end];
        let boundary = segmenter.boundary(written);
        if let Some(boundary) = boundary {
            let is_valid = boundary > 0 && boundary <= end && written.is_char_boundary(boundary);
            require(is_valid, "a boundary is a character edge after the first character", || {
                format!("the boundary {boundary} of {written:?}")
            })?;
        }
        if let Some(before) = before {
            let is_kept = boundary.is_some_and(|now| now >= before && written[before..now].trim().is_empty());
            require(is_kept, "a boundary stays where it is, or moves over appended white space", || {
                format!("the boundary {before}, then {boundary:?} in {written:?}")
            })?;
        }
        before = boundary;
    }
    Ok(())
}

fn check_pieces<S: StepSegmenter + ?Sized>(segmenter: &S, text: &str) -> Result<(), Violation> {
    let pieces = segmenter.segment(text);
    require(pieces.concat() == text, "the pieces of a text concatenate to it", || format!("{pieces:?} of {text:?}"))?;
    require(!pieces.contains(&""), "no piece of a text is empty", || format!("{pieces:?} of {text:?}"))?;
    let mut rest = text;
    for piece in pieces.iter().take(pieces.len().saturating_sub(1)) {
        let boundary = segmenter.boundary(rest);
        require(boundary == Some(piece.len()), "a text is cut at its boundaries", || {
            format!("{pieces:?} of {text:?}")
        })?;
        rest = &rest[piece.len()..];
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segmenter::{BlankLine, Newline, Separators, StepMarkers, TokenBudget};

    #[test]
    fn the_crates_segmenters_keep_the_contract() {
        let segmenters: [Box<dyn StepSegmenter>; 5] = [
            Box::new(BlankLine::new()),
            Box::new(Newline::new()),
            Box::new(Separators::new(["; ", "\n"]).unwrap()),
            Box::new(StepMarkers::new()),
            Box::new(TokenBudget::new(5).unwrap()),
        ];
        for segmenter in segmenters {
            check_segmenter(&segmenter, &["So 6 × 7 = 42.\n\nDone."]).unwrap();
        }
    }

    /// A segmenter with the given boundaries.
    struct Broken<F>(F);

    impl<F: Fn(&str) -> Option<usize> + Send + Sync> StepSegmenter for Broken<F> {
        fn boundary(&self, text: &str) -> Option<usize> {
            (self.0)(text)
        }
    }

    /// A segmenter without boundaries and with the given pieces.
    struct BrokenPieces(fn(&str) -> Vec<&str>);

    impl StepSegmenter for BrokenPieces {
        fn boundary(&self, _text: &str) -> Option<usize> {
            None
        }
        fn segment<'t>(&self, text: &'t str) -> Vec<&'t str> {
            (self.0)(text)
        }
    }

    /// A segmenter for steps of no tokens.
    struct NoTokens;

    impl StepSegmenter for NoTokens {
        fn boundary(&self, _text: &str) -> Option<usize> {
            None
        }
        fn token_budget(&self) -> Option<usize> {
            Some(0)
        }
    }

    fn found(segmenter: impl StepSegmenter) -> String {
        check_segmenter(&segmenter, &[]).unwrap_err().to_string()
    }

    #[test]
    fn broken_segmenters_are_caught() {
        assert!(found(Broken(|_: &str| Some(0))).contains("the boundary 0"));
        assert!(found(Broken(|text: &str| Some(text.len() + 1))).contains("character edge"));
        assert!(found(Broken(|text: &str| text.find('é').map(|at| at + 1))).contains("character edge"));
        assert!(found(Broken(|text: &str| text.rfind('.').map(|at| at + 1))).contains("stays where it is"));
        assert!(found(Broken(|text: &str| (text.len() == 3).then_some(3))).contains("then None"));
        assert!(found(BrokenPieces(|text| text.split('.').collect())).contains("no piece"));
        assert!(found(BrokenPieces(|text| text.lines().collect())).contains("concatenate"));
        assert!(found(BrokenPieces(|text| text.split_inclusive('\n').collect())).contains("cut at its boundaries"));
        assert!(found(NoTokens).contains("budget"));
    }
}
