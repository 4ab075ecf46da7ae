//! Hugging Face folders written as GGUF files with weights of 8 bits.
#![cfg(feature = "flex")]

mod support;

use std::path::{Path, PathBuf};

use arbitrage_core::SequenceId;
use arbitrage_models::classifier::ClassifierInput;
use arbitrage_models::config::ModelConfig;
use arbitrage_models::quantise::quantise_folder;
use arbitrage_models::tokenizer::EncodeMode;
use arbitrage_models::weights::writer::GgufWriter;
use arbitrage_models::weights::{DType, Gguf, WeightSource as _};
use arbitrage_models::{
    Classifier, Decoder, Error, Layout, LoadOptions, LocalModel, ModelFiles, Outputs, Precision, ProcessReward, Span,
    device,
};
use support::scorers;

fn hf(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tiny/hf").join(name)
}

fn plain() -> LoadOptions {
    LoadOptions::new(device("flex").unwrap()).with_precision(Precision::Plain)
}

/// A folder as a file.
fn quantised(folder: &Path) -> (tempfile::TempDir, PathBuf) {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("quantised.gguf");
    quantise_folder(folder, &file).unwrap();
    (place, file)
}

fn logits(files: ModelFiles, tokens: &[u32]) -> Vec<f32> {
    let decoder = Decoder::load(files.weights, files.config, &plain()).unwrap();
    let mut cache = decoder.cache();
    let output = decoder.forward(&mut [Span { cache: &mut cache, tokens, outputs: Outputs::All }]);
    output.unwrap().unwrap().logits.into_data_as::<f32>().try_into_vec::<f32>().unwrap()
}

/// The models of the byte-level vocabularies: `llama` with its permutation and Llama 3.1's rotary factors, and `qwen2` with biases;
/// `phi3` with joined matrices, a window, and factors for short and long contexts; those of 4-bit integers are unpacked before they are
/// rounded.
const BYTE_LEVEL: [&str; 9] = [
    "llama3-bf16-sharded",
    "qwen2-f32-tied",
    "smollm2-mixed-tied",
    "llama3-gptq-tied",
    "qwen2-gptq-act-order",
    "phi3-bf16-long-tied",
    "phi3-f16-window",
    "phi3-f32-short-tied",
    "phi3-gptq-act-order",
];

#[test]
fn files_compute_what_their_folders_do() {
    for name in BYTE_LEVEL {
        let (_place, file) = quantised(&hf(name));
        let (folder, file) = (ModelFiles::open(hf(name)).unwrap(), ModelFiles::open(file).unwrap());
        let rows = folder.tokenizer.vocab_size() as u32;
        let tokens: Vec<u32> = (0..24).map(|at| at * 7919 % rows).collect();
        let (exact, rounded) = (logits(folder, &tokens), logits(file, &tokens));
        assert_eq!(exact.len(), rounded.len(), "{name}");
        let energy: f32 = exact.iter().map(|logit| logit * logit).sum();
        let error: f32 = exact.iter().zip(&rounded).map(|(a, b)| (a - b) * (a - b)).sum();
        // Rounding to 8 bits costs some 1e-4; rows in another order cost about as much as there is.
        assert!(error < 2e-3 * energy, "{name}: {} of the logits' energy", error / energy);
    }
}

