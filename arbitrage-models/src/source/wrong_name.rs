//! The errors of names that are no model's, each with the right form.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use arbitrage_core::text::excerpt;

use super::gguf_name::is_label;
use super::hub_model::{HUB_PREFIX, MAIN};
use super::registry::known_models;
use super::safe_name::{is_repository, is_safe_path};
use crate::error::Error;
use crate::small_file;
use crate::weights::report::nearest;

/// Hosts of the hub and of its mirrors.
const HUB_HOSTS: [&str; 4] = ["huggingface.co", "www.huggingface.co", "hf.co", "hf-mirror.com"];
/// Most files of a folder that are compared, and that are listed.
const MAX_CANDIDATES: usize = 4096;
const MAX_LISTED: usize = 5;
/// What can be written for a model on the hub.
const FORMS: &str = "hf:OWNER/REPO, hf:OWNER/REPO:Q4_K_M or hf:OWNER/REPO:FILE.gguf";

fn wrong(expected: impl Into<String>, found: impl Into<String>) -> Error {
    Error::Parameter { name: "model", expected: expected.into(), found: found.into() }
}

/// The error of `name`, an address such as `https://huggingface.co/OWNER/REPO/resolve/main/FILE.gguf`.
pub(super) fn url(name: &str) -> Error {
    let found = format!("the URL `{}`", excerpt(name));
    let (scheme, rest) = name.split_once("://").unwrap_or_default();
    if scheme.eq_ignore_ascii_case("file") {
        return wrong(format!("the path `{}`", excerpt(rest)), found);
    }
    let address = rest.split(['?', '#']).next().unwrap_or_default();
    let (host, path) = address.split_once('/').unwrap_or((address, ""));
    let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    match segments.as_slice() {
        [owner, name, rest @ ..] if HUB_HOSTS.contains(&host) && is_repository(&format!("{owner}/{name}")) => {
            let (revision, file) = match rest {
                [_, revision, file @ ..] => (*revision, file.join("/")),
                _ => (MAIN, String::new()),
            };
            let repository = format!("{owner}/{name}");
            wrong(HubParts { repository, revision: revision.to_owned(), part: file }.form(), found)
        }
        _ => wrong("a path: download the file, and name it here", found),
    }
}

/// The error of `name`, which is `hf:` and `rest`.
pub(super) fn hub(name: &str, rest: &str) -> Error {
    if rest.contains("://") {
        return url(rest);
    }
    let parts = HubParts::split(rest.trim_matches('/'));
    let found = format!("`{}`", excerpt(name));
    if !is_repository(&parts.repository) {
        let letters = "the parts made of letters, digits and `-_.+=`, none of them `.` or `..`";
        return wrong(format!("{FORMS}, {letters}"), found);
    }
    if !is_safe_path(&parts.revision) {
        return wrong("a revision after `@`: a branch, a tag or a commit, of letters, digits and `-_.+=/`", found);
    }
    if parts.part.is_empty() {
        return wrong(parts.usual_forms(), found);
    }
    wrong(parts.form(), found)
}

/// What a user wrote of a model on the hub, right or wrong.
struct HubParts {
    repository: String,
    revision: String,
    part: String,
}

impl HubParts {
    /// Takes `OWNER/REPO[@REVISION]:PART` and `OWNER/REPO/PART` apart.
    fn split(text: &str) -> Self {
        let (head, part) = match text.split_once(':') {
            Some((head, part)) => (head.to_owned(), part),
            None => {
                let at = text.match_indices('/').nth(1).map_or(text.len(), |(at, _)| at);
                (text[..at].to_owned(), text[at..].trim_start_matches('/'))
            }
        };
        let (repository, revision) = head.split_once('@').unwrap_or((&head, MAIN));
        Self { repository: repository.to_owned(), revision: revision.to_owned(), part: part.to_owned() }
    }

    /// The repository, at its revision.
    fn address(&self) -> String {
        let repository = excerpt(&self.repository);
        match self.revision.as_str() {
            MAIN => format!("{HUB_PREFIX}{repository}"),
            revision => format!("{HUB_PREFIX}{repository}@{}", excerpt(revision)),
        }
    }

    /// What to write.
    fn form(&self) -> String {
        let address = self.address();
        let (part, lower) = (excerpt(&self.part), self.part.to_lowercase());
        if part.is_empty() {
            return format!("`{address}`");
        }
        if [".safetensors", ".bin", ".json", ".pt", ".pth"].iter().any(|end| lower.ends_with(end)) {
            return format!("`{address}`, the whole folder, or the name of a GGUF file in its place");
        }
        match lower.ends_with(".gguf") || is_label(&part) {
            true => format!("`{address}:{part}`"),
            false => format!("a label such as Q4_K_M, or a file that ends in `.gguf`, such as `{address}:{part}.gguf`"),
        }
    }

    /// What can be written where no part was.
    fn usual_forms(&self) -> String {
        let (address, repository) = (self.address(), excerpt(&self.repository));
        format!(
            "`{address}`, or `{address}:Q4_K_M` with a label or the name of one of its files, listed at \
             https://huggingface.co/{repository}/tree/{}",
            excerpt(&self.revision)
        )
    }
}

