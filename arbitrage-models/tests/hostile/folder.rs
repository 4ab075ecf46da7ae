//! Folders and files that hold something else than a model, and what each is called.

use std::path::Path;

use arbitrage_models::weights::SafetensorsFolder;
use arbitrage_models::{Error, ModelFiles};

use super::Case;
use super::Kind::{Format, Io, NotAModel};
use super::build::{Gguf, safetensors};

const TINY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/tiny/hf/qwen2-f32-tied");
const GGUF: &str = "model.gguf";
const CONFIG: &str = "config.json";
const WEIGHTS: &str = "model.safetensors";

fn open(folder: &Path) -> Result<(), Error> {
    ModelFiles::open(folder).map(drop)
}

fn open_gguf(folder: &Path) -> Result<(), Error> {
    ModelFiles::open(folder.join(GGUF)).map(drop)
}

fn open_safetensors(folder: &Path) -> Result<(), Error> {
    SafetensorsFolder::open(folder).map(drop)
}

fn tiny(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(TINY).join(name)).unwrap()
}

/// A folder with empty files of these names.
fn with(what: &str, names: &[&str], phrases: &str) -> Case {
    let case = Case::new(format!("folder: {what}"), open, NotAModel, phrases);
    names.iter().fold(case, |case, name| case.file(name, []))
}

/// The configuration of a model that can be read, with one more key.
fn quantised(key: &str, value: &str, phrases: &str) -> Case {
    let config = String::from_utf8(tiny(CONFIG)).unwrap();
    let config = config.replacen('{', &format!("{{\"{key}\": {value},"), 1);
    let phrases = format!("{phrases}|which is not read|take a GGUF file");
    with(&format!("{key} {value}"), &[WEIGHTS, "tokenizer.json"], &phrases).file(CONFIG, config)
}

/// Folders without what a model needs, told by the names of their files.
pub(crate) fn folders() -> Vec<Case> {
    vec![
        with(
            "a LoRA adapter",
            &["adapter_config.json", "adapter_model.safetensors"],
            "a LoRA adapter|merge_and_unload",
        ),
        with("an adapter in a model", &["adapter_config.json", CONFIG, WEIGHTS], "a LoRA adapter"),
        with("diffusers", &["model_index.json", "unet/config.json"], "diffusers|take a language model"),
        with("sentence-transformers", &["modules.json", CONFIG, WEIGHTS], "sentence-transformers"),
        with("PyTorch", &[CONFIG, "pytorch_model.bin"], "PyTorch|pytorch_model.bin|save_pretrained"),
        with("parts of PyTorch", &[CONFIG, "pytorch_model-00001-of-00002.bin"], "PyTorch|save_pretrained"),
        with("old PyTorch", &["consolidated.00.pth"], "PyTorch|without config.json"),
        with("Meta's own", &["params.json", "consolidated.00.pth"], "params.json|format of Hugging Face"),
        with("ONNX", &[CONFIG, "model.onnx", "tokenizer.json"], "an ONNX model (model.onnx)|save_pretrained"),
        with("TensorFlow", &[CONFIG, "tf_model.h5"], "TensorFlow"),
        with("Flax", &[CONFIG, "flax_model.msgpack"], "Flax"),
        with("OpenVINO", &[CONFIG, "openvino_model.xml"], "OpenVINO"),
        with("one GGUF file", &["q4.gguf"], "a folder with a GGUF file; open `|q4.gguf`"),
        with("a GGUF file and its configuration", &["q4.GGUF", CONFIG], "open `|q4.GGUF`"),
        with("a GGUF file and its vision part", &["q4.gguf", "mmproj-f16.gguf"], "open `|q4.gguf`"),
        with("a vision part", &["mmproj-f16.gguf"], "the vision part of a model"),
        with("GGUF files", &["b.gguf", "a.gguf"], "2 GGUF files: `a.gguf`, `b.gguf`|open one of them, such as `"),
        with(
            "parts of a GGUF file",
            &["m-00001-of-00002.gguf", "m-00002-of-00002.gguf"],
            "the parts of a split GGUF file|open the first of them|m-00001-of-00002.gguf",
        ),
        with("other safetensors", &[CONFIG, "m.safetensors"], "(m.safetensors)|rename the file to `model.safetensors`"),
        with(
            "no index",
            &[CONFIG, "model-00001-of-00002.safetensors"],
            "without their index|model.safetensors.index.json",
        ),
        with("no configuration", &[WEIGHTS, "tokenizer.json"], "without config.json"),
        with("SentencePiece", &[CONFIG, WEIGHTS, "tokenizer.model"], "tokenizer.model|AutoTokenizer|save_pretrained"),
        with("two files of BPE", &[CONFIG, WEIGHTS, "vocab.json", "merges.txt"], "vocab.json|AutoTokenizer"),
        with("tekken", &[CONFIG, WEIGHTS, "tekken.json"], "tekken.json|tokenizer.json"),
        with("no tokenizer", &[CONFIG, WEIGHTS], "without a tokenizer|copy `tokenizer.json`"),
        with("nothing", &[], "an empty folder"),
        with("other files", &["a.txt", "b.txt"], "without a model|`a.txt`, `b.txt`"),
        with("models inside", &["one/config.json", "two/m.gguf"], "a folder with models inside|open one of|two/m.gguf"),
    ]
}

