//! Trained weights as a Hugging Face folder, and back.

use std::fs;
use std::path::Path;

use burn::module::Param;
use burn::nn::{Embedding, Linear, RmsNorm};
use burn::tensor::{Device, Tensor, TensorData};
use half::f16;
use serde_json::json;

use super::init::Weights;
use super::transformer::{EMBEDDING, HEAD, NORM, Transformer};
use crate::config::{ModelConfig, RopeScaling};
use crate::error::{Error, Result};
use crate::weights::writer::{write_atomic, write_safetensors};
use crate::weights::{DType, LoadReport, SafetensorsFolder, TensorView, WeightSource};

/// Files that a folder has beside its weights: the tokenizer's, a chat template, notes of ours.
#[derive(Clone, Debug, Default)]
pub struct FolderFiles(Vec<(String, Vec<u8>)>);

impl FolderFiles {
    /// Those of `folder` that are no weights and no `config.json`.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn read(folder: impl AsRef<Path>) -> Result<Self> {
        let names = ["tokenizer.json", "tokenizer_config.json", "generation_config.json", "special_tokens_map.json"];
        let read = |name: &str| {
            let path = folder.as_ref().join(name);
            match fs::read(&path) {
                Ok(bytes) => Some(Ok((name.to_owned(), bytes))),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
                Err(error) => Some(Err(Error::io(&path, error))),
            }
        };
        names.into_iter().filter_map(read).collect::<Result<_>>().map(Self)
    }

    /// Adds a file, in place of one of the same name.
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

/// Refuses shapes that no folder of ours holds.
pub(super) fn check(config: &ModelConfig) -> Result<()> {
    let wrong = |name, expected: &str, found: String| Err(Error::Parameter { name, expected: expected.into(), found });
    match (&*config.family, &config.rope.scaling) {
        ("llama" | "qwen2", RopeScaling::None) => Ok(()),
        ("llama" | "qwen2", scaling) => wrong("rope scaling", "none", format!("{scaling:?}")),
        (family, _) => wrong("family", "llama or qwen2", family.to_owned()),
    }
}

impl Transformer {
    /// The weights of a Hugging Face folder.
    ///
    /// # Errors
    /// As [`ModelFiles::open`](crate::ModelFiles::open) and [`Decoder::load`](crate::Decoder::load), and
    /// [`Error::Parameter`] as [`init`](Self::init).
    pub fn open(folder: impl AsRef<Path>, device: &Device) -> Result<Self> {
        let folder = folder.as_ref();
        let file = folder.join("config.json");
        let text = fs::read_to_string(&file).map_err(|error| Error::io(&file, error))?;
        let config = ModelConfig::from_json(&file, &text)?;
        check(&config)?;
        let source = SafetensorsFolder::open(folder)?;
        let mut reader = Reader { report: LoadReport::new(source.names()), source: &source, failed: None, device };
        let model = Self::new(config, &mut reader);
        reader.finish()?;
        Ok(model)
    }

    /// Writes a folder that our [`Decoder`](crate::Decoder) and transformers load: weights in half precision, `config.json`,
    /// and `files`.
    ///
    /// # Errors
    /// [`Error::NotFinite`] for weights that are no numbers in half precision; [`Error::Io`].
    pub fn save(&self, folder: impl AsRef<Path>, files: &FolderFiles) -> Result<()> {
        self.save_with(folder.as_ref(), files, Vec::new(), self.architecture(), json!({}))
    }

    /// As [`save`](Self::save), with further tensors and keys of `config.json`.
    pub(super) fn save_with(
        &self,
        folder: &Path,
        files: &FolderFiles,
        further: Vec<Named>,
        architecture: &str,
        keys: serde_json::Value,
    ) -> Result<()> {
        fs::create_dir_all(folder).map_err(|error| Error::io(folder, error))?;
        let tensors: Vec<Named> = self.named().into_iter().chain(further).collect();
        let halves = tensors.iter().map(|tensor| tensor.to_half(folder)).collect::<Result<Vec<_>>>()?;
        let views: Vec<_> = tensors.iter().zip(&halves).map(|(tensor, bytes)| tensor.view(bytes)).collect();
        write_safetensors(folder.join("model.safetensors"), &views)?;
        files.write(folder)?;
        let config = serde_json::to_vec_pretty(&self.config_json(architecture, keys)).unwrap_or_default();
        // Last, since a folder without it is not taken for a model.
        write_atomic(&folder.join("config.json"), |file| file.write_all(&config))
    }

    fn architecture(&self) -> &'static str {
        if self.config.family == "qwen2" { "Qwen2ForCausalLM" } else { "LlamaForCausalLM" }
    }

    fn config_json(&self, architecture: &str, keys: serde_json::Value) -> serde_json::Value {
        let config = &self.config;
        let mut json = json!({
            "architectures": [architecture],
            "model_type": config.family,
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

    /// All weights by name, `[out, in]`.
    fn named(&self) -> Vec<Named> {
        let mut all = vec![Named::matrix(format!("{EMBEDDING}.weight"), self.embedding.weight.val())];
        for (index, block) in self.blocks.iter().enumerate() {
            let name = |part: &str| format!("model.layers.{index}.{part}");
            all.extend(
                block.norms().map(|(part, norm)| Named::vector(format!("{}.weight", name(part)), norm.gamma.val())),
            );
            all.extend(block.linears().into_iter().flat_map(|(part, linear)| Named::linear(&name(part), linear)));
        }
        all.push(Named::vector(format!("{NORM}.weight"), self.norm.gamma.val()));
        all.extend(self.head.iter().flat_map(|head| Named::linear(HEAD, head)));
        all
    }
}

/// A tensor on its way into a file.
pub(super) struct Named {
    name: String,
    shape: Vec<usize>,
    values: Vec<f32>,
}

impl Named {
    fn matrix(name: String, tensor: Tensor<2>) -> Self {
        let shape = tensor.dims().to_vec();
        Self { name, shape, values: values(tensor) }
    }

    fn vector(name: String, tensor: Tensor<1>) -> Self {
        let shape = tensor.dims().to_vec();
        Self { name, shape, values: values(tensor) }
    }

    /// Weight, transposed, and bias.
    pub fn linear(name: &str, linear: &Linear) -> Vec<Self> {
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

/// Hands out the weights of a folder. What is missing is zero until [`finish`](Self::finish) reports all of it.
pub(super) struct Reader<'a> {
    pub report: LoadReport,
    pub source: &'a dyn WeightSource,
    pub failed: Option<Error>,
    pub device: &'a Device,
}

impl Reader<'_> {
    /// # Errors
    /// [`Error::Weights`] with everything that was missing or misshapen.
    pub fn finish(self) -> Result<()> {
        self.report.finish(self.source.path())?;
        self.failed.map_or(Ok(()), Err)
    }

    fn read<const D: usize>(&mut self, name: &str, shape: [usize; D]) -> Tensor<D> {
        let count = shape.iter().product();
        let found = self.report.take(self.source, name, &shape).map(|view| view.to_f32());
        let values = match found.transpose() {
            Ok(values) => values.unwrap_or_else(|| vec![0.0; count]),
            Err(error) => {
                self.failed.get_or_insert(error);
                vec![0.0; count]
            }
        };
        Tensor::from_data(TensorData::new(values, shape), self.device)
    }
}

impl Weights for Reader<'_> {
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
