//! What `config.json` says about the quantisation.

use serde_json::Value as Json;

/// How the matrices of a checkpoint are quantised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Int4Settings {
    pub(super) method: Int4Method,
    /// Inputs that share a scale; `None` for all of a row.
    pub(super) group: Option<usize>,
}

/// Whose layout the tensors have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Int4Method {
    /// Words hold numbers of eight inputs; zeros are stored less `zero_offset`.
    Gptq { zero_offset: u8 },
    /// Words hold numbers of eight outputs, the even ones first.
    Awq,
}

/// The formats of GPTQ's checkpoints and what their zeros are stored less.
const GPTQ_FORMATS: [(&str, u8); 2] = [("gptq", 1), ("gptq_v2", 0)];

impl Int4Settings {
    /// The settings in a `config.json`; `None` where its weights are not quantised in a way that is read.
    pub fn of_config(config: &Json) -> Option<Self> {
        let settings = config.get("quantization_config")?;
        let text = |key: &str| settings[key].as_str().map(str::to_ascii_lowercase);
        let bits = settings.get("bits").or_else(|| settings.get("w_bit")).and_then(Json::as_u64);
        if bits != Some(4) {
            return None;
        }
        let method = match text("quant_method")?.as_str() {
            "gptq" => {
                let format = text("checkpoint_format").unwrap_or_else(|| "gptq".to_owned());
                let (_, zero_offset) = GPTQ_FORMATS.into_iter().find(|(name, _)| *name == format)?;
                Int4Method::Gptq { zero_offset }
            }
            "awq" if text("version").is_none_or(|version| version == "gemm") => Int4Method::Awq,
            _ => return None,
        };
        let group = settings.get("group_size").or_else(|| settings.get("q_group_size")).and_then(Json::as_i64)?;
        let group = match group {
            -1 => None,
            group => Some(usize::try_from(group).ok().filter(|group| *group > 0)?),
        };
        Some(Self { method, group })
    }

    /// The method's usual name.
    pub(in crate::weights) const fn name(self) -> &'static str {
        match self.method {
            Int4Method::Gptq { .. } => "GPTQ",
            Int4Method::Awq => "AWQ",
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn layouts_that_are_read_are_told_from_others() {
        let of = |settings: Json| Int4Settings::of_config(&json!({ "quantization_config": settings }));
        let gptq = of(json!({"quant_method": "gptq", "bits": 4, "group_size": 128, "desc_act": true})).unwrap();
        assert_eq!((gptq.method, gptq.group), (Int4Method::Gptq { zero_offset: 1 }, Some(128)));
        let newer = json!({"quant_method": "gptq", "bits": 4, "group_size": -1, "checkpoint_format": "gptq_v2"});
        assert_eq!(of(newer).unwrap(), Int4Settings { method: Int4Method::Gptq { zero_offset: 0 }, group: None });
        let awq = json!({"quant_method": "awq", "bits": 4, "group_size": 64, "version": "GEMM", "zero_point": true});
        assert_eq!(of(awq).unwrap(), Int4Settings { method: Int4Method::Awq, group: Some(64) });
        for other in [
            json!({"quant_method": "gptq", "bits": 8, "group_size": 128}),
            json!({"quant_method": "gptq", "bits": 4, "group_size": 128, "checkpoint_format": "marlin"}),
            json!({"quant_method": "gptq", "bits": 4, "group_size": 0}),
            json!({"quant_method": "gptq", "bits": 4}),
            json!({"quant_method": "awq", "bits": 4, "group_size": 128, "version": "gemv"}),
            json!({"quant_method": "bitsandbytes", "bits": 4, "group_size": 128}),
            json!({"bits": 4, "group_size": 128}),
            json!(null),
        ] {
            assert_eq!(of(other.clone()), None, "{other}");
        }
    }
}
