//! A model from a file or folder.

use std::path::Path;

use super::LocalModel;
use crate::chat::ChatTemplate;
use crate::decoder::{Decoder, LoadOptions};
use crate::error::{Error, Result};
use crate::files::ModelFiles;

impl LocalModel {
    /// Opens a GGUF file, or a Hugging Face folder with `config.json`, `tokenizer.json` and safetensors.
    ///
    /// # Errors
    /// Any [`Error`]: each names the file, the field, what was expected and what was found.
    pub fn open(path: impl AsRef<Path>, options: &LoadOptions) -> Result<Self> {
        let path = path.as_ref();
        let name = path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        let ModelFiles { weights, config, tokenizer } = ModelFiles::open(path)?;
        let decoder = Decoder::load(weights, config, options)?;
        if tokenizer.vocab_size() > decoder.config().vocabulary {
            let expected = format!("at most the {} rows of the embedding", decoder.config().vocabulary);
            return Err(Error::format(path, "tokenizer", expected, format!("{} tokens", tokenizer.vocab_size())));
        }
        let template = ChatTemplate::for_tokenizer(&tokenizer)?;
        Ok(Self::new(name, decoder, tokenizer, template))
    }
}
