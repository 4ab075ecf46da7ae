//! What a model's files say about it, for people.

use std::collections::BTreeMap;
use std::path::Path;

use arbitrage_core::text::excerpt;
use serde_json::Value as Json;

use crate::small_file::read_text;
use crate::weights::gguf::MetadataValue;
use crate::weights::{FolderQuantisation, Gguf, WeightSource};

/// Largest model card that is read, in bytes.
const MAX_CARD_BYTES: u64 = 1 << 20;

/// Names of llama.cpp's mixtures of formats, by `general.file_type`.
const FILE_TYPES: [(u32, &str); 18] = [
    (0, "F32"),
    (1, "F16"),
    (2, "Q4_0"),
    (3, "Q4_1"),
    (7, "Q8_0"),
    (8, "Q5_0"),
    (9, "Q5_1"),
    (10, "Q2_K"),
    (11, "Q3_K_S"),
    (12, "Q3_K_M"),
    (13, "Q3_K_L"),
    (14, "Q4_K_S"),
    (15, "Q4_K_M"),
    (16, "Q5_K_S"),
    (17, "Q5_K_M"),
    (18, "Q6_K"),
    (25, "IQ4_NL"),
    (32, "BF16"),
];

/// What a model's files say about it, for people: nothing of it changes how the model runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ModelDescription {
    /// Its name: `general.name` of a GGUF file.
    pub name: Option<String>,
    /// Its licence: `general.license` of a GGUF file, `license` of a folder's model card.
    pub licence: Option<String>,
    /// The format of its weights, such as `Q4_K_M`, `BF16` or `GPTQ`: the name of the mixture where the file gives one that fits its tensors,
    /// that of the quantisation of a folder, else the format that takes up the most bytes.
    pub format: String,
    /// Where its chat template comes from: a key of a GGUF file, or a file of a folder and a JSON pointer.
    pub template_source: Option<String>,
}

impl ModelDescription {
    pub(super) fn of_gguf(gguf: &Gguf) -> Self {
        let text = |key: &str| match gguf.metadata(key) {
            Some(MetadataValue::String(text)) if !text.is_empty() => Some(excerpt(text)),
            _ => None,
        };
        let template = "tokenizer.chat_template";
        let mixture = gguf.u32_of("general.file_type").ok();
        Self {
            name: text("general.name").or_else(|| text("general.basename")),
            licence: text("general.license"),
            format: format(gguf, mixture),
            template_source: gguf.metadata(template).map(|_| template.to_owned()),
        }
    }

    pub(super) fn of_folder(path: &Path, config: &Json, weights: &dyn WeightSource) -> Self {
        let card = read_text(&path.join("README.md"), MAX_CARD_BYTES).unwrap_or_default();
        let files = ["chat_template.jinja", "chat_template.json"];
        let file = files.into_iter().find(|file| path.join(file).is_file());
        let quantised = FolderQuantisation::of_config(config);
        let name = config.get("_name_or_path").and_then(Json::as_str).filter(|name| !name.is_empty());
        Self {
            name: name.map(excerpt),
            licence: licence(&card).map(excerpt),
            format: quantised.map_or_else(|| format(weights, None), |quantised| quantised.name().to_owned()),
            template_source: Some(file.unwrap_or("tokenizer_config.json /chat_template").to_owned()),
        }
    }
}

/// The value of `license` in the header of a model card.
fn licence(card: &str) -> Option<&str> {
    let header = card.strip_prefix("---")?.split("\n---").next()?;
    let value = header.lines().find_map(|line| line.strip_prefix("license:"))?.trim();
    Some(value.trim_matches(['"', '\'']).trim()).filter(|value| !value.is_empty())
}

/// The name of `mixture` if the weights hold its main format, else that of the format with the most bytes.
fn format(weights: &dyn WeightSource, mixture: Option<u32>) -> String {
    let mut bytes = BTreeMap::<&str, usize>::new();
    for name in weights.names() {
        if let Ok(Some(tensor)) = weights.get(&name) {
            *bytes.entry(tensor.dtype.name()).or_default() += tensor.bytes.len();
        }
    }
    // llama.cpp adds 1024 where it has guessed.
    let number = mixture.map(|number| number % 1024);
    let named = FILE_TYPES.iter().find(|(of, _)| Some(*of) == number).map(|(_, name)| *name);
    let fits = |name: &&str| bytes.keys().any(|dtype| name.starts_with(dtype));
    let largest = || bytes.iter().max_by_key(|(_, bytes)| **bytes).map(|(name, _)| *name);
    named.filter(fits).or_else(largest).unwrap_or("none").to_owned()
}

#[cfg(test)]
mod tests {
    use super::licence;

    #[test]
    fn the_licence_is_read_from_the_header_of_a_card() {
        assert_eq!(licence("---\ntags:\n- a\nlicense: apache-2.0\n---\n# A"), Some("apache-2.0"));
        assert_eq!(licence("---\nlicense: \"mit\"\n---\n"), Some("mit"));
        for card in ["", "# A\nlicense: mit", "---\nname: a\n---\nlicense: mit", "---\nlicense:\n- mit\n---\n"] {
            assert_eq!(licence(card), None, "{card}");
        }
    }
}
