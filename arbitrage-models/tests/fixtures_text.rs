//! The tiny models' tokenizers, templates and tensors against what the reference implementations made of them.

use std::path::{Path, PathBuf};

use arbitrage_models::ModelFiles;
use arbitrage_models::chat::{ChatTemplate, Message};
use arbitrage_models::config::ModelConfig;
use arbitrage_models::stream::TextStream;
use arbitrage_models::tokenizer::{EncodeMode, GgufVocabulary, Tokenizer};
use arbitrage_models::weights::gguf::{MetadataValue, Strings, names};
use arbitrage_models::weights::writer::GgufWriter;
use arbitrage_models::weights::{Gguf, WeightSource, scan_finite};
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
    assert_eq!(folders.len(), 25);
    for folder in folders {
        let name = folder.display().to_string();
        check_text(&Tokenizer::from_folder(&folder).unwrap(), &json(&folder.join("expected.json")), &name);
        let path = folder.join("config.json");
        let config = ModelConfig::from_json(&path, &std::fs::read_to_string(&path).unwrap()).unwrap();
        let source = ModelFiles::open(&folder).unwrap().weights;
        assert_eq!(source.get("lm_head.weight").unwrap().is_none(), config.tied, "{name}");
        scan_finite(source.as_ref()).unwrap();
    }
}

#[test]
fn gguf_files_read_as_their_makers_do() {
    let files = fixtures("gguf", ".gguf");
    assert_eq!(files.len(), 17);
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
        let view = gguf
            .get(&names::to_hugging_face(gguf.architecture().unwrap(), tensor))
            .unwrap()
            .unwrap_or_else(|| panic!("{at}: absent"));
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

/// A byte-level vocabulary with marks that are typed as given.
fn vocabulary(types: &[i32]) -> GgufVocabulary {
    let tokens = ["a", "b", "ab", "Ġ", "<|im_start|>", "<|im_end|>", "[DONE]", "<think>"];
    GgufVocabulary {
        path: "here.gguf".into(),
        model: "gpt2".into(),
        pre: "gpt-2".into(),
        tokens: tokens.map(str::to_owned).into(),
        merges: vec!["a b".to_owned()],
        token_types: types.to_vec(),
        ends: vec![6],
        ..GgufVocabulary::default()
    }
}

/// Marks are control tokens whatever their type, and each that the file names ends a text.
#[test]
fn marks_are_recognised_whatever_their_type() {
    for types in [&[1, 1, 1, 1, 1, 1, 1, 4][..], &[1, 1, 1, 1, 4, 4, 4, 4], &[1, 1, 1, 1, 3, 3, 3, 4]] {
        let tokenizer = Tokenizer::from_gguf(vocabulary(types)).unwrap();
        assert_eq!(tokenizer.eos_ids(), [6, 5], "{types:?}");
        let ids = tokenizer.encode("<|im_start|>ab<think><|im_end|>[DONE]", EncodeMode::Prompt).unwrap();
        assert_eq!(ids, [4, 2, 7, 5, 6], "{types:?}");
        assert_eq!([4, 5, 6, 7].map(|id| tokenizer.is_special(id)), [true, true, true, false]);
        assert!(tokenizer.warnings().is_empty());
    }
    let mut without_types = vocabulary(&[]);
    without_types.ends = Vec::new();
    assert_eq!(Tokenizer::from_gguf(without_types).unwrap().eos_ids(), [5]);
}

#[test]
fn missing_rules_are_those_called_default_with_a_warning() {
    let of = |pre: &str| Tokenizer::from_gguf(GgufVocabulary { pre: pre.to_owned(), ..vocabulary(&[]) }).unwrap();
    let (missing, named) = (of(""), of("default"));
    let text = "ab a, ab";
    let ids = |tokenizer: &Tokenizer| tokenizer.encode(text, EncodeMode::Continuation).unwrap();
    assert_eq!(ids(&missing), ids(&named));
    assert!(named.warnings().is_empty());
    let [warning] = missing.warnings() else { panic!("{:?}", missing.warnings()) };
    assert!(warning.contains("tokenizer.ggml.pre is missing") && warning.contains("`default`"), "{warning}");
}

/// What a GGUF file says about ends and beginnings, read from a file.
#[test]
fn ends_and_beginnings_of_a_gguf_file_are_followed() {
    let texts = |texts: &[&str]| -> MetadataValue { texts.iter().copied().collect::<Strings>().into() };
    let read = |pre: &str, keys: &[(&str, MetadataValue)]| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.gguf");
        let mut writer = GgufWriter::new()
            .metadata("general.architecture", "llama")
            .metadata("tokenizer.ggml.model", "gpt2")
            .metadata("tokenizer.ggml.pre", pre)
            .metadata("tokenizer.ggml.tokens", texts(&["a", "b", "ab", "[GO]", "[STOP]", "[TURN]", "[CALL]"]))
            .metadata("tokenizer.ggml.merges", texts(&["a b"]));
        for (key, value) in keys {
            writer = writer.metadata(format!("tokenizer.ggml.{key}"), value.clone());
        }
        writer.write(&path).unwrap();
        Tokenizer::from_gguf(GgufVocabulary::read(&Gguf::open(&path).unwrap()).unwrap()).unwrap()
    };
    let ends = [("eos_token_id", 4_u32.into()), ("eot_token_id", 5_u32.into()), ("eom_token_id", 6_u32.into())];
    let one = read("gpt-2", &ends);
    assert_eq!((one.eos_ids(), one.bos()), (&[4, 5, 6][..], None));
    assert_eq!(one.encode("ab[TURN]", EncodeMode::Prompt).unwrap(), [2, 5]);
    let bos = ("bos_token_id", MetadataValue::from(3_u32));
    // Llama 3's rules begin a prompt with that token where the file does not say.
    for (pre, begins) in [("gpt-2", None), ("llama-bpe", Some(3)), ("tekken", Some(3))] {
        assert_eq!(read(pre, &[ends[0].clone(), bos.clone()]).bos(), begins, "{pre}");
    }
    let none =
        read("gpt-2", &[ends[0].clone(), ("bos_token_id", u32::MAX.into()), ("seperator_token_id", 0_u32.into())]);
    assert_eq!(none.bos_token(), None);
}

