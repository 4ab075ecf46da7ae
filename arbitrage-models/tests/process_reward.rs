//! Process reward models: layouts and scores are those of transformers, scores do not depend on caches and batches, and an engine can
//! use them.
#![cfg(feature = "flex")]

mod support;

use arbitrage_core::router::{Oracle, Rsd};
use arbitrage_core::testing::Scripted;
use arbitrage_core::{
    Accepted, Author, BoxError, Engine, Finish, Prefix, Problem, SequenceId, Shared, Step, StepScorer, VocabularyId,
};
use arbitrage_models::classifier::{Layout, Score};
use arbitrage_models::tokenizer::{EncodeMode, Tokenizer};
use arbitrage_models::{Classifier, Error, Precision, ProcessReward};
use support::local::BOTH;
use support::options;
use support::scorers::{CLASSES, SEQUENCE, Solution, VALUE, changed, classifier, folder};

fn sequence_layout() -> Layout {
    Layout::skywork().with_bos(false).with_separator("").with_score(Score::Softmax { class: 2 })
}

fn layout(name: &str) -> Layout {
    match name {
        VALUE => Layout::skywork(),
        CLASSES => Layout::trl(),
        _ => sequence_layout(),
    }
}

fn reward(name: &str, precision: Precision) -> ProcessReward {
    ProcessReward::new(classifier(name, precision), layout(name)).unwrap()
}

/// The score of recorded outputs, by definition.
fn score_of(name: &str, outputs: &[f32]) -> f32 {
    let exp: Vec<f32> = outputs.iter().map(|x| x.exp()).collect();
    match name {
        VALUE => 1.0 / (1.0 + (-outputs[0]).exp()),
        CLASSES => exp[1] / exp.iter().sum::<f32>(),
        _ => exp[2] / exp.iter().sum::<f32>(),
    }
}

fn tolerance(precision: Precision) -> f32 {
    match precision {
        Precision::Plain | Precision::Half => 1e-4,
        Precision::Packed => 1e-2,
    }
}

#[test]
fn solutions_are_tokenized_as_published() {
    for name in [VALUE, CLASSES, SEQUENCE] {
        let (solution, tokenizer) = (Solution::of(name), Tokenizer::from_folder(folder(name)).unwrap());
        let accepted = solution.accepted();
        let (last, before) = solution.steps.split_last().unwrap();
        let prefix = Prefix::new(SequenceId(0), &solution.problem, &accepted[..before.len()]);
        assert_eq!(layout(name).tokens(&tokenizer, &prefix, last).unwrap(), solution.ids, "{name}");
    }
}

#[test]
fn scores_are_those_of_transformers() {
    for name in [VALUE, CLASSES, SEQUENCE] {
        let solution = Solution::of(name);
        let accepted = solution.accepted();
        for precision in BOTH {
            let mut reward = reward(name, precision);
            for (at, (step, outputs)) in solution.steps.iter().zip(&solution.outputs).enumerate() {
                let prefix = Prefix::new(SequenceId(0), &solution.problem, &accepted[..at]);
                let score = reward.score(&[(prefix, step)]).unwrap()[0];
                let expected = score_of(name, outputs);
                assert!((score - expected).abs() <= tolerance(precision), "{name} {precision:?}: {score}, {expected}");
            }
        }
    }
}

#[test]
fn the_layout_comes_from_the_folder_or_the_number_of_outputs() {
    let open = |folder: &std::path::Path| ProcessReward::open(folder, &options(Precision::Packed));
    assert_eq!(open(&folder(VALUE)).unwrap().layout(), &Layout::skywork());
    assert_eq!(open(&folder(CLASSES)).unwrap().layout(), &Layout::trl());
    let error = open(&folder(SEQUENCE)).err().unwrap();
    assert!(matches!(&error, Error::Parameter { name: "layout", .. }) && error.to_string().contains("3 outputs"));

    let own = changed(SEQUENCE, |_| ());
    let file = own.path().join(Layout::FILE);
    let defined = sequence_layout().with_authors("Model 0: ", "Model 1: ");
    let json = serde_json::json!({ "layout": &defined, "trained by": "hand" });
    std::fs::write(&file, json.to_string()).unwrap();
    assert_eq!(open(own.path()).unwrap().layout(), &defined);

    let unfit = serde_json::json!({ "layout": Layout::skywork() }).to_string();
    std::fs::write(&file, unfit).unwrap();
    assert!(matches!(open(own.path()), Err(Error::Parameter { name: "score of the layout", .. })));
    for broken in ["", "[]", r#"{"layout": {"bos": 1}}"#, r#"{"layout": {"surplus": true}}"#, "\u{0}"] {
        std::fs::write(&file, broken).unwrap();
        let error = open(own.path()).err().unwrap();
        assert!(matches!(&error, Error::Format { field, .. } if field.starts_with("line")), "{broken}: {error}");
    }
    std::fs::write(&file, " ".repeat(1 << 17)).unwrap();
    assert!(matches!(open(own.path()), Err(Error::Format { field, .. }) if field == "size"));
}

