//! Training: the module computes what the decoder does, it learns, and interruptions do not change the result.
#![cfg(all(feature = "train", feature = "flex"))]

#[path = "support/learning.rs"]
mod support;

use std::path::Path;

use arbitrage_models::config::ModelConfig;
use arbitrage_models::train::{
    ClassificationObjective, FolderFiles, HeadBias, LabelledRow, LabelledText, Loss, NextTokenObjective, Objective,
    TextBatch, Trainer, TrainingExample, Transformer, TransformerWithHead,
};
use arbitrage_models::weights::SafetensorsFolder;
use arbitrage_models::{Decoder, LoadOptions, Outputs, Precision, Span, device};
use burn::tensor::Device;
use support::{KilledAt, classification};

fn config(kv_heads: usize, tied: bool) -> ModelConfig {
    let json = serde_json::json!({
        "model_type": "llama", "vocab_size": 40, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2,
        "num_attention_heads": 4, "num_key_value_heads": kv_heads, "head_dim": 8, "max_position_embeddings": 64,
        "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "tie_word_embeddings": tied
    });
    ModelConfig::from_json(Path::new("config.json"), &json.to_string()).unwrap()
}

/// Counting upwards or downwards: the next token follows from the two tokens before it.
fn counting(count: usize) -> Vec<TrainingExample> {
    let lesson = |at: usize| {
        let (start, up) = (at as u32 * 7 % 20 + 8, at.is_multiple_of(2));
        let tokens = (0..9).map(|step| if up { start + step } else { start - step.min(start) }).collect();
        TrainingExample { tokens, first_target: 2 }
    };
    (0..count).map(lesson).collect()
}

fn language() -> NextTokenObjective {
    NextTokenObjective::new(counting(40), counting(8)).unwrap()
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
        let batch = TextBatch::new(texts);
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
    let output = Trainer::new(120, 0.01).with_batch(8).run(fresh(), &objective, &mut ()).unwrap();
    let after = objective.score(&output.model).unwrap().unwrap();
    assert!(before < -3.0 && after > -0.3, "{before} → {after}");
    assert_eq!(output.scores.iter().map(|(_, score)| *score).fold(f64::MIN, f64::max), after, "the best is kept");
}

#[test]
fn a_head_learns_to_classify() {
    let (examples, objective) = classification();
    let model = TransformerWithHead::new(fresh(), 1, HeadBias::Present, 5);
    let output = Trainer::new(150, 0.01).with_batch(12).run(model, &objective, &mut ()).unwrap();
    let answers = output.model.outputs(&examples).unwrap();
    let targets = examples.iter().flat_map(|example| &example.rows);
    let right = answers.iter().zip(targets).filter(|(p, target)| (p[0] > 0.0) == (target.label[0] > 0.5)).count();
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
    let trainer = Trainer::new(24, 0.01).with_batch(6).with_eval_interval(5);
    let whole = trainer.run(fresh(), &language(), &mut ()).unwrap();
    let trainer = trainer.with_checkpoint(folder.path().join("checkpoint"));
    for stop in [3, 8, 9, 17, 22] {
        let killed = std::panic::AssertUnwindSafe(|| trainer.run(fresh(), &language(), &mut KilledAt(stop)));
        assert!(std::panic::catch_unwind(killed).is_err());
    }
    let resumed = trainer.run(fresh(), &language(), &mut ()).unwrap();
    assert_eq!((&resumed.scores, &resumed.losses, resumed.steps), (&whole.scores, &whole.losses, 24));
    assert_eq!(bits(&resumed.model), bits(&whole.model));
}

#[test]
fn a_checkpoint_of_another_training_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let trainer = Trainer::new(4, 0.01).with_eval_interval(2).with_checkpoint(folder.path().join("checkpoint"));
    trainer.run(fresh(), &language(), &mut ()).unwrap();
    let error = trainer.with_seed(9).run(fresh(), &language(), &mut ()).unwrap_err().to_string();
    assert!(error.contains("seed: 9") && error.contains("seed: 0"), "{error}");
}

/// Other data of the same size, other initial weights, other examples: each difference is named.
#[test]
fn a_checkpoint_of_other_data_or_weights_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let trainer = Trainer::new(4, 0.01).with_eval_interval(2).with_checkpoint(folder.path().join("checkpoint"));
    trainer.run(fresh(), &language(), &mut ()).unwrap();
    let longer =
        counting(40).into_iter().map(|lesson| TrainingExample { tokens: [lesson.tokens, vec![1]].concat(), ..lesson });
    let longer = NextTokenObjective::new(longer.collect(), counting(8)).unwrap();
    let fewer = NextTokenObjective::new(counting(39), counting(8)).unwrap();
    let renamed = counting(40).into_iter().map(|lesson| {
        let tokens = lesson.tokens.iter().map(|token| if *token == 3 { 4 } else { *token }).collect();
        TrainingExample { tokens, ..lesson }
    });
    let renamed = NextTokenObjective::new(renamed.collect(), counting(8)).unwrap();
    let other = Transformer::init(config(2, true), 2, &Device::flex()).unwrap();
    let refused = [
        (trainer.run(fresh(), &renamed, &mut ()).unwrap_err(), &["data: "][..]),
        (trainer.run(fresh(), &longer, &mut ()).unwrap_err(), &["data: "]),
        (trainer.run(fresh(), &fewer, &mut ()).unwrap_err(), &["examples: 39", "examples: 40"]),
        (trainer.run(other, &language(), &mut ()).unwrap_err(), &["weights: "]),
        (trainer.run(fresh().with_layers(1), &language(), &mut ()).unwrap_err(), &["weights: "]),
    ];
    for (error, parts) in refused {
        assert!(matches!(error, arbitrage_models::Error::Parameter { name: "checkpoint", .. }), "{error}");
        assert!(parts.iter().all(|part| error.to_string().contains(part)), "{error}");
    }
    trainer.run(fresh(), &language(), &mut ()).unwrap();
}

