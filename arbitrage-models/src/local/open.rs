//! Loading a model from a file or folder.

use std::path::Path;

use super::LocalModel;
use crate::decoder::{Decoder, LoadOptions};
use crate::error::Result;
use crate::files::ModelFiles;

impl LocalModel {
    /// Opens a GGUF file, a folder with one called `model.gguf`, or a Hugging Face folder with `config.json`, `tokenizer.json` and safetensors.
    ///
    /// # Errors
    /// Any [`Error`](crate::Error): each names the file, the field, what was expected and what was found.
    pub fn open(path: impl AsRef<Path>, options: &LoadOptions) -> Result<Self> {
        let name = model_name(path.as_ref(), options);
        Self::load(name, ModelFiles::open(path)?, options)
    }

    /// The name of the model in the file or folder `path`, loaded with `options`, without opening it.
    pub fn name_of(path: &Path, options: &LoadOptions) -> String {
        model_name(path, options)
    }

    /// Loads a model whose files are already open. Its name is that of the file or folder, and says how the options change the
    /// weights.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn from_files(files: ModelFiles, options: &LoadOptions) -> Result<Self> {
        Self::load(model_name(files.weights.path(), options), files, options)
    }

    fn load(name: String, files: ModelFiles, options: &LoadOptions) -> Result<Self> {
        let template = files.check()?.template;
        let ModelFiles { weights, config, tokenizer, .. } = files;
        let decoder = Decoder::load(weights, config, options)?;
        Ok(Self::new(name, decoder, tokenizer, template))
    }
}

/// The name of the file or folder, the dtype that its weights are converted to, if any, whether caches have 8 bits, and the bound of the
/// context, which may choose other rotary factors.
pub(crate) fn model_name(path: &Path, options: &LoadOptions) -> String {
    let name = path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy();
    let weights = options.weights.map_or_else(String::new, |dtype| format!("+{}", dtype.name().to_lowercase()));
    let cache = if options.int8_cache { "+int8-cache" } else { "" };
    let context = options.context.map_or_else(String::new, |context| format!("+context-{context}"));
    format!("{name}{weights}{cache}{context}")
}
