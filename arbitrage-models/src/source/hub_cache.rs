//! The cache of Hugging Face's own tools, in the layout that [`huggingface_hub`] documents.
//!
//! [`huggingface_hub`]: https://huggingface.co/docs/huggingface_hub/guides/manage-cache

use std::path::{Path, PathBuf};

use super::HubAddress;
use crate::small_file::read_text;

/// Longest revision or token, in bytes.
const MAX_BYTES: u64 = 4096;

/// The file in the latest revision of its repository that the cache at `cache` has.
pub(super) fn find(cache: &Path, address: HubAddress<'_>) -> Option<PathBuf> {
    let repository = cache.join(format!("models--{}", address.repository.replace('/', "--")));
    let revision = read_text(&repository.join("refs/main"), MAX_BYTES).ok()?;
    let file = repository.join("snapshots").join(revision.trim()).join(address.file);
    file.exists().then_some(file)
}

/// The token that `huggingface-cli login` stored next to the cache.
#[cfg(feature = "pull")]
pub(super) fn token(cache: &Path) -> Option<String> {
    read_text(&cache.with_file_name("token"), MAX_BYTES).ok()
}