/// Folders of the cache of Hugging Face's tools.
pub(crate) fn caches() -> Vec<Case> {
    let (old, new) = ("snapshots/0a/config.json", "snapshots/1b/config.json");
    let cached = |name: &str| format!("models--Q--R/{name}");
    let (cached_new, cached_ref) = (cached(new), cached("refs/main"));
    vec![
        with("one revision", &[old, "refs/main"], "with its revisions inside; open `|snapshots/0a`"),
        with("two revisions", &[old, new], "open one of `|snapshots/0a`|snapshots/1b`").file("refs/main", "1b\n"),
        with("a revision with a GGUF file", &["snapshots/0a/q.gguf", "refs/main"], "open `|snapshots/0a/q.gguf`"),
        with("no revision", &["snapshots/0a/README.md", "refs/main"], "download the model again"),
        with("the whole cache", &[&cached_new, &cached_ref], "the cache of Hugging Face's tools|snapshots/1b`"),
    ]
}

/// Formats of quantisation that are not read.
pub(crate) fn quantisations() -> Vec<Case> {
    let method = |name: &str| {
        let pointer = "config.json /quantization_config/quant_method";
        quantised(
            "quantization_config",
            &format!("{{\"quant_method\": \"{name}\"}}"),
            &format!("with {name} ({pointer})"),
        )
    };
    let methods =
        ["gptq", "awq", "bitsandbytes", "fbgemm_fp8", "compressed-tensors", "hqq", "eetq", "torchao", "mxfp4", "aqlm"];
    let mut cases: Vec<Case> = methods.into_iter().map(method).collect();
    cases.extend([
        quantised("quantization_config", r#"{"quant_method": "fp8", "fmt": "e5m2"}"#, "with fp8 (config.json"),
        quantised(
            "quantization_config",
            r#"{"load_in_4bit": true}"#,
            "with bitsandbytes (config.json /quantization_config)",
        ),
        quantised("quantization", r#"{"group_size": 64, "bits": 4}"#, "with MLX (config.json /quantization)"),
        quantised("compression_config", r#"{"format": "pack"}"#, "with compressed-tensors"),
        quantised("torch_dtype", "\"float16\"", "with gptq (quantize_config.json)").file("quantize_config.json", "{}"),
        quantised("torch_dtype", "\"float16\"", "with modelopt (hf_quant_config.json)")
            .file("hf_quant_config.json", "{}"),
    ]);
    cases
}

/// Files in place of the weights or the texts of a folder.
pub(crate) fn stand_ins() -> Vec<Case> {
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n";
    let page = "<!DOCTYPE html>\n<html><head><title>Log in</title></head></html>";
    let weights = |what: &str, content: &[u8], phrases: &str| {
        Case::new(format!("safetensors: {what}"), open_safetensors, NotAModel, &format!("{WEIGHTS}|{phrases}"))
            .file(WEIGHTS, content)
    };
    let text = |name: &str| {
        let files = [CONFIG, "tokenizer.json", WEIGHTS, "generation_config.json", "tokenizer_config.json"];
        let case =
            Case::new(format!("folder: a pointer for {name}"), open, NotAModel, &format!("{name}|Git LFS pointer"));
        files
            .into_iter()
            .filter(|file| *file != name)
            .fold(case, |case, file| case.file(file, tiny(file)))
            .file(name, pointer)
    };
    let mut cases = vec![
        weights("a pointer of Git LFS", pointer.as_bytes(), "a Git LFS pointer|git lfs pull"),
        weights("a web page", page.as_bytes(), "a web page|download the file again"),
        weights("GGUF", &Gguf::new().header(), "a GGUF file|open it by its own path"),
        weights("a pickle", b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.", "PyTorch|save_pretrained"),
        weights("zeros", &[0; 64], "a file of zeros"),
        weights(
            "an answer of a server",
            b"{\"error\":\"Entry not found\"}",
            "a text file, which begins with `{\\\"error",
        ),
    ];
    cases.extend([CONFIG, "tokenizer.json", WEIGHTS, "generation_config.json", "tokenizer_config.json"].map(text));
    cases
}

/// Files in place of a GGUF file, and GGUF files without a language model.
pub(crate) fn gguf_files() -> Vec<Case> {
    let case = |what: &str, content: Vec<u8>, phrases: &str| {
        Case::new(format!("gguf: {what}"), open_gguf, NotAModel, &format!("{GGUF}|{phrases}")).file(GGUF, content)
    };
    let of = |key: &str, value: &str| Gguf::new().text(key, value).tensor(b"t", &[8], 0, 0).with_data(&[0; 32]);
    vec![
        case("safetensors", safetensors("{}", 0), "a safetensors file; open a folder that holds it"),
        case("safetensors of a folder", safetensors("{}", 0), "a safetensors file; open its folder, `")
            .file(CONFIG, "{}"),
        case("a web page", b"<html>".to_vec(), "a web page"),
        case("the old format", [&b"tjgg"[..], &[3, 0, 0, 0], &[0; 64]].concat(), "GGJT|take the model in GGUF"),
        case("a zip archive", b"PK\x03\x04\x14\0\0\0\0\0model.gguf".to_vec(), "a zip archive|unpack"),
        case("an adapter", of("general.type", "adapter"), "a LoRA adapter (general.type)|llama-export-lora"),
        case("a vision part", of("general.type", "mmproj"), "the vision part of a model"),
        case("an old vision part", of("general.architecture", "clip"), "the vision part of a model"),
        case("an importance matrix", of("general.type", "imatrix"), "an importance matrix"),
        case("a control vector", of("general.architecture", "controlvector"), "a control vector"),
        case("a vocabulary", Gguf::new().text("general.architecture", "llama").header(), "without weights"),
    ]
}

/// Pipes, devices and links in place of files.
#[cfg(unix)]
pub(crate) fn special_files() -> Vec<Case> {
    fn copy(folder: &Path, except: &str) {
        for name in [CONFIG, "tokenizer.json", WEIGHTS, "generation_config.json", "tokenizer_config.json"] {
            if name != except {
                std::fs::copy(Path::new(TINY).join(name), folder.join(name)).unwrap();
            }
        }
    }
    fn pipe(folder: &Path, name: &str) -> Result<(), Error> {
        copy(folder, name);
        assert!(std::process::Command::new("mkfifo").arg(folder.join(name)).status().unwrap().success());
        open(folder)
    }
    fn link(folder: &Path, target: &str, name: &str) -> Result<(), Error> {
        copy(folder, name);
        std::os::unix::fs::symlink(target, folder.join(name)).unwrap();
        open(folder)
    }
    let case = |name: &str, act, kind, phrases| Case::new(format!("folder: {name}"), act, kind, phrases);
    let (pipe_phrase, device) = ("a regular file, found a pipe", "a regular file, found a device");
    vec![
        case("a pipe for config.json", |f| pipe(f, CONFIG), Format, &format!("{CONFIG}|{pipe_phrase}")),
        case(
            "a pipe for tokenizer.json",
            |f| pipe(f, "tokenizer.json"),
            Format,
            &format!("tokenizer.json|{pipe_phrase}"),
        ),
        case("a pipe for weights", |f| pipe(f, WEIGHTS), Format, &format!("{WEIGHTS}|{pipe_phrase}")),
        case("a pipe for ends", |f| pipe(f, "generation_config.json"), Format, pipe_phrase),
        case("a pipe for a template", |f| pipe(f, "chat_template.jinja"), Format, pipe_phrase),
        case("a device for config.json", |f| link(f, "/dev/zero", CONFIG), Format, &format!("{CONFIG}|{device}")),
        case("a device for settings", |f| link(f, "/dev/zero", "tokenizer_config.json"), Format, device),
        case("a link to itself", |f| link(f, CONFIG, CONFIG), Io, CONFIG),
        case("a link to nothing", |f| link(f, "gone.json", CONFIG), Io, "a symbolic link to `gone.json`"),
        case("a link of git-annex", |f| link(f, ".git/annex/objects/x", WEIGHTS), NotAModel, "git annex get"),
        case("a large config.json", open_large, Format, &format!("{CONFIG}|size|at most")),
    ]
}

#[cfg(unix)]
fn open_large(folder: &Path) -> Result<(), Error> {
    for name in ["tokenizer.json", WEIGHTS] {
        std::fs::copy(Path::new(TINY).join(name), folder.join(name)).unwrap();
    }
    std::fs::File::create(folder.join(CONFIG)).unwrap().set_len(3 << 30).unwrap();
    open(folder)
}
