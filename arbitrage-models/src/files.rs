//! The opened files of a model, before its weights are loaded.

#[cfg(feature = "burn")]
mod check;
mod description;
mod folder;
mod gguf;
mod quantisation;

use std::path::Path;
use std::sync::Arc;

use crate::config::ModelConfig;
use crate::error::Result;
use crate::small_file::{parse_json, read_text};
use crate::tokenizer::{GgufVocabulary, Tokenizer};
use crate::weights::{FolderQuantisation, Gguf, SafetensorsFolder, WeightSource};
#[cfg(feature = "burn")]
pub use check::CheckedFiles;
pub use description::ModelDescription;
#[cfg(feature = "burn")]
pub(crate) use quantisation::MAX_CONFIG_BYTES;

/// The parts of a GGUF file or a Hugging Face folder. Weights are memory-mapped, not read.
pub struct ModelFiles {
    /// The tensors.
    pub weights: Arc<dyn WeightSource>,
    /// The decoder's hyperparameters.
    pub config: ModelConfig,
    /// The tokenizer.
    pub tokenizer: Tokenizer,
    /// What the files say about the model, for people.
    pub description: ModelDescription,
}

impl std::fmt::Debug for ModelFiles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ModelFiles").field("path", &self.weights.path()).finish_non_exhaustive()
    }
}

impl ModelFiles {
    /// The GGUF file in a folder that has other files beside it, such as the card of a router.
    pub const GGUF_IN_FOLDER: &str = "model.gguf";

    /// Opens a GGUF file, a folder with one called `model.gguf`, or a folder with `config.json`, `tokenizer.json` and safetensors.
    ///
    /// # Errors
    /// Any [`Error`](crate::Error); it names the file and the field, what was expected and what was found.
    /// [`Error::NotAModel`](crate::Error::NotAModel) for what is known to be something else, such as a LoRA adapter, with what to do.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let inner = path.join(Self::GGUF_IN_FOLDER);
        match path.is_dir() {
            true if inner.is_file() && !path.join("config.json").exists() => Self::open_gguf(&inner),
            true => Self::open_folder(path),
            false => Self::open_gguf(path),
        }
    }

    fn open_gguf(path: &Path) -> Result<Self> {
        let gguf = Gguf::open(path)?;
        gguf::check(&gguf)?;
        let config = ModelConfig::from_gguf(&gguf)?;
        let tokenizer = Tokenizer::from_gguf(GgufVocabulary::read(&gguf)?)?;
        let description = ModelDescription::of_gguf(&gguf);
        Ok(Self { weights: Arc::new(gguf), config, tokenizer, description })
    }

    fn open_folder(path: &Path) -> Result<Self> {
        folder::check(path)?;
        let file = path.join("config.json");
        let text = read_text(&file, quantisation::MAX_CONFIG_BYTES)?;
        let config = ModelConfig::from_json(&file, &text)?;
        let tokenizer = Tokenizer::from_folder(path)?;
        let (weights, json) = (SafetensorsFolder::open(path)?, parse_json(&file, &text)?);
        let description = ModelDescription::of_folder(path, &json, &weights);
        let weights: Arc<dyn WeightSource> = match FolderQuantisation::of_config(&json) {
            Some(quantisation) => quantisation.read(weights)?,
            None => Arc::new(weights),
        };
        Ok(Self { weights, config, tokenizer, description })
    }
}
