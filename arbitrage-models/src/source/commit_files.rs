//! Files of a repository at one commit: all that a hub lists, or those that are a model.

use std::path::{Path, PathBuf};

use arbitrage_core::text::excerpt;
use serde::{Deserialize, Serialize};

use super::HubAddress;
use super::hub_model::{HubModel, HubPart, PinnedContent, repository_name, revision_folder};
use super::model_file::ModelFile;
use super::safe_name::{is_commit, is_safe_path, is_sha256};
use crate::weights::gguf::split_name::all_parts;

/// Most files that are looked through.
const MAX_FILES: usize = 10_000;
/// Largest file with weights, in bytes.
const MAX_WEIGHT_BYTES: u64 = 1 << 40;
/// Largest other file, in bytes. Tokenizers take up to some dozen megabytes.
const MAX_OTHER_BYTES: u64 = 1 << 28;

/// Files of a repository at one commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CommitFiles {
    pub commit: String,
    pub files: Vec<CommitFile>,
}

/// A file, and what is known of its contents.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CommitFile {
    /// Its path inside the repository, with slashes.
    pub name: String,
    pub bytes: Option<u64>,
    pub sha256: Option<String>,
}

impl CommitFile {
    /// Whether it has weights of the repository's own folder, in the format of safetensors.
    pub(super) fn is_safetensors(&self) -> bool {
        self.name.ends_with(".safetensors") && !self.name.contains('/')
    }
}

impl CommitFiles {
    /// The files that `model` names itself, which a user may have put into a cache: a GGUF file, or all parts of one. They are those of a
    /// revision, whose commit is not known. `None` where only the hub knows the files' names.
    pub(super) fn named(model: &HubModel) -> Option<Self> {
        let HubPart::File(name) = model.part() else { return None };
        let files = all_parts(name).map(|name| CommitFile { name, bytes: None, sha256: None });
        Some(Self { commit: model.revision().to_owned(), files: files.collect() })
    }

    /// What a hub or a record says, once it was checked: nothing leads out of a folder, and digests are possible ones. Files
    /// with unusual names are left out, since no model needs them.
    ///
    /// # Errors
    /// What is wrong.
    pub(super) fn checked(mut self) -> Result<Self, String> {
        if !is_commit(&self.commit) {
            return Err(format!("the commit is `{}`, expected 40 hexadecimal digits", excerpt(&self.commit)));
        }
        if self.files.len() > MAX_FILES {
            return Err(format!("the repository has {} files, expected at most {MAX_FILES}", self.files.len()));
        }
        self.files.iter().try_for_each(check_file)?;
        self.files.retain(|file| is_safe_path(&file.name));
        Ok(self)
    }

    /// Refuses files that are larger than those of models, or may be.
    ///
    /// # Errors
    /// Which file that is.
    pub(super) fn check_sizes(&self) -> Result<(), String> {
        for CommitFile { name, bytes, .. } in &self.files {
            let is_weights = name.ends_with(".safetensors") || name.ends_with(".gguf");
            let limit = if is_weights { MAX_WEIGHT_BYTES } else { MAX_OTHER_BYTES };
            let found = match bytes {
                Some(bytes) if *bytes <= limit => continue,
                Some(bytes) => format!("{bytes} bytes"),
                None => "no size".to_owned(),
            };
            return Err(format!("{} has {found}, expected at most {limit} bytes", excerpt(name)));
        }
        Ok(())
    }

    /// The files with the size and digest that their model must have.
    ///
    /// # Errors
    /// How they differ.
    pub(super) fn pinned(mut self, expected: &PinnedContent) -> Result<Self, String> {
        if expected.is_empty() {
            return Ok(self);
        }
        let [file] = self.files.as_mut_slice() else {
            return Err(
                "several files have no size and digest in common: remove them from the list of models".to_owned()
            );
        };
        let name = excerpt(&file.name);
        if let (Some(found), Some(expected)) = (file.bytes, expected.bytes)
            && found != expected
        {
            return Err(format!("{name} has {found} bytes, expected {expected}"));
        }
        if let (Some(found), Some(expected)) = (&file.sha256, &expected.sha256)
            && found != expected
        {
            return Err(format!("{name} has SHA-256 {found}, expected {expected}"));
        }
        file.bytes = file.bytes.or(expected.bytes);
        file.sha256 = file.sha256.take().or_else(|| expected.sha256.clone());
        Ok(self)
    }

    /// Whether the model is a folder rather than a GGUF file in one part or several.
    pub(super) fn is_folder(&self) -> bool {
        self.files.iter().any(CommitFile::is_safetensors)
    }

    /// The files as parts of `model`, which lie side by side: those of a folder in a folder with the repository's name.
    pub(super) fn model_files<'a>(&'a self, model: &'a HubModel) -> Vec<ModelFile<'a>> {
        self.files.iter().map(|file| self.model_file(model, file)).collect()
    }

    fn model_file<'a>(&'a self, model: &'a HubModel, file: &'a CommitFile) -> ModelFile<'a> {
        let is_part = self.is_folder() || self.files.len() > 1;
        ModelFile {
            name: if is_part { format!("{model}, {}", file.name) } else { model.to_string() },
            file: self.folder(model.repository()).join(&file.name),
            bytes: file.bytes,
            sha256: file.sha256.as_deref(),
            hub: Some(HubAddress { repository: model.repository(), revision: &self.commit, file: &file.name }),
            wheels: None,
            is_part,
        }
    }

    /// The folder, inside the cache, of the files.
    fn folder(&self, repository: &str) -> PathBuf {
        let folder = revision_folder(repository, &self.commit);
        if self.is_folder() { folder.join(repository_name(repository)) } else { folder }
    }

    /// The model's path inside the folder `cache`.
    pub(super) fn path(&self, repository: &str, cache: &Path) -> PathBuf {
        let first = self.files.first().map_or("", |file| &file.name);
        self.path_by_first(&cache.join(self.folder(repository)).join(first))
    }

    /// The model's path where its first file is at `first`: a GGUF file is opened by its first part.
    pub(super) fn path_by_first(&self, first: &Path) -> PathBuf {
        match first.parent() {
            Some(folder) if self.is_folder() => folder.to_owned(),
            _ => first.to_owned(),
        }
    }
}

/// Refuses a file that an honest hub cannot have.
fn check_file(file: &CommitFile) -> Result<(), String> {
    let CommitFile { name, sha256, .. } = file;
    let leads_out = name.starts_with('/') || name.split(['/', '\\']).any(|part| part == "..");
    if leads_out {
        return Err(format!("the file name `{}` leads out of the repository", excerpt(name)));
    }
    if let Some(digest) = sha256.as_ref().filter(|digest| !is_sha256(digest)) {
        return Err(format!(
            "the SHA-256 of {} is `{}`, expected 64 hexadecimal digits",
            excerpt(name),
            excerpt(digest)
        ));
    }
    Ok(())
}
