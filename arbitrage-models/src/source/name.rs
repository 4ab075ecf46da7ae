//! What a user may write for a model.

use std::fmt;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use arbitrage_core::text::excerpt;

use super::ModelSource;
use super::registry::{find, known_models};
use crate::error::{Error, Result};

/// What the name of a file on the hub starts with.
const HUB_PREFIX: &str = "hf:";

/// A GGUF file on the hub, whose name stays inside its repository and inside the cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HubFile {
    repository: String,
    file: String,
}

impl HubFile {
    /// Owner and name of the repository, with a slash between them.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The file's path inside the repository, with slashes.
    pub fn file(&self) -> &str {
        &self.file
    }
}

impl fmt::Display for HubFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{HUB_PREFIX}{}:{}", self.repository, self.file)
    }
}

pub(super) fn parse(name: &str) -> Result<ModelSource> {
    if let Some(model) = find(name) {
        return Ok(ModelSource::Known(model));
    }
    if let Some(rest) = name.strip_prefix(HUB_PREFIX) {
        return hub_file(rest).map(ModelSource::Hub).ok_or_else(|| Error::Parameter {
            name: "model",
            expected:
                "hf:OWNER/REPO:FILE.gguf, the parts made of letters, digits and `-_.+=@`, none of them `.` or `..`"
                    .into(),
            found: format!("`{}`", excerpt(name)),
        });
    }
    let path = Path::new(name);
    if path.exists() {
        return Ok(ModelSource::Path(PathBuf::from(name)));
    }
    if name.contains(['/', '\\']) || name.ends_with(".gguf") {
        return Err(Error::io(path, ErrorKind::NotFound.into()));
    }
    Err(unknown(name))
}

fn hub_file(rest: &str) -> Option<HubFile> {
    let (repository, file) = rest.split_once(':')?;
    let safe = |text: &str| text.split('/').all(is_safe);
    let fits = repository.split('/').count() == 2 && file.ends_with(".gguf") && safe(repository) && safe(file);
    fits.then(|| HubFile { repository: repository.to_owned(), file: file.to_owned() })
}

/// Whether `part` means the same in a URL and as a file name on every system.
fn is_safe(part: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.+=@".contains(&byte);
    (1..=128).contains(&part.len()) && part.bytes().all(plain) && !part.starts_with('.') && !part.ends_with('.')
}

fn unknown(name: &str) -> Error {
    let known: Vec<_> = known_models().iter().map(|model| model.name).collect();
    let similarity = |other: &str| strsim::jaro_winkler(&name.to_lowercase(), other);
    let nearest = known.iter().max_by(|a, b| similarity(a).total_cmp(&similarity(b))).copied().unwrap_or_default();
    Error::Parameter {
        name: "model",
        expected: format!(
            "a GGUF file, a Hugging Face folder, hf:OWNER/REPO:FILE.gguf, or one of {} (did you mean `{nearest}`?)",
            known.join(", ")
        ),
        found: format!("`{}`", excerpt(name)),
    }
}

#[cfg(test)]
mod tests {
    use super::parse;
    use crate::Error;
    use crate::source::ModelSource;

    #[test]
    fn names_paths_and_hub_files_are_told_apart() {
        let known = parse("smollm2-135m-instruct").unwrap();
        assert!(matches!(known, ModelSource::Known(model) if model.bytes == 98_362_432));
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(parse(folder.path().to_str().unwrap()).unwrap(), ModelSource::Path(folder.path().to_owned()));
        let ModelSource::Hub(file) = parse("hf:Qwen/Qwen2.5-0.5B:q4/m-00.gguf").unwrap() else {
            panic!("not a hub file")
        };
        assert_eq!((file.repository(), file.file()), ("Qwen/Qwen2.5-0.5B", "q4/m-00.gguf"));
        assert_eq!(file.to_string(), "hf:Qwen/Qwen2.5-0.5B:q4/m-00.gguf");
    }

    #[test]
    fn an_unknown_name_gets_the_known_ones_and_the_nearest() {
        for (written, nearest) in
            [("qwen2.5-coder-0.5b", "qwen2.5-coder-0.5b-instruct"), ("SmolLM", "smollm2-135m-instruct")]
        {
            let message = parse(written).unwrap_err().to_string();
            assert!(message.contains("qwen2.5-coder-1.5b-instruct"), "{message}");
            assert!(message.contains(&format!("did you mean `{nearest}`?")), "{message}");
        }
        parse("").unwrap_err();
    }

    #[test]
    fn a_missing_path_is_reported_as_a_path() {
        for path in ["absent.gguf", "absent/folder"] {
            assert!(matches!(parse(path), Err(Error::Io { .. })), "{path}");
        }
    }

    #[test]
    fn hub_names_cannot_leave_their_repository() {
        for name in [
            "hf:",
            "hf:owner/repo",
            "hf:owner:f.gguf",
            "hf:a/b/c:f.gguf",
            "hf:owner/repo:",
            "hf:owner/repo:../f.gguf",
            "hf:owner/repo:a/../../f.gguf",
            "hf:owner/repo:/etc/f.gguf",
            "hf:owner/repo:a//f.gguf",
            "hf:../repo:f.gguf",
            "hf:owner/..:f.gguf",
            r"hf:owner/repo:..\f.gguf",
            "hf:owner/repo:C:f.gguf",
            "hf:owner/repo:f.gguf?x=.gguf",
            "hf:owner/repo:%2e%2e/f.gguf",
            "hf:owner/repo:.hidden.gguf",
            "hf:owner/repo:f.bin",
            "hf:owner/repo:f\0.gguf",
        ] {
            assert!(matches!(parse(name), Err(Error::Parameter { .. })), "{name}");
        }
    }
}
