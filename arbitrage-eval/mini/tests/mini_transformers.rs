//! The models that the shipped ones were made of give the same tokens, greedy answers, logits and scores as transformers does.

use std::path::{Path, PathBuf};

use arbitrage_core::SequenceId;
use arbitrage_mini::{Stream, tokenizer};
use arbitrage_models::classifier::ClassifierInput;
use arbitrage_models::source::file_digest;
use arbitrage_models::tokenizer::EncodeMode;
use arbitrage_models::{Cache, Classifier, Decoder, LoadOptions, LocalModel, Outputs, Precision, Span, device};
use serde::Deserialize;
use tempfile::TempDir;

/// The output of `fixtures/mini/reference.py`.
#[derive(Deserialize)]
struct Reference {
    draft: Model<Answer>,
    target: Model<Answer>,
    prm: Model<Judged>,
}

#[derive(Deserialize)]
struct Model<T> {
    sha256: String,
    texts: Vec<T>,
}

/// A greedy answer, with the best tokens and their logits at each position.
#[derive(Deserialize)]
struct Answer {
    prompt: String,
    ids: Vec<u32>,
    generated: Vec<u32>,
    best: Vec<Vec<u32>>,
    logits: Vec<Vec<f32>>,
}

/// The outputs of the reward model after each token.
#[derive(Deserialize)]
struct Judged {
    ids: Vec<u32>,
    outputs: Vec<Vec<f32>>,
}

/// Greatest difference between logits. Two best tokens that are this close are a tie, which rounding decides.
const TOLERANCE: f32 = 1e-3;

fn crate_path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn fixture() -> PathBuf {
    crate_path("tests/fixtures/mini/reference.json")
}

/// The folders that the shipped files were made of, with the generated tokenizers.
fn trained() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for part in ["draft", "target", "prm"] {
        let to = folder.path().join(part);
        tokenizer::write(&to).unwrap();
        for entry in std::fs::read_dir(crate_path("tests/fixtures/mini/f16").join(part)).unwrap().map(Result::unwrap) {
            std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
    folder
}

fn reference(folder: &Path) -> Reference {
    let reference: Reference = serde_json::from_slice(&std::fs::read(fixture()).unwrap()).unwrap();
    let Reference { draft, target, prm } = &reference;
    for (part, sha256) in [("draft", &draft.sha256), ("target", &target.sha256), ("prm", &prm.sha256)] {
        let found = file_digest(folder.join(part).join("model.safetensors")).unwrap();
        assert!(
            &found == sha256,
            "tests/fixtures/mini/f16/{part}/model.safetensors differs from the file that reference.json was made with; make the reference again with\n    \
             PYTHON=python3 cargo test --workspace --release --test mini_transformers -- --ignored\n\
             (needs torch and transformers: see tests/fixtures/mini/reference.py)"
        );
    }
    reference
}

fn options() -> LoadOptions {
    LoadOptions::new(device("flex").unwrap()).with_precision(Precision::Plain)
}

/// The logits after the last of `tokens`, which follow the tokens in `cache`.
fn next(decoder: &Decoder, cache: &mut Cache, tokens: &[u32]) -> Vec<f32> {
    let mut spans = [Span { cache, tokens, outputs: Outputs::All }];
    let logits = decoder.forward(&mut spans).unwrap().unwrap().logits.into_data_as::<f32>();
    let logits = logits.as_slice::<f32>().unwrap();
    logits[logits.len() - decoder.config().vocabulary..].to_vec()
}

/// Compares greedy decoding with the reference token by token, up to ties.
fn check(decoder: &Decoder, answer: &Answer) {
    let (mut cache, mut tokens) = (decoder.cache(), answer.ids.clone());
    for (position, (best, expected)) in answer.best.iter().zip(&answer.logits).enumerate() {
        let logits = next(decoder, &mut cache, &tokens);
        for (id, expected) in best.iter().zip(expected) {
            let found = logits[*id as usize];
            assert!((found - expected).abs() < TOLERANCE, "{:?}, token {position}: {found}, {expected}", answer.prompt);
        }
        let chosen = (0..logits.len()).max_by(|a, b| logits[*a].total_cmp(&logits[*b])).unwrap() as u32;
        let lead = expected[0] - expected[1];
        assert!(
            chosen == answer.generated[position] || lead < TOLERANCE,
            "{:?}, token {position}: {chosen}",
            answer.prompt
        );
        tokens = vec![answer.generated[position]];
    }
}

#[test]
fn language_models_answer_as_in_transformers() {
    let folder = trained();
    let reference = reference(folder.path());
    for (part, model) in [("draft", &reference.draft), ("target", &reference.target)] {
        let local = LocalModel::open(folder.path().join(part), &options()).unwrap();
        assert_eq!(model.texts.len(), 5);
        for answer in &model.texts {
            let ids = local.tokenizer().encode(&answer.prompt, EncodeMode::Continuation).unwrap();
            assert_eq!(ids, answer.ids, "{:?}", answer.prompt);
            check(local.decoder(), answer);
        }
        let ended = |answer: &&Answer| answer.generated.last() == Some(&tokenizer::END_ID);
        assert!(model.texts.iter().filter(ended).count() >= 4, "{part}: answers end");
    }
}

#[test]
fn the_reward_model_scores_as_in_transformers() {
    let folder = trained();
    let reference = reference(folder.path());
    let mut classifier = Classifier::open(folder.path().join("prm"), &options()).unwrap();
    for (at, text) in reference.prm.texts.iter().enumerate() {
        let texts = [ClassifierInput { id: SequenceId(at as u64), tokens: &text.ids, first_output: 0 }];
        let outputs = classifier.classify(&texts).pop().unwrap().unwrap();
        assert_eq!(outputs.len(), text.outputs.len());
        for (position, (found, expected)) in outputs.iter().zip(&text.outputs).enumerate() {
            assert!(found.len() == expected.len(), "{at}, token {position}");
            let worst = found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(worst < TOLERANCE, "{at}, token {position}: {found:?}, {expected:?}");
        }
    }
}

/// Writes the reference again. Needs Python with `torch` and `transformers`; the variable `PYTHON` names it.
#[test]
#[ignore = "needs Python with transformers"]
fn record() {
    let folder = trained();
    let questions: Vec<String> =
        arbitrage_mini::problems(Stream::Test, 0..5).into_iter().map(|problem| problem.question).collect();
    std::fs::write(folder.path().join("questions.json"), serde_json::to_vec(&questions).unwrap()).unwrap();
    let script = crate_path("tests/fixtures/mini/reference.py");
    let python = std::env::var("PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let mut command = std::process::Command::new(python);
    assert!(command.arg(script).arg(folder.path()).arg(fixture()).status().unwrap().success());
}
