//! Training on an accelerator: a step of it is a step of the processor's.
#![cfg(all(feature = "train", feature = "flex", feature = "wgpu"))]

use std::path::Path;

use arbitrage_models::config::ModelConfig;
use arbitrage_models::train::{Lora, NextTokenObjective, TrainProgress, Trainer, TrainingExample, Transformer};
use arbitrage_models::{Device, device};
use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::Tensor;

/// Grouped heads, and a head of its own.
fn fresh(device: &Device) -> Transformer {
    let json = serde_json::json!({
        "model_type": "llama", "vocab_size": 40, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2,
        "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8, "max_position_embeddings": 64,
        "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "tie_word_embeddings": false
    });
    let config = ModelConfig::from_json(Path::new("config.json"), &json.to_string()).unwrap();
    Transformer::init(config, 1, device).unwrap()
}

/// Texts of two lengths, so that one is padded.
fn language() -> NextTokenObjective {
    let lesson = |at: u32| TrainingExample {
        tokens: (0..6 + at % 3).map(|step| (at * 7 + step * step) % 40).collect(),
        first_target: 2,
    };
    NextTokenObjective::new((0..8).map(lesson).collect(), vec![lesson(9)]).unwrap()
}

/// The loss of each step.
#[derive(Default)]
struct Losses(Vec<f64>);

impl TrainProgress for Losses {
    fn on_step(&mut self, _step: usize, _steps: usize, loss: f64) {
        self.0.push(loss);
    }
    fn on_score(&mut self, _step: usize, _score: f64) {}
}

/// Every weight, effective as it is where adapters change it.
#[derive(Default)]
struct Weights(Vec<Vec<f32>>);

impl ModuleVisitor for Weights {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.0.push(param.val().into_data_as::<f32>().try_into_vec().unwrap());
    }
}

fn weights(model: &Transformer) -> Vec<Vec<f32>> {
    let mut weights = Weights::default();
    model.visit(&mut weights);
    weights.0
}

/// How far `found` is from `expected`, relative to the latter's length.
fn distance(found: &[f32], expected: &[f32]) -> f64 {
    let length = |values: &mut dyn Iterator<Item = f32>| values.map(|x| f64::from(x).powi(2)).sum::<f64>().sqrt();
    let apart = length(&mut found.iter().zip(expected).map(|(found, expected)| found - expected));
    apart / length(&mut expected.iter().copied()).max(f64::MIN_POSITIVE)
}

/// Loss, weights after one step, and how far each has moved.
fn step(begin: fn(&Device) -> Transformer, name: &str) -> (f64, Vec<Vec<f32>>, Vec<Vec<f32>>) {
    let device = device(name).unwrap();
    let first = begin(&device);
    let before = weights(&first);
    let mut losses = Losses::default();
    let fitted = Trainer::new(1, 0.01).with_batch(8).run(first, &language(), &mut losses).unwrap();
    assert_eq!(fitted.model.device(), device);
    let after = weights(&fitted.model);
    let moved = after.iter().zip(&before).map(|(a, b)| a.iter().zip(b).map(|(a, b)| a - b).collect()).collect();
    (losses.0[0], after, moved)
}

fn agree(begin: fn(&Device) -> Transformer) {
    let (loss, weights, moved) = step(begin, "wgpu");
    let (expected_loss, expected, expected_move) = step(begin, "flex");
    assert!((loss - expected_loss).abs() < 1e-4 * expected_loss, "{loss} {expected_loss}");
    for at in 0..expected.len() {
        let (apart, moved_apart) = (distance(&weights[at], &expected[at]), distance(&moved[at], &expected_move[at]));
        assert!(apart < 1e-3 && moved_apart < 1e-2, "weight {at}: {apart:.1e}, its move {moved_apart:.1e}");
    }
}

#[test]
fn a_step_of_a_language_model_is_that_of_the_processor() {
    agree(fresh);
}

#[test]
fn a_step_of_adapters_is_that_of_the_processor() {
    agree(|device| fresh(device).with_lora(&Lora::new(2)).unwrap());
}
