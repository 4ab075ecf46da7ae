//! The tiny models' tokenizers, templates and tensors against what the reference implementations made of them.

use std::path::{Path, PathBuf};

use arbitrage_models::chat::{ChatTemplate, Message};
use arbitrage_models::config::ModelConfig;
use arbitrage_models::stream::TextStream;
use arbitrage_models::tokenizer::{EncodeMode, GgufVocabulary, Tokenizer};
use arbitrage_models::weights::gguf::names;
use arbitrage_models::weights::{Gguf, SafetensorsFolder, WeightSource, scan_finite};
use serde_json::Value;

fn fixtures(kind: &str, ends: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tiny").join(kind);
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<_> = entries.filter(|path| path.to_string_lossy().ends_with(ends)).collect();
    paths.sort();
    paths
}

fn json(path: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_else(|| panic!("no {key}"))
}

fn ids(value: &Value) -> Vec<u32> {
    value.as_array().unwrap().iter().map(|id| id.as_u64().unwrap() as u32).collect()
}

/// What `expected` records of text.
fn check_text(tokenizer: &Tokenizer, expected: &Value, name: &str) {
    let encoded = tokenizer.encode_prompt(text(expected, "text")).unwrap();
    assert_eq!(encoded, ids(&expected["ids"]), "{name}: ids");
    let messages: Vec<Message> = expected["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|message| Message { role: text(message, "role").to_owned(), content: text(message, "content").to_owned() })
        .collect();
    let chat = ChatTemplate::for_tokenizer(tokenizer).unwrap().render(&messages, true).unwrap();
    assert_eq!(chat, text(expected, "chat"), "{name}: chat");
    assert_eq!(tokenizer.encode(&chat, EncodeMode::Prompt).unwrap(), ids(&expected["chat_ids"]), "{name}: chat ids");
    assert_eq!(
        tokenizer.encode_prompt(&chat).unwrap().len(),
        ids(&expected["chat_ids"]).len(),
        "{name}: one beginning"
    );

    // Ids taken as part of a text keep the space that SentencePiece puts before one.
    let decoded = tokenizer.decode(&encoded).unwrap();
    let without_space = decoded.strip_prefix(' ').unwrap_or(&decoded);
    assert_eq!(without_space, text(expected, "decoded"), "{name}: decoded");
    for key in ["ids", "chat_ids", "greedy"] {
        check_stream(tokenizer, &ids(&expected[key]), name);
    }
}

/// Text that comes token by token is the text that all ids make at once.
fn check_stream(tokenizer: &Tokenizer, ids: &[u32], name: &str) {
    let mut stream = TextStream::new();
    let mut streamed = String::new();
    for &id in ids {
        streamed.push_str(stream.push(tokenizer, id).unwrap());
    }
    streamed.push_str(stream.finish());
    assert_eq!(streamed, tokenizer.decode(ids).unwrap(), "{name}: streamed");
    assert_eq!(stream.text(), streamed, "{name}: kept");
}

#[test]
fn folders_read_as_their_makers_do() {
    let folders = fixtures("hf", "");
    assert_eq!(folders.len(), 7);
    for folder in folders {
        let name = folder.display().to_string();
        check_text(&Tokenizer::from_folder(&folder).unwrap(), &json(&folder.join("expected.json")), &name);
        let path = folder.join("config.json");
        let config = ModelConfig::from_json(&path, &std::fs::read_to_string(&path).unwrap()).unwrap();
        let source = SafetensorsFolder::open(&folder).unwrap();
        assert_eq!(source.get("lm_head.weight").unwrap().is_none(), config.tied, "{name}");
        scan_finite(&source).unwrap();
    }
}

#[test]
fn gguf_files_read_as_their_makers_do() {
    let files = fixtures("gguf", ".gguf");
    assert_eq!(files.len(), 9);
    for file in files {
        let name = file.display().to_string();
        let (gguf, expected) = (Gguf::open(&file).unwrap(), json(&file.with_extension("json")));
        let tokenizer = Tokenizer::from_gguf(GgufVocabulary::read(&gguf).unwrap()).unwrap();
        check_text(&tokenizer, &expected, &name);
        check_tensors(&gguf, &expected["tensors"], &name);
        ModelConfig::from_gguf(&gguf).unwrap();
        scan_finite(&gguf).unwrap();
    }
}

/// Types, shapes and sums of every recorded tensor.
fn check_tensors(gguf: &Gguf, expected: &Value, name: &str) {
    let expected = expected.as_object().unwrap();
    assert!(gguf.names().len() >= expected.len() && !expected.is_empty(), "{name}");
    for (tensor, facts) in expected {
        let at = format!("{name}: {tensor}");
        let view = gguf.get(&names::to_hugging_face(tensor)).unwrap().unwrap_or_else(|| panic!("{at}: absent"));
        assert_eq!(view.dtype.name(), text(facts, "type"), "{at}");
        let shape: Vec<u64> = view.shape.iter().map(|dim| *dim as u64).collect();
        assert_eq!(Value::from(shape), facts["shape"], "{at}");
        let values = view.to_f32().unwrap();
        let magnitude: f64 = values.iter().map(|value| f64::from(value.abs())).sum();
        let sum: f64 = values.iter().map(|value| f64::from(*value)).sum();
        let close = |ours: f64, key: &str| (ours - facts[key].as_f64().unwrap()).abs() <= 1e-6 * (1.0 + magnitude);
        assert!(close(sum, "sum") && close(magnitude, "sum_abs"), "{at}: {sum}, {magnitude}, expected {facts}");
    }
}

/// Different files of one vocabulary give ids that may be shared.
#[test]
fn the_same_vocabulary_from_either_format() {
    let of = |kind: &str, name: &str| fixtures(kind, name).pop().unwrap();
    for (folder, file) in [("qwen2-f32-tied", "qwen2-f32-tied.gguf"), ("llama2-f16", "llama2-q4_0.gguf")] {
        let here = Tokenizer::from_folder(of("hf", folder)).unwrap();
        let there = GgufVocabulary::read(&Gguf::open(of("gguf", file)).unwrap()).unwrap();
        let there = Tokenizer::from_gguf(there).unwrap();
        assert_eq!(here.describe_difference(&there), None);
        assert_eq!(here.fingerprint(), there.fingerprint());
    }
}
