//! The cache of Hugging Face's own tools, in the layout that [`huggingface_hub`] documents.
//!
//! [`huggingface_hub`]: https://huggingface.co/docs/huggingface_hub/guides/manage-cache

use std::fs;
use std::path::{Path, PathBuf};

use super::HubAddress;
use super::commit_files::{CommitFile, CommitFiles};
use super::safe_name::is_commit;
use crate::small_file::read_text;

/// Longest revision or token, in bytes.
const MAX_BYTES: u64 = 4096;
/// Deepest folder of a repository that is looked through, and most entries of one.
const MAX_DEPTH: usize = 3;
const MAX_ENTRIES: usize = 10_000;

/// The file that the cache at `cache` has under an address.
pub(super) fn find(cache: &Path, address: HubAddress<'_>) -> Option<PathBuf> {
    let commit = commit(cache, address.repository, address.revision)?;
    let file = snapshot(cache, address.repository, &commit).join(address.file);
    file.exists().then_some(file)
}

/// The files of a revision that the cache at `cache` has, which may be some of the repository's.
pub(super) fn files(cache: &Path, repository: &str, revision: &str) -> Option<CommitFiles> {
    let commit = commit(cache, repository, revision)?;
    let mut files = Vec::new();
    collect(&snapshot(cache, repository, &commit), "", MAX_DEPTH, &mut files);
    CommitFiles { commit, files }.checked().ok()
}

/// The commit that a revision was when the cache was last written.
fn commit(cache: &Path, repository: &str, revision: &str) -> Option<String> {
    if is_commit(revision) {
        return Some(revision.to_owned());
    }
    let text = read_text(&folder(cache, repository).join("refs").join(revision), MAX_BYTES).ok()?;
    Some(text.trim().to_owned()).filter(|commit| is_commit(commit))
}

/// The folder of a commit.
pub(super) fn snapshot(cache: &Path, repository: &str, commit: &str) -> PathBuf {
    folder(cache, repository).join("snapshots").join(commit)
}

fn folder(cache: &Path, repository: &str) -> PathBuf {
    cache.join(format!("models--{}", repository.replace('/', "--")))
}

/// Adds the files in `folder` to `files`, with `prefix` before their names.
fn collect(folder: &Path, prefix: &str, depth: usize, files: &mut Vec<CommitFile>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.take(MAX_ENTRIES).flatten() {
        // Through the link: the contents lie in another folder of the cache.
        let (Ok(data), Ok(name)) = (fs::metadata(entry.path()), entry.file_name().into_string()) else { continue };
        let name = format!("{prefix}{name}");
        if data.is_file() {
            files.push(CommitFile { name, bytes: Some(data.len()), sha256: None });
        } else if data.is_dir() && depth > 1 {
            collect(&entry.path(), &format!("{name}/"), depth - 1, files);
        }
    }
}

/// The token that `huggingface-cli login` stored next to the cache.
#[cfg(feature = "pull")]
pub(super) fn token(cache: &Path) -> Option<String> {
    read_text(&cache.with_file_name("token"), MAX_BYTES).ok()
}