#[test]
fn files_have_the_shape_and_the_vocabulary_of_their_folders() {
    for name in BYTE_LEVEL {
        let (_place, file) = quantised(&hf(name));
        let (folder, file) = (ModelFiles::open(hf(name)).unwrap(), ModelFiles::open(file).unwrap());
        let shape = |config: &ModelConfig| {
            let ModelConfig {
                vocabulary, hidden, feed_forward, layers, heads, kv_heads, head_dim, context, tied, ..
            } = *config;
            ([vocabulary, hidden, feed_forward, layers, heads, kv_heads, head_dim, context], tied)
        };
        assert_eq!(shape(&folder.config), shape(&file.config), "{name}");
        assert_eq!(folder.config.layer_attention, file.config.layer_attention, "{name}");
        let [ours, theirs] = [&folder, &file].map(|files| files.config.rope.magnitude());
        assert!((ours - theirs).abs() < 1e-6, "{name}: {ours} {theirs}");
        let wavelengths = |config: &ModelConfig| config.rope.frequencies(config.context);
        for (a, b) in wavelengths(&folder.config).into_iter().zip(wavelengths(&file.config)) {
            assert!((a - b).abs() <= 1e-6 * a, "{name}: {a} {b}");
        }
        let (ours, theirs) = (&folder.tokenizer, &file.tokenizer);
        assert_eq!(
            (ours.fingerprint(), ours.bos(), ours.chat_template()),
            (theirs.fingerprint(), theirs.bos(), theirs.chat_template())
        );
        for text in ["What is 17 · 23?\n\nIt's 391.", "<|im_end|>", "  a\tb \u{1F600} é 文", ""] {
            for mode in [EncodeMode::Prompt, EncodeMode::Continuation] {
                assert_eq!(ours.encode(text, mode).unwrap(), theirs.encode(text, mode).unwrap(), "{name}: {text:?}");
            }
        }
    }
}

#[test]
fn matrices_have_8_bits_and_vectors_32() {
    let (_place, file) = quantised(&hf("qwen2-f32-tied"));
    let file = Gguf::open(file).unwrap();
    for name in file.names() {
        let view = file.get(&name).unwrap().unwrap();
        let expected = if view.shape.len() == 2 { DType::Q8_0 } else { DType::F32 };
        assert_eq!(view.dtype, expected, "{name}");
    }
    assert!(!file.names().contains(&"lm_head.weight".to_owned()), "the embedding is the head");
}

