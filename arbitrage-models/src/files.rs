//! The opened files of a model, before its weights are loaded.

use std::path::Path;
use std::sync::Arc;

use crate::config::ModelConfig;
use crate::error::{Error, Result};
use crate::tokenizer::{GgufVocabulary, Tokenizer};
use crate::weights::{Gguf, SafetensorsFolder, WeightSource};

/// The parts of a GGUF file or a Hugging Face folder. Weights are memory-mapped, not read.
pub struct ModelFiles {
    /// The tensors.
    pub weights: Arc<dyn WeightSource>,
    /// The decoder's hyperparameters.
    pub config: ModelConfig,
    /// The tokenizer.
    pub tokenizer: Tokenizer,
}

impl std::fmt::Debug for ModelFiles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ModelFiles").field("path", &self.weights.path()).finish_non_exhaustive()
    }
}

impl ModelFiles {
    /// Opens a GGUF file, or a folder with `config.json`, `tokenizer.json` and safetensors.
    ///
    /// # Errors
    /// Any [`Error`]; it names the file and the field, what was expected and what was found.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        if path.is_dir() { Self::open_folder(path) } else { Self::open_gguf(path) }
    }

    /// Refuses a vocabulary with more tokens than the embedding has rows.
    ///
    /// # Errors
    /// [`Error::Format`] with both numbers.
    #[cfg(feature = "burn")]
    pub(crate) fn check_vocabulary(&self) -> Result<()> {
        let (tokens, rows) = (self.tokenizer.vocab_size(), self.config.vocabulary);
        if tokens <= rows {
            return Ok(());
        }
        let expected = format!("at most the {rows} rows of the embedding");
        Err(Error::format(self.weights.path(), "tokenizer", expected, format!("{tokens} tokens")))
    }

    fn open_gguf(path: &Path) -> Result<Self> {
        let gguf = Gguf::open(path)?;
        let config = ModelConfig::from_gguf(&gguf)?;
        let tokenizer = Tokenizer::from_gguf(GgufVocabulary::read(&gguf)?)?;
        Ok(Self { weights: Arc::new(gguf), config, tokenizer })
    }

    fn open_folder(path: &Path) -> Result<Self> {
        let file = path.join("config.json");
        let text = std::fs::read_to_string(&file).map_err(|error| Error::io(&file, error))?;
        let config = ModelConfig::from_json(&file, &text)?;
        let tokenizer = Tokenizer::from_folder(path)?;
        Ok(Self { weights: Arc::new(SafetensorsFolder::open(path)?), config, tokenizer })
    }
}
