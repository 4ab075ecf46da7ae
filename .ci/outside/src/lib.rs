//! A router, a drafter and a segmenter of a user's own, against `arbitrage-core` alone.

use arbitrage_core::{
    AdvantageRouter, BoxError, Candidate, Decision, Drafter, Finish, Prefix, Route, Step, StepResult, StepRule,
    StepSegmenter,
};

/// Ends a step at every semicolon.
pub struct Semicolon;

impl StepSegmenter for Semicolon {
    fn boundary(&self, text: &str) -> Option<usize> {
        text.find(';').map(|at| at + 1)
    }
}

/// Writes the numbers from one to three.
pub struct Counter;

impl Drafter for Counter {
    fn name(&self) -> &str {
        "counter"
    }

    fn draft(&mut self, prefixes: &[Prefix<'_>], rule: &StepRule<'_>) -> Vec<StepResult> {
        let write = |prefix: &Prefix<'_>| {
            let text = format!("{};", prefix.steps.len() + 1);
            assert_eq!(rule.segmenter.boundary(&text), Some(text.len()));
            let finish = if prefix.steps.len() == 2 { Finish::EndOfText } else { Finish::Boundary };
            Ok(Step::new(text, finish))
        };
        prefixes.iter().map(write).collect()
    }
}

/// Distrusts the number two.
pub struct NotTwo;

impl AdvantageRouter for NotTwo {
    fn route(&mut self, candidate: &Candidate<'_>) -> Result<Decision, BoxError> {
        Ok(Decision::new(Route::escalate_if(candidate.draft.text.contains('2'))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arbitrage_core::{Engine, Problem, testing::Scripted};

    #[test]
    fn they_compose() {
        let target = Scripted::new("target", ["", "zwei;", ""]);
        let mut engine = Engine::new(Counter, target, NotTwo).with_segmenter(Semicolon);
        let solution = engine.solve(&Problem::new("Count.")).unwrap();
        assert_eq!(solution.text(), "1;zwei;3;");
    }
}
