//! Training: that it is the decoder that is trained, that it learns, and that no interruption is seen.
#![cfg(all(feature = "train", feature = "flex"))]

#[path = "support/learning.rs"]
mod support;

use std::path::Path;

use arbitrage_models::config::ModelConfig;
use arbitrage_models::train::{
    Fit, FolderFiles, Headed, Judging, Labelled, Language, Lesson, Loss, Objective, Target, Texts, Transformer,
};
use arbitrage_models::weights::SafetensorsFolder;
use arbitrage_models::{Decoder, LoadOptions, Outputs, Precision, Span, device};
use burn::tensor::Device;
use support::{Killed, judging};

fn config(kv_heads: usize, tied: bool) -> ModelConfig {
    let json = serde_json::json!({
        "model_type": "llama", "vocab_size": 40, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2,
        "num_attention_heads": 4, "num_key_value_heads": kv_heads, "head_dim": 8, "max_position_embeddings": 64,
        "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "tie_word_embeddings": tied
    });
    ModelConfig::from_json(Path::new("config.json"), &json.to_string()).unwrap()
}

/// Counting, upwards or downwards: what comes next follows from the two tokens before.
fn counting(count: usize) -> Vec<Lesson> {
    let lesson = |at: usize| {
        let (start, up) = (at as u32 * 7 % 20 + 8, at.is_multiple_of(2));
        let tokens = (0..9).map(|step| if up { start + step } else { start - step.min(start) }).collect();
        Lesson { tokens, from: 2 }
    };
    (0..count).map(lesson).collect()
}

fn language() -> Language {
    Language::new(counting(40), counting(8)).unwrap()
}

fn fresh() -> Transformer {
    Transformer::init(config(2, true), 1, &Device::flex()).unwrap()
}

fn open(folder: &Path, precision: Precision) -> Decoder {
    let text = std::fs::read_to_string(folder.join("config.json")).unwrap();
    let config = ModelConfig::from_json(folder, &text).unwrap();
    let options = LoadOptions::new(device("flex").unwrap()).with_precision(precision);
    Decoder::load(std::sync::Arc::new(SafetensorsFolder::open(folder).unwrap()), config, &options).unwrap()
}

/// Hidden states and log-probabilities of the decoder and of the module agree, for grouped heads, tied or not, texts padded
/// or not.
#[test]
fn the_module_is_the_decoder() {
    for (kv_heads, tied) in [(4, true), (2, false), (1, true)] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        Transformer::init(config(kv_heads, tied), 3, &Device::flex())
            .unwrap()
            .save(path, &FolderFiles::default())
            .unwrap();
        let module = Transformer::open(path, &Device::flex()).unwrap();
        let texts: [&[u32]; 2] = [&[1, 2, 3, 4, 5, 6, 7], &[9, 30, 11]];
        let batch = Texts::new(texts);
        let hidden = module.hidden(&batch).unwrap();
        let predicted = module.predict(hidden).into_data_as::<f32>().try_into_vec::<f32>().unwrap();
        let decoder = open(path, Precision::Plain);
        for (index, text) in texts.into_iter().enumerate() {
            let mut cache = decoder.cache();
            let span = Span { cache: &mut cache, tokens: text, outputs: Outputs::All };
            let logits = decoder.forward(&mut [span]).unwrap().unwrap().logits;
            let expected = burn::tensor::activation::log_softmax(logits, 1).into_data_as::<f32>();
            for (row, expected) in expected.as_slice::<f32>().unwrap().chunks(40).enumerate() {
                let found = &predicted[batch.row(index, row) * 40..][..40];
                let worst = expected.iter().zip(found).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                assert!(worst < 1e-4, "kv {kv_heads} tied {tied} text {index} row {row}: {worst}");
            }
        }
    }
}

#[test]
fn it_learns() {
    let objective = language();
    let before = objective.score(&fresh()).unwrap().unwrap();
    let fitted = Fit::new(120, 0.01).with_batch(8).run(fresh(), &objective, &mut ()).unwrap();
    let after = objective.score(&fitted.model).unwrap().unwrap();
    assert!(before < -3.0 && after > -0.3, "{before} → {after}");
    assert_eq!(fitted.scores.iter().map(|(_, score)| *score).fold(f64::MIN, f64::max), after, "the best is kept");
}

