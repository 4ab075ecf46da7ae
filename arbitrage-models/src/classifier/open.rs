//! A classifier from a folder.

use std::collections::HashMap;
use std::path::Path;

use super::Classifier;
use super::head::Head;
use crate::decoder::expected::{EMBEDDING, expect_body};
use crate::decoder::{Body, LoadOptions};
use crate::error::{Error, Result};
use crate::files::ModelFiles;
use crate::local::name;
use crate::weights::LoadReport;

/// Where the decoder may lie in the file: as in a language model's, as a trainer wrapped it, as a bare decoder was saved.
const PREFIXES: [&str; 3] = ["model.", "pretrained_model.model.", ""];

impl Classifier {
    /// Opens a Hugging Face folder with `config.json`, `tokenizer.json` and safetensors. A head for tokens, if there is one, is not
    /// loaded.
    ///
    /// The options' [`head`](LoadOptions::head) is a head for tokens, and ignored.
    ///
    /// # Errors
    /// [`Error::Weights`] with every missing and misshapen tensor of decoder and head at once, and where there are two heads;
    /// [`Error::NotFinite`] for NaN and infinity in the head; otherwise as [`LocalModel::open`](crate::LocalModel::open).
    pub fn open(path: impl AsRef<Path>, options: &LoadOptions) -> Result<Self> {
        Self::from_files(ModelFiles::open(path)?, options)
    }

    /// Loads a classifier whose files are open.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn from_files(files: ModelFiles, options: &LoadOptions) -> Result<Self> {
        files.check_vocabulary()?;
        let ModelFiles { weights, config, tokenizer } = files;
        let options = LoadOptions { head: None, ..options.clone() };
        let mut report = LoadReport::new(weights.names());
        let prefix = prefix(&weights.names());
        expect_body(&mut report, weights.as_ref(), &config, prefix);
        let head = Head::take(&mut report, weights.as_ref(), config.hidden)?;
        report.finish(weights.path())?;
        let missing = || Error::format(weights.path(), "head", "a tensor", "nothing");
        let head = head.ok_or_else(missing)?;
        let name = name(weights.path(), &options);
        let body = Body::load(weights, config, &options, prefix, &report)?;
        Ok(Self { name, body, head, tokenizer, sequences: HashMap::new() })
    }
}

/// The prefix under which the file has embeddings; the usual one where it has none.
fn prefix(names: &[String]) -> &'static str {
    let has = |prefix: &&str| names.iter().any(|name| name.strip_prefix(prefix) == Some(EMBEDDING));
    PREFIXES.into_iter().find(has).unwrap_or(PREFIXES[0])
}
