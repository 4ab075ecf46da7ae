//! The cache of Hugging Face's own tools, in the layout that [`huggingface_hub`] documents.
//!
//! [`huggingface_hub`]: https://huggingface.co/docs/huggingface_hub/guides/manage-cache

use std::fs;
use std::path::{Path, PathBuf};

use super::HubAddress;

/// The file in the latest revision of its repository that the cache at `cache` has.
pub(super) fn find(cache: &Path, address: HubAddress<'_>) -> Option<PathBuf> {
    let repository = cache.join(format!("models--{}", address.repository.replace('/', "--")));
    let revision = fs::read_to_string(repository.join("refs/main")).ok()?;
    let file = repository.join("snapshots").join(revision.trim()).join(address.file);
    file.exists().then_some(file)
}

/// The token that `huggingface-cli login` stored next to the cache.
#[cfg(feature = "pull")]
pub(super) fn token(cache: &Path) -> Option<String> {
    fs::read_to_string(cache.with_file_name("token")).ok()
}
