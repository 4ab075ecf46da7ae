//! The decoder on wgpu against the processor. Needs a Vulkan driver, a software one will do:
//!
//! ```sh
//! cargo test -p arbitrage-models --release --features wgpu --test accelerator
//! ```
#![cfg(all(feature = "flex", feature = "wgpu"))]

mod support;

use arbitrage_models::sampler::Sampling;
use arbitrage_models::{Decoder, LoadOptions, LocalModel, Outputs, Precision, Prompt, Span, device};
use burn::tensor::{Device, FloatDType};
use support::local::{LLAMA, QWEN, draft_all};
use support::{Fixture, fixture, rows, run};

/// Greatest difference of logits, as a share of the greatest of them.
const CLOSE: f32 = 1e-2;
/// One model of each family, with and without biases, tied and not, of quantised and of plain weights.
const MODELS: [&str; 4] = ["hf/qwen2-f32-tied", LLAMA, QWEN, "gguf/smollm2-k-quants-tied"];

fn on(device: &Device, precision: Precision) -> LoadOptions {
    LoadOptions::new(device.clone()).with_precision(precision)
}

/// The same weights on the processor and on wgpu.
fn both(fixture: &Fixture, precision: Precision) -> [Decoder; 2] {
    ["flex", "wgpu"].map(|name| fixture.load(&on(&device(name).unwrap(), precision)).unwrap())
}

fn assert_close(ours: &[Vec<f32>], theirs: &[Vec<f32>], share: f32, what: &str) {
    assert_eq!(ours.len(), theirs.len(), "{what}");
    let greatest = theirs.iter().flatten().fold(0.0_f32, |most, logit| most.max(logit.abs()));
    let worst = ours.iter().flatten().zip(theirs.iter().flatten()).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(worst <= share * greatest, "{what}: off by {worst}, where the greatest is {greatest}");
}

#[test]
fn logits_are_those_of_the_processor() {
    for name in MODELS {
        let fixture = fixture(name);
        let [processor, accelerator] = both(&fixture, Precision::Plain);
        let ids = fixture.ids();
        let expected = run(&processor, &mut processor.cache(), &ids);
        let mut cache = accelerator.cache();
        let (first, rest) = ids.split_at(ids.len() / 2);
        let ours = [run(&accelerator, &mut cache, first), run(&accelerator, &mut cache, rest)].concat();
        assert_close(&ours, &expected, CLOSE, name);
        cache.truncate(3);
        assert_close(&run(&accelerator, &mut cache, &ids[3..]), &expected[3..], CLOSE, &format!("{name}, rolled back"));
    }
}

/// A pass of many sequences, most of which decode a token, is one batched product on a device.
#[test]
fn sequences_do_not_see_each_other() {
    let fixture = fixture(QWEN);
    let [processor, accelerator] = both(&fixture, Precision::Plain);
    let ids = fixture.ids();
    let (mut caches, mut alone) = (Vec::new(), Vec::new());
    for len in [7, 3, 5, 4] {
        let (mut cache, mut own) = (accelerator.cache(), processor.cache());
        run(&accelerator, &mut cache, &ids[..len]);
        run(&processor, &mut own, &ids[..len]);
        alone.push(run(&processor, &mut own, &[ids[0]]).remove(0));
        caches.push(cache);
    }
    let mut copy = caches[0].fork(5);
    let expected = run(&processor, &mut processor.cache(), &ids[..6]).remove(5);
    assert_close(&run(&accelerator, &mut copy, &ids[5..6]), &[expected], CLOSE, "a copy");
    let spans = caches.iter_mut().map(|cache| Span { cache, tokens: &ids[..1], outputs: Outputs::Last });
    let output = accelerator.forward(&mut spans.collect::<Vec<_>>()).unwrap().unwrap();
    let together = rows(&accelerator, output.logits.into_data_as::<f32>().as_slice().unwrap());
    assert_close(&together, &alone, CLOSE, "together");
}

/// Greedy tokens are chosen on the device, others on this side.
#[test]
fn steps_are_those_of_the_processor() {
    for sampling in [Sampling::greedy(), Sampling::at_temperature(0.7).unwrap().with_seed(3)] {
        let problems = ["Hens?", "How many eggs?", "3"].map(|text| arbitrage_core::Problem::new(text).with_seed(4));
        let asked: Vec<_> = problems.iter().map(|problem| (problem, &[][..])).collect();
        let write = |name: &str| {
            let options = on(&device(name).unwrap(), Precision::Plain);
            let model = LocalModel::open(&fixture(LLAMA).path, &options).unwrap();
            let mut model = model.with_prompt(Prompt::none()).with_sampling(sampling).with_hidden(true);
            draft_all(&mut model, &asked).into_iter().map(Result::unwrap).collect::<Vec<_>>()
        };
        for (ours, theirs) in write("wgpu").iter().zip(write("flex")) {
            assert_eq!((&ours.text, &ours.tokens), (&theirs.text, &theirs.tokens));
            let differences = ours.logprobs.iter().zip(&theirs.logprobs).map(|(a, b)| (a - b).abs());
            assert!(differences.fold(0.0, f32::max) < CLOSE);
            let [entropy, expected] = [ours, &theirs].map(|step| step.first_entropy.unwrap());
            assert!((entropy - expected).abs() < CLOSE * expected.max(1.0), "{entropy}, {expected}");
            assert_eq!(ours.hidden.as_ref().map(|h| h.mean.len()), theirs.hidden.as_ref().map(|h| h.mean.len()));
        }
    }
}

/// In half precision, or the error that says that the driver has none.
#[test]
fn half_precision_is_near_or_refused() {
    let wgpu = device("wgpu").unwrap();
    let half = [FloatDType::BF16, FloatDType::F16].into_iter().any(|dtype| wgpu.supports_dtype(dtype));
    for name in MODELS {
        let fixture = fixture(name);
        let loaded = fixture.load(&on(&wgpu, Precision::Half));
        assert_eq!(loaded.is_ok(), half);
        let Ok(decoder) = loaded else { continue };
        let processor = fixture.decoder(Precision::Plain);
        let ids = fixture.ids();
        let expected = run(&processor, &mut processor.cache(), &ids);
        assert_close(&run(&decoder, &mut decoder.cache(), &ids), &expected, 0.05, name);
    }
    println!("half precision {}", if half { "was tried" } else { "is not to be had here" });
}