/// The error of a name that is neither that of a known model nor a path that exists. `listed` are the names in the user's own list.
pub(super) fn not_found(name: &str, listed: &[&str]) -> Error {
    let path = Path::new(name);
    if path.symlink_metadata().is_ok()
        && let Err(error) = small_file::regular(path)
    {
        return error; // a link that leads nowhere
    }
    let reason = |hint: String| Error::io(path, io::Error::new(ErrorKind::NotFound, hint));
    if name.starts_with('~') {
        let home = name.strip_prefix("~/").and_then(|rest| Some(dirs::home_dir()?.join(rest)));
        let form = home.map(|path| format!(": write `{}`", excerpt(&path.display().to_string())));
        let hint = "no such file or folder; the shell replaces `~` only where it is not quoted";
        return reason(format!("{hint}{}", form.unwrap_or_default()));
    }
    if let Some(near) = similar_path(path) {
        return reason(format!("no such file or folder; did you mean `{}`?", excerpt(&near.display().to_string())));
    }
    let mut parts = HubParts::split(name);
    if is_repository(&parts.repository) && is_safe_path(&parts.revision) && !first_folder(path).exists() {
        if !parts.part.to_lowercase().ends_with(".gguf") && !is_label(&parts.part) {
            parts.part.clear();
        }
        return reason(format!("no such file or folder; for a repository on the hub, write {}", parts.form()));
    }
    if name.contains(['/', '\\']) || name.to_lowercase().ends_with(".gguf") {
        return reason(format!("no such file or folder{}", surroundings(path)));
    }
    unknown(name, listed)
}

fn first_folder(path: &Path) -> PathBuf {
    path.components().take(1).collect()
}

/// The existing path that is nearest to `path`: another spelling of the part that is missing.
fn similar_path(path: &Path) -> Option<PathBuf> {
    let (folder, missing, rest) = first_missing(path)?;
    let names = models_in(&folder);
    let name = missing.to_lowercase();
    let same = |other: &&String| {
        let other = other.to_lowercase();
        other == name || other.strip_suffix(".gguf") == Some(&name)
    };
    let near = names.iter().find(same).map(String::as_str);
    let near = near.or_else(|| nearest(&missing, names.iter().map(String::as_str)))?;
    let found = folder.join(near);
    let whole = found.join(&rest);
    Some(if rest.as_os_str().is_empty() || !whole.exists() { found } else { whole })
}

/// What there is around a path that does not exist.
fn surroundings(path: &Path) -> String {
    let Some((folder, missing, rest)) = first_missing(path) else { return String::new() };
    if !rest.as_os_str().is_empty() {
        return format!("; there is no `{}`", excerpt(&folder.join(missing).display().to_string()));
    }
    let names = models_in(&folder);
    let shown: Vec<String> = names.iter().take(MAX_LISTED).map(|name| format!("`{}`", excerpt(name))).collect();
    match names.len() {
        0 => String::new(),
        count if count > MAX_LISTED => {
            format!("; its folder holds {} and {} more", shown.join(", "), count - MAX_LISTED)
        }
        _ => format!("; its folder holds {}", shown.join(", ")),
    }
}

/// The deepest folder on the way to `path` that exists, the name in it that does not, and what would follow.
fn first_missing(path: &Path) -> Option<(PathBuf, String, PathBuf)> {
    let components: Vec<_> = path.components().collect();
    let existing = |count: usize| -> PathBuf { components[..count].iter().collect() };
    let count = (0..components.len()).rev().find(|&count| count == 0 || existing(count).is_dir())?;
    let folder = existing(count);
    let missing = components[count].as_os_str().to_string_lossy().into_owned();
    Some((folder, missing, components[count + 1..].iter().collect()))
}

/// The folders and GGUF files in a folder, sorted.
fn models_in(folder: &Path) -> Vec<String> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let name = |entry: std::fs::DirEntry| {
        let name = entry.file_name().into_string().ok()?;
        (name.to_lowercase().ends_with(".gguf") || entry.path().is_dir()).then_some(name)
    };
    let mut names: Vec<String> = entries.take(MAX_CANDIDATES).filter_map(|entry| name(entry.ok()?)).collect();
    names.sort();
    names
}

fn unknown(name: &str, listed: &[&str]) -> Error {
    let known: Vec<_> = known_models().iter().map(|model| model.name).chain(listed.iter().copied()).collect();
    let similarity = |other: &str| strsim::jaro_winkler(&name.to_lowercase(), &other.to_lowercase());
    let nearest = known.iter().max_by(|a, b| similarity(a).total_cmp(&similarity(b))).copied().unwrap_or_default();
    wrong(
        format!(
            "a GGUF file, a Hugging Face folder, {FORMS}, or one of {} (did you mean `{nearest}`?)",
            known.join(", ")
        ),
        format!("`{}`", excerpt(name)),
    )
}
