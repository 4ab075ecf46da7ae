//! A feature that is added to a model's files changes what the model computes, or the files are refused: keys of both formats, and
//! tensors. What is passed over is listed, and is passed over without any effect.

mod files;
mod keys;
mod long_rope;
mod tensors;

use arbitrage_models::Error;
use files::Files;

/// The files of tiny models, to which features are added.
pub(crate) fn all_files() -> Vec<Files> {
    let names = [
        "gguf/llama3-f16",
        "gguf/qwen2-f32-tied",
        "gguf/qwen3-q8_0-tied",
        "gguf/gemma3-q8_0-tied",
        "gguf/qwen3moe-q8_0",
        "gguf/phi3-q8_0-tied",
        "hf/llama2-f16",
        "hf/mistral-bf16",
        "hf/qwen2-f32-tied",
        "hf/qwen3-bf16",
        "hf/smollm3-f16-tied",
        "hf/gemma3-bf16-tied",
        "hf/qwen3-moe-bf16",
        "hf/phi3-bf16-long-tied",
        "hf/phi3-f16-window",
    ];
    names.into_iter().map(Files::of).collect()
}

/// What a model gives for a fixed text: the context, and the logits.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Outcome {
    context: usize,
    logits: Vec<f32>,
}

/// What has become of a feature.
#[derive(Debug)]
pub(crate) enum Effect {
    /// The files are refused, with this message.
    Refused(String),
    /// The model computes something else, or has another context.
    Changed,
    /// The model computes what it would compute without the feature.
    None,
}

impl Effect {
    pub(crate) fn of(plain: &Outcome, result: Result<Outcome, Error>) -> Self {
        match result {
            Err(error) => Self::Refused(error.to_string()),
            Ok(outcome) if outcome == *plain => Self::None,
            Ok(_) => Self::Changed,
        }
    }

    pub(crate) fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }

    /// Whether the files are refused in a message that names the feature.
    pub(crate) fn is_refusal_naming(&self, name: &str) -> bool {
        matches!(self, Self::Refused(message) if message.contains(name))
    }
}

/// Fails with all faults at once.
pub(crate) fn assert_no_faults(faults: &[String]) {
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}
