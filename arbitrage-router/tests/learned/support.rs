//! A character-level tokenizer, a small decoder for it, and examples whose advantage follows a simple rule.
#![allow(dead_code, reason = "each test target uses only a part")]

use std::path::Path;
use std::sync::{Arc, Mutex};

use arbitrage_core::testing::Scripted;
use arbitrage_core::trace::{ModelRecord, Trace};
use arbitrage_core::{Accepted, Author, Draw, Engine, Finish, Limits, Problem, Route, Step, router_fn};
use arbitrage_models::config::ModelConfig;
use arbitrage_models::train::Transformer;
use arbitrage_models::{Device, device};
use arbitrage_router::labels::Example;
use arbitrage_router::learned::{ModelPair, RouterRecipe, RouterTraining, TrainingData, TrainingSplit};
use serde_json::json;
use tempfile::TempDir;

/// The character that marks a wrong step.
pub(crate) const SLIP: char = 'x';

/// A folder with a tokenizer of one token per character, and one token for the blank line.
pub(crate) fn tokenizer() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut vocabulary = serde_json::Map::new();
    let letters = ('!'..='~').map(String::from);
    // The characters that stand for space and line break in the byte-level alphabet.
    let pieces = ["<|end|>", "\u{120}", "\u{10A}", "\u{10A}\u{10A}"].map(str::to_owned).into_iter().chain(letters);
    pieces.for_each(|piece| drop(vocabulary.insert(piece, json!(vocabulary.len()))));
    let byte_level =
        |extra: &str| json!({ "type": extra, "add_prefix_space": false, "trim_offsets": false, "use_regex": false });
    let split = json!({
        "type": "Split", "pattern": { "Regex": "\\n\\n|[\\s\\S]" }, "behavior": "Isolated", "invert": false
    });
    let file = json!({
        "version": "1.0", "truncation": null, "padding": null, "normalizer": null, "post_processor": null,
        "added_tokens": [{
            "id": 0, "content": "<|end|>", "single_word": false, "lstrip": false, "rstrip": false,
            "normalized": false, "special": true
        }],
        "pre_tokenizer": { "type": "Sequence", "pretokenizers": [split, byte_level("ByteLevel")] },
        "decoder": byte_level("ByteLevel"),
        "model": {
            "type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
            "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false, "ignore_merges": true,
            "vocab": vocabulary, "merges": []
        }
    });
    std::fs::write(folder.path().join("tokenizer.json"), file.to_string()).unwrap();
    let ends = json!({ "eos_token_id": 0 });
    std::fs::write(folder.path().join("generation_config.json"), ends.to_string()).unwrap();
    folder
}

pub(crate) fn cpu() -> Device {
    device("flex").unwrap()
}

/// A decoder with random weights for [`tokenizer`], on `device`.
pub(crate) fn decoder(vocabulary: usize, device: &Device) -> Transformer {
    let json = json!({
        "model_type": "llama", "vocab_size": vocabulary, "hidden_size": 32, "intermediate_size": 64,
        "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 2, "head_dim": 16,
        "max_position_embeddings": 96, "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "tie_word_embeddings": true
    });
    let config = ModelConfig::from_json(Path::new("config.json"), &json.to_string()).unwrap();
    Transformer::init(config, 1, device).unwrap()
}

/// Number of tokens of [`tokenizer`].
pub(crate) const VOCABULARY: usize = 98;

pub(crate) fn pair() -> ModelPair {
    let model = |name: &str, digest: &str| ModelRecord { name: name.to_owned(), digest: Some(digest.to_owned()) };
    ModelPair { draft: model("small", "aa"), target: model("large", "bb") }
}

