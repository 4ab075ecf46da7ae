//! Where the steps of a local model end, and that the results do not depend on what it keeps between steps.
#![cfg(feature = "flex")]

mod support;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use arbitrage_core::router::{AlwaysDraft, AlwaysTarget};
use arbitrage_core::segmenter::{Separators, TokenBudget};
use arbitrage_core::{
    Accepted, Author, Drafter, Engine, Finish, Limits, Prefix, Problem, SequenceId, StepRule, StepSegmenter, Stop,
};
use arbitrage_models::stream::TextStream;
use arbitrage_models::{LocalModel, LocalTarget, Precision};
use support::local::{BOTH, LLAMA, QWEN, accepted, content, draft, model, step, warm};

/// Finds a boundary only when there is more text, like a segmenter that looks for the first characters of the next step.
struct LateSegmenter {
    end: usize,
    seen: usize,
}

impl StepSegmenter for LateSegmenter {
    fn boundary(&self, text: &str) -> Option<usize> {
        (text.len() >= self.seen).then(|| text.ceil_char_boundary(self.end))
    }
}

/// Generates steps of one sequence until there are `tokens` tokens.
fn generate_steps(
    model: &mut LocalModel,
    problem: &Problem,
    segmenter: &dyn StepSegmenter,
    tokens: usize,
) -> Vec<Accepted> {
    let mut steps: Vec<Accepted> = Vec::new();
    while steps.iter().map(|step| step.step.tokens.len()).sum::<usize>() < tokens {
        let next = step(model, 0, problem, &steps, segmenter);
        assert!(!next.tokens.is_empty(), "an empty step after {} steps", steps.len());
        steps.push(accepted(next, Author::Draft));
    }
    steps
}

fn tokens(steps: &[Accepted]) -> Vec<u32> {
    steps.iter().flat_map(|step| &step.step.tokens).copied().collect()
}

/// Numbers of tokens after which a step may end: there are `end` bytes, and no character is incomplete.
fn ends(model: &LocalModel, tokens: &[u32], end: usize) -> Vec<usize> {
    let mut stream = TextStream::new();
    let may_end = |&(_, &id): &(usize, &u32)| {
        stream.push(model.tokenizer(), id).unwrap();
        stream.text().len() >= end && !stream.is_holding()
    };
    (1..).zip(tokens).filter(may_end).map(|(count, _)| count).collect()
}

#[test]
fn greedy_tokens_are_the_same_in_steps_of_any_length() {
    let problem = Problem::new("How many eggs?");
    for precision in BOTH {
        let whole = draft(&mut model(LLAMA, precision), 0, &problem, &[], 30);
        assert_eq!(whole.tokens.len(), 30);
        for budget in [1, 2, 7] {
            let steps = generate_steps(&mut model(LLAMA, precision), &problem, &TokenBudget::new(budget).unwrap(), 30);
            assert_eq!(tokens(&steps)[..30], whole.tokens, "{precision:?}, steps of {budget}");
        }
    }
}

#[test]
fn tokens_after_the_boundary_are_given_back() {
    let problem = Problem::new("How many eggs?");
    let segmenter = LateSegmenter { end: 5, seen: 16 };
    for precision in BOTH {
        let mut model = model(LLAMA, precision);
        let whole = draft(&mut model, 1, &problem, &[], 30).tokens;
        let steps = generate_steps(&mut model, &problem, &segmenter, 30);
        assert_eq!(tokens(&steps)[..30], whole, "{precision:?}: no token is lost or repeated");
        let given_back = |step: &&Accepted| step.step.cost.decoded > step.step.tokens.len();
        assert!(steps.iter().filter(given_back).count() > 2, "boundaries are found late");
        for step in steps.iter().map(|step| &step.step) {
            assert_eq!(step.finish, Finish::Boundary);
            assert_eq!(step.logprobs.len(), step.tokens.len());
            assert_eq!(model.tokenizer().decode(&step.tokens).unwrap(), step.text);
            assert_eq!(ends(&model, &step.tokens, segmenter.end), [step.tokens.len()], "{:?}", step.text);
        }
    }
}

