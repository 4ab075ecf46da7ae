//! A model from a file or folder.

use std::path::Path;
use std::sync::Arc;

use super::LocalModel;
use crate::chat::ChatTemplate;
use crate::config::ModelConfig;
use crate::decoder::{Decoder, LoadOptions};
use crate::error::{Error, Result};
use crate::tokenizer::{GgufVocabulary, Tokenizer};
use crate::weights::{Gguf, SafetensorsFolder, WeightSource};

impl LocalModel {
    /// Opens a GGUF file, or a Hugging Face folder with `config.json`, `tokenizer.json` and safetensors.
    ///
    /// # Errors
    /// Any [`Error`]: each names the file, the field, what was expected and what was found.
    pub fn open(path: impl AsRef<Path>, options: &LoadOptions) -> Result<Self> {
        let path = path.as_ref();
        let name = path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        let (decoder, tokenizer) = if path.is_dir() { open_folder(path, options)? } else { open_gguf(path, options)? };
        if tokenizer.vocab_size() > decoder.config().vocabulary {
            let expected = format!("at most the {} rows of the embedding", decoder.config().vocabulary);
            return Err(Error::format(path, "tokenizer", expected, format!("{} tokens", tokenizer.vocab_size())));
        }
        let template = ChatTemplate::for_tokenizer(&tokenizer)?;
        Ok(Self::new(name, decoder, tokenizer, template))
    }
}

fn open_gguf(path: &Path, options: &LoadOptions) -> Result<(Decoder, Tokenizer)> {
    let gguf = Gguf::open(path)?;
    let config = ModelConfig::from_gguf(&gguf)?;
    let tokenizer = Tokenizer::from_gguf(GgufVocabulary::read(&gguf)?)?;
    Ok((Decoder::load(Arc::new(gguf), config, options)?, tokenizer))
}

fn open_folder(path: &Path, options: &LoadOptions) -> Result<(Decoder, Tokenizer)> {
    let file = path.join("config.json");
    let text = std::fs::read_to_string(&file).map_err(|error| Error::io(&file, error))?;
    let config = ModelConfig::from_json(&file, &text)?;
    let tokenizer = Tokenizer::from_folder(path)?;
    let source: Arc<dyn WeightSource> = Arc::new(SafetensorsFolder::open(path)?);
    Ok((Decoder::load(source, config, options)?, tokenizer))
}
