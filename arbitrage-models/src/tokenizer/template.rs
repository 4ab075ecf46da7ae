//! The chat template of a Hugging Face folder, and the special tokens that templates write by name.

use super::folder::{read_json, read_text};
use super::table::VocabularyEntry;
use crate::error::{Error, Result};
use arbitrage_core::text::excerpt;
use serde_json::Value;
use std::path::Path;

/// The name of the template for conversations, where a model has several.
const DEFAULT: &str = "default";
const EXPECTED: &str = "a text, or a list with a template named `default`";
/// The variables of special tokens, which `tokenizer_config.json` has under the same names.
const TOKEN_NAMES: [&str; 7] =
    ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"];

/// The template of a folder, from the first of these that is there: `chat_template.jinja`, `tokenizer_config.json`,
/// `chat_template.json`. Templates for other purposes are beside it, by name, in a list or in `additional_chat_templates`.
///
/// # Errors
/// [`Error::Format`] when there are only templates for other purposes, or when a template is no text.
pub(super) fn find(folder: &Path, tokenizer_config: &Value) -> Result<Option<String>> {
    if let Some(text) = read_text(&folder.join("chat_template.jinja"))? {
        return Ok(Some(text));
    }
    let path = folder.join("tokenizer_config.json");
    if let Some(text) = default_of(&path, &tokenizer_config["chat_template"])? {
        return Ok(Some(text));
    }
    let path = folder.join("chat_template.json");
    let file = read_json(&path)?;
    if let Some(text) = default_of(&path, &file["chat_template"])? {
        return Ok(Some(text));
    }
    if !file.is_null() {
        return Err(Error::format(path, "/chat_template", EXPECTED, "nothing"));
    }
    additional(&folder.join("additional_chat_templates"))
}

/// The only template, or the default one of several; `None` when there is nothing.
fn default_of(path: &Path, value: &Value) -> Result<Option<String>> {
    let error = |pointer: &str, found: String| Err(Error::format(path, pointer, EXPECTED, found));
    let list = match value {
        Value::Null => return Ok(None),
        Value::String(text) => return Ok(Some(text.clone())),
        Value::Array(list) => list,
        Value::Object(_) => return error("/chat_template", format!("an object: {}", excerpt(&value.to_string()))),
        other => return error("/chat_template", excerpt(&other.to_string())),
    };
    let mut names = Vec::new();
    let mut default = None;
    for (index, entry) in list.iter().enumerate() {
        let (Some(name), Some(text)) = (entry["name"].as_str(), entry["template"].as_str()) else {
            return error(&format!("/chat_template/{index}"), excerpt(&entry.to_string()));
        };
        names.push(name);
        // Of equal names the last one counts.
        default = if name == DEFAULT { Some(text.to_owned()) } else { default };
    }
    match default {
        None => error("/chat_template", only(&names)),
        default => Ok(default),
    }
}

/// The default template of a folder with one in each file.
fn additional(folder: &Path) -> Result<Option<String>> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::io(folder, error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| Error::io(folder, error))?.path();
        if path.extension().is_some_and(|extension| extension == "jinja") {
            names.extend(path.file_stem().map(|name| name.to_string_lossy().into_owned()));
        }
    }
    names.sort();
    match names.iter().any(|name| name == DEFAULT) {
        true => read_text(&folder.join("default.jinja")),
        false if names.is_empty() => Ok(None),
        false => {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            Err(Error::format(folder, "templates", "chat_template.jinja beside this folder", only(&names)))
        }
    }
}

