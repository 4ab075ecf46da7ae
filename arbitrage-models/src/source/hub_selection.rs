//! Which files of a repository a model is.

use std::collections::BTreeSet;

use arbitrage_core::text::excerpt;

use super::commit_files::{CommitFile, CommitFiles};
use super::gguf_name::GgufName;
use super::hub_model::{HubModel, HubPart};
use crate::error::{Error, Result};

/// The label that is taken where a repository has several and none was asked for: small, and close to the original.
const DEFAULT_LABEL: &str = "Q4_K_M";
/// Most names that an error lists.
const MAX_LISTED: usize = 16;

/// Files of a model's folder beside its weights, where they are there: those that are read here and those that other tools need to
/// read the same folder.
const FOLDER_FILES: [&str; 16] = [
    CONFIG,
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "chat_template.jinja",
    "chat_template.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "model.safetensors.index.json",
    "vocab.json",
    "vocab.txt",
    "merges.txt",
    "tokenizer.model",
    "spiece.model",
    "arbitrage.json",
    "router.json",
];
const CONFIG: &str = "config.json";

/// The files of `listing` that are `model`.
///
/// # Errors
/// [`Error::Parameter`] where there are none, several, or only what cannot be loaded; it lists what there is.
pub(super) fn select(model: &HubModel, listing: &CommitFiles) -> Result<CommitFiles> {
    let files = match model.part() {
        HubPart::File(name) => vec![named(model, listing, name)?],
        HubPart::Quantisation(label) => vec![labelled(model, listing, label)?],
        HubPart::Repository if listing.is_folder() => folder(model, listing)?,
        HubPart::Repository => vec![default_gguf(model, listing)?],
    };
    let selected = CommitFiles { commit: listing.commit.clone(), files: files.into_iter().cloned().collect() };
    selected.check_sizes().map_err(|reason| refused(model, "files of the size of a model's", reason))?;
    Ok(selected)
}

fn named<'a>(model: &HubModel, listing: &'a CommitFiles, name: &str) -> Result<&'a CommitFile> {
    let file = listing.files.iter().find(|file| file.name == name);
    let file = file.ok_or_else(|| refused(model, available(listing), format!("no file `{}`", excerpt(name))))?;
    match GgufName::read(name) {
        Some(gguf) if gguf.is_split() => Err(split(model, listing, &[file])),
        _ => Ok(file),
    }
}

/// The one GGUF file whose name ends in `label`. A file with just this label goes before one with a variant of it, such as UD-Q2_K.
fn labelled<'a>(model: &HubModel, listing: &'a CommitFiles, label: &str) -> Result<&'a CommitFile> {
    let matching = |fits: &dyn Fn(GgufName<'_>) -> bool| -> Vec<&CommitFile> {
        listing.files.iter().filter(|file| GgufName::read(&file.name).is_some_and(fits)).collect()
    };
    let mut found = matching(&|gguf| gguf.label().is_some_and(|own| own.eq_ignore_ascii_case(label)));
    if found.is_empty() {
        found = matching(&|gguf| gguf.ends_in(label));
    }
    let whole: Vec<_> = found.iter().filter(|file| !is_split(file)).copied().collect();
    match (whole.as_slice(), found.as_slice()) {
        ([file], _) => Ok(file),
        ([], []) => Err(refused(model, available(listing), format!("no GGUF file whose name ends in `{label}`"))),
        ([], parts) => Err(split(model, listing, parts)),
        (several, _) => {
            let names = list(several.iter().map(|file| file.name.as_str()));
            let expected = format!("one of these files, as hf:{}:FILE.gguf", model.repository());
            Err(refused(model, expected, format!("several whose names end in `{label}`: {names}")))
        }
    }
}

/// The GGUF file of a repository that has no other, or the one with [`DEFAULT_LABEL`].
fn default_gguf<'a>(model: &HubModel, listing: &'a CommitFiles) -> Result<&'a CommitFile> {
    let gguf: Vec<_> = listing.files.iter().filter(|file| GgufName::read(&file.name).is_some()).collect();
    match gguf.as_slice() {
        [] => {
            let expected = "a repository with safetensors or GGUF files";
            Err(refused(model, expected, list(listing.files.iter().map(|file| file.name.as_str()))))
        }
        [file] if !is_split(file) => Ok(file),
        parts if parts.iter().all(|file| is_split(file)) => Err(split(model, listing, parts)),
        several => labelled(model, listing, DEFAULT_LABEL).map_err(|_| {
            let found = format!("{} GGUF files, not just one with {DEFAULT_LABEL}", several.len());
            refused(model, available(listing), found)
        }),
    }
}

