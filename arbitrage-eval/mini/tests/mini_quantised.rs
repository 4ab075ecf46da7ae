//! The shipped GGUF files against the f16 folders that they were made of: tokens, probabilities, solutions, scores and sizes.

use std::path::{Path, PathBuf};

use arbitrage_core::segmenter::TokenBudget;
use arbitrage_core::{Drafter, Prefix, Problem, SequenceId, StepRule};
use arbitrage_mini::corpus::{self, SyntheticSource};
use arbitrage_mini::{Generator, Stream, is_solved, tokenizer};
use arbitrage_models::chat::{ChatTemplate, Message};
use arbitrage_models::classifier::ClassifierInput;
use arbitrage_models::quantise::quantise_folder;
use arbitrage_models::tokenizer::{EncodeMode, Tokenizer};
use arbitrage_models::{Classifier, LoadOptions, LocalModel, ModelFiles, Outputs, Precision, Span, device};
use proptest::prelude::*;
use tempfile::TempDir;

/// Each model's folder of f16 weights, and the shipped file.
const MODELS: [(&str, &str); 4] =
    [("draft", "draft.gguf"), ("target", "target.gguf"), ("prm", "prm/model.gguf"), ("text", "text/model.gguf")];
/// Longest solution, in tokens.
const TOKENS: usize = 96;

fn crate_path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn shipped(file: &str) -> PathBuf {
    crate_path("shipped/mini").join(file)
}

/// The f16 folder of a model, with the generated tokenizer, as `NAME` in a folder of its own.
fn trained(name: &str) -> (TempDir, PathBuf) {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join(name);
    tokenizer::write(&folder).unwrap();
    for entry in std::fs::read_dir(crate_path("tests/fixtures/mini/f16").join(name)).unwrap().map(Result::unwrap) {
        std::fs::copy(entry.path(), folder.join(entry.file_name())).unwrap();
    }
    (place, folder)
}

fn options(precision: Precision) -> LoadOptions {
    LoadOptions::new(device("flex").unwrap()).with_precision(precision)
}

fn language_models() -> impl Iterator<Item = (&'static str, &'static str)> {
    MODELS.into_iter().take(2)
}

#[test]
fn shipped_files_are_what_quantising_gives() {
    for (name, file) in MODELS {
        let (place, folder) = trained(name);
        let made = place.path().join("made.gguf");
        let written = quantise_folder(&folder, &made).unwrap();
        assert!(std::fs::read(made).unwrap() == std::fs::read(shipped(file)).unwrap(), "{name}: run `quantise` again");
        assert!(written.bytes * 100 < written.bytes_before * 54, "{name}: {written:?}");
    }
}

/// The tokenizers of folder and file.
fn tokenizers() -> [Tokenizer; 2] {
    let (_place, folder) = trained("draft");
    [Tokenizer::from_folder(folder).unwrap(), ModelFiles::open(shipped("draft.gguf")).unwrap().tokenizer]
}

#[test]
fn problems_have_the_tokens_of_the_folder() {
    let [folder, file] = tokenizers();
    let templates = [&folder, &file].map(|tokenizer| ChatTemplate::for_tokenizer(tokenizer).unwrap());
    assert_eq!((folder.eos_ids(), folder.bos()), (file.eos_ids(), file.bos()));
    assert!(
        (0..350)
            .all(|id| folder.token_bytes(id) == file.token_bytes(id) && folder.is_special(id) == file.is_special(id))
    );
    let generator = Generator::default();
    for row in Stream::ALL.into_iter().flat_map(|stream| corpus::rows(&generator, stream, 0..500)) {
        for text in [row.text(), row.question.clone(), row.solution.clone()] {
            for mode in [EncodeMode::Prompt, EncodeMode::Continuation] {
                assert_eq!(folder.encode(&text, mode).unwrap(), file.encode(&text, mode).unwrap(), "{text:?}");
            }
        }
        let messages = [Message::system("Be brief."), Message::user(&row.question)];
        let [ours, theirs] = templates.each_ref().map(|template| template.render(&messages, true).unwrap());
        assert_eq!(ours, theirs);
    }
}

proptest! {
    #[test]
    fn any_text_has_the_tokens_of_the_folder(
        text in "\\PC*|[a-zA-Z0-9:\\\\{}<|> \n\r\t]{0,60}|( Ann| gives| giv| has|Model| |[0-9]|: |\n|<\\|end\\|>){0,20}"
    ) {
        let [folder, file] = tokenizers();
        for mode in [EncodeMode::Prompt, EncodeMode::Continuation] {
            prop_assert_eq!(folder.encode(&text, mode).unwrap(), file.encode(&text, mode).unwrap());
        }
    }
}

/// Log-probabilities after each token of a text.
fn log_probabilities(model: &LocalModel, tokens: &[u32]) -> Vec<Vec<f64>> {
    let (decoder, mut cache) = (model.decoder(), model.decoder().cache());
    let output = decoder.forward(&mut [Span { cache: &mut cache, tokens, outputs: Outputs::All }]);
    let logits = output.unwrap().unwrap().logits.into_data_as::<f32>().try_into_vec::<f32>().unwrap();
    let row = |logits: &[f32]| {
        let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let total: f64 = logits.iter().map(|logit| f64::from(logit - largest).exp()).sum();
        logits.iter().map(|logit| f64::from(logit - largest) - total.ln()).collect()
    };
    logits.chunks_exact(decoder.config().vocabulary).map(row).collect()
}