/// The same texts with other labels, other weights or another loss are another training.
#[test]
fn a_checkpoint_of_other_labels_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let trainer = Trainer::new(4, 0.01).with_eval_interval(2).with_checkpoint(folder.path().join("checkpoint"));
    let objective = |change: &dyn Fn(&mut LabelledRow), loss| {
        let target = |row: usize| LabelledRow { row, label: vec![1.0, 0.0], weight: 1.0 };
        let mut example = LabelledText { tokens: vec![1, 2, 3, 4], rows: vec![target(1), target(3)] };
        change(&mut example.rows[1]);
        ClassificationObjective::new(vec![example; 6], loss).unwrap()
    };
    let model = || TransformerWithHead::new(fresh(), 2, HeadBias::Present, 5);
    let own = objective(&|_| {}, Loss::Softmax);
    trainer.run(model(), &own, &mut ()).unwrap();
    for other in [
        objective(&|target| target.label = vec![0.0, 1.0], Loss::Softmax),
        objective(&|target| target.weight = 2.0, Loss::Softmax),
        objective(&|target| target.row = 2, Loss::Softmax),
        objective(&|_| {}, Loss::Sigmoid),
    ] {
        let error = trainer.run(model(), &other, &mut ()).unwrap_err().to_string();
        assert!(error.contains("checkpoint") && error.contains("data: "), "{error}");
    }
    trainer.run(model(), &own, &mut ()).unwrap();
}

/// Runs a second training on the same checkpoint during the first one.
struct SecondTraining(Trainer, Option<String>);

impl arbitrage_models::train::TrainProgress for SecondTraining {
    fn on_step(&mut self, _step: usize, _steps: usize, _loss: f64) {
        self.1 = self.0.run(fresh(), &language(), &mut ()).err().map(|error| error.to_string());
    }
    fn on_score(&mut self, _step: usize, _score: f64) {}
}

#[test]
fn two_trainings_on_one_checkpoint_do_not_mix() {
    let folder = tempfile::tempdir().unwrap();
    let trainer = Trainer::new(2, 0.01).with_checkpoint(folder.path().join("checkpoint"));
    let mut second = SecondTraining(trainer.clone(), None);
    trainer.run(fresh(), &language(), &mut second).unwrap();
    let error = second.1.expect("the second training ran");
    let holder = format!("process {}", std::process::id());
    assert!(error.contains("checkpoint.lock") && error.contains(&holder), "{error}");
    trainer.run(fresh(), &language(), &mut ()).unwrap();
}

#[test]
fn results_are_reproducible() {
    // The number of shards is the same on any machine. Another number would sum in another order and may differ in the last bits.
    let once = || bits(&Trainer::new(6, 0.01).with_batch(6).run(fresh(), &language(), &mut ()).unwrap().model);
    assert_eq!(once(), once());
}

#[test]
fn invalid_parameters_and_examples_are_refused() {
    let trainer = Trainer::new(4, 0.01);
    let refused = [
        trainer.clone().with_batch(0).run(fresh(), &language(), &mut ()).unwrap_err(),
        trainer.clone().with_eval_interval(0).run(fresh(), &language(), &mut ()).unwrap_err(),
        Trainer::new(4, f64::NAN).run(fresh(), &language(), &mut ()).unwrap_err(),
        NextTokenObjective::new(Vec::new(), Vec::new()).err().unwrap(),
        NextTokenObjective::new(vec![TrainingExample { tokens: vec![1, 2], first_target: 2 }], Vec::new())
            .err()
            .unwrap(),
        ClassificationObjective::new(Vec::new(), Loss::Sigmoid).err().unwrap(),
    ];
    for error in refused {
        assert!(matches!(error, arbitrage_models::Error::Parameter { .. }), "{error}");
    }
    let target = |row, label: f32, weight| LabelledRow { row, label: vec![label], weight };
    for target in [target(3, 1.0, 1.0), target(0, f32::NAN, 1.0), target(0, 1.5, 1.0), target(0, 1.0, 0.0)] {
        let examples = vec![LabelledText { tokens: vec![1, 2, 3], rows: vec![target] }];
        assert!(ClassificationObjective::new(examples, Loss::Sigmoid).is_err());
    }
}

/// With a learning rate at which training diverges, there is an error that names the step, not a model of NaN.
#[test]
fn a_loss_of_nan_ends_the_training() {
    let error = Trainer::new(50, 1e30).run(fresh(), &language(), &mut ()).unwrap_err().to_string();
    assert!(error.contains("step"), "{error}");
}
