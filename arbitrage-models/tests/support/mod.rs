//! Tiny models, and the recorded results of transformers.
#![allow(dead_code, reason = "every test file uses only a part of it")]

pub(crate) mod local;
pub(crate) mod safetensors;
pub(crate) mod scorers;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arbitrage_models::config::ModelConfig;
use arbitrage_models::weights::writer::write_safetensors;
use arbitrage_models::weights::{SafetensorsFolder, TensorView, WeightSource};
use arbitrage_models::{Cache, Decoder, LoadOptions, ModelFiles, Outputs, Precision, Span, device};
use serde_json::Value;

/// A tiny model of `tests/fixtures/tiny`, with the recorded results of transformers.
pub(crate) struct Fixture {
    /// `hf/NAME` or `gguf/NAME`.
    pub name: String,
    /// Folder or file.
    pub path: PathBuf,
    /// The recorded results.
    pub expected: Value,
    /// Recorded logits, `[positions, vocabulary]`.
    pub logits: Vec<f32>,
}

/// All fixtures, sorted by name.
pub(crate) fn fixtures() -> Vec<Fixture> {
    let tiny = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tiny");
    let listed = |kind: &str| {
        let mut paths: Vec<_> =
            std::fs::read_dir(tiny.join(kind)).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        paths
    };
    let folders = listed("hf").into_iter().map(|path| {
        let (expected, logits) = (path.join("expected.json"), path.join("logits.f32"));
        Fixture::new("hf", path, &expected, &logits)
    });
    let files = listed("gguf").into_iter().filter(|path| path.extension().is_some_and(|e| e == "gguf")).map(|path| {
        let (expected, logits) = (path.with_extension("json"), path.with_extension("f32"));
        Fixture::new("gguf", path, &expected, &logits)
    });
    folders.chain(files).collect()
}

/// The fixture of this name.
pub(crate) fn fixture(name: &str) -> Fixture {
    fixtures().into_iter().find(|fixture| fixture.name == name).unwrap()
}

impl Fixture {
    fn new(kind: &str, path: PathBuf, expected: &Path, logits: &Path) -> Self {
        let name = format!("{kind}/{}", path.file_stem().unwrap().to_string_lossy());
        let expected = serde_json::from_str(&std::fs::read_to_string(expected).unwrap()).unwrap();
        let bytes = std::fs::read(logits).unwrap();
        let logits = bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        Self { name, path, expected, logits }
    }

    fn numbers(&self, key: &str) -> Vec<u32> {
        self.expected[key].as_array().unwrap().iter().map(|id| id.as_u64().unwrap() as u32).collect()
    }

    /// The tokens of the recorded text.
    pub(crate) fn ids(&self) -> Vec<u32> {
        self.numbers("ids")
    }

    /// The tokens that greedy decoding adds to the text.
    pub(crate) fn greedy(&self) -> Vec<u32> {
        self.numbers("greedy")
    }

    /// The positions whose logits are recorded, with the logits.
    pub(crate) fn recorded(&self) -> Vec<(usize, &[f32])> {
        let positions = self.numbers("positions");
        let width = self.logits.len() / positions.len();
        positions.iter().map(|&at| at as usize).zip(self.logits.chunks(width)).collect()
    }

    /// The decoder with this precision.
    pub(crate) fn decoder(&self, precision: Precision) -> Decoder {
        self.load(&options(precision)).unwrap()
    }

    /// The decoder, or the error of loading it.
    pub(crate) fn load(&self, options: &LoadOptions) -> arbitrage_models::Result<Decoder> {
        let (source, config) = self.source();
        Decoder::load(source, config, options)
    }

    /// A copy of this folder with its weights in one file, after `edit` has changed their bytes. A tensor without bytes is dropped.
    pub(crate) fn rewritten(self, edit: impl Fn(&TensorView<'_>, &mut Vec<u8>)) -> (tempfile::TempDir, Self) {
        let folder = tempfile::tempdir().unwrap();
        for entry in std::fs::read_dir(&self.path).unwrap().map(Result::unwrap) {
            if !entry.file_name().to_string_lossy().contains(".safetensors") {
                std::fs::copy(entry.path(), folder.path().join(entry.file_name())).unwrap();
            }
        }
        let source = SafetensorsFolder::open(&self.path).unwrap();
        let names = source.names();
        let views: Vec<_> = names.iter().map(|name| source.get(name).unwrap().unwrap()).collect();
        let mut edited: Vec<_> = views.iter().map(|view| view.bytes.to_vec()).collect();
        views.iter().zip(&mut edited).for_each(|(view, bytes)| edit(view, bytes));
        let kept = views.iter().zip(&edited).filter(|(_, bytes)| !bytes.is_empty());
        let tensors: Vec<_> = kept.map(|(view, bytes)| TensorView { bytes, ..*view }).collect();
        write_safetensors(folder.path().join("model.safetensors"), &tensors).unwrap();
        let path = folder.path().to_owned();
        (folder, Self { path, ..self })
    }

    /// The weights and the shape.
    pub(crate) fn source(&self) -> (Arc<dyn WeightSource>, ModelConfig) {
        let ModelFiles { weights, config, .. } = ModelFiles::open(&self.path).unwrap();
        (weights, config)
    }
}

/// Fills row `row` of a weight with NaN, which has all bits set in every float format.
pub(crate) fn spoil(view: &TensorView<'_>, bytes: &mut [u8], row: usize) {
    let width = bytes.len() / view.shape[0];
    bytes[row * width..][..width].fill(0xFF);
}

/// Options for a decoder on the processor.
pub(crate) fn options(precision: Precision) -> LoadOptions {
    LoadOptions::new(device("flex").unwrap()).with_precision(precision)
}

/// Runs `tokens` after those in `cache`, and returns the logits after each of them.
pub(crate) fn run(decoder: &Decoder, cache: &mut Cache, tokens: &[u32]) -> Vec<Vec<f32>> {
    let mut spans = [Span { cache, tokens, outputs: Outputs::All }];
    let output = decoder.forward(&mut spans).unwrap().unwrap();
    rows(decoder, output.logits.into_data_as::<f32>().as_slice().unwrap())
}

/// The rows of the logits.
pub(crate) fn rows(decoder: &Decoder, logits: &[f32]) -> Vec<Vec<f32>> {
    logits.chunks(decoder.config().vocabulary).map(<[f32]>::to_vec).collect()
}

/// The likeliest token, and the difference of its logit from that of the second.
pub(crate) fn best(logits: &[f32]) -> (u32, f32) {
    let mut order: Vec<_> = (0..logits.len()).collect();
    order.sort_by(|&a, &b| logits[b].total_cmp(&logits[a]));
    (order[0] as u32, logits[order[0]] - logits[order[1]])
}
