//! The errors of names that are no model's, each with the right form.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use arbitrage_core::text::excerpt;

use super::name::{HUB_PREFIX, is_repository};
use super::registry::known_models;
use crate::error::Error;
use crate::small_file;
use crate::weights::report::nearest;

/// Hosts of the hub and of its mirrors.
const HUB_HOSTS: [&str; 4] = ["huggingface.co", "www.huggingface.co", "hf.co", "hf-mirror.com"];
/// Most files of a folder that are compared, and that are listed.
const MAX_CANDIDATES: usize = 4096;
const MAX_LISTED: usize = 5;

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
                _ => ("main", String::new()),
            };
            let form = hub_form(&format!("{owner}/{name}"), &file);
            wrong(if revision == "main" { form } else { format!("{form}, of the revision `main`") }, found)
        }
        _ => wrong("a path: download the file, and name it here", found),
    }
}

/// The error of `name`, which is `hf:` and `rest`.
pub(super) fn hub(name: &str, rest: &str) -> Error {
    if rest.contains("://") {
        return url(rest);
    }
    let rest = rest.trim_matches('/');
    let (repository, file) = split(rest);
    if !is_repository(&repository) {
        let parts = "the parts made of letters, digits and `-_.+=@`, none of them `.` or `..`";
        return wrong(format!("{HUB_PREFIX}OWNER/REPO:FILE.gguf, {parts}"), format!("`{}`", excerpt(name)));
    }
    let found = if file.is_empty() { "no file in " } else { "" };
    wrong(hub_form(&repository, &file), format!("{found}`{}`", excerpt(name)))
}

/// Repository and file of `OWNER/REPO:FILE` and of `OWNER/REPO/FILE`.
fn split(text: &str) -> (String, String) {
    if let Some((repository, file)) = text.split_once(':') {
        return (repository.to_owned(), file.to_owned());
    }
    let mut parts = text.splitn(3, '/');
    let repository: Vec<&str> = parts.by_ref().take(2).collect();
    (repository.join("/"), parts.next().unwrap_or_default().to_owned())
}

/// What to write for `file` in `repository`.
fn hub_form(repository: &str, file: &str) -> String {
    let repository = excerpt(repository);
    let of = |file: &str| format!("`{HUB_PREFIX}{repository}:{}`", excerpt(file));
    let listed = format!("listed at https://huggingface.co/{repository}/tree/main");
    let lower = file.to_lowercase();
    if file.is_empty() {
        return format!("{} with the name of one of its files, {listed}", of("FILE.gguf"));
    }
    if is_format(file) {
        return format!(
            "{} with the name of the file that ends in `{}.gguf`, {listed}",
            of("FILE.gguf"),
            excerpt(file)
        );
    }
    if [".safetensors", ".bin", ".json", ".pt", ".pth"].iter().any(|end| lower.ends_with(end)) {
        return format!(
            "a GGUF file, {}; a repository of safetensors is downloaded with `hf download {repository}`, and opened by the path of \
             its folder",
            of("FILE.gguf")
        );
    }
    if lower.ends_with(".gguf") {
        of(file)
    } else {
        format!("a file that ends in `.gguf`, such as {}", of(&format!("{file}.gguf")))
    }
}

/// Whether `text` names a format such as Q4_K_M rather than a file.
fn is_format(text: &str) -> bool {
    let upper = text.to_uppercase();
    let begins = ["Q", "IQ", "TQ", "F", "BF", "MXFP", "UD-"].iter().any(|start| upper.starts_with(start));
    begins && text.len() <= 12 && text.contains(|c: char| c.is_ascii_digit()) && !text.contains(['.', '/'])
}

/// The error of a name that is neither that of a known model nor a path that exists.
pub(super) fn not_found(name: &str) -> Error {
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
    let (repository, file) = split(name);
    if is_repository(&repository) && !first_folder(path).exists() {
        let file = if file.to_lowercase().ends_with(".gguf") { file } else { String::new() };
        return reason(format!(
            "no such file or folder; for a repository on the hub, write {}",
            hub_form(&repository, &file)
        ));
    }
    if name.contains(['/', '\\']) || name.to_lowercase().ends_with(".gguf") {
        return reason(format!("no such file or folder{}", surroundings(path)));
    }
    unknown(name)
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

fn unknown(name: &str) -> Error {
    let known: Vec<_> = known_models().iter().map(|model| model.name).collect();
    let similarity = |other: &str| strsim::jaro_winkler(&name.to_lowercase(), other);
    let nearest = known.iter().max_by(|a, b| similarity(a).total_cmp(&similarity(b))).copied().unwrap_or_default();
    wrong(
        format!(
            "a GGUF file, a Hugging Face folder, hf:OWNER/REPO:FILE.gguf, or one of {} (did you mean `{nearest}`?)",
            known.join(", ")
        ),
        format!("`{}`", excerpt(name)),
    )
}
