use std::collections::HashSet;

use super::*;
use crate::segmenter::{Newline, StepMarkers, TokenBudget};
use crate::testing::{Babbler, CallLog, Flaky, Scripted};
use crate::{BoxError, StepCost, Target, VocabularyId};

fn babbler(seed: u64) -> Babbler {
    Babbler::new("babbler", Author::Draft, seed)
}

#[test]
fn the_crates_models_keep_the_contract() {
    for seed in 0..20 {
        check_drafter(&mut babbler(seed), &DecodingCases::default()).unwrap();
        check_drafter(&mut babbler(seed).with_rollback(), &DecodingCases::default().with_segmenter(StepMarkers::new()))
            .unwrap();
        let by_line = DecodingCases::default().with_segmenter(Newline::new()).with_steps(8);
        check_verifier(&mut babbler(seed).with_rollback(), &by_line).unwrap();
        let by_count = DecodingCases::default().with_segmenter(TokenBudget::new(5).unwrap()).with_step_tokens(9);
        check_verifier(&mut Target(CallLog::new().record(babbler(seed))), &by_count).unwrap();
    }
    let mut scripted = Scripted::new("scripted", ["Seven times one.\n\n", "It is 7."]);
    check_drafter(&mut scripted, &DecodingCases::default()).unwrap();
    check_verifier(&mut scripted, &DecodingCases::default().with_step_tokens(2)).unwrap();
}

/// A drafter from a function.
struct Broken<F>(F);

impl<F: FnMut(&Prefix<'_>, usize) -> StepResult + Send> Drafter for Broken<F> {
    fn name(&self) -> &str {
        "broken"
    }
    fn draft(&mut self, prefixes: &[Prefix<'_>], _rule: &StepRule<'_>) -> Vec<StepResult> {
        prefixes.iter().map(|prefix| (self.0)(prefix, prefixes.len())).collect()
    }
}

fn found(mut drafter: impl Drafter) -> String {
    check_drafter(&mut drafter, &DecodingCases::default()).unwrap_err().to_string()
}

/// The violation of a drafter that always writes this step.
fn found_in(step: Step) -> String {
    found(Broken(move |_: &Prefix<'_>, _| Ok(step.clone())))
}

fn step() -> Step {
    Step::new("so\n\n", Finish::Boundary)
}

#[test]
fn steps_outside_of_their_rule_are_caught() {
    for (step, part) in [
        (Step::new("One.\n\nTwo, and more.", Finish::EndOfText), "token edge"),
        (Step::new("", Finish::Boundary), "has text"),
        (step().with_tokens(vec![1; 17], VocabularyId(0)), "at most the rule's tokens"),
        (step().with_cost(StepCost::new(0, 0, 17, 0.0)), "at most the rule's tokens"),
        (step().with_tokens(vec![1, 2], VocabularyId(0)).with_logprobs(vec![-0.5]), "one log-probability a token"),
        (step().with_logprobs(vec![f32::NAN]), "log-probabilities"),
        (step().with_logprobs(vec![0.5]), "log-probabilities"),
        (step().with_first_entropy(-1.0), "entropy"),
        (step().with_cost(StepCost::new(0, 0, 0, f64::NAN)), "time"),
        (Step { tokens: vec![1], ..step() }, "vocabulary"),
    ] {
        let found = found_in(step);
        assert!(found.contains(part), "{part}: {found}");
    }
}

/// A word that depends on a number.
fn numbered(number: usize) -> StepResult {
    Ok(Step::new(format!("{number}\n\n"), Finish::Boundary))
}

#[test]
fn steps_that_depend_on_more_than_the_prefix_are_caught() {
    let mut calls = 0;
    let by_calls = Broken(move |_: &Prefix<'_>, _| {
        calls += 1;
        numbered(calls)
    });
    assert!(found(by_calls).contains("and again"));
    assert!(found(Broken(|_: &Prefix<'_>, batch| numbered(batch))).contains("and alone"));
    assert!(found(Broken(|prefix: &Prefix<'_>, _| numbered(prefix.id.0 as usize))).contains("and alone"));
    // Its cache expects that prefixes only grow.
    assert!(found(babbler(1).with_cache()).contains("of the sequence"));
    assert!(found(Flaky::new(babbler(1), 0)).contains("error"));
}

/// Writes one step fewer than it has requests, or another step for a sequence that was released.
#[derive(Default)]
struct Careless {
    drops_a_step: bool,
    released: HashSet<SequenceId>,
}

impl Verifier for Careless {
    fn name(&self) -> &str {
        "careless"
    }
    fn rewrite(&mut self, requests: &[Rewrite<'_>], _rule: &StepRule<'_>) -> Vec<Result<Step, BoxError>> {
        let step = |request: &Rewrite<'_>| numbered(usize::from(self.released.contains(&request.prefix.id)));
        requests.iter().skip(usize::from(self.drops_a_step)).map(step).collect()
    }
    fn release(&mut self, id: SequenceId) {
        self.released.insert(id);
    }
}

#[test]
fn broken_verifiers_are_caught() {
    let found =
        |mut verifier: Careless| check_verifier(&mut verifier, &DecodingCases::default()).unwrap_err().to_string();
    assert!(found(Careless { drops_a_step: true, ..Careless::default() }).contains("2 answers to 3 requests"));
    assert!(found(Careless::default()).contains("released"));
}