#[test]
fn heads_that_do_not_fit_the_layout_are_refused() {
    for (name, score) in
        [(VALUE, Score::Softmax { class: 0 }), (CLASSES, Score::Sigmoid), (CLASSES, Score::Softmax { class: 2 })]
    {
        let refused = ProcessReward::new(classifier(name, Precision::Packed), Layout::trl().with_score(score));
        assert!(matches!(refused, Err(Error::Parameter { .. })), "{name} {score:?}");
    }
}

fn step(text: &str) -> Step {
    Step::new(text, Finish::Boundary)
}

fn near(precision: Precision, ours: f32, theirs: f32) -> bool {
    match precision {
        Precision::Packed => ours.to_bits() == theirs.to_bits(),
        Precision::Plain | Precision::Half => (ours - theirs).abs() <= 1e-5,
    }
}

/// The draft's and the target's steps after the same prefix, for several sequences in one call, as the oracle needs them.
#[test]
fn candidates_after_one_prefix_do_not_affect_each_other() {
    for (name, precision) in [VALUE, CLASSES].into_iter().flat_map(|name| BOTH.map(|precision| (name, precision))) {
        let solution = Solution::of(name);
        let accepted = solution.accepted();
        let (draft, target) = (step("That is 24 eggs.\n\n"), step("So there are 36 eggs.\n\n"));
        let prefix = |id, count: usize| Prefix::new(SequenceId(id), &solution.problem, &accepted[..count]);
        let requests =
            [(prefix(0, 2), &draft), (prefix(1, 1), &draft), (prefix(0, 2), &target), (prefix(1, 1), &target)];
        let mut warm = reward(name, precision);
        let together = warm.score(&requests).unwrap();
        assert_ne!(together[0], together[2]);
        let backwards: Vec<_> = requests.iter().rev().copied().collect();
        let again = warm.score(&backwards).unwrap();
        for (at, request) in requests.iter().enumerate() {
            let cold = reward(name, precision).score(&[*request]).unwrap()[0];
            assert!(near(precision, together[at], cold) && near(precision, again[3 - at], cold), "{name} {at}");
            assert!(near(precision, warm.score(&[*request]).unwrap()[0], cold), "{name} {at} alone");
        }
        assert_eq!(warm.classifier().sequences(), 2);
        warm.release(SequenceId(0));
        assert_eq!(warm.classifier().sequences(), 1);
    }
}

#[test]
fn steps_are_tokenized_from_their_text() {
    let mut reward = reward(VALUE, Precision::Packed);
    let problem = Problem::new("How many eggs?");
    let prefix = Prefix::new(SequenceId(0), &problem, &[]);
    let plain = reward.score(&[(prefix, &step("36 eggs.\n\n"))]).unwrap();
    let foreign = step("36 eggs.\n\n").with_tokens(vec![1, u32::MAX], VocabularyId(7));
    assert_eq!(reward.score(&[(prefix, &foreign)]).unwrap(), plain);
    // The layout adds exactly one separator, whatever separators the step has at its ends.
    for text in ["36 eggs.", "\n\n36 eggs.", "36 eggs.\n\n\n\n"] {
        assert_eq!(reward.score(&[(prefix, &step(text))]).unwrap(), plain, "{text:?}");
    }
}

#[test]
fn texts_cannot_inject_control_tokens() {
    let tokenizer = Tokenizer::from_folder(folder(VALUE)).unwrap();
    let problem = Problem::new("<|im_end|>?");
    let steps = [Accepted { step: step("<|endoftext|>\n\n"), author: Author::Target }];
    let tokens =
        Layout::skywork().tokens(&tokenizer, &Prefix::new(SequenceId(0), &problem, &steps), &step("<|im_start|>"));
    let special = tokens.unwrap().iter().filter(|&&id| tokenizer.is_special(id)).count();
    assert_eq!(special, 1, "the beginning of text");
}

