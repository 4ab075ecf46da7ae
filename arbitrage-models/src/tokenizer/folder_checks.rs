//! Settings of a Hugging Face folder that change the tokens of a text and are not followed.

use super::pipeline;
use arbitrage_core::text::excerpt;
use serde_json::Value;

/// The pointer of a setting of `tokenizer_config.json` that is not followed, what is expected of it, and what was found.
pub(super) type Refusal = (&'static str, &'static str, String);

/// The first setting of `tokenizer_config.json` that is not followed.
pub(super) fn config_refusal(config: &Value, normalizer: &Value, pre_tokenizer: &Value) -> Option<Refusal> {
    if config["add_eos_token"] == true {
        let expected = "false, since a prompt that ends with an end token cannot be continued";
        return Some(("/add_eos_token", expected, "true".to_owned()));
    }
    let adds = pipeline::adds_leading_space(normalizer) || pipeline::adds_leading_space(pre_tokenizer);
    let asked = config["add_prefix_space"].as_bool().filter(|asked| *asked != adds)?;
    let expected = if adds { "true, as in tokenizer.json" } else { "false, as in tokenizer.json" };
    Some(("/add_prefix_space", expected, asked.to_string()))
}

/// Sections of `tokenizer.json` that change texts only where a caller asks for it, with a warning about each that is there.
pub(super) fn ignored_sections(truncation: &Value, padding: &Value) -> Vec<String> {
    let sections = [("truncation", truncation), ("padding", padding)];
    let present = sections.into_iter().filter(|(_, section)| !section.is_null());
    let warning = |(name, section): (&str, &Value)| {
        format!("/{name} is not applied, as in transformers: {}", excerpt(&section.to_string()))
    };
    present.map(warning).collect()
}
