//! What a user may write for a model.

use std::fmt;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::registry::find;
use super::{ModelSource, wrong_name};
use crate::error::{Error, Result};

/// What the name of a file on the hub starts with.
pub(super) const HUB_PREFIX: &str = "hf:";

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
    if let Some((prefix, rest)) = name.split_at_checked(HUB_PREFIX.len())
        && prefix.eq_ignore_ascii_case(HUB_PREFIX)
    {
        return hub_file(rest).map(ModelSource::Hub).ok_or_else(|| wrong_name::hub(name, rest));
    }
    if name.contains("://") {
        return Err(wrong_name::url(name));
    }
    let path = Path::new(name);
    match std::fs::metadata(path) {
        Ok(_) => Ok(ModelSource::Path(PathBuf::from(name))),
        Err(error) if [ErrorKind::NotFound, ErrorKind::NotADirectory].contains(&error.kind()) => {
            Err(wrong_name::not_found(name))
        }
        Err(error) => Err(Error::io(path, error)),
    }
}

/// The file that `rest`, which is `OWNER/REPO:FILE.gguf`, names.
fn hub_file(rest: &str) -> Option<HubFile> {
    let (repository, file) = rest.split_once(':')?;
    let safe = |text: &str| text.split('/').all(is_safe);
    let fits = is_repository(repository) && file.ends_with(".gguf") && safe(file);
    fits.then(|| HubFile { repository: repository.to_owned(), file: file.to_owned() })
}

/// Whether `text` is the owner and the name of a repository, with a slash between them.
pub(super) fn is_repository(text: &str) -> bool {
    text.split('/').count() == 2 && text.split('/').all(is_safe)
}

/// Whether `part` means the same in a URL and as a file name on every system.
fn is_safe(part: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.+=@".contains(&byte);
    (1..=128).contains(&part.len()) && part.bytes().all(plain) && !part.starts_with('.') && !part.ends_with('.')
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

    /// Each name with the part of the message that gives the right form.
    fn check(table: &[(&str, &str)]) {
        for (name, expected) in table {
            let message = parse(name).unwrap_err().to_string();
            assert!(message.contains(expected) && !message.contains('\n'), "{name}: {message}");
        }
    }

    #[test]
    fn addresses_on_the_hub_get_the_form_that_is_read() {
        let page = "https://huggingface.co/Qwen/Q-GGUF";
        check(&[
            (page, "expected `hf:Qwen/Q-GGUF:FILE.gguf` with the name of one of its files"),
            (&format!("{page}/resolve/main/q-q4_k_m.gguf?download=true"), "expected `hf:Qwen/Q-GGUF:q-q4_k_m.gguf`"),
            (&format!("{page}/blob/main/sub/q.gguf"), "expected `hf:Qwen/Q-GGUF:sub/q.gguf`"),
            (&format!("{page}/tree/main"), "`hf:Qwen/Q-GGUF:FILE.gguf`"),
            (&format!("{page}/resolve/v2/q.gguf"), "of the revision `main`"),
            (&format!("{page}/blob/main/model.safetensors"), "safetensors"),
            ("http://hf.co/a/b", "`hf:a/b:FILE.gguf`"),
            ("https://example.org/m.gguf", "download"),
            ("file:///tmp/m.gguf", "expected the path `/tmp/m.gguf`"),
        ]);
    }

    #[test]
    fn incomplete_names_on_the_hub_say_what_is_missing() {
        check(&[
            ("hf:", "OWNER/REPO:FILE.gguf"),
            ("hf:Qwen", "OWNER/REPO:FILE.gguf"),
            ("hf:Qwen/Q-GGUF", "expected `hf:Qwen/Q-GGUF:FILE.gguf` with the name of one of its files"),
            ("hf:Qwen/Q-GGUF", "https://huggingface.co/Qwen/Q-GGUF/tree/main"),
            ("hf:Qwen/Q-GGUF:", "found no file"),
            ("hf:Qwen/Q-GGUF:Q4_K_M", "with the name of the file that ends in `Q4_K_M.gguf`"),
            ("hf:Qwen/Q-GGUF:q.gguf/", "`hf:Qwen/Q-GGUF:q.gguf`"),
            ("hf:Qwen/Q-GGUF:model", "`hf:Qwen/Q-GGUF:model.gguf`"),
            ("hf:Qwen/Q-GGUF:model.safetensors", "`hf download Qwen/Q-GGUF`"),
            ("hf:Qwen/Q-GGUF/q.gguf", "expected `hf:Qwen/Q-GGUF:q.gguf`"),
            ("hf://Qwen/Q-GGUF/q.gguf", "expected `hf:Qwen/Q-GGUF:q.gguf`"),
            ("hf:https://huggingface.co/a/b/blob/main/q.gguf", "`hf:a/b:q.gguf`"),
        ]);
        assert!(matches!(parse("HF:a/b:q.gguf"), Ok(ModelSource::Hub(_))));
    }

    #[test]
    fn what_looks_like_a_repository_gets_its_name_on_the_hub() {
        check(&[
            ("Qwen/Q-GGUF", "no such file or folder; for a repository on the hub, write `hf:Qwen/Q-GGUF:FILE.gguf`"),
            ("Qwen/Q-GGUF:Q4_K_M", "`hf:Qwen/Q-GGUF:FILE.gguf`"),
            ("Qwen/Q-GGUF:q.gguf", "`hf:Qwen/Q-GGUF:q.gguf`"),
            ("Qwen/Q-GGUF/q.gguf", "`hf:Qwen/Q-GGUF:q.gguf`"),
        ]);
    }

    #[test]
    fn a_missing_path_gets_the_nearest_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        for name in ["Qwen-0.5B-q4_k_m.gguf", "notes.txt"] {
            std::fs::write(path(name), "").unwrap();
        }
        std::fs::create_dir_all(path("models/llama")).unwrap();
        let mean = |name: &str| format!("did you mean `{}`?", path(name));
        check(&[
            (&path("qwen-0.5b-Q4_K_M.gguf"), &mean("Qwen-0.5B-q4_k_m.gguf")),
            (&path("Qwen-0.5B-q4_k_m"), &mean("Qwen-0.5B-q4_k_m.gguf")),
            (&path("Qwen-0.5B-q5_k_m.gguf"), &mean("Qwen-0.5B-q4_k_m.gguf")),
            (&path("Qwen-0.5B-q4_k_m.gguf/"), &mean("Qwen-0.5B-q4_k_m.gguf")),
            (&path("model/llama"), &mean("models/llama")),
            (&path("zzz"), "its folder holds `Qwen-0.5B-q4_k_m.gguf`, `models`"),
            (&path("zzz/yyy/x.gguf"), &format!("there is no `{}`", path("zzz"))),
            ("~/absent-arbitrage-folder/m.gguf", "the shell replaces `~` only where it is not quoted"),
        ]);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_that_leads_nowhere_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("m.gguf");
        std::os::unix::fs::symlink("gone.gguf", &link).unwrap();
        check(&[(link.to_str().unwrap(), "a symbolic link to `gone.gguf`, which does not exist")]);
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
