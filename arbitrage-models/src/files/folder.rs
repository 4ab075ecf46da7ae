//! What a folder is that is no Hugging Face model that can be read: told from the names of its files.

use std::fs;
use std::path::{Path, PathBuf};

use arbitrage_core::text::excerpt;

use super::quantisation;
use crate::content::{CONVERT, Finding, by_name, finding};
use crate::error::{Error, Result};
use crate::weights::gguf::split_name::SplitName;

/// Most names of a folder that are looked at.
const MAX_NAMES: usize = 10_000;
/// Most names that an error lists.
const MAX_LISTED: usize = 8;

const CONFIG: &str = "config.json";
const TOKENIZER: &str = "tokenizer.json";
const WEIGHTS: [&str; 2] = ["model.safetensors", "model.safetensors.index.json"];

/// Files that tell by themselves what a folder is: the file, what the folder is, what to do.
const MARKS: [(&str, &str, &str); 7] = [
    (
        "adapter_config.json",
        "a LoRA adapter (adapter_config.json), not a whole model",
        "merge it into its base model, with peft: \
         `AutoPeftModelForCausalLM.from_pretrained(FOLDER).merge_and_unload().save_pretrained(OUT)`",
    ),
    ("model_index.json", "a diffusers pipeline (model_index.json), not a language model", "take a language model"),
    ("modules.json", "a model of sentence-transformers (modules.json), which writes no text", "take a language model"),
    (
        "config_sentence_transformers.json",
        "a model of sentence-transformers (config_sentence_transformers.json), which writes no text",
        "take a language model",
    ),
    ("genai_config.json", "a model for ONNX Runtime (genai_config.json)", CONVERT),
    ("mlc-chat-config.json", "a model for MLC (mlc-chat-config.json)", CONVERT),
    ("openvino_model.xml", "a model for OpenVINO (openvino_model.xml)", CONVERT),
];

/// Tokenizers in other files than `tokenizer.json`.
const TOKENIZERS: [(&str, &str); 6] = [
    ("tekken.json", "Mistral's tekken"),
    ("tokenizer.model", "SentencePiece or tiktoken"),
    ("spiece.model", "SentencePiece"),
    ("vocab.json", "byte-level BPE in two files"),
    ("qwen.tiktoken", "tiktoken"),
    ("vocab.txt", "WordPiece"),
];

/// Refuses a folder that is known to be something else than a Hugging Face model that can be read. One that passes may still lack
/// files.
///
/// # Errors
/// [`Error::NotAModel`] with what it is and what to do next; [`Error::Io`] if it cannot be listed.
pub(super) fn check(path: &Path) -> Result<()> {
    let folder = Listing::read(path)?;
    let found = folder.marked().or_else(|| folder.hub_cache()).or_else(|| match folder.has(CONFIG) {
        true => quantisation::of_folder(path, &folder.names)
            .or_else(|| folder.other_weights())
            .or_else(|| folder.other_tokenizer()),
        false => folder.without_config(),
    });
    found.map_or(Ok(()), |(what, advice)| Err(Error::not_a_model(path, what, advice)))
}

/// The names in a folder, sorted.
struct Listing<'a> {
    path: &'a Path,
    names: Vec<String>,
}

impl<'a> Listing<'a> {
    fn read(path: &'a Path) -> Result<Self> {
        let entries = fs::read_dir(path).map_err(|error| Error::io(path, error))?;
        let name = |entry: std::io::Result<fs::DirEntry>| Some(entry.ok()?.file_name().to_string_lossy().into_owned());
        let mut names: Vec<String> = entries.take(MAX_NAMES).filter_map(name).collect();
        names.sort();
        Ok(Self { path, names })
    }

    fn has(&self, name: &str) -> bool {
        self.names.iter().any(|other| other == name)
    }

    fn ending(&self, end: &str) -> Vec<&str> {
        self.names.iter().map(String::as_str).filter(|name| name.to_lowercase().ends_with(end)).collect()
    }

    /// The path of `name`, for messages.
    fn shown(&self, name: &str) -> String {
        format!("`{}`", excerpt(&self.path.join(name).display().to_string()))
    }

    fn marked(&self) -> Option<Finding> {
        let (_, what, advice) = MARKS.iter().find(|(file, ..)| self.has(file))?;
        finding(*what, *advice)
    }

    /// The cache of Hugging Face's tools, or one model in it.
    fn hub_cache(&self) -> Option<Finding> {
        if self.names.iter().any(|name| name.starts_with("models--")) && !self.has(CONFIG) {
            let inner = self.names.iter().filter(|name| name.starts_with("models--"));
            let snapshots: Vec<PathBuf> = inner.flat_map(|name| snapshots(&self.path.join(name))).collect();
            return finding("the cache of Hugging Face's tools, with models inside", advice(&snapshots));
        }
        let is_cached = self.has("snapshots") && (self.has("refs") || self.has("blobs"));
        let what = "a model's folder in the cache of Hugging Face's tools, with its revisions inside";
        is_cached.then(|| finding(what, advice(&snapshots(self.path)))).flatten()
    }

