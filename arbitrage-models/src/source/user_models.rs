//! The user's own list of models: names for addresses on the hub, in a JSON file.

use std::collections::BTreeMap;
use std::path::Path;

use arbitrage_core::text::excerpt;
use serde::Deserialize;

use super::hub_model::{HUB_PREFIX, HubModel, PinnedContent};
use super::safe_name::{is_safe, is_sha256};
use super::{SourceSettings, registry};
use crate::error::{Error, Result};
use crate::small_file::{parse_json, read_text_if_present};

/// Longest list that is read, in bytes.
const MAX_LIST_BYTES: u64 = 1 << 20;

/// A model of the user's own list.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UserModel {
    /// The name to request it by.
    pub name: String,
    /// Where it is on the hub.
    pub hub: HubModel,
    /// The size of its file, where the list says it.
    pub bytes: Option<u64>,
    /// Licence of the weights, where the list says it.
    pub licence: Option<String>,
}

/// An entry of the list.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UserModelEntry {
    /// The address, as on the command line.
    hub: String,
    bytes: Option<u64>,
    sha256: Option<String>,
    licence: Option<String>,
}

/// The models of the user's own list, by name; none where there is no such file.
///
/// # Errors
/// [`Error::Format`] naming the file and the entry, for what is no list, and for a name that is that of a model of the registry;
/// [`Error::Io`] when the file cannot be read.
pub(super) fn read(settings: &SourceSettings) -> Result<Vec<UserModel>> {
    let path = settings.models.as_path();
    let Some(text) = read_text_if_present(path, MAX_LIST_BYTES)? else { return Ok(Vec::new()) };
    let json = parse_json(path, &text)?;
    // An entry at a time, so that an error names it.
    let entries: BTreeMap<String, serde_json::Value> = serde_json::from_value(json)
        .map_err(|error| Error::format(path, "list", "an object with an entry for each name", error))?;
    entries.into_iter().map(|(name, entry)| user_model(path, name, entry)).collect()
}

fn user_model(path: &Path, name: String, entry: serde_json::Value) -> Result<UserModel> {
    let wrong = |field: &str, expected: &str, found: &str| {
        Error::format(path, format!("{}{field}", excerpt(&name)), expected, format!("`{}`", excerpt(found)))
    };
    if registry::find(&name).is_some() {
        return Err(wrong("", "another name, since a model of the program has this one", &name));
    }
    if !is_safe(&name) || name.to_lowercase().ends_with(".gguf") {
        return Err(wrong("", "a name of letters, digits and `-_.+=@` that does not end in .gguf", &name));
    }
    let entry: UserModelEntry =
        serde_json::from_value(entry).map_err(|error| wrong("", "an entry with `hub`", &error.to_string()))?;
    let mut hub =
        entry.hub.strip_prefix(HUB_PREFIX).and_then(HubModel::parse).ok_or_else(|| {
            wrong("/hub", "hf:OWNER/REPO, hf:OWNER/REPO:Q4_K_M or hf:OWNER/REPO:FILE.gguf", &entry.hub)
        })?;
    if let Some(digest) = entry.sha256.as_ref().filter(|digest| !is_sha256(digest)) {
        return Err(wrong("/sha256", "64 hexadecimal digits in lower case", digest));
    }
    hub.pinned = PinnedContent { bytes: entry.bytes, sha256: entry.sha256 };
    Ok(UserModel { name, hub, bytes: entry.bytes, licence: entry.licence })
}

#[cfg(test)]
mod tests {
    use crate::source::{HubPart, ModelSource, SourceSettings};

    fn settings(text: &str) -> (tempfile::TempDir, SourceSettings) {
        let folder = tempfile::tempdir().unwrap();
        let settings = SourceSettings::new(folder.path());
        std::fs::write(&settings.models, text).unwrap();
        (folder, settings)
    }

    #[test]
    fn names_of_the_list_are_models() {
        let digest = "a".repeat(64);
        let text = format!(
            r#"{{"mine": {{"hub": "hf:a/b@v1:Q4_0", "bytes": 3, "sha256": "{digest}", "licence": "MIT"}}, "other": {{"hub": "hf:a/b"}}}}"#
        );
        let (_folder, settings) = settings(&text);
        let models = settings.user_models().unwrap();
        assert_eq!((models.len(), &*models[0].name, models[0].licence.as_deref()), (2, "mine", Some("MIT")));
        let ModelSource::Hub(model) = ModelSource::parse_with("mine", &settings).unwrap() else { panic!() };
        assert_eq!((model.revision(), model.part()), ("v1", &HubPart::Quantisation("Q4_0".to_owned())));
        assert_eq!((model.pinned.bytes, model.pinned.sha256), (Some(3), Some(digest)));
        let message = ModelSource::parse_with("miine", &settings).unwrap_err().to_string();
        assert!(message.contains("mine, other (did you mean `mine`?)"), "{message}");
    }

    #[test]
    fn without_a_list_there_are_no_names() {
        let folder = tempfile::tempdir().unwrap();
        assert!(SourceSettings::new(folder.path()).user_models().unwrap().is_empty());
    }

    #[test]
    fn a_wrong_entry_is_named_with_its_file() {
        for (text, reason) in [
            (r#"{"gemma-3-270m": {"hub": "hf:a/b"}}"#, "gemma-3-270m: expected another name"),
            (r#"{"../x": {"hub": "hf:a/b"}}"#, "../x: expected a name of letters"),
            (r#"{"x.gguf": {"hub": "hf:a/b"}}"#, "does not end in .gguf"),
            (r#"{"x": {"hub": "a/b"}}"#, "x/hub: expected hf:OWNER/REPO"),
            (r#"{"x": {"hub": "hf:a/../b"}}"#, "x/hub: expected hf:OWNER/REPO"),
            (r#"{"x": {"hub": "hf:a/b", "sha256": "AB"}}"#, "x/sha256: expected 64 hexadecimal digits"),
            (r#"{"x": {"hub": "hf:a/b", "revision": "v1"}}"#, "unknown field `revision`"),
            (r#"{"x": {}}"#, "missing field `hub`"),
            (r#"{"x": {"hub": "hf:a/b"}, "x": {"hub": "hf:a/c"}}"#, "comes twice"),
            ("[]", "an object with an entry for each name"),
            ("{", "is it complete?"),
        ] {
            let (_folder, settings) = settings(text);
            let message = settings.user_models().unwrap_err().to_string();
            assert!(message.contains(reason) && message.contains("models.json"), "{message}");
            // A name is not looked up in a list that says something else than was meant; a path needs no list.
            ModelSource::parse_with("gemma-3-270m", &settings).unwrap_err();
            assert!(!ModelSource::parse_with("a/b.gguf", &settings).unwrap_err().to_string().contains("models.json"));
        }
    }
}
