//! Saving a model as a Hugging Face folder, and opening one.

use std::fs;
use std::path::Path;

use burn::module::Param;
use burn::nn::{Embedding, Linear, RmsNorm};
use burn::tensor::{Device, Tensor, TensorData};
use half::f16;
use serde_json::json;

use super::parameter_source::ParameterSource;
use super::transformer::{EMBEDDING, HEAD, NORM, Transformer};
use crate::classifier::is_head;
use crate::config::{ModelConfig, RopeScaling};
use crate::decoder::expected;
use crate::error::{Error, Result};
use crate::small_file;
use crate::weights::writer::{write_atomic, write_safetensors};
use crate::weights::{DType, LoadReport, SafetensorsFolder, TensorView, WeightSource};

/// Largest file that is read whole, in bytes; real tokenizers have less than 40 MB.
const MAX_FILE_BYTES: u64 = 1 << 28;

/// The files of a folder other than its weights and `config.json`, such as those of the tokenizer.
#[derive(Clone, Debug, Default)]
pub struct FolderFiles(Vec<(String, Vec<u8>)>);

impl FolderFiles {
    /// Reads the tokenizer's and generation files of `folder`, as far as they exist.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn read(folder: impl AsRef<Path>) -> Result<Self> {
        let names = ["tokenizer.json", "tokenizer_config.json", "generation_config.json", "special_tokens_map.json"];
        let read = |name: &str| {
            let path = folder.as_ref().join(name);
            match small_file::read(&path, MAX_FILE_BYTES) {
                Ok(bytes) => Some(Ok((name.to_owned(), bytes))),
                Err(Error::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => None,
                Err(error) => Some(Err(error)),
            }
        };
        names.into_iter().filter_map(read).collect::<Result<_>>().map(Self)
    }

    /// Adds a file, or replaces the one of the same name.
    pub fn with(mut self, name: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        let name = name.into();
        self.0.retain(|(other, _)| *other != name);
        self.0.push((name, bytes.into()));
        self
    }

    fn write(&self, folder: &Path) -> Result<()> {
        self.0.iter().try_for_each(|(name, bytes)| write_atomic(&folder.join(name), |file| file.write_all(bytes)))
    }
}

/// Refuses models that [`Transformer::save`] cannot write.
pub(super) fn check(config: &ModelConfig) -> Result<()> {
    let invalid =
        |name, expected: &str, found: String| Err(Error::Parameter { name, expected: expected.into(), found });
    if let Some(window) = config.window() {
        return invalid("window", "layers that attend to all positions", format!("a window of {window}"));
    }
    match (config.family.name, &config.rope.scaling) {
        ("llama" | "qwen2", RopeScaling::None) => Ok(()),
        ("llama" | "qwen2", scaling) => invalid("rope scaling", "none", format!("{scaling:?}")),
        (family, _) => invalid("family", "llama or qwen2", family.to_owned()),
    }
}

impl Transformer {
    /// Opens a Hugging Face folder: that of a language model, or that of a classifier, whose head is left out.
    ///
    /// # Errors
    /// As [`ModelFiles::open`](crate::ModelFiles::open) and [`Decoder::load`](crate::Decoder::load), and
    /// [`Error::Parameter`] as [`init`](Self::init).
    pub fn open(folder: impl AsRef<Path>, device: &Device) -> Result<Self> {
        let folder = folder.as_ref();
        let file = folder.join("config.json");
        let text = small_file::read_text(&file, MAX_FILE_BYTES)?;
        let config = ModelConfig::from_json(&file, &text)?;
        check(&config)?;
        let source = SafetensorsFolder::open(folder)?;
        let config = ModelConfig { tied: expected::is_tied(&source, &config)?, ..config };
        let mut report = LoadReport::new(&source);
        expected::mark_of_no_use(&mut report, &source);
        if !config.is_language_model() {
            source.names().iter().filter(|name| is_head(name)).for_each(|name| report.mark_used(name));
        }
        if config.tied {
            report.mark_used(&format!("{HEAD}.weight")); // the embedding once more
        }
        let mut reader = FolderReader { report, source: &source, first_error: None, device };
        let model = Self::new(config, &mut reader);
        reader.finish()?;
        Ok(model)
    }

    /// Writes a folder that [`Decoder`](crate::Decoder) and transformers can load: weights in half precision, `config.json`, and
    /// `files`.
    ///
    /// # Errors
    /// [`Error::NotFinite`] for weights that are not finite in half precision; [`Error::Io`].
    pub fn save(&self, folder: impl AsRef<Path>, files: &FolderFiles) -> Result<()> {
        self.save_with(folder.as_ref(), files, Vec::new(), &self.architecture(), json!({}))
    }

    /// As [`save`](Self::save), with additional tensors and keys of `config.json`.
    pub(super) fn save_with(
        &self,
        folder: &Path,
        files: &FolderFiles,
        additional: Vec<NamedTensor>,
        architecture: &str,
        keys: serde_json::Value,
    ) -> Result<()> {
        fs::create_dir_all(folder).map_err(|error| Error::io(folder, error))?;
        let tensors: Vec<NamedTensor> = self.named_tensors().into_iter().chain(additional).collect();
        let halves = tensors.iter().map(|tensor| tensor.to_half(folder)).collect::<Result<Vec<_>>>()?;
        let views: Vec<_> = tensors.iter().zip(&halves).map(|(tensor, bytes)| tensor.view(bytes)).collect();
        write_safetensors(folder.join("model.safetensors"), &views)?;
        files.write(folder)?;
        let config = serde_json::to_vec_pretty(&self.config_json(architecture, keys)).unwrap_or_default();
        // This file is written last, since a folder without it is not recognised as a model.
        write_atomic(&folder.join("config.json"), |file| file.write_all(&config))
    }