fn only(names: &[&str]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{}`", excerpt(name))).collect();
    if names.is_empty() { "an empty list".to_owned() } else { format!("only {}", names.join(", ")) }
}

/// The special tokens by the name of their variable: as `tokenizer_config.json` has them, and where it does not mention them from the
/// ids of `known`.
pub(super) fn tokens(
    tokenizer_config: &Value,
    entries: &[VocabularyEntry],
    known: &[(&str, Option<u32>)],
) -> Vec<(String, String)> {
    let token = |name: &&str| {
        let text = match tokenizer_config.get(*name) {
            Some(token) => token.as_str().or_else(|| token["content"].as_str()),
            None => {
                let id = known.iter().find(|(known, _)| known == name)?.1?;
                entries.get(id as usize).map(|entry| entry.text.as_str())
            }
        };
        text.map(|text| ((*name).to_owned(), text.to_owned()))
    };
    TOKEN_NAMES.iter().filter_map(token).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokenizer::table::TokenKind;
    use serde_json::json;

    /// A folder of files, with names that may lie in folders.
    fn found(files: &[(&str, &str)]) -> Result<Option<String>> {
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
        find(folder.path(), &read_json(&folder.path().join("tokenizer_config.json")).unwrap())
    }

    #[test]
    fn templates_are_found_where_transformers_finds_them() {
        let list =
            r#"{"chat_template": [{"name": "tool_use", "template": "T"}, {"name": "default", "template": "D"}]}"#;
        type Files<'f> = &'f [(&'f str, &'f str)];
        let cases: [(Files<'_>, Option<&str>); 7] = [
            (&[], None),
            (&[("tokenizer_config.json", r#"{"chat_template": null}"#)], None),
            (&[("tokenizer_config.json", list)], Some("D")),
            (&[("tokenizer_config.json", list), ("chat_template.jinja", "J")], Some("J")),
            (&[("chat_template.json", r#"{"chat_template": "C"}"#)], Some("C")),
            (&[("chat_template.json", r#"{"chat_template": "C"}"#), ("tokenizer_config.json", list)], Some("D")),
            (&[("additional_chat_templates/default.jinja", "A")], Some("A")),
        ];
        for (files, expected) in cases {
            assert_eq!(found(files).unwrap().as_deref(), expected, "{files:?}");
        }
    }

    #[test]
    fn what_is_no_template_for_conversations_is_refused_by_name() {
        let config = "tokenizer_config.json";
        let cases = [
            (
                config,
                r#"{"chat_template": [{"name": "tool_use", "template": "T"}]}"#,
                "/chat_template|`default`|only `tool_use`",
            ),
            (config, r#"{"chat_template": []}"#, "/chat_template|an empty list"),
            (config, r#"{"chat_template": ["T"]}"#, "/chat_template/0"),
            (config, r#"{"chat_template": [{"name": "default", "template": 1}]}"#, "/chat_template/0"),
            (config, r#"{"chat_template": {"default": "T"}}"#, "/chat_template|an object"),
            (config, r#"{"chat_template": 7}"#, "/chat_template|found 7"),
            (config, r#"{"chat_template": true}"#, "/chat_template|found true"),
            ("chat_template.json", r#"{"template": "T"}"#, "chat_template.json|/chat_template|nothing"),
            ("chat_template.json", r#"{"chat_template": {"a": "T"}}"#, "chat_template.json|/chat_template|an object"),
            ("additional_chat_templates/rag.jinja", "T", "additional_chat_templates|chat_template.jinja|only `rag`"),
        ];
        for (name, content, phrases) in cases {
            let error = found(&[(name, content)]).unwrap_err().to_string();
            let file = name.split('/').next().unwrap();
            assert!(phrases.split('|').chain([file]).all(|phrase| error.contains(phrase)), "{content}: {error}");
        }
    }

    #[test]
    fn special_tokens_are_those_of_the_configuration_and_then_those_of_the_ids() {
        let entry = |text: &str| VocabularyEntry { text: text.to_owned(), kind: TokenKind::Control };
        let entries = [entry("<s>"), entry("</s>")];
        let known = [("bos_token", Some(0)), ("eos_token", Some(1)), ("pad_token", None)];
        let of = |config: Value| {
            let tokens = tokens(&config, &entries, &known);
            tokens.iter().map(|(name, text)| format!("{name}={text}")).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(of(Value::Null), "bos_token=<s> eos_token=</s>");
        // The configuration may say that there is none, and may write one as an object.
        let config = json!({"bos_token": null, "eos_token": {"content": "<|im_end|>"}, "pad_token": "<pad>"});
        assert_eq!(of(config), "eos_token=<|im_end|> pad_token=<pad>");
    }
}
