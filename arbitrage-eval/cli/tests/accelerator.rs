//! The shipped pair on wgpu against the processor. Needs a Vulkan driver, a software one will do:
//!
//! ```sh
//! cargo test -p arbitrage-cli --release --features wgpu --test accelerator
//! ```
#![cfg(all(feature = "flex", feature = "wgpu"))]

use std::path::Path;

use arbitrage_core::segmenter::TokenBudget;
use arbitrage_core::{Drafter, Prefix, Problem, SequenceId, StepRule};
use arbitrage_mini::{self as mini, Stream, tokenizer};
use arbitrage_models::tokenizer::EncodeMode;
use arbitrage_models::{LoadOptions, LocalModel, Outputs, Precision, Span, device};

/// Tokens an answer, of which most end earlier.
const TOKENS: usize = 40;

fn open(part: &str, on: &str) -> LocalModel {
    let folder = tempfile::tempdir().unwrap();
    tokenizer::write(folder.path()).unwrap();
    let trained = Path::new(env!("CARGO_MANIFEST_DIR")).join("../mini/tests/fixtures/mini/f16").join(part);
    for entry in std::fs::read_dir(trained).unwrap().map(Result::unwrap) {
        std::fs::copy(entry.path(), folder.path().join(entry.file_name())).unwrap();
    }
    let options = LoadOptions::new(device(on).unwrap()).with_precision(Precision::Plain);
    LocalModel::open(folder.path(), &options).unwrap()
}

/// Answers to all problems at once, and to each alone.
fn answers(model: &mut LocalModel, problems: &[Problem]) -> [Vec<String>; 2] {
    let segmenter = TokenBudget::new(TOKENS).unwrap();
    let rule = StepRule::new(&segmenter, TOKENS);
    let prefix = |(at, problem)| Prefix::new(SequenceId(at as u64), problem, &[]);
    let prefixes: Vec<_> = problems.iter().enumerate().map(prefix).collect();
    let together = model.draft(&prefixes, &rule);
    prefixes.iter().for_each(|prefix| model.release(prefix.id));
    let alone = prefixes.iter().flat_map(|&prefix| model.draft(&[prefix], &rule)).collect();
    [together, alone].map(|steps: Vec<_>| steps.into_iter().map(|step| step.unwrap().text).collect())
}

#[test]
fn the_pair_answers_as_on_the_processor() {
    let problems: Vec<Problem> =
        mini::problems(Stream::Test, 0..10).into_iter().map(|problem| Problem::new(problem.question)).collect();
    for part in ["draft", "target"] {
        let [expected, _] = answers(&mut open(part, "flex"), &problems);
        assert!(expected.iter().all(|text| !text.is_empty()));
        let [together, alone] = answers(&mut open(part, "wgpu"), &problems);
        assert_eq!(together, expected, "{part}");
        assert_eq!(alone, expected, "{part}, one at a time");
    }
}

#[test]
fn the_targets_logits_are_those_of_the_processor() {
    let [processor, accelerator] = ["flex", "wgpu"].map(|on| open("target", on));
    for problem in mini::problems(Stream::Test, 10..13) {
        let tokens = processor.tokenizer().encode(&problem.question, EncodeMode::Continuation).unwrap();
        let [expected, ours] = [&processor, &accelerator].map(|model| {
            let (decoder, mut cache) = (model.decoder(), model.decoder().cache());
            let output = decoder.forward(&mut [Span { cache: &mut cache, tokens: &tokens, outputs: Outputs::All }]);
            output.unwrap().unwrap().logits.into_data_as::<f32>().try_into_vec::<f32>().unwrap()
        });
        let greatest = expected.iter().fold(0.0_f32, |most, logit| most.max(logit.abs()));
        let worst = expected.iter().zip(&ours).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst <= 1e-2 * greatest, "{:?}: off by {worst} of {greatest}", problem.question);
    }
}