/// What the files of a folder say beside the vocabulary.
#[test]
fn tokens_and_sections_of_a_folder_are_followed_or_said() {
    let of = |change: &dyn Fn(&mut Value), config: Value| {
        let source = fixtures("hf", "qwen2-f32-tied").pop().unwrap();
        let mut file = json(&source.join("tokenizer.json"));
        change(&mut file);
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("tokenizer.json"), file.to_string()).unwrap();
        std::fs::write(folder.path().join("tokenizer_config.json"), config.to_string()).unwrap();
        Tokenizer::from_folder(folder.path()).unwrap()
    };
    let nothing = |_: &mut Value| {};
    // A token that the configuration alone has, and one that it alone calls special.
    let token = |content: &str, special: bool| {
        serde_json::json!({"content": content, "special": special, "single_word": false, "lstrip": false, "rstrip": false,
            "normalized": false})
    };
    let unspecial = |file: &mut Value| file["added_tokens"][1]["special"] = false.into();
    let id = |tokenizer: &Tokenizer, text: &str| tokenizer.encode(text, EncodeMode::Prompt).unwrap();
    let decoder =
        serde_json::json!({"added_tokens_decoder": {"319": token("[BOX]", false), "318": token("[GO]", true)}});
    let one = of(&nothing, decoder);
    assert_eq!(id(&one, "[BOX][GO]"), [319, 318]);
    assert_eq!((one.is_special(319), one.is_special(318)), (false, true));
    let mark = of(&unspecial, Value::Null);
    assert!(mark.is_special(id(&mark, "<|im_start|>")[0]), "it looks like a mark");
    let padded = |file: &mut Value| file["truncation"] = serde_json::json!({"max_length": 4});
    let [warning] = of(&padded, Value::Null).warnings().to_vec().try_into().unwrap();
    assert!(warning.contains("tokenizer.json: /truncation is not applied"), "{warning}");
}
