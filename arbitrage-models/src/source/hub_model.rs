//! Models on the hub by their address.

use std::fmt;
use std::path::{Path, PathBuf};

use super::gguf_name::is_label;
use super::safe_name::{is_repository, is_safe_path};
use crate::weights::gguf::split_name::first_part;

/// What the name of a model on the hub starts with.
pub(super) const HUB_PREFIX: &str = "hf:";
/// The revision where none is written.
pub(super) const MAIN: &str = "main";

/// A model on the hub, `hf:OWNER/REPO[@REVISION][:PART]`, whose name stays inside its repository and inside the cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HubModel {
    repository: String,
    revision: String,
    part: HubPart,
    /// What its one file must contain.
    pub(super) pinned: PinnedContent,
}

/// Which part of a repository a model is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HubPart {
    /// A GGUF file: its path inside the repository, with slashes. A part of a split file stands for all of them.
    File(String),
    /// The one GGUF file with this label of a quantisation, in upper case, such as Q4_K_M.
    Quantisation(String),
    /// A folder of safetensors, or the GGUF file of a repository that has no other or one in Q4_K_M.
    Repository,
}

/// What is known of the contents of a GGUF file before a hub is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct PinnedContent {
    pub bytes: Option<u64>,
    pub sha256: Option<String>,
}

impl PinnedContent {
    /// Whether nothing is known.
    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_none() && self.sha256.is_none()
    }
}

impl HubModel {
    /// The model that `rest`, which is `OWNER/REPO[@REVISION][:PART]`, names.
    pub(super) fn parse(rest: &str) -> Option<Self> {
        let (head, part) = match rest.split_once(':') {
            Some((head, part)) => (head, Some(part)),
            None => (rest, None),
        };
        let (repository, revision) = head.split_once('@').unwrap_or((head, MAIN));
        let part = match part {
            None => HubPart::Repository,
            Some(label) if is_label(label) => HubPart::Quantisation(label.to_ascii_uppercase()),
            Some(file) if file.ends_with(".gguf") && is_safe_path(file) => HubPart::File(file.to_owned()),
            Some(_) => return None,
        };
        let fits = is_repository(repository) && is_safe_path(revision);
        let (repository, revision) = (repository.to_owned(), revision.to_owned());
        fits.then(|| Self { repository, revision, part, pinned: PinnedContent::default() })
    }

    /// Owner and name of the repository, with a slash between them.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The branch, tag or commit: `main` where none is written.
    pub fn revision(&self) -> &str {
        &self.revision
    }

    /// Which part of the repository it is.
    pub fn part(&self) -> &HubPart {
        &self.part
    }

    /// Its place in the cache among models of its repository, where a user may put it: named after what was asked for.
    pub(super) fn own_place(&self) -> PathBuf {
        let folder = revision_folder(&self.repository, &self.revision);
        folder.join(match &self.part {
            HubPart::File(file) => first_part(file),
            HubPart::Quantisation(label) => label.clone(),
            HubPart::Repository => repository_name(&self.repository).to_owned(),
        })
    }

    /// Where the record of what it is lies in the cache.
    pub(super) fn record_place(&self) -> PathBuf {
        let record = match &self.part {
            HubPart::File(file) => file.clone(),
            HubPart::Quantisation(label) => label.clone(),
            HubPart::Repository => "repository".to_owned(),
        };
        let folder = Path::new("hub-lock").join(&self.repository).join(escaped(&self.revision));
        folder.join(record).with_added_extension("json")
    }
}

/// The folder, inside the cache, of the files of a revision.
pub(super) fn revision_folder(repository: &str, revision: &str) -> PathBuf {
    let hub = Path::new("hf");
    match revision {
        MAIN => hub.join(repository),
        _ => hub.join(format!("{repository}@{}", escaped(revision))),
    }
}

/// The name of a repository without its owner.
pub(super) fn repository_name(repository: &str) -> &str {
    repository.rsplit('/').next().unwrap_or(repository)
}

/// A revision as one part of a path or an address, in which a slash would begin the next part.
pub(super) fn escaped(revision: &str) -> String {
    revision.replace('/', "%2F")
}

impl fmt::Display for HubModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{HUB_PREFIX}{}", self.repository)?;
        if self.revision != MAIN {
            write!(f, "@{}", self.revision)?;
        }
        match &self.part {
            HubPart::File(part) | HubPart::Quantisation(part) => write!(f, ":{part}"),
            HubPart::Repository => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{HubModel, HubPart};

    #[test]
    fn every_form_is_read_and_written_again() {
        for (text, repository, revision, part) in [
            ("a/b", "a/b", "main", HubPart::Repository),
            ("a/b@v1.0", "a/b", "v1.0", HubPart::Repository),
            ("a/b:Q4_K_M", "a/b", "main", HubPart::Quantisation("Q4_K_M".to_owned())),
            ("a/b@refs/pr/1:q/m@2.gguf", "a/b", "refs/pr/1", HubPart::File("q/m@2.gguf".to_owned())),
        ] {
            let model = HubModel::parse(text).unwrap();
            assert_eq!((model.repository(), model.revision(), model.part()), (repository, revision, &part));
            assert_eq!(model.to_string(), format!("hf:{text}"));
        }
        assert_eq!(HubModel::parse("a/b@main"), HubModel::parse("a/b"));
        for text in [
            "a/b@",
            "a/b@..",
            "a/b@v/../x",
            "a/b@v1@v2/.",
            "a/b:",
            "a/b:model",
            "a/b@v:..",
            "a/@v:Q4_0",
            "a/b@x:y:Q4_0",
        ] {
            assert_eq!(HubModel::parse(text), None, "{text}");
        }
    }

    #[test]
    fn revisions_with_slashes_are_one_folder() {
        let model = HubModel::parse("a/b@refs/pr/1:q4_0").unwrap();
        assert_eq!(model.own_place(), Path::new("hf/a/b@refs%2Fpr%2F1/Q4_0"));
        assert_eq!(model.record_place(), Path::new("hub-lock/a/b/refs%2Fpr%2F1/Q4_0.json"));
    }
}
