//! Folders whose weights are quantised in a format that is not read.

use std::path::Path;

use arbitrage_core::text::excerpt;
use serde_json::Value as Json;

use crate::content::Finding;
use crate::small_file::{parse_json, read_text};
use crate::weights::FolderQuantisation;

/// Largest configuration that is read, in bytes.
pub(crate) const MAX_CONFIG_BYTES: u64 = 1 << 24;

const ADVICE: &str = "take a GGUF file, in Q4_K_M for instance, the original weights, or a checkpoint of GPTQ or AWQ (gemm) with 4 bits or of fp8 (e4m3)";

/// Files of quantisers that keep their settings beside `config.json`, and the format.
const FILES: [(&str, &str); 4] = [
    ("quantize_config.json", "gptq"),
    ("quant_config.json", "awq"),
    ("hf_quant_config.json", "modelopt"),
    ("quant_model_description.json", "modelslim"),
];

/// How the weights of the folder at `path` are quantised, if they are; `names` are its files.
pub(super) fn of_folder(path: &Path, names: &[String]) -> Option<Finding> {
    // A file that cannot be read is left to the reader of the configuration, whose error says why.
    let text = read_text(&path.join("config.json"), MAX_CONFIG_BYTES).ok();
    let config = text.and_then(|text| parse_json(path, &text).ok()).unwrap_or_default();
    if FolderQuantisation::of_config(&config).is_some() {
        return None;
    }
    let in_config = || method(&config).map(|(name, pointer)| (name, format!("config.json {pointer}")));
    let in_file = || {
        let (file, name) = FILES.iter().find(|(file, _)| names.iter().any(|name| name == file))?;
        Some(((*name).to_owned(), (*file).to_owned()))
    };
    let (name, place) = in_config().or_else(in_file)?;
    Some((format!("a model quantised with {} ({place}), which is not read", excerpt(&name)), ADVICE.to_owned()))
}

/// The quantiser that a configuration names, and where.
fn method(config: &Json) -> Option<(String, String)> {
    for key in ["quantization_config", "compression_config", "quantization"] {
        let value = config.get(key).filter(|value| !value.is_null());
        let Some(value) = value else { continue };
        let text = |key: &str| value[key].as_str().map(str::to_owned);
        let is_set = |key: &str| value[key].as_bool() == Some(true);
        if let Some(name) = text("quant_method").or_else(|| text("quant_type")) {
            let bits = value["bits"].as_u64().map_or_else(String::new, |bits| format!(" of {bits} bits"));
            return Some((name + &bits, format!("/{key}/quant_method")));
        }
        let name = match key {
            _ if is_set("load_in_8bit") || is_set("load_in_4bit") => "bitsandbytes",
            "compression_config" => "compressed-tensors",
            "quantization" => "MLX",
            _ => "an unnamed method",
        };
        return Some((name.to_owned(), format!("/{key}")));
    }
    None
}
