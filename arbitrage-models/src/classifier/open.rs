//! Loading a classifier from a folder or file.

use std::collections::HashMap;
use std::path::Path;

use super::Classifier;
use super::head::{ClassifierHead, is_head};
use crate::decoder::expected::{EMBEDDING, HEAD, expect_backbone};
use crate::decoder::{Backbone, LoadOptions};
use crate::error::{Error, Result};
use crate::files::ModelFiles;
use crate::local::model_name;
use crate::weights::LoadReport;

/// Prefixes that the decoder's tensors may have, those of a language model, of a trainer's wrapper, and of a bare decoder; and that of
/// the language model's head beside them, which trainers keep. It is of no use here, since a classifier's outputs come from hidden
/// states.
const PREFIXES: [(&str, &str); 3] = [("model.", ""), ("pretrained_model.model.", "pretrained_model."), ("", "")];

impl Classifier {
    /// Opens a Hugging Face folder with `config.json`, `tokenizer.json` and safetensors, or a GGUF file, which may be in a folder under the
    /// name `model.gguf`. The head of a language model, if there is one, is not loaded.
    ///
    /// # Errors
    /// [`Error::Weights`] with every missing, misshapen and unused tensor of decoder and head at once, and where there are two heads;
    /// [`Error::NotFinite`] for NaN and infinity in the head; otherwise as [`LocalModel::open`](crate::LocalModel::open).
    pub fn open(path: impl AsRef<Path>, options: &LoadOptions) -> Result<Self> {
        let name = model_name(path.as_ref(), options);
        Ok(Self { name, ..Self::from_files(ModelFiles::open(path)?, options)? })
    }

    /// Loads a classifier whose files are already open.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn from_files(files: ModelFiles, options: &LoadOptions) -> Result<Self> {
        let (prefix, head) = checked(&files)?;
        let ModelFiles { weights, config, tokenizer, .. } = files;
        let name = model_name(weights.path(), options);
        let body = Backbone::load(weights, config, options, prefix)?;
        Ok(Self { name, body, head, tokenizer, sequences: HashMap::new() })
    }

    /// Applies every check of [`from_files`](Self::from_files) without loading the decoder. Returns the number of the head's outputs.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn check(files: &ModelFiles) -> Result<usize> {
        checked(files).map(|(_, head)| head.outputs())
    }

    /// What the names of the decoder's tensors begin with.
    pub(crate) fn decoder_prefix(files: &ModelFiles) -> &'static str {
        prefixes(&files.weights.names()).0
    }

    /// Whether files hold a classifier's head, and are thus no language model's.
    pub fn has_head(files: &ModelFiles) -> bool {
        files.weights.names().iter().any(|name| is_head(name))
    }
}

/// The prefix of the decoder's names and the head, after every check.
fn checked(files: &ModelFiles) -> Result<(&'static str, ClassifierHead)> {
    files.check_vocabulary()?;
    let ModelFiles { weights, config, .. } = files;
    let mut report = LoadReport::new(weights.as_ref());
    let (prefix, head_prefix) = prefixes(&weights.names());
    expect_backbone(&mut report, weights.as_ref(), config, prefix);
    for part in ["weight", "bias"] {
        report.mark_used(&format!("{head_prefix}{HEAD}.{part}"));
    }
    let head = ClassifierHead::load(&mut report, weights.as_ref(), config.hidden)?;
    report.finish(weights.path())?;
    let head = head.ok_or_else(|| Error::format(weights.path(), "head", "a tensor", "nothing"))?;
    Ok((prefix, head))
}

/// The prefixes that go with the embedding's tensor; the usual ones where there is no embedding.
fn prefixes(names: &[String]) -> (&'static str, &'static str) {
    let has = |(prefix, _): &(&str, &str)| names.iter().any(|name| name.strip_prefix(prefix) == Some(EMBEDDING));
    PREFIXES.into_iter().find(has).unwrap_or(PREFIXES[0])
}