#[test]
fn a_head_learns_to_judge() {
    let (examples, objective) = judging();
    let model = Headed::new(fresh(), 1, true, 5);
    let fitted = Fit::new(150, 0.01).with_batch(12).run(model, &objective, &mut ()).unwrap();
    let answers = fitted.model.outputs(&examples).unwrap();
    let targets = examples.iter().flat_map(|example| &example.targets);
    let right = answers.iter().zip(targets).filter(|(p, target)| (p[0] > 0.0) == (target.answer[0] > 0.5)).count();
    assert!(right as f64 / answers.len() as f64 > 0.97, "{right} of {}", answers.len());
}

/// Bits of all weights.
fn bits(model: &Transformer) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    model.save(folder.path(), &FolderFiles::default()).unwrap();
    std::fs::read(folder.path().join("model.safetensors")).unwrap()
}

#[test]
fn a_killed_training_ends_in_the_same_bits() {
    let folder = tempfile::tempdir().unwrap();
    let fit = Fit::new(24, 0.01).with_batch(6).with_every(5);
    let whole = fit.run(fresh(), &language(), &mut ()).unwrap();
    let fit = fit.with_checkpoint(folder.path().join("checkpoint"));
    for stop in [3, 8, 9, 17, 22] {
        let killed = std::panic::AssertUnwindSafe(|| fit.run(fresh(), &language(), &mut Killed(stop)));
        assert!(std::panic::catch_unwind(killed).is_err());
    }
    let resumed = fit.run(fresh(), &language(), &mut ()).unwrap();
    assert_eq!((&resumed.scores, &resumed.losses, resumed.steps), (&whole.scores, &whole.losses, 24));
    assert_eq!(bits(&resumed.model), bits(&whole.model));
}

#[test]
fn a_checkpoint_of_another_training_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let fit = Fit::new(4, 0.01).with_every(2).with_checkpoint(folder.path().join("checkpoint"));
    fit.run(fresh(), &language(), &mut ()).unwrap();
    let error = fit.with_seed(9).run(fresh(), &language(), &mut ()).unwrap_err().to_string();
    assert!(error.contains("seed: 9") && error.contains("seed: 0"), "{error}");
}

/// Other data of the same size, other first weights, another loop: each is told apart, and named.
#[test]
fn a_checkpoint_of_other_data_or_weights_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let fit = Fit::new(4, 0.01).with_every(2).with_checkpoint(folder.path().join("checkpoint"));
    fit.run(fresh(), &language(), &mut ()).unwrap();
    let longer = counting(40).into_iter().map(|lesson| Lesson { tokens: [lesson.tokens, vec![1]].concat(), ..lesson });
    let longer = Language::new(longer.collect(), counting(8)).unwrap();
    let fewer = Language::new(counting(39), counting(8)).unwrap();
    let renamed = counting(40).into_iter().map(|lesson| {
        let tokens = lesson.tokens.iter().map(|token| if *token == 3 { 4 } else { *token }).collect();
        Lesson { tokens, ..lesson }
    });
    let renamed = Language::new(renamed.collect(), counting(8)).unwrap();
    let other = Transformer::init(config(2, true), 2, &Device::flex()).unwrap();
    let refused = [
        (fit.run(fresh(), &renamed, &mut ()).unwrap_err(), &["data: "][..]),
        (fit.run(fresh(), &longer, &mut ()).unwrap_err(), &["data: "]),
        (fit.run(fresh(), &fewer, &mut ()).unwrap_err(), &["examples: 39", "examples: 40"]),
        (fit.run(other, &language(), &mut ()).unwrap_err(), &["weights: "]),
        (fit.run(fresh().with_layers(1), &language(), &mut ()).unwrap_err(), &["weights: "]),
    ];
    for (error, parts) in refused {
        assert!(matches!(error, arbitrage_models::Error::Parameter { name: "checkpoint", .. }), "{error}");
        assert!(parts.iter().all(|part| error.to_string().contains(part)), "{error}");
    }
    fit.run(fresh(), &language(), &mut ()).unwrap();
}

