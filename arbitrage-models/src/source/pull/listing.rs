//! What a repository on the hub holds.

use serde::Deserialize;

use super::failure::{SourceFailure, unavailable};
use super::hub::Hub;
use crate::source::commit_files::{CommitFile, CommitFiles};
use crate::source::hub_model::escaped;
use crate::source::{HubModel, SourceSettings};

/// Longest listing that is read, in bytes. A file takes about 300.
const MAX_LISTING_BYTES: usize = 1 << 24;

/// What the hub says about a repository at a revision, as far as it is used.
#[derive(Deserialize)]
struct RepositoryInfo {
    /// The commit.
    sha: String,
    siblings: Vec<Sibling>,
}

/// A file of the repository.
#[derive(Deserialize)]
struct Sibling {
    rfilename: String,
    size: Option<u64>,
    /// Says the digest of a file that is not kept in Git itself: all large ones.
    lfs: Option<LargeFile>,
}

#[derive(Deserialize)]
struct LargeFile {
    sha256: String,
}

/// The commit that the revision of `model` is now, with all files of its repository.
///
/// # Errors
/// A line that says why the hub that `settings` name gives no listing that can be used.
pub(in crate::source) fn list(model: &HubModel, settings: &SourceSettings) -> Result<CommitFiles, String> {
    let (repository, revision) = (model.repository(), escaped(model.revision()));
    // With `blobs`, the hub gives sizes and digests.
    let url = format!("{}/api/models/{repository}/revision/{revision}?blobs=true", settings.hub);
    request(settings, repository, &url).map_err(|failure| {
        let reason = match failure {
            SourceFailure::Unavailable(reason) => reason,
            SourceFailure::Local(error) => error.to_string(),
        };
        format!("hub: {url}: {reason}")
    })
}

fn request(settings: &SourceSettings, repository: &str, url: &str) -> Result<CommitFiles, SourceFailure> {
    let answer = Hub::new(settings, repository, url)?.read(MAX_LISTING_BYTES)?;
    let info: RepositoryInfo = match serde_json::from_slice(&answer) {
        Ok(info) => info,
        Err(error) => return unavailable(format!("the hub's answer is no listing of a repository: {error}")),
    };
    let file = |Sibling { rfilename, size, lfs }| CommitFile {
        name: rfilename,
        bytes: size,
        sha256: lfs.map(|lfs: LargeFile| lfs.sha256),
    };
    let files = CommitFiles { commit: info.sha, files: info.siblings.into_iter().map(file).collect() };
    files.checked().map_err(SourceFailure::Unavailable)
}
