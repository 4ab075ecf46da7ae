//! Adapters: that they begin as nothing, that nothing else learns, and that what is saved is the sum.
#![cfg(all(feature = "train", feature = "flex"))]

#[path = "support/learning.rs"]
mod support;

use std::collections::BTreeMap;
use std::path::Path;

use arbitrage_models::Error;
use arbitrage_models::config::ModelConfig;
use arbitrage_models::train::{
    Fit, FolderFiles, Headed, Language, Lesson, Lora, Objective, Texts, Transformer, learning,
};
use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Device, Tensor};
use support::{Killed, judging};

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
fn language() -> Language {
    let lesson = |start: u32| Lesson { tokens: (start..start + 8).collect(), from: 1 };
    Language::new((0..24).map(lesson).collect(), (0..24).map(lesson).collect()).unwrap()
}

/// Counting downwards.
fn another() -> Language {
    let lesson = |start: u32| Lesson { tokens: (start..start + 8).rev().collect(), from: 1 };
    Language::new((0..24).map(lesson).collect(), (0..24).map(lesson).collect()).unwrap()
}

fn predictions(model: &Transformer) -> Vec<f32> {
    let texts: [&[u32]; 2] = [&[1, 2, 3, 4, 5, 6], &[9, 30, 11]];
    let hidden = model.hidden(&Texts::new(texts)).unwrap();
    model.predict(hidden).into_data_as::<f32>().try_into_vec().unwrap()
}

fn worst(one: &[f32], other: &[f32]) -> f32 {
    assert_eq!(one.len(), other.len());
    one.iter().zip(other).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

/// Every parameter by its place, and whether it is an adapter's.
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
fn few_parameters_learn() {
    let (all, whole) = learning(&base());
    assert_eq!(all, whole);
    for rank in [1, 8] {
        // A layer's matrices have 64, 48, 48, 64, 96, 96 and 96 rows and columns together.
        assert_eq!(learning(&adapted(&Lora::new(rank))), (2 * 512 * rank, whole + 2 * 512 * rank));
    }
    let head = 32 * 3;
    assert_eq!(learning(&Headed::new(adapted(&Lora::new(2)), 3, false, 0)).0, 2 * 512 * 2 + head);
}

#[test]
fn adapters_learn_and_all_else_stays() {
    // Of a fresh decoder, embedding and norm are too small for any adapter to make it sure of a token.
    let able = Fit::new(120, 0.01).with_batch(8).run(base(), &language(), &mut ()).unwrap().model;
    let (objective, start) = (another(), able.with_lora(&Lora::new(8)).unwrap());
    let before = objective.score(&start).unwrap().unwrap();
    let fitted = Fit::new(120, 0.01).with_batch(8).run(start.clone(), &objective, &mut ()).unwrap();
    let after = objective.score(&fitted.model).unwrap().unwrap();
    assert!(before < -2.0 && after > before + 1.0, "{before} → {after}");
    assert!(worst(&predictions(&start), &predictions(&fitted.model)) > 0.1);
    let (first, last) = (values(&start), values(&fitted.model));
    assert!(first.keys().eq(last.keys()));
    for (name, values) in &first {
        assert_eq!(name.contains("lora"), *values != last[name], "{name}");
    }
    assert_eq!(first.keys().filter(|name| name.contains("lora")).count(), 2 * 7 * 2);
}

#[test]
fn a_head_learns_beside_them() {
    let (examples, objective) = judging();
    let start = Headed::new(adapted(&Lora::new(8)), 1, true, 5);
    let fitted = Fit::new(200, 0.02).with_batch(12).run(start.clone(), &objective, &mut ()).unwrap();
    let answers = fitted.model.outputs(&examples).unwrap();
    let targets = examples.iter().flat_map(|example| &example.targets);
    let right = answers.iter().zip(targets).filter(|(p, target)| (p[0] > 0.0) == (target.answer[0] > 0.5)).count();
    assert!(right as f64 / answers.len() as f64 > 0.9, "{right} of {}", answers.len());
    let (first, last) = (values(&start), values(&fitted.model));
    for (name, values) in &first {
        assert_eq!(name.contains("lora") || name.starts_with("head"), *values != last[name], "{name}");
    }
}

#[test]
fn folders_hold_the_sum() {
    let folder = tempfile::tempdir().unwrap();
    let fitted = Fit::new(60, 0.02).with_batch(8).run(adapted(&Lora::new(4)), &language(), &mut ()).unwrap();
    fitted.model.save(folder.path(), &FolderFiles::default()).unwrap();
    let merged = Transformer::open(folder.path(), &Device::flex()).unwrap();
    assert!(values(&merged).keys().eq(values(&base()).keys()), "nothing of the adapters is left");
    let (one, other) = (predictions(&fitted.model), predictions(&merged));
    assert!(worst(&one, &other) < 0.02, "{}", worst(&one, &other));
    assert!(worst(&other, &predictions(&base())) > 0.1);
    // Further adapters are put on the sum.
    let again = fitted.model.with_lora(&Lora::new(2)).unwrap();
    assert!(worst(&one, &predictions(&again)) < 1e-4);
    assert_eq!(learning(&again).0, 2 * 512 * 2);
}

#[test]
fn a_killed_training_ends_in_the_same_bits() {
    let folder = tempfile::tempdir().unwrap();
    let start = || adapted(&Lora::new(4).with_seed(3));
    let fit = Fit::new(24, 0.02).with_batch(6).with_every(5);
    let whole = fit.run(start(), &language(), &mut ()).unwrap();
    let fit = fit.with_checkpoint(folder.path().join("checkpoint"));
    for stop in [3, 8, 17, 22] {
        let killed = std::panic::AssertUnwindSafe(|| fit.run(start(), &language(), &mut Killed(stop)));
        assert!(std::panic::catch_unwind(killed).is_err());
    }
    let resumed = fit.run(start(), &language(), &mut ()).unwrap();
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
        let error = fit.run(other, &language(), &mut ()).unwrap_err();
        assert!(matches!(error, Error::Parameter { name: "checkpoint", .. }), "{error}");
    }
}

#[test]
fn nonsense_is_refused() {
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