/// The files of a folder of safetensors: those of the repository's own folder, without weights in a second form.
fn folder<'a>(model: &HubModel, listing: &'a CommitFiles) -> Result<Vec<&'a CommitFile>> {
    if !listing.files.iter().any(|file| file.name == CONFIG) {
        let expected = "a model's folder with config.json beside its safetensors";
        let found = list(listing.files.iter().map(|file| file.name.as_str()));
        return Err(refused(model, expected, format!("{found}; adapters and pipelines are no models by themselves")));
    }
    // Mistral's own format repeats all weights of the others.
    let is_repeated = |file: &CommitFile| file.name.starts_with("consolidated");
    let has_other = listing.files.iter().any(|file| file.is_safetensors() && !is_repeated(file));
    let wanted = |file: &&CommitFile| {
        FOLDER_FILES.contains(&file.name.as_str()) || file.is_safetensors() && !(has_other && is_repeated(file))
    };
    Ok(listing.files.iter().filter(wanted).collect())
}

fn is_split(file: &CommitFile) -> bool {
    GgufName::read(&file.name).is_some_and(GgufName::is_split)
}

fn refused(model: &HubModel, expected: impl Into<String>, found: impl AsRef<str>) -> Error {
    Error::Parameter { name: "model", expected: expected.into(), found: format!("`{model}`: {}", found.as_ref()) }
}

/// The error of a model that is split into `parts`.
fn split(model: &HubModel, listing: &CommitFiles, parts: &[&CommitFile]) -> Error {
    let first = parts.iter().map(|file| file.name.as_str()).min().unwrap_or_default();
    let stem = first.rsplit_once("-of-").and_then(|(start, _)| start.rsplit_once('-')).map_or(first, |(stem, _)| stem);
    let expected = format!(
        "a GGUF file in one part: {}, or download the parts with `hf download {} --include \"{stem}*\"`, and name the first of them",
        available(listing),
        model.repository()
    );
    refused(model, expected, format!("the split file `{first}`, whose parts are not downloaded yet"))
}

/// What a user may ask for in place of what is not there.
fn available(listing: &CommitFiles) -> String {
    let whole = listing.files.iter().filter(|file| !is_split(file));
    let gguf: Vec<_> = whole.filter_map(|file| Some((file, GgufName::read(&file.name)?))).collect();
    let labels: BTreeSet<String> = gguf.iter().filter_map(|(_, gguf)| Some(gguf.label()?.to_uppercase())).collect();
    let others = gguf.iter().filter(|(_, gguf)| gguf.label().is_none()).map(|(file, _)| file.name.as_str());
    let names: Vec<&str> = labels.iter().map(String::as_str).chain(others).collect();
    match (names.is_empty(), listing.is_folder()) {
        (true, true) => "the repository's name alone, since it has safetensors and no GGUF file".to_owned(),
        (true, false) => "another repository, since it has no GGUF file in one part".to_owned(),
        (false, true) => {
            format!("the repository's name alone for its safetensors, or one of {}", list(names.into_iter()))
        }
        (false, false) => format!("one of {}", list(names.into_iter())),
    }
}