#[test]
fn authors_are_written_where_the_layout_defines_them() {
    let tokenizer = Tokenizer::from_folder(folder(CLASSES)).unwrap();
    let problem = Problem::new("Eggs?");
    let by = |author, text| Accepted { step: step(text), author };
    let steps = [by(Author::Target, "one\n"), by(Author::Draft, "two\n")];
    let prefix = Prefix::new(SequenceId(0), &problem, &steps);
    let tokens = Layout::trl().with_authors("Model 0: ", "Model 1: ").tokens(&tokenizer, &prefix, &step("three"));
    assert_eq!(tokenizer.decode(&tokens.unwrap()).unwrap(), "Eggs?Model 1: one\nModel 0: two\nModel 0: three\n");
}

#[test]
fn steps_that_cannot_be_scored_do_not_fail_the_others() {
    for (name, precision) in [VALUE, CLASSES].into_iter().flat_map(|name| BOTH.map(|precision| (name, precision))) {
        let mut reward = reward(name, precision);
        let context = reward.classifier().config().context;
        let (good, blank) = (Problem::new("How many eggs?"), Problem::new(" \n"));
        let prefix = |id, problem| Prefix::new(SequenceId(id), problem, &[]);
        let (long, fine, empty) = (step(&"eggs ".repeat(context)), step("36 eggs."), step(""));
        let requests = [
            (prefix(0, &good), &long),
            (prefix(1, &good), &fine),
            (prefix(2, &blank), &fine),
            (prefix(3, &good), &empty),
            (prefix(0, &good), &fine),
        ];
        let scores = reward.score_all(&requests);
        assert!(matches!(scores[0], Err(Error::ContextFull { .. })));
        assert!(matches!(scores[2], Err(Error::EmptyPrompt { .. })));
        let number = |at: usize| *scores[at].as_ref().unwrap();
        assert!(near(precision, number(1), number(4)), "{name}");
        assert!((0.0..=1.0).contains(&number(3)), "an empty step has a score");
        let error: BoxError = reward.score(&requests).unwrap_err();
        assert!(error.downcast_ref::<Error>().is_some(), "untyped: {error}");
        assert!(reward.score(&[]).unwrap().is_empty());
    }
}

/// A row of NaN in the embedding affects only the steps that have its token.
#[test]
fn errors_of_nan_scores_name_model_and_step() {
    let z =
        *Tokenizer::from_folder(folder(VALUE)).unwrap().encode("z", EncodeMode::Continuation).unwrap().last().unwrap();
    let broken = changed(VALUE, |tensors| {
        let table = tensors.iter_mut().find(|t| t.name == "model.embed_tokens.weight").unwrap();
        let width = table.bytes.len() / table.shape[0];
        table.bytes[z as usize * width..][..width].fill(0xFF);
    });
    for precision in BOTH {
        let mut reward =
            ProcessReward::new(Classifier::open(broken.path(), &options(precision)).unwrap(), Layout::skywork())
                .unwrap();
        let (problem, before) = (Problem::new("How many eggs?"), step("Eggs.\n\n"));
        let steps = [Accepted { step: before, author: Author::Draft }];
        let prefix = |id| Prefix::new(SequenceId(id), &problem, &steps);
        let (good, bad) = (step("12 eggs"), step("z eggs"));
        let alone = reward.score(&[(prefix(0), &good)]).unwrap()[0]; // the first pass is checked layer by layer
        let scores = reward.score_all(&[(prefix(1), &good), (prefix(2), &bad)]);
        assert!(near(precision, *scores[0].as_ref().unwrap(), alone));
        let Err(Error::NotFinite { model, place, .. }) = &scores[1] else { panic!("{:?}", scores[1]) };
        assert_eq!((model.as_str(), place.as_str()), (reward.classifier().name(), "score of step 1"));
    }
}

#[test]
fn engines_release_the_sequences_of_a_reward_model() {
    let reward = Shared::new(reward(VALUE, Precision::Packed), "tiny prm");
    let drafts = ["12 times 3\n\n", "is 35.\n\n", "So 35."];
    let targets = ["12 times 3\n\n", "is 36.\n\n", "So 36."];
    let parts = || (Scripted::new("draft", drafts), Scripted::new("target", targets));
    let problems = ["How many eggs?", "And hens?"].map(Problem::new);
    let (draft, target) = parts();
    let mut rsd = Engine::new(draft, target, Rsd::new(reward.clone(), 0.25).unwrap());
    let (draft, target) = parts();
    let mut oracle = Engine::new(draft, target, Oracle::new(reward.clone(), 0.0).unwrap());
    for answer in rsd.solve_all(&problems).into_iter().chain(oracle.solve_all(&problems)) {
        let solution = answer.unwrap();
        assert_eq!(solution.steps.len(), 3);
        assert!(
            solution.records.iter().all(|record| record.decision.draft_score.is_some_and(|s| (0.0..=1.0).contains(&s)))
        );
    }
    assert_eq!(reward.lock().classifier().sequences(), 0);
}
