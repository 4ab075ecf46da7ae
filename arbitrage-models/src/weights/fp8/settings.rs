//! What `config.json` says about the floats of 8 bits.

use serde_json::Value as Json;

/// How the matrices of a checkpoint are stored in 8 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fp8Settings {
    /// Rows and columns that share a scale; `None` for all of a matrix.
    pub(super) block: Option<[usize; 2]>,
}

impl Fp8Settings {
    /// The settings in a `config.json`; `None` where its weights are not quantised in a way that is read. Which matrices are stored in 8 bits
    /// is left to the type of each (`modules_to_not_convert` and `ignored_layers` list the others).
    pub fn of_config(config: &Json) -> Option<Self> {
        let settings = config.get("quantization_config")?;
        let is_one_of = |key: &str, values: &[&str]| match settings.get(key).filter(|value| !value.is_null()) {
            Some(value) => {
                value.as_str().is_some_and(|text| values.iter().any(|value| value.eq_ignore_ascii_case(text)))
            }
            None => key != "quant_method",
        };
        let is_read = is_one_of("quant_method", &["fp8"])
            && is_one_of("fmt", &["e4m3", "float8_e4m3fn"])
            && is_one_of("activation_scheme", &["dynamic", "static"]);
        let block = match settings.get("weight_block_size").filter(|size| !size.is_null()) {
            None => None,
            Some(size) => Some(block(size)?),
        };
        is_read.then_some(Self { block })
    }
}

/// Two sizes above 0.
fn block(size: &Json) -> Option<[usize; 2]> {
    let [rows, columns] = size.as_array()?.as_slice() else { return None };
    let size = |value: &Json| usize::try_from(value.as_u64()?).ok().filter(|size| *size > 0);
    Some([size(rows)?, size(columns)?])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn forms_that_are_read_are_told_from_others() {
        let of = |settings: Json| Fp8Settings::of_config(&json!({ "quantization_config": settings }));
        let deepseek = json!({"activation_scheme": "dynamic", "fmt": "e4m3", "quant_method": "fp8", "weight_block_size": [128, 128]});
        assert_eq!(of(deepseek), Some(Fp8Settings { block: Some([128, 128]) }));
        for one in [
            json!({"quant_method": "fp8", "activation_scheme": "static", "weight_block_size": null, "ignored_layers": ["lm_head"]}),
            json!({"quant_method": "FP8"}),
        ] {
            assert_eq!(of(one.clone()), Some(Fp8Settings { block: None }), "{one}");
        }
        for other in [
            json!({"quant_method": "fbgemm_fp8"}),
            json!({"quant_method": "fp8", "fmt": "e5m2"}),
            json!({"quant_method": "fp8", "activation_scheme": "other"}),
            json!({"quant_method": "fp8", "weight_block_size": [0, 128]}),
            json!({"quant_method": "fp8", "weight_block_size": [128]}),
            json!({"quant_method": "fp8", "weight_block_size": [128, -1]}),
            json!({"quant_method": "fp8", "weight_block_size": 128}),
            json!({"fmt": "e4m3"}),
            json!(null),
        ] {
            assert_eq!(of(other.clone()), None, "{other}");
        }
    }
}
