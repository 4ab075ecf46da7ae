//! A segmenter of your own: a step is a paragraph, but a fenced code block is never cut in two.

use arbitrage_core::router::AlwaysDraft;
use arbitrage_core::segmenter::BlankLine;
use arbitrage_core::testing::Scripted;
use arbitrage_core::testing::conformance::check_segmenter;
use arbitrage_core::{
    BoxError, Drafter, Engine, Finish, Prefix, Problem, Step, StepCutter, StepResult, StepRule, StepSegmenter,
};

/// Ends a step at a blank line outside of code fences.
struct Paragraphs;

impl StepSegmenter for Paragraphs {
    fn boundary(&self, text: &str) -> Option<usize> {
        let (mut end, mut is_code, mut has_text) = (0, false, false);
        for line in text.split_inclusive('\n') {
            end += line.len();
            is_code ^= line.trim_start().starts_with("```");
            let is_blank = line.trim().is_empty();
            if is_blank && has_text && !is_code && line.ends_with('\n') {
                return Some(end);
            }
            has_text |= !is_blank;
        }
        None
    }
}

/// A drafter that types a finished text, one character a token.
struct Typist(&'static str);

impl Typist {
    /// The next step of the text. The cutter ends it where the rule says.
    fn step(&self, prefix: &Prefix<'_>, rule: &StepRule<'_>) -> Step {
        let rest = &self.0[prefix.text().len()..];
        let mut cutter = StepCutter::new(rule);
        let finish = rest.chars().find_map(|c| cutter.push(c.encode_utf8(&mut [0; 4])));
        cutter.into_step(finish.unwrap_or(Finish::EndOfText))
    }
}

impl Drafter for Typist {
    fn name(&self) -> &str {
        "typist"
    }

    fn draft(&mut self, prefixes: &[Prefix<'_>], rule: &StepRule<'_>) -> Vec<StepResult> {
        prefixes.iter().map(|prefix| Ok(self.step(prefix, rule))).collect()
    }
}

const TEXT: &str = "Sum the squares with a loop:\n\n```python\ntotal = 0\n\nfor n in range(4):\n    total += n * n\n```\n\nThat is 0 + 1 + 4 + 9 = 14.";

fn show(rule: &str, segmenter: impl StepSegmenter + 'static) -> Result<(), BoxError> {
    let mut engine = Engine::new(Typist(TEXT), Scripted::new("target", []), AlwaysDraft).with_segmenter(segmenter);
    let solution = engine.solve(&Problem::new("What is the sum of the squares below 4?"))?;
    println!("{rule}: {} steps", solution.steps.len());
    for accepted in &solution.steps {
        println!("  │ {}", accepted.step.text.trim_end().replace('\n', "\n  │ ") + "\n  └─");
    }
    assert_eq!(solution.text(), TEXT);
    Ok(())
}

fn main() -> Result<(), BoxError> {
    // The engine relies on a few properties of every segmenter; this checks them.
    check_segmenter(&Paragraphs, &[TEXT])?;
    show("Blank lines", BlankLine::new())?;
    show("Paragraphs, code kept whole", Paragraphs)
}