/// The first names, and how many more there are.
fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.collect();
    let shown: Vec<String> = names.iter().take(MAX_LISTED).map(|name| excerpt(name)).collect();
    match names.len().saturating_sub(MAX_LISTED) {
        _ if names.is_empty() => "no files".to_owned(),
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing(names: &[&str]) -> CommitFiles {
        let file = |name: &&str| CommitFile { name: (*name).to_owned(), bytes: Some(1), sha256: None };
        CommitFiles { commit: "0".repeat(40), files: names.iter().map(file).collect() }
    }

    fn selected(model: &str, names: &[&str]) -> Result<Vec<String>> {
        let files = select(&HubModel::parse(model).unwrap(), &listing(names))?.files;
        Ok(files.into_iter().map(|file| file.name).collect())
    }

    fn error(model: &str, names: &[&str]) -> String {
        let error = selected(model, names).unwrap_err();
        assert!(matches!(error, Error::Parameter { .. }));
        error.to_string()
    }

    #[test]
    fn a_label_finds_its_file() {
        let names = [
            "README.md",
            "m-q4_k_m.gguf",
            "m-UD-Q2_K.gguf",
            "m-Q2_K.gguf",
            "m-BF16.gguf",
            "mmproj-F16.gguf",
            "x.F16.gguf",
        ];
        for (label, file) in
            [("Q4_K_M", "m-q4_k_m.gguf"), ("q2_k", "m-Q2_K.gguf"), ("UD-Q2_K", "m-UD-Q2_K.gguf"), ("F16", "x.F16.gguf")]
        {
            assert_eq!(selected(&format!("a/b:{label}"), &names).unwrap(), [file]);
        }
        let message = error("a/b:Q8_0", &names);
        assert!(
            message.contains("expected one of BF16, F16, Q2_K, Q4_K_M, UD-Q2_K, found `hf:a/b:Q8_0`: no GGUF file"),
            "{message}"
        );
        let message = error("a/b:Q4_0", &["x-q4_0.gguf", "y-Q4_0.gguf"]);
        assert!(message.contains("several whose names end in `Q4_0`: x-q4_0.gguf, y-Q4_0.gguf"), "{message}");
    }

    #[test]
    fn a_split_file_says_what_to_do() {
        let names = ["q/m-Q8_0-00001-of-00002.gguf", "q/m-Q8_0-00002-of-00002.gguf", "m-Q4_0.gguf"];
        for model in ["a/b:Q8_0", "a/b:q/m-Q8_0-00001-of-00002.gguf"] {
            let message = error(model, &names);
            for part in
                ["one of Q4_0", "--include \"q/m-Q8_0*\"", "name the first of them", "q/m-Q8_0-00001-of-00002.gguf"]
            {
                assert!(message.contains(part), "{message}");
            }
        }
        assert!(error("a/b", &names[..2]).contains("not downloaded yet"));
        assert_eq!(selected("a/b:Q8_0", &["m-Q8_0-00001-of-00001.gguf"]).unwrap().len(), 1);
    }

    #[test]
    fn a_repository_is_a_folder_or_its_usual_file() {
        let folder = [
            "config.json",
            "tokenizer.json",
            "model-00001-of-00002.safetensors",
            "model.safetensors.index.json",
            "consolidated.safetensors",
            "pytorch_model.bin",
            "onnx/model.safetensors",
            "README.md",
            "m-Q4_0.gguf",
        ];
        assert_eq!(selected("a/b", &folder).unwrap(), folder[..4]);
        assert_eq!(selected("a/b", &["config.json", "consolidated.safetensors"]).unwrap().len(), 2);
        assert_eq!(selected("a/b", &["README.md", "any.gguf"]).unwrap(), ["any.gguf"]);
        assert_eq!(selected("a/b", &["m-Q8_0.gguf", "m-Q4_K_M.gguf"]).unwrap(), ["m-Q4_K_M.gguf"]);
        let message = error("a/b", &["m-Q8_0.gguf", "m-Q5_0.gguf", "other.gguf"]);
        assert!(message.contains("expected one of Q5_0, Q8_0, other.gguf"), "{message}");
        assert!(error("a/b", &["adapter_model.safetensors", "adapter_config.json"]).contains("adapters and pipelines"));
        assert!(error("a/b", &["pytorch_model.bin"]).contains("pytorch_model.bin"));
        assert!(error("a/b:m.gguf", &folder[..3]).contains("the repository's name alone"));
    }

    #[test]
    fn sizes_and_lists_are_bounded() {
        let names: Vec<String> = (0..500).map(|number| format!("m{number}.gguf")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let message = error("a/b", &names);
        assert!(message.contains("and 484 more") && message.len() < 500, "{message}");
        let mut huge = listing(&["m.gguf"]);
        for bytes in [Some(u64::MAX), None] {
            huge.files[0].bytes = bytes;
            let error = select(&HubModel::parse("a/b").unwrap(), &huge).unwrap_err().to_string();
            assert!(error.contains("expected at most 1099511627776 bytes"), "{error}");
        }
    }
}