    fn architecture(&self) -> String {
        format!("{}ForCausalLM", self.config.family.class)
    }

    fn config_json(&self, architecture: &str, keys: serde_json::Value) -> serde_json::Value {
        let config = &self.config;
        let mut json = json!({
            "architectures": [architecture],
            "model_type": config.family.name,
            "vocab_size": config.vocabulary,
            "hidden_size": config.hidden,
            "intermediate_size": config.feed_forward,
            "num_hidden_layers": config.layers,
            "num_attention_heads": config.heads,
            "num_key_value_heads": config.kv_heads,
            "head_dim": config.head_dim,
            "max_position_embeddings": config.context,
            "rms_norm_eps": config.norm_epsilon,
            "rope_theta": config.rope.theta,
            "tie_word_embeddings": config.tied,
            "hidden_act": "silu",
            "attention_bias": false,
            "torch_dtype": "float16",
        });
        if let (Some(json), serde_json::Value::Object(keys)) = (json.as_object_mut(), keys) {
            json.extend(keys);
        }
        json
    }

    /// All weights with their names; matrices are `[out, in]`.
    fn named_tensors(&self) -> Vec<NamedTensor> {
        let mut all = vec![NamedTensor::matrix(format!("{EMBEDDING}.weight"), self.embedding.weight.val())];
        for (index, block) in self.blocks.iter().enumerate() {
            let name = |part: &str| format!("model.layers.{index}.{part}");
            all.extend(
                block
                    .norms()
                    .map(|(part, norm)| NamedTensor::vector(format!("{}.weight", name(part)), norm.gamma.val())),
            );
            all.extend(
                block.linears().into_iter().flat_map(|(part, linear)| NamedTensor::of_linear(&name(part), linear)),
            );
        }
        all.push(NamedTensor::vector(format!("{NORM}.weight"), self.norm.gamma.val()));
        all.extend(self.head.iter().flat_map(|head| NamedTensor::of_linear(HEAD, head)));
        all
    }
}

/// A tensor to be written to a file.
pub(super) struct NamedTensor {
    name: String,
    shape: Vec<usize>,
    values: Vec<f32>,
}

impl NamedTensor {
    fn matrix(name: String, tensor: Tensor<2>) -> Self {
        let shape = tensor.dims().to_vec();
        Self { name, shape, values: values(tensor) }
    }

    fn vector(name: String, tensor: Tensor<1>) -> Self {
        let shape = tensor.dims().to_vec();
        Self { name, shape, values: values(tensor) }
    }

    /// The transposed weight and the bias of a linear layer.
    pub(super) fn of_linear(name: &str, linear: &Linear) -> Vec<Self> {
        let weight = Self::matrix(format!("{name}.weight"), linear.weight.val().transpose());
        let bias = linear.bias.as_ref().map(|bias| Self::vector(format!("{name}.bias"), bias.val()));
        [weight].into_iter().chain(bias).collect()
    }

    fn view<'a>(&'a self, bytes: &'a [u8]) -> TensorView<'a> {
        TensorView { name: &self.name, dtype: DType::F16, shape: &self.shape, bytes }
    }

    fn to_half(&self, folder: &Path) -> Result<Vec<u8>> {
        let halves: Vec<f16> = self.values.iter().map(|&value| f16::from_f32(value)).collect();
        if let Some(index) = halves.iter().position(|half| !half.is_finite()) {
            let (model, place) = (folder.display().to_string(), format!("tensor `{}`", self.name));
            return Err(Error::NotFinite { model, place, index });
        }
        Ok(halves.iter().flat_map(|half| half.to_le_bytes()).collect())
    }
}

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data_as::<f32>().try_into_vec().unwrap_or_default()
}

/// Reads the weights of a folder. Missing tensors are zero until [`finish`](Self::finish) reports all of them.
pub(super) struct FolderReader<'a> {
    pub report: LoadReport,
    pub source: &'a dyn WeightSource,
    pub first_error: Option<Error>,
    pub device: &'a Device,
}

impl FolderReader<'_> {
    /// # Errors
    /// [`Error::Weights`] with all tensors that were missing or misshapen.
    pub(super) fn finish(self) -> Result<()> {
        self.report.finish(self.source.path())?;
        self.first_error.map_or(Ok(()), Err)
    }

    fn read<const D: usize>(&mut self, name: &str, shape: [usize; D]) -> Tensor<D> {
        let count = shape.iter().product();
        let found = self.report.take(self.source, name, &shape).map(|view| view.to_f32());
        let values = match found.transpose() {
            Ok(values) => values.unwrap_or_else(|| vec![0.0; count]),
            Err(error) => {
                self.first_error.get_or_insert(error);
                vec![0.0; count]
            }
        };
        Tensor::from_data(TensorData::new(values, shape), self.device)
    }
}

impl ParameterSource for FolderReader<'_> {
    fn embedding(&mut self, name: &str, count: usize, width: usize) -> Embedding {
        Embedding { weight: Param::from_tensor(self.read(&format!("{name}.weight"), [count, width])) }
    }

    fn linear(&mut self, name: &str, [input, output]: [usize; 2], bias: bool, _scale: f64) -> Linear {
        let weight = self.read(&format!("{name}.weight"), [output, input]).transpose();
        let bias = bias.then(|| Param::from_tensor(self.read(&format!("{name}.bias"), [output])));
        Linear { weight: Param::from_tensor(weight), bias }
    }

    fn norm(&mut self, name: &str, width: usize, epsilon: f32) -> RmsNorm {
        let gamma = Param::from_tensor(self.read(&format!("{name}.weight"), [width]));
        RmsNorm { gamma, epsilon: f64::from(epsilon) }
    }
}

#[cfg(test)]
mod tests;