/// The same texts under other answers, other weights or another loss are another training.
#[test]
fn a_checkpoint_of_other_answers_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let fit = Fit::new(4, 0.01).with_every(2).with_checkpoint(folder.path().join("checkpoint"));
    let judged = |change: &dyn Fn(&mut Target), loss| {
        let target = |row: usize| Target { row, answer: vec![1.0, 0.0], weight: 1.0 };
        let mut example = Labelled { tokens: vec![1, 2, 3, 4], targets: vec![target(1), target(3)] };
        change(&mut example.targets[1]);
        Judging::new(vec![example; 6], loss).unwrap()
    };
    let model = || Headed::new(fresh(), 2, true, 5);
    let own = judged(&|_| {}, Loss::Softmax);
    fit.run(model(), &own, &mut ()).unwrap();
    for other in [
        judged(&|target| target.answer = vec![0.0, 1.0], Loss::Softmax),
        judged(&|target| target.weight = 2.0, Loss::Softmax),
        judged(&|target| target.row = 2, Loss::Softmax),
        judged(&|_| {}, Loss::Sigmoid),
    ] {
        let error = fit.run(model(), &other, &mut ()).unwrap_err().to_string();
        assert!(error.contains("checkpoint") && error.contains("data: "), "{error}");
    }
    fit.run(model(), &own, &mut ()).unwrap();
}

/// Runs another training on the same checkpoint in the midst of this one.
struct Intruder(Fit, Option<String>);

impl arbitrage_models::train::Progress for Intruder {
    fn stepped(&mut self, _step: usize, _steps: usize, _loss: f64) {
        self.1 = self.0.run(fresh(), &language(), &mut ()).err().map(|error| error.to_string());
    }
    fn scored(&mut self, _step: usize, _score: f64) {}
}

#[test]
fn two_trainings_on_one_checkpoint_do_not_mix() {
    let folder = tempfile::tempdir().unwrap();
    let fit = Fit::new(2, 0.01).with_checkpoint(folder.path().join("checkpoint"));
    let mut intruder = Intruder(fit.clone(), None);
    fit.run(fresh(), &language(), &mut intruder).unwrap();
    let told = intruder.1.expect("it was let in");
    let holder = format!("process {}", std::process::id());
    assert!(told.contains("checkpoint.lock") && told.contains(&holder), "{told}");
    fit.run(fresh(), &language(), &mut ()).unwrap();
}

#[test]
fn the_number_of_threads_is_not_seen() {
    // Two shards are two shards on any machine; another number of them sums in another order and may differ in last bits.
    let once = || bits(&Fit::new(6, 0.01).with_batch(6).run(fresh(), &language(), &mut ()).unwrap().model);
    assert_eq!(once(), once());
}

#[test]
fn nonsense_is_refused() {
    let fit = Fit::new(4, 0.01);
    let refused = [
        fit.clone().with_batch(0).run(fresh(), &language(), &mut ()).unwrap_err(),
        fit.clone().with_every(0).run(fresh(), &language(), &mut ()).unwrap_err(),
        Fit::new(4, f64::NAN).run(fresh(), &language(), &mut ()).unwrap_err(),
        Language::new(Vec::new(), Vec::new()).err().unwrap(),
        Language::new(vec![Lesson { tokens: vec![1, 2], from: 2 }], Vec::new()).err().unwrap(),
        Judging::new(Vec::new(), Loss::Sigmoid).err().unwrap(),
    ];
    for error in refused {
        assert!(matches!(error, arbitrage_models::Error::Parameter { .. }), "{error}");
    }
    let target = |row, answer: f32, weight| Target { row, answer: vec![answer], weight };
    for target in [target(3, 1.0, 1.0), target(0, f32::NAN, 1.0), target(0, 1.5, 1.0), target(0, 1.0, 0.0)] {
        let examples = vec![Labelled { tokens: vec![1, 2, 3], targets: vec![target] }];
        assert!(Judging::new(examples, Loss::Sigmoid).is_err());
    }
}

/// Learning rates that blow the weights up end in an error that names the step, not in a model of NaN.
#[test]
fn a_loss_that_is_no_number_ends_the_training() {
    let error = Fit::new(50, 1e30).run(fresh(), &language(), &mut ()).unwrap_err().to_string();
    assert!(error.contains("step"), "{error}");
}