#[test]
fn listeners_receive_the_text_of_each_sequence() {
    let received = Arc::new(Mutex::new(HashMap::<SequenceId, String>::new()));
    let mut model = warm(LLAMA, 5).with_listener({
        let received = received.clone();
        move |id, text| received.lock().unwrap().entry(id).or_default().push_str(text)
    });
    let problems = [1, 2, 3].map(|seed| Problem::new("How many eggs?").with_seed(seed));
    let segmenter = Separators::new(["e"]).unwrap();
    let prefix = |(id, problem)| Prefix::new(SequenceId(id as u64), problem, &[]);
    let prefixes: Vec<_> = problems.iter().enumerate().map(prefix).collect();
    let steps = model.draft(&prefixes, &StepRule::new(&segmenter, 60));
    let mut whole = 0;
    for (id, step) in steps.into_iter().enumerate() {
        let (step, received) = (step.unwrap(), received.lock().unwrap()[&SequenceId(id as u64)].clone());
        if step.finish == Finish::Boundary {
            assert_eq!(received, step.text);
            whole += 1;
        }
    }
    assert!(whole > 0, "no step found its boundary");
}

/// The prefill of many prompts takes several passes, each of which ends inside a prompt.
#[test]
fn prompts_that_fill_several_passes_give_what_each_gives_alone() {
    let problems: Vec<_> = (0..12).map(|i| Problem::new(format!("{i} hens lay eggs. ").repeat(2 + i / 3))).collect();
    let segmenter = TokenBudget::new(6).unwrap();
    for precision in BOTH {
        let mut together = model(QWEN, precision);
        let prefix = |(id, problem)| Prefix::new(SequenceId(id as u64), problem, &[]);
        let prefixes: Vec<_> = problems.iter().enumerate().map(prefix).collect();
        let steps: Vec<_> =
            together.draft(&prefixes, &StepRule::new(&segmenter, 6)).into_iter().map(Result::unwrap).collect();
        let prefilled: usize = steps.iter().map(|step| step.cost.prefilled).sum();
        assert!(prefilled > 512, "{prefilled} tokens fit one pass");
        for (problem, step) in problems.iter().zip(&steps) {
            let alone = draft(&mut model(QWEN, precision), 0, problem, &[], 6);
            assert_eq!((&step.text, &step.tokens), (&alone.text, &alone.tokens), "{precision:?}");
            assert_eq!(step.cost.prefilled, alone.cost.prefilled);
            if precision == Precision::Packed {
                assert_eq!(content(step), content(&alone));
            }
        }
    }
}

/// A full context ends the solution without an error, wherever steps end.
#[test]
fn a_full_context_ends_a_solution_wherever_steps_end() {
    let problem = Problem::new("How many eggs?");
    for budget in 1..=12 {
        let limits = Limits::default().with_steps(1000).with_step_tokens(budget).with_repeats(1000);
        let draft = model(LLAMA, Precision::Packed);
        let target = LocalTarget::new(model(LLAMA, Precision::Packed));
        let context = draft.decoder().config().context;
        let mut engine = Engine::new(draft, target, AlwaysDraft)
            .with_segmenter(TokenBudget::new(budget).unwrap())
            .with_limits(limits);
        let solution = engine.solve(&problem).unwrap_or_else(|error| panic!("steps of {budget}: {error}"));
        assert_eq!(solution.stop, Stop::Context, "steps of {budget}");
        let written = tokens(&solution.steps).len() + solution.records[0].draft.as_ref().unwrap().cost.prefilled;
        assert_eq!(written, context, "steps of {budget}");
    }
}

#[test]
fn a_context_is_filled_to_its_last_token() {
    let mut model = model(LLAMA, Precision::Packed);
    let context = model.decoder().config().context;
    let prompt = draft(&mut model, 0, &Problem::new("How many eggs?"), &[], 1).cost.prefilled;
    let step = draft(&mut model, 1, &Problem::new("How many eggs?"), &[], 10 * context);
    assert_eq!((step.finish, prompt + step.tokens.len()), (Finish::Context, context));
}

#[test]
fn sequences_are_released_when_the_engine_is_done() {
    let drafter = arbitrage_core::Shared::new(LocalTarget::new(model(LLAMA, Precision::Packed)), "target");
    let limits = Limits::default().with_steps(3).with_step_tokens(4);
    let mut engine = Engine::new(model(QWEN, Precision::Packed), drafter.clone(), AlwaysTarget).with_limits(limits);
    let problems = ["Hens?", "Eggs?"].map(Problem::new);
    assert!(engine.solve_all(&problems).iter().all(Result::is_ok));
    assert_eq!(drafter.lock().model().sequences(), 0);
}
