//! Invalid weights, ids and questions: the sequence that has them gets a typed error, and the other sequences are not affected.
#![cfg(feature = "flex")]

mod support;

use arbitrage_core::router::AlwaysDraft;
use arbitrage_core::scorer::{NextToken, Question};
use arbitrage_core::{Author, BoxError, Engine, Finish, Prefix, Problem, SequenceId, Step};
use arbitrage_models::sampler::Sampling;
use arbitrage_models::tokenizer::EncodeMode;
use arbitrage_models::{Error, LocalModel, LocalTarget, Precision};
use support::local::{BOTH, LLAMA, accepted, content, draft, draft_all, model, open};
use support::{Fixture, fixture, spoil};
use tempfile::TempDir;

/// The fixture with NaN in row `row` of `tensor`.
fn with_nan_row(tensor: &str, row: usize) -> (TempDir, Fixture) {
    fixture(LLAMA).rewritten(|view, bytes| {
        if view.name == tensor {
            spoil(view, bytes, row);
        }
    })
}

fn typed(error: &BoxError) -> &Error {
    // The error of a pass is shared by all sequences that were in it.
    error
        .downcast_ref::<Error>()
        .or_else(|| error.downcast_ref::<std::sync::Arc<Error>>().map(AsRef::as_ref))
        .unwrap_or_else(|| panic!("untyped: {error}"))
}

/// Only layers are checked for NaN. NaN in the head shows up in the logits.
#[test]
fn nan_logits_are_an_error() {
    let (_folder, broken) = with_nan_row("lm_head.weight", 5);
    let name = broken.path.file_name().unwrap().to_string_lossy().into_owned();
    for precision in BOTH {
        for sampling in [Sampling::greedy(), Sampling::at_temperature(1.0).unwrap()] {
            let broken = || open(&broken, precision).with_sampling(sampling);
            let error = draft_all(&mut broken(), &[(&Problem::new("How many eggs?"), &[])]).pop().unwrap().unwrap_err();
            let Error::NotFinite { model, place, index: 5 } = typed(&error) else { panic!("{error}") };
            assert!(name.starts_with(model.as_str()) && place.starts_with("logits at position"), "{error}");
            let mut engine = Engine::new(broken(), LocalTarget::new(model_of(precision)), AlwaysDraft);
            let text = engine.solve(&Problem::new("How many eggs?")).unwrap_err().to_string();
            assert!(text.contains("drafter") && text.contains("step 0") && text.contains("not finite"), "{text}");
        }
    }
}

fn model_of(precision: Precision) -> LocalModel {
    model(LLAMA, precision)
}

/// A row of NaN in the embedding affects only the sequences that have its token.
#[test]
fn nan_in_one_sequence_does_not_affect_the_others() {
    let (good, bad) = (Problem::new("How many eggs?"), Problem::new("How many z?"));
    let z = *model(LLAMA, Precision::Packed).tokenizer().encode("z", EncodeMode::Continuation).unwrap().last().unwrap();
    let (_folder, broken) = with_nan_row("model.embed_tokens.weight", z as usize);
    for precision in BOTH {
        let alone = draft(&mut model(LLAMA, precision), 0, &good, &[], 5);
        assert!(!alone.tokens.contains(&z));
        let mut model = open(&broken, precision);
        draft(&mut model, 9, &good, &[], 1); // the first pass is checked layer by layer, and would fail for all sequences
        let mut steps = draft_all(&mut model, &[(&good, &[]), (&bad, &[]), (&good, &[])]).into_iter();
        let mut next = || steps.next().unwrap();
        assert_eq!(content(&next().unwrap()).1, alone.tokens);
        assert!(matches!(typed(&next().unwrap_err()), Error::NotFinite { .. }));
        assert_eq!(content(&next().unwrap()).1, alone.tokens);
        // The sequence that failed can be used again.
        assert_eq!(content(&draft(&mut model, 1, &good, &[], 5)).1, alone.tokens);
    }
}

/// The rows that pad a vocabulary are not trained, so their values do not matter.
#[test]
fn padding_rows_may_have_any_values() {
    let problem = Problem::new("How many eggs?");
    let mut whole = model(LLAMA, Precision::Packed);
    let last = whole.decoder().config().vocabulary - 1;
    let (_folder, padded) = with_nan_row("lm_head.weight", last);
    let mut padded = open(&padded, Precision::Packed);
    assert_eq!(content(&draft(&mut padded, 0, &problem, &[], 9)), content(&draft(&mut whole, 0, &problem, &[], 9)));
    let answers = [&mut whole, &mut padded].map(|model| ask(model, &problem, &["0", "9"]).unwrap());
    assert_eq!(answers[0], answers[1]);
}

