//! Learned routers on an accelerator: what they say and how they learn is what the processor computes.
#![cfg(all(feature = "train", feature = "flex", feature = "wgpu"))]

#[path = "learned/support.rs"]
mod support;

use std::path::Path;

use arbitrage_core::{Candidate, Evidence, Prefix, SequenceId};
use arbitrage_models::train::{Fit, Progress};
use arbitrage_models::weights::{SafetensorsFolder, WeightSource};
use arbitrage_models::{Device, LoadOptions, Precision, device};
use arbitrage_router::labels::Example;
use arbitrage_router::learned::{Annotation, Inputs, Probe, Recipe, TextRouter};

use support::{VOCABULARY, base, doubts, origin, processor, slips, tokenizer};

/// How far apart the two may be.
const NEAR: f64 = 1e-2;

fn accelerator() -> Device {
    device("wgpu").unwrap()
}

/// The loss of each step.
#[derive(Default)]
struct Losses(Vec<f64>);

impl Progress for Losses {
    fn stepped(&mut self, _step: usize, _steps: usize, loss: f64) {
        self.0.push(loss);
    }
    fn scored(&mut self, _step: usize, _score: f64) {}
}

/// How far `found` is from `expected`, relative to the latter's length.
fn distance(found: &[f32], expected: &[f32]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let length = |values: &mut dyn Iterator<Item = f32>| values.map(|x| f64::from(x).powi(2)).sum::<f64>().sqrt();
    let apart = length(&mut found.iter().zip(expected).map(|(found, expected)| found - expected));
    apart / length(&mut expected.iter().copied()).max(f64::MIN_POSITIVE)
}

/// The tensors of a trained folder, in order of name.
fn tensors(folder: &Path) -> Vec<(String, Vec<f32>)> {
    let source = SafetensorsFolder::open(folder).unwrap();
    let mut names = source.names();
    names.sort();
    names.into_iter().map(|name| (name.clone(), source.get(&name).unwrap().unwrap().to_f32().unwrap())).collect()
}

fn assert_same_weights(found: &Path, expected: &Path) {
    for ((name, found), (_, expected)) in tensors(found).iter().zip(&tensors(expected)) {
        let apart = distance(found, expected);
        assert!(apart < NEAR, "{name}: {apart:.1e}");
    }
}

fn assert_near(loss: &Losses, expected: &Losses) {
    let [loss, expected] = [loss.0[0], expected.0[0]];
    assert!((loss - expected).abs() < NEAR * expected, "{loss} {expected}");
}

fn one_step() -> Recipe {
    Recipe::new(Fit::new(1, 0.01).with_batch(32))
}

/// Outputs of a probe's network for drafts that it has not seen. They are computed in plain Rust from what was learned on the
/// device.
fn outputs_of(probe: &Probe) -> Vec<f32> {
    let read = |example: &Example| {
        let problem = example.as_problem();
        probe.outputs(&example.candidate(&problem, Evidence::DraftOnly)).unwrap()
    };
    doubts(40, 3).iter().flat_map(read).collect()
}

#[test]
fn a_probe_learns_what_it_learns_on_the_processor() {
    let (examples, validation) = (doubts(120, 1), doubts(30, 2));
    let train = |device: &Device| {
        let (mut losses, folder) = (Losses::default(), tempfile::tempdir().unwrap());
        let data = (&examples[..], &validation[..]);
        let recipe = one_step();
        let probe = Probe::train(data, Inputs::Scalars, Some(16), &recipe, origin(), device, &mut losses).unwrap();
        probe.save(folder.path()).unwrap();
        (losses, outputs_of(&probe), folder)
    };
    let (losses, outputs, folder) = train(&accelerator());
    let (expected_losses, expected_outputs, expected_folder) = train(&processor());
    assert_near(&losses, &expected_losses);
    assert_same_weights(folder.path(), expected_folder.path());
    let apart = distance(&outputs, &expected_outputs);
    assert!(apart < NEAR, "{apart:.1e}");
}

/// Outputs for drafted steps of sequences 0, 1, …, asked for in one batch.
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
fn a_text_router_learns_and_says_what_it_does_on_the_processor() {
    let (files, examples, validation) = (tokenizer(), slips(40, 1), slips(10, 2));
    let train = |device: &Device| {
        let (mut losses, folder) = (Losses::default(), tempfile::tempdir().unwrap());
        let (model, data) = (base(VOCABULARY, device), (&examples[..], &validation[..]));
        let (annotation, recipe) = (Annotation::Authors, one_step());
        TextRouter::train(model, files.path(), data, annotation, &recipe, origin(), folder.path(), &mut losses)
            .unwrap();
        (losses, folder)
    };
    let (losses, folder) = train(&accelerator());
    let (expected_losses, expected_folder) = train(&processor());
    assert_near(&losses, &expected_losses);
    assert_same_weights(folder.path(), expected_folder.path());

    let unseen = slips(12, 4);
    let said = |device: Device| {
        let options = LoadOptions::new(device).with_precision(Precision::Plain);
        let mut router = TextRouter::open(expected_folder.path(), &options).unwrap();
        let first = outputs_for(&mut router, &unseen);
        assert!(distance(&outputs_for(&mut router, &unseen), &first) < NEAR, "through its caches");
        first
    };
    let apart = distance(&said(accelerator()), &said(processor()));
    assert!(apart < NEAR, "{apart:.1e}");
}
