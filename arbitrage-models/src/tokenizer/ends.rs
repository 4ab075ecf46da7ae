//! Tokens that end a text or a turn, by their usual names.

/// Control tokens after which a model has nothing more to say, whatever the configuration forgets.
///
/// A chat model's files often name one of two: `<|im_end|>` ends Qwen's and SmolLM's turns, `<|endoftext|>` their
/// documents; `<|eot_id|>` and `<|end_of_text|>` are Llama 3's.
pub(super) const WELL_KNOWN: &[&str] = &[
    "<|im_end|>",
    "<|endoftext|>",
    "<|eot_id|>",
    "<|end_of_text|>",
    "<|eom_id|>",
    "</s>",
    "<|end|>",
    "<end_of_turn>",
    "<eos>",
];