#[test]
fn what_a_file_cannot_express_is_refused_with_what_to_do() {
    let refused = |folder: &Path, part: &str| {
        let place = tempfile::tempdir().unwrap();
        let out = place.path().join("out.gguf");
        match quantise_folder(folder, &out) {
            Err(Error::NotConvertible { what, advice, .. }) => {
                assert!(what.contains(part) && advice.contains("convert_hf_to_gguf.py"), "{what}; {advice}");
            }
            other => panic!("{}: {other:?}", folder.display()),
        }
        assert!(!out.exists());
    };
    refused(&hf("llama2-f16"), "SentencePiece");
    let changed = |from: &str, to: &str| {
        let place = tempfile::tempdir().unwrap();
        for file in std::fs::read_dir(hf("qwen2-f32-tied")).unwrap().map(Result::unwrap) {
            std::fs::copy(file.path(), place.path().join(file.file_name())).unwrap();
        }
        let path = place.path().join("tokenizer.json");
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{from}");
        std::fs::write(path, text.replacen(from, to, 1)).unwrap();
        place
    };
    refused(changed("NFC", "NFKC").path(), "GGUF has a name for");
    let folder = changed(r#""lstrip":false"#, r#""lstrip":true"#);
    refused(folder.path(), "takes spaces with it");
    assert!(matches!(quantise_folder(hf("qwen2-f32-tied").join("config.json"), "out.gguf"), Err(Error::Format { .. })));
}

#[test]
fn what_a_file_has_no_key_for_is_refused() {
    for (name, from, to, part) in [
        ("qwen2-bf16-yarn-tied", "\"factor\": 4.0", "\"factor\": 4.0, \"attention_factor\": 1.5", "attention_factor"),
        ("qwen2-bf16-yarn-tied", "\"factor\": 4.0", "\"factor\": 4.0, \"truncate\": false", "truncate"),
        ("smollm3-f16-tied", "\"no_rope_layer_interval\": 4", "\"no_rope_layer_interval\": 2", "do not rotate"),
    ] {
        let place = tempfile::tempdir().unwrap();
        for file in std::fs::read_dir(hf(name)).unwrap().map(Result::unwrap) {
            std::fs::copy(file.path(), place.path().join(file.file_name())).unwrap();
        }
        let out = place.path().join("out.gguf");
        quantise_folder(place.path(), &out).unwrap();
        std::fs::remove_file(&out).unwrap();
        let path = place.path().join("config.json");
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{from}");
        std::fs::write(path, text.replacen(from, to, 1)).unwrap();
        match quantise_folder(place.path(), &out) {
            Err(Error::NotConvertible { what, .. }) => assert!(what.contains(part), "{what}"),
            other => panic!("{name}: {other:?}"),
        }
        assert!(!out.exists());
    }
}

/// A file that lacks them would be of no use.
#[test]
fn experts_are_refused() {
    let place = tempfile::tempdir().unwrap();
    let out = place.path().join("out.gguf");
    match quantise_folder(hf("qwen3-moe-bf16"), &out) {
        Err(Error::NotConvertible { what, .. }) => assert!(what.contains("experts"), "{what}"),
        other => panic!("{other:?}"),
    }
    assert!(!out.exists());
}

/// The outputs after every token.
fn outputs(classifier: &mut Classifier, ids: &[u32]) -> Vec<f32> {
    let text = ClassifierInput { id: SequenceId(0), tokens: ids, first_output: 0 };
    classifier.classify(&[text]).pop().unwrap().unwrap().concat()
}

#[test]
fn classifiers_keep_their_outputs() {
    for name in scorers::SCORERS {
        let (_place, file) = quantised(&scorers::folder(name));
        let ids = scorers::Solution::of(name).ids;
        let exact = outputs(&mut scorers::classifier(name, Precision::Plain), &ids);
        let files = ModelFiles::open(&file).unwrap();
        assert!(Classifier::has_head(&files), "{name}");
        let rounded = outputs(&mut Classifier::from_files(files, &plain()).unwrap(), &ids);
        assert_eq!(exact.len(), rounded.len(), "{name}");
        let worst = exact.iter().zip(&rounded).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        let largest = exact.iter().map(|output| output.abs()).fold(0.0, f32::max);
        assert!(worst < 0.05 * largest, "{name}: {worst} of {largest}");
        let error = LocalModel::open(&file, &plain()).unwrap_err().to_string();
        assert!(error.contains("unused `cls.output.weight`"), "{error}");
    }
}

#[test]
fn a_file_in_a_folder_stands_for_it() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("my-prm");
    std::fs::create_dir(&folder).unwrap();
    quantise_folder(scorers::folder(scorers::VALUE), folder.join(ModelFiles::GGUF_IN_FOLDER)).unwrap();
    let layout = serde_json::json!({ "layout": Layout::skywork().with_separator(" ;") });
    std::fs::write(folder.join(Layout::FILE), layout.to_string()).unwrap();
    let reward = ProcessReward::open(&folder, &plain()).unwrap();
    assert_eq!((reward.classifier().name(), reward.classifier().outputs()), ("my-prm", 1));
    assert_eq!(reward.layout().separator, " ;");
}

#[test]
fn keys_of_classifiers_are_refused_elsewhere_and_other_pooling_always() {
    let (_place, file) = quantised(&scorers::folder(scorers::SEQUENCE));
    let gguf = Gguf::open(&file).unwrap();
    assert_eq!(gguf.u32_of("qwen2.pooling_type").unwrap(), 4);
    let write = |pooling: u32, with_head: bool| {
        let mut writer = GgufWriter::new();
        for (key, value) in gguf.all_metadata().iter() {
            let value = if key == "qwen2.pooling_type" { pooling.into() } else { value.clone() };
            writer = writer.metadata(key, value);
        }
        for name in gguf.names().iter().filter(|name| with_head || !name.starts_with("cls.")) {
            writer = writer.tensor(gguf.get(name).unwrap().unwrap());
        }
        let path = file.with_file_name(format!("{pooling}-{with_head}.gguf"));
        writer.write(&path).unwrap();
        ModelFiles::open(path).map(drop).map_err(|error| error.to_string())
    };
    assert_eq!((write(0, true), write(4, true)), (Ok(()), Ok(())));
    assert!(write(1, true).unwrap_err().contains("pooling_type"), "the mean of all tokens");
    assert!(write(4, false).unwrap_err().contains("qwen2."), "a language model");
}