/// The divergence of `other` from `model` in nats a token, over the solutions of test problems.
fn mean_divergence(model: &LocalModel, other: &LocalModel) -> f64 {
    let (mut total, mut count) = (0.0, 0);
    for row in corpus::rows(&Generator::default(), Stream::Test, 0..200) {
        let tokens = model.tokenizer().encode(&row.text(), EncodeMode::Continuation).unwrap();
        let start = model.tokenizer().encode(&format!("{}\n\n", row.question), EncodeMode::Continuation).unwrap().len();
        let [exact, rounded] = [model, other].map(|model| log_probabilities(model, &tokens));
        for (exact, rounded) in exact.iter().zip(&rounded).skip(start - 1) {
            total += exact.iter().zip(rounded).map(|(p, q)| p.exp() * (p - q)).sum::<f64>();
            count += 1;
        }
    }
    total / f64::from(count)
}

#[test]
fn probabilities_stay_close_to_those_of_f16() {
    for (name, file) in language_models() {
        let (_place, folder) = trained(name);
        let exact = LocalModel::open(folder, &options(Precision::Plain)).unwrap();
        let [plain, packed] = [Precision::Plain, Precision::Packed]
            .map(|precision| LocalModel::open(shipped(file), &options(precision)).unwrap());
        let figures =
            [mean_divergence(&exact, &plain), mean_divergence(&exact, &packed), mean_divergence(&plain, &packed)];
        let shown = figures.map(|figure| format!("{figure:.1e}"));
        eprintln!("{name}: KL of the plain and packed file from f16, and of packed from plain: {shown:?} nats a token");
        assert!(figures.into_iter().all(|figure| (0.0..1e-3).contains(&figure)), "{name}: {figures:?}");
    }
}

/// Greedy solutions.
fn solutions(mut model: LocalModel, problems: &[Problem]) -> Vec<String> {
    let segmenter = TokenBudget::new(TOKENS).unwrap();
    let rule = StepRule::new(&segmenter, TOKENS);
    let prefix = |(at, problem)| Prefix::new(SequenceId(at as u64), problem, &[]);
    let prefixes: Vec<_> = problems.iter().enumerate().map(prefix).collect();
    model.draft(&prefixes, &rule).into_iter().map(|step| step.unwrap().text).collect()
}

#[test]
fn solutions_are_mostly_those_of_f16_and_as_often_right() {
    let problems = arbitrage_mini::problems(Stream::Test, 0..200);
    for (name, file) in language_models() {
        let (_place, folder) = trained(name);
        let exact = solutions(LocalModel::open(folder, &options(Precision::Packed)).unwrap(), &problems);
        let rounded = solutions(LocalModel::open(shipped(file), &options(Precision::Packed)).unwrap(), &problems);
        let equal = exact.iter().zip(&rounded).filter(|(exact, rounded)| exact == rounded).count();
        let right = |texts: &[String]| {
            let is_right = |(problem, text): &(&Problem, &String)| is_solved(problem, text).unwrap();
            problems.iter().zip(texts).filter(is_right).count()
        };
        let [of_exact, of_rounded] = [right(&exact), right(&rounded)];
        eprintln!("{name}: {equal} of 200 solutions equal, {of_exact} right in f16, {of_rounded} in 8 bits");
        assert!(equal >= 170, "{name}: {equal} equal");
        // Where solutions differ, either may be the one that is right: three standard deviations of that.
        let noise = 3.0 * ((200 - equal) as f64).sqrt();
        assert!((of_exact as f64 - of_rounded as f64).abs() <= noise.max(3.0), "{name}: {of_exact}, {of_rounded}");
    }
}

/// The outputs after every token of solutions with mistakes.
fn outputs(mut classifier: Classifier) -> Vec<Vec<f32>> {
    let mut all = Vec::new();
    for index in 0..100 {
        let source = SyntheticSource { stream: Stream::Test, index, variant: 0 };
        let solution = corpus::synthetic_solution(&Generator::default(), source, 0.3);
        let steps: String = solution.steps.iter().map(|step| format!("{}\n\n", step.text.trim())).collect();
        let text = format!("{}\n{steps}", solution.question);
        let tokens = classifier.tokenizer().encode(&text, EncodeMode::Continuation).unwrap();
        let input = ClassifierInput { id: SequenceId(0), tokens: &tokens, first_output: 0 };
        all.extend(classifier.classify(&[input]).pop().unwrap().unwrap());
    }
    all
}

#[test]
fn classifiers_judge_as_in_f16() {
    for (name, file) in MODELS.into_iter().skip(2) {
        let (_place, folder) = trained(name);
        let exact = outputs(Classifier::open(folder, &options(Precision::Packed)).unwrap());
        // The shipped file, and the folder that it stands for.
        let rounded = outputs(Classifier::open(shipped(file), &options(Precision::Packed)).unwrap());
        let of_folder = outputs(Classifier::open(shipped(name), &options(Precision::Packed)).unwrap());
        assert_eq!(rounded, of_folder, "{name}");
        // The logit of one output, or of the second of two classes.
        let chance = |outputs: &Vec<f32>| {
            let logit = outputs.iter().rev().copied().reduce(|last, first| last - first).unwrap_or_default();
            1.0 / (1.0 + f64::from(-logit).exp())
        };
        let differences = exact.iter().zip(&rounded).map(|(exact, rounded)| (chance(exact) - chance(rounded)).abs());
        let (mean, worst) = (differences.clone().sum::<f64>() / exact.len() as f64, differences.fold(0.0, f64::max));
        eprintln!("{name}: probabilities differ by {mean:.1e} on average and {worst:.1e} at most");
        assert!(mean < 0.01, "{name}: {mean} on average, {worst} at most");
    }
}
