//! The usual names of tokens that end a text or a turn.

/// Control tokens that end generation even where the configuration does not list them.
///
/// A chat model has an end of turn and an end of text, and its files often list only one of them: `<|im_end|>` and
/// `<|endoftext|>` of Qwen and SmolLM, `<|eot_id|>` and `<|end_of_text|>` of Llama 3. The names are those that llama.cpp ends a text
/// at.
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
    "<｜end▁of▁sentence｜>",
    "<end_of_utterance>",
    "<|return|>",
    "<|call|>",
    "<|calls|>",
    "<|flush|>",
    "<turn|>",
    "<|tool_response>",
    "<EOT>",
    "_<EOT>",
    "[EOT]",
    "[EOS]",
    "[e~[",
];
