//! Low-rank adapters: they change nothing at first, only they are trained, and saved folders have the sums.
#![cfg(all(feature = "train", feature = "flex"))]

#[path = "support/learning.rs"]
mod support;

use std::collections::BTreeMap;
use std::path::Path;

use arbitrage_models::Error;
use arbitrage_models::config::ModelConfig;
use arbitrage_models::train::{
    FolderFiles, HeadBias, Lora, NextTokenObjective, Objective, ParameterCount, TextBatch, Trainer, TrainingExample,
    Transformer, TransformerWithHead, count_parameters,
};
use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Device, Tensor};
use support::{KilledAt, classification};

/// Grouped heads, so that widths differ: keys and values have 16, the least of all.
fn config() -> ModelConfig {
    let json = serde_json::json!({
        "model_type": "llama", "vocab_size": 40, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2,
        "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8, "max_position_embeddings": 64,
        "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "tie_word_embeddings": true
    });
    ModelConfig::from_json(Path::new("config.json"), &json.to_string()).unwrap()
}

fn base() -> Transformer {
    Transformer::init(config(), 1, &Device::flex()).unwrap()
}

fn adapted(lora: &Lora) -> Transformer {
    base().with_lora(lora).unwrap()
}

/// Counting upwards, from anywhere.
fn language() -> NextTokenObjective {
    let lesson = |start: u32| TrainingExample { tokens: (start..start + 8).collect(), first_target: 1 };
    NextTokenObjective::new((0..24).map(lesson).collect(), (0..24).map(lesson).collect()).unwrap()
}

/// Counting downwards.
fn another() -> NextTokenObjective {
    let lesson = |start: u32| TrainingExample { tokens: (start..start + 8).rev().collect(), first_target: 1 };
    NextTokenObjective::new((0..24).map(lesson).collect(), (0..24).map(lesson).collect()).unwrap()
}

fn predictions(model: &Transformer) -> Vec<f32> {
    let texts: [&[u32]; 2] = [&[1, 2, 3, 4, 5, 6], &[9, 30, 11]];
    let hidden = model.hidden(&TextBatch::new(texts)).unwrap();
    model.predict(hidden).into_data_as::<f32>().try_into_vec().unwrap()
}

fn worst(one: &[f32], other: &[f32]) -> f32 {
    assert_eq!(one.len(), other.len());
    one.iter().zip(other).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

/// The bits of every parameter, by path.
#[derive(Default)]
struct Values {
    path: Vec<String>,
    found: BTreeMap<String, Vec<u32>>,
}

impl ModuleVisitor for Values {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.to_owned());
    }
    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let values: Vec<f32> = param.val().into_data_as::<f32>().try_into_vec().unwrap();
        self.found.insert(self.path.join("."), values.into_iter().map(f32::to_bits).collect());
    }
}

fn values(model: &impl Module) -> BTreeMap<String, Vec<u32>> {
    let mut values = Values::default();
    model.visit(&mut values);
    values.found
}

#[test]
fn fresh_adapters_change_nothing() {
    for rank in [1, 4, 16] {
        let adapted = adapted(&Lora::new(rank).with_alpha(32.0));
        assert_eq!(predictions(&adapted), predictions(&base()), "rank {rank}");
    }
}

#[test]
fn only_adapters_and_head_are_trainable() {
    let ParameterCount { trainable, total } = count_parameters(&base());
    assert_eq!(trainable, total);
    for rank in [1, 8] {
        // A layer's matrices have 64, 48, 48, 64, 96, 96 and 96 rows and columns together.
        let adapters = 2 * 512 * rank;
        let expected = ParameterCount { trainable: adapters, total: total + adapters };
        assert_eq!(count_parameters(&adapted(&Lora::new(rank))), expected);
    }
    let head = 32 * 3;
    let classifier = TransformerWithHead::new(adapted(&Lora::new(2)), 3, HeadBias::Absent, 0);
    assert_eq!(count_parameters(&classifier).trainable, 2 * 512 * 2 + head);
}

#[test]
fn adapters_are_trained_and_all_other_weights_stay() {
    // The random embedding and norm of an untrained decoder are too small for adapters to make a token likely.
    let trained = Trainer::new(120, 0.01).with_batch(8).run(base(), &language(), &mut ()).unwrap().model;
    let (objective, start) = (another(), trained.with_lora(&Lora::new(8)).unwrap());
    let before = objective.score(&start).unwrap().unwrap();
    let output = Trainer::new(120, 0.01).with_batch(8).run(start.clone(), &objective, &mut ()).unwrap();
    let after = objective.score(&output.model).unwrap().unwrap();
    assert!(before < -2.0 && after > before + 1.0, "{before} → {after}");
    assert!(worst(&predictions(&start), &predictions(&output.model)) > 0.1);
    let (first, last) = (values(&start), values(&output.model));
    assert!(first.keys().eq(last.keys()));
    for (name, values) in &first {
        assert_eq!(name.contains("lora"), *values != last[name], "{name}");
    }
    assert_eq!(first.keys().filter(|name| name.contains("lora")).count(), 2 * 7 * 2);
}

