//! Which files of a repository a model is.

use std::collections::{BTreeSet, HashMap};

use arbitrage_core::text::excerpt;

use super::commit_files::{CommitFile, CommitFiles};
use super::gguf_name::GgufName;
use super::hub_model::{HubModel, HubPart};
use crate::error::{Error, Result};
use crate::weights::gguf::split_name::{SplitName, all_parts, first_part};

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
        HubPart::File(name) => parts(model, listing, named(model, listing, name)?)?,
        HubPart::Quantisation(label) => parts(model, listing, &labelled(model, listing, label)?)?,
        HubPart::Repository if listing.is_folder() => folder(model, listing)?,
        HubPart::Repository => parts(model, listing, &default_gguf(model, listing)?)?,
    };
    let selected = CommitFiles { commit: listing.commit.clone(), files: files.into_iter().cloned().collect() };
    selected.check_sizes().map_err(|reason| refused(model, "files of the size of a model's", reason))?;
    Ok(selected)
}

fn named<'a>(model: &HubModel, listing: &CommitFiles, name: &'a str) -> Result<&'a str> {
    match listing.files.iter().any(|file| file.name == name) {
        true => Ok(name),
        false => Err(refused(model, available(listing), format!("no file `{}`", excerpt(name)))),
    }
}

/// The file `name`, or all parts of the split file that it is one of, in order.
fn parts<'a>(model: &HubModel, listing: &'a CommitFiles, name: &str) -> Result<Vec<&'a CommitFile>> {
    let by_name: HashMap<&str, &CommitFile> = listing.files.iter().map(|file| (file.name.as_str(), file)).collect();
    let part = |part: String| {
        by_name.get(part.as_str()).copied().ok_or_else(|| {
            let expected = format!("a file of which the repository has all parts: {}", available(listing));
            let found = format!("`{}` without its part `{}`", excerpt(&first_part(name)), excerpt(&part));
            refused(model, expected, found)
        })
    };
    all_parts(name).map(part).collect()
}

/// The one GGUF file whose name ends in `label`, by its first part if it has several. A file with just this label goes before one with a
/// variant of it, such as UD-Q2_K, and a file in one part before the same in several.
fn labelled(model: &HubModel, listing: &CommitFiles, label: &str) -> Result<String> {
    let mut found = gguf_files(listing, &|gguf| gguf.label().is_some_and(|own| own.eq_ignore_ascii_case(label)));
    if found.is_empty() {
        found = gguf_files(listing, &|gguf| gguf.ends_in(label));
    }
    if found.iter().any(|name| !is_split(name)) {
        found.retain(|name| !is_split(name));
    }
    match found.as_slice() {
        [file] => Ok(file.clone()),
        [] => Err(refused(model, available(listing), format!("no GGUF file whose name ends in `{label}`"))),
        several => {
            let names = list(several.iter().map(String::as_str));
            let expected = format!("one of these files, as hf:{}:FILE.gguf", model.repository());
            Err(refused(model, expected, format!("several whose names end in `{label}`: {names}")))
        }
    }
}

/// The GGUF file of a repository that has no other, or the one with [`DEFAULT_LABEL`], by its first part if it has several.
fn default_gguf(model: &HubModel, listing: &CommitFiles) -> Result<String> {
    let gguf = gguf_files(listing, &|_| true);
    match gguf.as_slice() {
        [] => {
            let expected = "a repository with safetensors or GGUF files";
            Err(refused(model, expected, list(listing.files.iter().map(|file| file.name.as_str()))))
        }
        [file] => Ok(file.clone()),
        several => labelled(model, listing, DEFAULT_LABEL).map_err(|_| {
            let found = format!("{} GGUF files, not just one with {DEFAULT_LABEL}", several.len());
            refused(model, available(listing), found)
        }),
    }
}

