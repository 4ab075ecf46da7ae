//! Learned routers on an accelerator: training and inference agree with those on the CPU.
#![cfg(all(feature = "train", feature = "flex", feature = "wgpu"))]

#[path = "learned/support.rs"]
mod support;

use std::path::Path;

use arbitrage_core::{Candidate, Evidence, Prefix, SequenceId};
use arbitrage_models::train::{TrainProgress, Trainer};
use arbitrage_models::weights::{SafetensorsFolder, WeightSource};
use arbitrage_models::{Device, LoadOptions, Precision, device};
use arbitrage_router::labels::Example;
use arbitrage_router::learned::{Annotation, BaseModel, Probe, ProbeFeatures, RouterRecipe, TextRouter};

use support::{VOCABULARY, cpu, decoder, doubts, router_training, slips, tokenizer};

/// Largest relative difference between accelerator and CPU.
const TOLERANCE: f64 = 1e-2;

fn accelerator() -> Device {
    device("wgpu").unwrap()
}

/// Records the loss of each training step.
#[derive(Default)]
struct Losses(Vec<f64>);

impl TrainProgress for Losses {
    fn on_step(&mut self, _step: usize, _steps: usize, loss: f64) {
        self.0.push(loss);
    }
    fn on_score(&mut self, _step: usize, _score: f64) {}
}

/// Euclidean distance of `found` and `expected`, relative to the norm of `expected`.
fn relative_distance(found: &[f32], expected: &[f32]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let norm = |values: &mut dyn Iterator<Item = f32>| values.map(|x| f64::from(x).powi(2)).sum::<f64>().sqrt();
    let distance = norm(&mut found.iter().zip(expected).map(|(found, expected)| found - expected));
    distance / norm(&mut expected.iter().copied()).max(f64::MIN_POSITIVE)
}

/// The tensors in a folder of trained weights, sorted by name.
fn tensors(folder: &Path) -> Vec<(String, Vec<f32>)> {
    let source = SafetensorsFolder::open(folder).unwrap();
    let mut names = source.names();
    names.sort();
    names.into_iter().map(|name| (name.clone(), source.get(&name).unwrap().unwrap().to_f32().unwrap())).collect()
}

fn assert_same_weights(found: &Path, expected: &Path) {
    for ((name, found), (_, expected)) in tensors(found).iter().zip(&tensors(expected)) {
        let distance = relative_distance(found, expected);
        assert!(distance < TOLERANCE, "{name}: {distance:.1e}");
    }
}

fn assert_close(loss: &Losses, expected: &Losses) {
    let [loss, expected] = [loss.0[0], expected.0[0]];
    assert!((loss - expected).abs() < TOLERANCE * expected, "{loss} {expected}");
}

fn one_step() -> RouterRecipe {
    RouterRecipe::new(Trainer::new(1, 0.01).with_batch(32))
}

/// Outputs of a probe for unseen examples, computed on the CPU from the trained weights.
fn outputs_of(probe: &Probe) -> Vec<f32> {
    let outputs = |example: &Example| {
        let problem = example.as_problem();
        probe.outputs(&example.candidate(&problem, Evidence::DraftOnly)).unwrap()
    };
    doubts(40, 3).iter().flat_map(outputs).collect()
}

#[test]
fn probes_train_as_on_the_cpu() {
    let (examples, validation) = (doubts(120, 1), doubts(30, 2));
    let train = |device: &Device| {
        let (mut losses, folder) = (Losses::default(), tempfile::tempdir().unwrap());
        let recipe = one_step();
        let training = router_training(&examples, &validation, &recipe);
        let probe = Probe::train(&training, ProbeFeatures::Scalars, Some(16), device, &mut losses).unwrap();
        probe.save(folder.path()).unwrap();
        (losses, outputs_of(&probe), folder)
    };
    let (losses, outputs, folder) = train(&accelerator());
    let (expected_losses, expected_outputs, expected_folder) = train(&cpu());
    assert_close(&losses, &expected_losses);
    assert_same_weights(folder.path(), expected_folder.path());
    let distance = relative_distance(&outputs, &expected_outputs);
    assert!(distance < TOLERANCE, "{distance:.1e}");
}

/// Outputs for the drafted steps in one batch, as steps of sequences 0, 1, ….
fn outputs_for(router: &mut TextRouter, examples: &[Example]) -> Vec<f32> {
    let problems: Vec<_> = examples.iter().map(Example::as_problem).collect();
    let numbered = |at: usize| {
        let candidate = examples[at].candidate(&problems[at], Evidence::DraftOnly);
        Candidate { prefix: Prefix { id: SequenceId(at as u64), ..candidate.prefix }, ..candidate }
    };
    let candidates: Vec<_> = (0..examples.len()).map(numbered).collect();
    router.outputs(&candidates).into_iter().flat_map(Result::unwrap).collect()
}

#[test]
fn text_routers_train_and_infer_as_on_the_cpu() {
    let (files, examples, validation) = (tokenizer(), slips(40, 1), slips(10, 2));
    let train = |device: &Device| {
        let (mut losses, folder) = (Losses::default(), tempfile::tempdir().unwrap());
        let base = BaseModel { decoder: decoder(VOCABULARY, device), tokenizer: files.path() };
        let recipe = one_step();
        let training = router_training(&examples, &validation, &recipe);
        TextRouter::train(base, &training, Annotation::Authors, folder.path(), &mut losses).unwrap();
        (losses, folder)
    };
    let (losses, folder) = train(&accelerator());
    let (expected_losses, expected_folder) = train(&cpu());
    assert_close(&losses, &expected_losses);
    assert_same_weights(folder.path(), expected_folder.path());

    let unseen = slips(12, 4);
    let outputs = |device: Device| {
        let options = LoadOptions::new(device).with_precision(Precision::Plain);
        let mut router = TextRouter::open(expected_folder.path(), &options).unwrap();
        let first = outputs_for(&mut router, &unseen);
        let again = outputs_for(&mut router, &unseen);
        assert!(relative_distance(&again, &first) < TOLERANCE, "with cached prefixes");
        first
    };
    let distance = relative_distance(&outputs(accelerator()), &outputs(cpu()));
    assert!(distance < TOLERANCE, "{distance:.1e}");
}