fn ask(model: &mut LocalModel, problem: &Problem, choices: &[&str]) -> Result<Vec<f32>, BoxError> {
    let step = Step::new(" 12 eggs\n\n", Finish::Boundary);
    let prefix = Prefix::new(SequenceId(7), problem, &[]);
    model.next_token(&[Question { prefix, step: &step, instruction: "0 to 9?", choices }]).pop().unwrap()
}

#[test]
fn refused_questions_do_not_affect_later_steps() {
    let problem = Problem::new("How many eggs?");
    for precision in BOTH {
        let mut model = model(LLAMA, precision);
        let first = draft(&mut model, 7, &problem, &[], 6);
        let error = ask(&mut model, &problem, &["0", "certainly not one token"]).unwrap_err();
        assert!(matches!(typed(&error), Error::Parameter { name: "choice", .. }), "{error}");
        let long = Problem::new("egg ".repeat(model.decoder().config().context));
        let error = ask(&mut model, &long, &["0"]).unwrap_err();
        assert!(matches!(typed(&error), Error::ContextFull { .. }), "{error}");
        let total: f32 = ask(&mut model, &problem, &["0", "1"]).unwrap().iter().map(|p| p.exp()).sum();
        assert!(total > 0.0 && total <= 1.0);
        let again = draft(&mut model, 7, &problem, &[], 6);
        assert_eq!((&again.text, &again.tokens), (&first.text, &first.tokens));
    }
}

#[test]
fn errors_of_a_judge_name_the_model() {
    let (_folder, broken) = with_nan_row("lm_head.weight", 5);
    let mut model = open(&broken, Precision::Packed);
    let error = ask(&mut model, &Problem::new("How many eggs?"), &["0"]).unwrap_err();
    let name = arbitrage_core::Drafter::name(&model).to_owned();
    assert!(matches!(typed(&error), Error::NotFinite { model, .. } if *model == name), "{error}");
}

/// Steps may come from traces or from a user's drafter, with any ids.
#[test]
fn steps_with_unknown_ids_do_not_fail_the_others() {
    let problem = Problem::new("How many eggs?");
    for precision in BOTH {
        let mut model = model(LLAMA, precision);
        let rows = model.decoder().config().vocabulary as u32;
        let alone = draft(&mut model, 9, &problem, &[], 5);
        for id in [rows - 1, rows, u32::MAX] {
            let foreign = Step::new("?", Finish::Boundary).with_tokens(vec![id], model.vocabulary());
            let steps = [accepted(foreign, Author::Target)];
            let mut steps = draft_all(&mut model, &[(&problem, &[]), (&problem, &steps), (&problem, &[])]).into_iter();
            let mut next = || steps.next().unwrap();
            assert_eq!(content(&next().unwrap()).1, alone.tokens);
            let error = next().unwrap_err();
            assert!(
                matches!(typed(&error), Error::Parameter { .. }) && error.to_string().contains(&id.to_string()),
                "{error}"
            );
            assert_eq!(content(&next().unwrap()).1, alone.tokens);
        }
    }
}

#[test]
fn sequences_recover_from_a_refused_prefix() {
    let good = Problem::new("How many eggs?");
    let mut model = model(LLAMA, Precision::Packed);
    let long = Problem::new("word ".repeat(model.decoder().config().context));
    let first = draft(&mut model, 0, &good, &[], 5);
    assert!(matches!(
        typed(draft_all(&mut model, &[(&long, &[])])[0].as_ref().unwrap_err()),
        Error::ContextFull { .. }
    ));
    assert_eq!(content(&draft(&mut model, 0, &good, &[], 5)), content(&first));
    assert!(draft_all(&mut model, &[]).is_empty());
}

#[test]
fn sampling_parameters_out_of_range_are_refused() {
    let sampling = Sampling { temperature: f32::NAN, ..Sampling::greedy() };
    let mut model = model(LLAMA, Precision::Packed).with_sampling(sampling);
    let error = draft_all(&mut model, &[(&Problem::new("How many eggs?"), &[])]).pop().unwrap().unwrap_err();
    assert!(matches!(typed(&error), Error::Parameter { name: "temperature", .. }), "{error}");
}