/// The GGUF files whose names fit, each once: by its first part if it has several.
fn gguf_files(listing: &CommitFiles, fits: &dyn Fn(GgufName<'_>) -> bool) -> Vec<String> {
    let fitting = listing.files.iter().filter(|file| GgufName::read(&file.name).is_some_and(fits));
    let names: BTreeSet<String> = fitting.map(|file| first_part(&file.name)).collect();
    names.into_iter().collect()
}

fn is_split(name: &str) -> bool {
    SplitName::read(name).is_some_and(SplitName::is_one_of_several)
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

fn refused(model: &HubModel, expected: impl Into<String>, found: impl AsRef<str>) -> Error {
    Error::Parameter { name: "model", expected: expected.into(), found: format!("`{model}`: {}", found.as_ref()) }
}

/// What a user may ask for in place of what is not there.
fn available(listing: &CommitFiles) -> String {
    let label = |name: &str| GgufName::read(name)?.label().map(str::to_uppercase);
    let files = gguf_files(listing, &|_| true);
    let labels: BTreeSet<String> = files.iter().filter_map(|name| label(name)).collect();
    let others = files.iter().filter(|name| label(name).is_none());
    let names: Vec<&str> = labels.iter().chain(others).map(String::as_str).collect();
    match (names.is_empty(), listing.is_folder()) {
        (true, true) => "the repository's name alone, since it has safetensors and no GGUF file".to_owned(),
        (true, false) => "another repository, since it has no GGUF file".to_owned(),
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
    fn a_split_file_is_all_of_its_parts_in_order() {
        let parts = ["q/m-Q8_0-00001-of-00002.gguf", "q/m-Q8_0-00002-of-00002.gguf"];
        let names = [parts[1], "m-Q4_0.gguf", parts[0], "m-Q8_0-00002-of-00003.gguf.txt"];
        for part in ["Q8_0", parts[0], parts[1]] {
            assert_eq!(selected(&format!("a/b:{part}"), &names).unwrap(), parts, "{part}");
        }
        // Without another file, they are the repository's model.
        assert_eq!(selected("a/b", &parts).unwrap(), parts);
        assert_eq!(selected("a/b", &["x-Q8_0.gguf", "m-Q4_K_M-00001-of-00001.gguf"]).unwrap().len(), 1);
        // A file in one part is simpler than the same in several; two split files are two.
        assert_eq!(selected("a/b:Q8_0", &[parts[0], parts[1], "m-Q8_0.gguf"]).unwrap(), ["m-Q8_0.gguf"]);
        let message = error("a/b:Q8_0", &["m-Q8_0-00001-of-00002.gguf", "m-Q8_0-00001-of-00003.gguf"]);
        assert!(message.contains("several whose names end in `Q8_0`: m-Q8_0-00001-of-00002.gguf, m-"), "{message}");
    }

    #[test]
    fn a_part_that_the_repository_does_not_have_is_named() {
        let names = ["m-Q8_0-00001-of-00003.gguf", "m-Q8_0-00003-of-00003.gguf", "m-Q4_0.gguf"];
        for part in ["Q8_0", names[0], names[1]] {
            let message = error(&format!("a/b:{part}"), &names);
            let found = "`m-Q8_0-00001-of-00003.gguf` without its part `m-Q8_0-00002-of-00003.gguf`";
            assert!(message.contains(found) && message.contains("one of Q4_0, Q8_0"), "{message}");
        }
        for (model, name) in [("a/b", names[1]), ("a/b:Q8_0", names[1])] {
            assert!(error(model, &[name]).contains("without its part `m-Q8_0-00001-of-00003.gguf`"));
        }
        assert!(error("a/b:m-Q8_0-00002-of-00003.gguf", &names).contains("no file `m-Q8_0-00002-of-00003.gguf`"));
        // As many as a name can announce are looked for one after the other.
        assert!(error("a/b", &["m-00001-of-99999.gguf"]).contains("without its part `m-00002-of-99999.gguf`"));
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