    /// Weights that are not read, where there are none that are.
    fn other_weights(&self) -> Option<Finding> {
        if WEIGHTS.iter().any(|name| self.has(name)) {
            return None;
        }
        if let Some(found) = self.gguf() {
            return Some(found);
        }
        match self.ending(".safetensors").as_slice() {
            [] => {
                let (name, what) = self.other_format()?;
                finding(format!("{what} ({})", excerpt(name)), CONVERT)
            }
            [one] if !one.contains("-of-") => {
                let what = format!("a folder with safetensors under another name ({})", excerpt(one));
                finding(what, format!("rename the file to `{}`, if it holds the whole model", WEIGHTS[0]))
            }
            [first, ..] => {
                let what = format!("a folder with parts of a model ({}) without their index", excerpt(first));
                finding(what, format!("add `{}`", WEIGHTS[1]))
            }
        }
    }

    /// The first file of a format that is not read, and the format.
    fn other_format(&self) -> Option<(&str, &'static str)> {
        self.names.iter().find_map(|name| Some((name.as_str(), by_name(name)?)))
    }

    fn gguf(&self) -> Option<Finding> {
        let files = self.ending(".gguf");
        let models: Vec<&str> = files.iter().copied().filter(|name| !name.to_lowercase().contains("mmproj")).collect();
        let parts = models.iter().filter(|name| SplitName::read(name).is_some()).count();
        match models.as_slice() {
            [] => {
                let what = format!("a folder with only the vision part of a model ({})", excerpt(files.first()?));
                finding(what, "take the model's own file as well, and open that")
            }
            [one] => finding("a folder with a GGUF file", format!("open {}", self.shown(one))),
            [first, ..] if parts == models.len() => {
                let first = self.path.join(first);
                let advice = format!("open the first of them, `{}`", excerpt(&first.display().to_string()));
                finding("a folder with the parts of a split GGUF file", advice)
            }
            [first, ..] => {
                let what = format!("a folder with {} GGUF files: {}", models.len(), listed(&models));
                finding(what, format!("open one of them, such as {}", self.shown(first)))
            }
        }
    }

    /// A tokenizer that is not read, where there is none that is.
    fn other_tokenizer(&self) -> Option<Finding> {
        if self.has(TOKENIZER) {
            return None;
        }
        let copy = "copy `tokenizer.json` from the model that it was made from";
        let Some((file, kind)) = TOKENIZERS.iter().find(|(file, _)| self.has(file)) else {
            return finding("a model without a tokenizer (tokenizer.json)", copy);
        };
        let write = "write it with transformers: `AutoTokenizer.from_pretrained(FOLDER).save_pretrained(FOLDER)`";
        let what = format!("a model with a tokenizer in another format only ({file}: {kind}), without tokenizer.json");
        finding(what, format!("{copy}, or {write}"))
    }

    /// What a folder without `config.json` is: always something.
    fn without_config(&self) -> Option<Finding> {
        if let Some(found) = self.gguf() {
            return Some(found);
        }
        if self.has("params.json") {
            let advice = "take the same model in the format of Hugging Face, or a GGUF file";
            return finding("a model in Meta's or Mistral's own format (params.json), without config.json", advice);
        }
        if let [first, ..] = self.ending(".safetensors").as_slice() {
            let what = format!("a folder with safetensors ({}) without config.json", excerpt(first));
            return finding(what, "add `config.json` and `tokenizer.json` of the same model");
        }
        let inner: Vec<PathBuf> = self.names.iter().filter_map(|name| openable(&self.path.join(name))).collect();
        if !inner.is_empty() {
            return finding("a folder with models inside", advice(&inner));
        }
        if let Some((name, what)) = self.other_format() {
            return finding(format!("{what} ({}), without config.json", excerpt(name)), CONVERT);
        }
        let names: Vec<&str> = self.names.iter().map(String::as_str).collect();
        let what = match names.len() {
            0 => "an empty folder".to_owned(),
            _ => format!("a folder without a model: neither config.json nor a GGUF file, only {}", listed(&names)),
        };
        finding(what, "name a model's folder or file")
    }
}

/// The revisions of a model in the cache of Hugging Face's tools that can be opened, the current one first.
fn snapshots(model: &Path) -> Vec<PathBuf> {
    let folder = model.join("snapshots");
    let Ok(listing) = Listing::read(&folder) else { return Vec::new() };
    let current = crate::small_file::read_text(&model.join("refs/main"), 4096).unwrap_or_default();
    let mut names: Vec<&str> = listing.names.iter().map(String::as_str).collect();
    names.sort_by_key(|name| *name != current.trim());
    names.into_iter().filter_map(|name| openable(&folder.join(name))).collect()
}

/// What to open at `path`: a folder with a configuration, or the only GGUF file in it; `None` where it is neither.
fn openable(path: &Path) -> Option<PathBuf> {
    if path.join(CONFIG).exists() {
        return Some(path.to_owned());
    }
    let listing = Listing::read(path).ok()?;
    match listing.ending(".gguf").as_slice() {
        [] => None,
        [one] => Some(path.join(one)),
        _ => Some(path.to_owned()),
    }
}

/// Which of `paths` to open.
fn advice(paths: &[PathBuf]) -> String {
    let shown: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
    let shown: Vec<&str> = shown.iter().map(String::as_str).collect();
    match shown.as_slice() {
        [] => "nothing in it can be opened: download the model again".to_owned(),
        [one] => format!("open `{one}`"),
        several => format!("open one of {}", listed(several)),
    }
}

/// The first names of a list, and how many follow.
fn listed(names: &[&str]) -> String {
    let shown: Vec<String> = names.iter().take(MAX_LISTED).map(|name| format!("`{}`", excerpt(name))).collect();
    match names.len().saturating_sub(MAX_LISTED) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}
