//! The record of what a name on the hub stood for when it was downloaded: commit, files, sizes and digests.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::commit_files::{CommitFile, CommitFiles};
use super::hub_model::HubModel;
use crate::error::{Error, Result};
use crate::small_file::{parse_json, read_text_if_present};
use crate::weights::writer::write_atomic;

/// Longest record that is read, in bytes. The longest real ones list a hundred files.
const MAX_RECORD_BYTES: u64 = 1 << 20;

/// What the file of a record holds.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct HubRecord {
    /// The model's name, as it was asked for.
    model: String,
    commit: String,
    files: Vec<CommitFile>,
}

/// The path of the record of `model`.
fn path(model: &HubModel, cache: &Path) -> PathBuf {
    cache.join(model.record_place())
}

/// The files that `model` stands for, all of known size and digest, as the cache at `cache` records them. They are those that the model
/// must have, where that is known.
///
/// # Errors
/// Why there is no usable record, in words.
pub(super) fn read(model: &HubModel, cache: &Path) -> Result<CommitFiles, String> {
    let path = path(model, cache);
    let failed = |reason: &str| format!("{}: {reason}", path.display());
    let text = read_text_if_present(&path, MAX_RECORD_BYTES).map_err(|error| error.to_string())?;
    let text = text.ok_or_else(|| failed("nothing is recorded of the model"))?;
    let json = parse_json(&path, &text).map_err(|error| error.to_string())?;
    let record: HubRecord = serde_json::from_value(json).map_err(|error| failed(&error.to_string()))?;
    if record.model != model.to_string() {
        return Err(failed("the record is of another model"));
    }
    let is_complete = |file: &CommitFile| file.bytes.is_some() && file.sha256.is_some();
    if record.files.is_empty() || !record.files.iter().all(is_complete) {
        return Err(failed("the record is not complete"));
    }
    let count = record.files.len();
    let files =
        CommitFiles { commit: record.commit, files: record.files }.checked().map_err(|reason| failed(&reason))?;
    match files.files.len() == count {
        true => files.pinned(&model.pinned).map_err(|reason| failed(&reason)),
        false => Err(failed("the record names a file that no model has")),
    }
}

/// Records that `model` stands for `files`.
///
/// # Errors
/// [`Error::Io`]; an earlier record then stays as it is.
pub(super) fn write(model: &HubModel, files: CommitFiles, cache: &Path) -> Result<()> {
    let path = path(model, cache);
    let record = HubRecord { model: model.to_string(), commit: files.commit, files: files.files };
    let folder = path.parent().unwrap_or(cache);
    fs::create_dir_all(folder).map_err(|error| Error::io(folder, error))?;
    write_atomic(&path, |file| Ok(serde_json::to_writer_pretty(file, &record)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files() -> CommitFiles {
        let file = CommitFile { name: "m.gguf".to_owned(), bytes: Some(3), sha256: Some("a".repeat(64)) };
        CommitFiles { commit: "0".repeat(40), files: vec![file] }
    }

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let cache = tempfile::tempdir().unwrap();
        let model = HubModel::parse("a/b@v1:Q4_0").unwrap();
        assert!(read(&model, cache.path()).unwrap_err().contains("nothing is recorded"));
        write(&model, files(), cache.path()).unwrap();
        assert_eq!(read(&model, cache.path()).unwrap(), files());
        assert!(read(&HubModel::parse("a/b:Q4_0").unwrap(), cache.path()).is_err());
        assert_eq!(read(&HubModel::parse("a/b@v1:q4_0").unwrap(), cache.path()).unwrap(), files());
    }

    #[test]
    fn a_record_is_untrusted() {
        let cache = tempfile::tempdir().unwrap();
        let model = HubModel::parse("a/b").unwrap();
        write(&model, files(), cache.path()).unwrap();
        let path = path(&model, cache.path());
        let text = std::fs::read_to_string(&path).unwrap();
        for (from, to, reason) in [
            ("m.gguf", "../../m.gguf", "leads out of the repository"),
            ("m.gguf", "m m.gguf", "a file that no model has"),
            ("hf:a/b", "hf:a/c", "another model"),
            ("aaaa", "AAAA", "expected 64 hexadecimal digits"),
            ("0000", "zzzz", "expected 40 hexadecimal digits"),
            ("3", "null", "not complete"),
            ("3", "-3", "invalid value"),
            ("{", "{,", "expected JSON"),
            ("\"model\"", "\"other\"", "unknown field"),
        ] {
            std::fs::write(&path, text.replace(from, to)).unwrap();
            let error = read(&model, cache.path()).unwrap_err();
            assert!(error.contains(reason), "{error}");
        }
    }
}