/// The trace of a solution from its drafted steps, each with the target's step where it was escalated.
pub(crate) fn trace_of(problem: &str, steps: impl Iterator<Item = (Step, Option<Step>)>) -> Trace {
    let (drafts, targets): (Vec<_>, Vec<_>) = steps.unzip();
    let escalated: Vec<bool> = targets.iter().map(Option::is_some).collect();
    let target = targets.into_iter().map(|step| step.unwrap_or_else(|| Step::new("", Finish::Boundary)));
    let (limits, count) = (Limits::default().with_steps(drafts.len()), drafts.len());
    let router = router_fn(move |candidate| Route::escalate_if(escalated[candidate.prefix.steps.len()]));
    let (draft, target) = (Scripted::from_steps("small", drafts), Scripted::from_steps("large", target));
    let trace = Arc::new(Mutex::new(Trace::default()));
    let mut engine = Engine::new(draft, target, router).with_limits(limits).with_sink(trace.clone());
    let solution = engine.solve(&Problem::new("how?").with_id(problem)).unwrap();
    assert_eq!(solution.steps.len(), count);
    trace.lock().unwrap().clone()
}

/// A training of the models [`pair`], whose steps a scorer `rule` has scored.
pub(crate) fn router_training<'a>(
    training: &'a [Example],
    validation: &'a [Example],
    recipe: &'a RouterRecipe,
) -> RouterTraining<'a> {
    let data = TrainingData { scorer: "rule".to_owned(), ..TrainingData::default() };
    RouterTraining { examples: TrainingSplit { training, validation }, recipe, pair: pair(), data }
}

pub(crate) fn below(draw: &mut Draw, end: usize) -> usize {
    (draw.uniform() * end as f64) as usize
}

fn letters(draw: &mut Draw, slip: bool) -> String {
    let mut text: Vec<char> = (0..6).map(|_| char::from(b'a' + below(draw, 8) as u8)).collect();
    if slip {
        text[below(draw, 6)] = SLIP;
    }
    text.into_iter().collect::<String>() + "\n\n"
}

fn step(text: String) -> Step {
    Step::new(text, Finish::Boundary)
}

/// Examples of random letters, with 0 to 2 steps in the prefix. A draft that contains a [`SLIP`] has a low score, every
/// other step a high one.
pub(crate) fn slips(count: usize, seed: u64) -> Vec<Example> {
    let mut draw = Draw::new(Draw::new(seed).next_u64());
    let example = |at: usize| {
        let slip = draw.uniform() < 0.5;
        let history = (0..below(&mut draw, 3)).map(|index| Accepted {
            author: if index == 0 { Author::Draft } else { Author::Target },
            step: step(letters(&mut Draw::new(seed + (at * 3 + index) as u64), false)),
        });
        let history: Vec<_> = history.collect();
        let (draft, target) = (step(letters(&mut draw, slip)), step(letters(&mut draw, false)));
        let (low, high) = (0.2 * draw.uniform() as f32, 1.0 - 0.2 * draw.uniform() as f32);
        let score = if slip { low } else { high };
        let example = Example::new("what?", (draft, score), (target, high)).unwrap();
        example.with_problem(format!("p{at}")).with_history(history)
    };
    (0..count).map(example).collect()
}

/// Examples with log-probabilities: the lower the draft's confidence, the greater the advantage.
pub(crate) fn doubts(count: usize, seed: u64) -> Vec<Example> {
    let mut draw = Draw::new(Draw::new(seed).next_u64());
    let example = |at: usize| {
        let confidence = draw.uniform() as f32;
        let logprobs: Vec<f32> = (0..4).map(|_| -(1.0 - confidence) * 3.0 * draw.uniform() as f32).collect();
        let mean = logprobs.iter().sum::<f32>() / 4.0;
        let draft = step("so".to_owned()).with_logprobs(logprobs).with_first_entropy(draw.uniform() as f32);
        let score = (1.0 + mean / 3.0 + 0.1 * (draw.uniform() as f32 - 0.5)).clamp(0.0, 1.0);
        Example::new("why?", (draft, score), (step("well".to_owned()), 0.75)).unwrap().with_problem(format!("p{at}"))
    };
    (0..count).map(example).collect()
}