#[test]
fn a_head_is_trained_with_the_adapters() {
    let (examples, objective) = classification();
    let start = TransformerWithHead::new(adapted(&Lora::new(8)), 1, HeadBias::Present, 5);
    let output = Trainer::new(200, 0.02).with_batch(12).run(start.clone(), &objective, &mut ()).unwrap();
    let answers = output.model.outputs(&examples).unwrap();
    let targets = examples.iter().flat_map(|example| &example.rows);
    let right = answers.iter().zip(targets).filter(|(p, target)| (p[0] > 0.0) == (target.label[0] > 0.5)).count();
    assert!(right as f64 / answers.len() as f64 > 0.9, "{right} of {}", answers.len());
    let (first, last) = (values(&start), values(&output.model));
    for (name, values) in &first {
        assert_eq!(name.contains("lora") || name.starts_with("head"), *values != last[name], "{name}");
    }
}

#[test]
fn saved_folders_have_the_sum() {
    let folder = tempfile::tempdir().unwrap();
    let output = Trainer::new(60, 0.02).with_batch(8).run(adapted(&Lora::new(4)), &language(), &mut ()).unwrap();
    output.model.save(folder.path(), &FolderFiles::default()).unwrap();
    let merged = Transformer::open(folder.path(), &Device::flex()).unwrap();
    assert!(values(&merged).keys().eq(values(&base()).keys()), "there are no adapters in the folder");
    let (one, other) = (predictions(&output.model), predictions(&merged));
    assert!(worst(&one, &other) < 0.02, "{}", worst(&one, &other));
    assert!(worst(&other, &predictions(&base())) > 0.1);
    // New adapters are added to the sum.
    let again = output.model.with_lora(&Lora::new(2)).unwrap();
    assert!(worst(&one, &predictions(&again)) < 1e-4);
    assert_eq!(count_parameters(&again).trainable, 2 * 512 * 2);
}

#[test]
fn a_killed_training_ends_in_the_same_bits() {
    let folder = tempfile::tempdir().unwrap();
    let start = || adapted(&Lora::new(4).with_seed(3));
    let trainer = Trainer::new(24, 0.02).with_batch(6).with_eval_interval(5);
    let whole = trainer.run(start(), &language(), &mut ()).unwrap();
    let trainer = trainer.with_checkpoint(folder.path().join("checkpoint"));
    for stop in [3, 8, 17, 22] {
        let killed = std::panic::AssertUnwindSafe(|| trainer.run(start(), &language(), &mut KilledAt(stop)));
        assert!(std::panic::catch_unwind(killed).is_err());
    }
    let resumed = trainer.run(start(), &language(), &mut ()).unwrap();
    assert_eq!((&resumed.scores, &resumed.losses, resumed.steps), (&whole.scores, &whole.losses, 24));
    assert_eq!(values(&resumed.model), values(&whole.model));
    // Other adapters are another training.
    let others = [
        base(),
        adapted(&Lora::new(5).with_seed(3)),
        adapted(&Lora::new(4).with_seed(4)),
        adapted(&Lora::new(4).with_seed(3).with_alpha(4.0)),
    ];
    for other in others {
        let error = trainer.run(other, &language(), &mut ()).unwrap_err();
        assert!(matches!(error, Error::Parameter { name: "checkpoint", .. }), "{error}");
    }
}

#[test]
fn invalid_ranks_and_alphas_are_refused() {
    for (lora, part) in [
        (Lora::new(0), "rank: expected 1..=16"),
        (Lora::new(17), "rank: expected 1..=16"),
        (Lora::new(usize::MAX), "rank"),
        (Lora::new(4).with_alpha(0.0), "alpha"),
        (Lora::new(4).with_alpha(-1.0), "alpha"),
        (Lora::new(4).with_alpha(f64::NAN), "alpha"),
        (Lora::new(4).with_alpha(f64::INFINITY), "alpha"),
    ] {
        let error = base().with_lora(&lora).err().unwrap();
        assert!(matches!(error, Error::Parameter { .. }) && error.to_string().contains(part), "{error}");
    }
}
