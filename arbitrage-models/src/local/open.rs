//! A model from a file or folder.

use std::path::Path;

use super::LocalModel;
use crate::chat::ChatTemplate;
use crate::decoder::{Decoder, LoadOptions};
use crate::error::Result;
use crate::files::ModelFiles;

impl LocalModel {
    /// Opens a GGUF file, or a Hugging Face folder with `config.json`, `tokenizer.json` and safetensors.
    ///
    /// # Errors
    /// Any [`Error`](crate::Error): each names the file, the field, what was expected and what was found.
    pub fn open(path: impl AsRef<Path>, options: &LoadOptions) -> Result<Self> {
        Self::from_files(ModelFiles::open(path)?, options)
    }

    /// Loads a model whose files are open, for options that need its tokenizer ([`HeadTokens`](crate::HeadTokens)). End
    /// tokens are always kept. What the options make of the weights is told in the model's name.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn from_files(files: ModelFiles, options: &LoadOptions) -> Result<Self> {
        files.check_vocabulary()?;
        let ModelFiles { weights, config, tokenizer } = files;
        let source = weights.clone();
        let path = source.path();
        let mut options = options.clone();
        options.head = options.head.map(|head| head.with(tokenizer.eos_ids())).transpose()?;
        let name = name(path, &options);
        let decoder = Decoder::load(weights, config, &options)?;
        let template = ChatTemplate::for_tokenizer(&tokenizer)?;
        Ok(Self::new(name, decoder, tokenizer, template))
    }
}

/// The file's name, and how its weights were changed.
pub(crate) fn name(path: &Path, options: &LoadOptions) -> String {
    let mut name = path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    if let Some(most) = options.weights {
        name.push_str(&format!("+{}", most.name().to_lowercase()));
    }
    if let Some(head) = &options.head {
        name.push_str(&format!("+head{}", head.ids().len()));
    }
    name
}
