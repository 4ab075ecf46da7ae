//! A tiny model's files in memory.

use std::path::Path;
use std::sync::Arc;

use arbitrage_models::config::ModelConfig;
use arbitrage_models::config::keys::ConfigFormat;
use arbitrage_models::weights::gguf::MetadataValue;
use arbitrage_models::weights::writer::{GgufWriter, write_safetensors};
use arbitrage_models::weights::{Gguf, SafetensorsFolder, WeightSource};
use arbitrage_models::{Decoder, Error, LoadOptions, Precision};
use serde_json::{Map, Value};

use super::Outcome;
use crate::support::scorers::OwnedTensor;
use crate::support::{fixture, options, run};

/// A text of more tokens than small windows have positions.
const TOKENS: [u32; 12] = [7, 50, 213, 9, 101, 33, 270, 5, 88, 160, 12, 241];

#[derive(Clone)]
pub(crate) struct Files {
    pub name: &'static str,
    pub config: Config,
    pub tensors: Vec<OwnedTensor>,
}

#[derive(Clone)]
pub(crate) enum Config {
    Gguf(Vec<(String, MetadataValue)>),
    Json(Map<String, Value>),
}

impl Files {
    pub(crate) fn of(name: &'static str) -> Self {
        let path = fixture(name).path;
        if name.starts_with("gguf") {
            let file = Gguf::open(&path).unwrap();
            let kept = |(key, _): &(&str, &MetadataValue)| !key.starts_with("tokenizer.");
            let metadata = file.all_metadata().iter().filter(kept).map(|(key, value)| (key.to_owned(), value.clone()));
            Self { name, config: Config::Gguf(metadata.collect()), tensors: OwnedTensor::all(&file) }
        } else {
            let text = std::fs::read_to_string(path.join("config.json")).unwrap();
            let tensors = OwnedTensor::all(&SafetensorsFolder::open(&path).unwrap());
            Self { name, config: Config::Json(serde_json::from_str(&text).unwrap()), tensors }
        }
    }

    pub(crate) fn format(&self) -> ConfigFormat {
        match self.config {
            Config::Gguf(_) => ConfigFormat::Gguf,
            Config::Json(_) => ConfigFormat::Json,
        }
    }

    /// Such as `llama` or `qwen2`.
    pub(crate) fn family(&self) -> &str {
        match &self.config {
            Config::Gguf(entries) => entries.iter().find_map(|(key, value)| match value {
                MetadataValue::String(text) if key == "general.architecture" => Some(text.as_str()),
                _ => None,
            }),
            Config::Json(object) => object["model_type"].as_str(),
        }
        .unwrap()
    }

    /// The key of this name in the table, as the file spells it.
    pub(crate) fn key(&self, name: &str) -> String {
        match self.config {
            Config::Gguf(_) if !name.starts_with("general.") => format!("{}.{name}", self.family()),
            _ => name.to_owned(),
        }
    }

    /// The value under `key` that the file has, if any.
    pub(crate) fn value(&self, key: &str) -> Option<Value> {
        match &self.config {
            Config::Gguf(entries) => entries.iter().find(|(own, _)| own == key).map(|(_, value)| match value {
                MetadataValue::String(text) => Value::from(text.as_str()),
                value => value.as_float().or(value.as_integer().map(|n| n as f64)).into(),
            }),
            Config::Json(object) => object.get(key).cloned(),
        }
    }

    /// These files with another value under `key`.
    pub(crate) fn with(&self, key: &str, value: &Value) -> Self {
        let mut files = self.clone();
        match &mut files.config {
            Config::Gguf(entries) => {
                entries.retain(|(own, _)| own != key);
                entries.push((key.to_owned(), metadata(value)));
            }
            Config::Json(object) => drop(object.insert(key.to_owned(), value.clone())),
        }
        files
    }

    /// These files with another tensor, in place of one of the same name.
    pub(crate) fn with_tensor(&self, tensor: OwnedTensor) -> Self {
        let mut files = self.clone();
        files.tensors.retain(|own| own.name != tensor.name);
        files.tensors.push(tensor);
        files
    }

    /// These files without the tensors of these names.
    pub(crate) fn without_tensors(&self, names: &[&str]) -> Self {
        let mut files = self.clone();
        files.tensors.retain(|own| !names.contains(&own.name.as_str()));
        files
    }

    /// These files without `key`.
    pub(crate) fn without(&self, key: &str) -> Self {
        let mut files = self.clone();
        match &mut files.config {
            Config::Gguf(entries) => entries.retain(|(own, _)| own != key),
            Config::Json(object) => drop(object.remove(key)),
        }
        files
    }

    /// Whether there is a tensor of this name, in its Hugging Face spelling.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.tensors.iter().any(|tensor| tensor.name == name)
    }

    pub(crate) fn tensor(&self, name: &str) -> &OwnedTensor {
        self.tensors.iter().find(|tensor| tensor.name == name).unwrap()
    }

    /// Writes the files, opens them, and runs the model on a fixed text.
    pub(crate) fn run(&self, precision: Precision) -> Result<Outcome, Error> {
        let decoder = self.load(&options(precision))?;
        let context = decoder.config().context;
        let tokens = &TOKENS[..TOKENS.len().min(context)];
        Ok(Outcome { context, logits: run(&decoder, &mut decoder.cache(), tokens).concat() })
    }

    /// Writes the files, opens them, and loads the model.
    pub(crate) fn load(&self, options: &LoadOptions) -> Result<Decoder, Error> {
        let folder = tempfile::tempdir().unwrap();
        let (source, config) = self.open(folder.path())?;
        Decoder::load(source, config, options)
    }

    fn open(&self, folder: &Path) -> Result<(Arc<dyn WeightSource>, ModelConfig), Error> {
        let views: Vec<_> = self.tensors.iter().map(OwnedTensor::view).collect();
        match &self.config {
            Config::Gguf(entries) => {
                let path = folder.join("model.gguf");
                let writer = entries.iter().fold(GgufWriter::new(), |w, (key, value)| w.metadata(key, value.clone()));
                views.into_iter().fold(writer, GgufWriter::tensor).write(&path).unwrap();
                let file = Gguf::open(path)?;
                let config = ModelConfig::from_gguf(&file)?;
                Ok((Arc::new(file), config))
            }
            Config::Json(object) => {
                write_safetensors(folder.join("model.safetensors"), &views).unwrap();
                let text = Value::Object(object.clone()).to_string();
                let config = ModelConfig::from_json(&folder.join("config.json"), &text)?;
                Ok((Arc::new(SafetensorsFolder::open(folder)?), config))
            }
        }
    }
}

/// The value in GGUF's types.
fn metadata(value: &Value) -> MetadataValue {
    match value {
        Value::Bool(flag) => (*flag).into(),
        Value::String(text) => text.as_str().into(),
        Value::Array(values) => {
            values.iter().map(|value| value.as_u64().unwrap() as u32).collect::<Vec<_>>()[..].into()
        }
        value => match value.as_u64() {
            Some(number) => (number as u32).into(),
            None => (value.as_f64().unwrap() as f32).into(),
        },
    }
}
