//! What the decoders of a family have in common, as far as their files do not say it.

use super::MAX_LAYERS;

/// A family of decoders.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct ModelFamily {
    /// Its `model_type` in `config.json`.
    pub name: &'static str,
    /// What the names of its classes begin with, as in `Qwen2ForCausalLM`.
    pub class: &'static str,
    /// Its `general.architecture` in GGUF files.
    pub gguf: &'static str,
    /// Whether queries, keys and values have biases, whatever the configuration says.
    pub qkv_biases: bool,
    /// Whether each head of queries and keys is normed before it is rotated.
    pub head_norms: bool,
    /// The width of a head where `config.json` does not give it; `None` for the hidden size divided by the heads.
    pub default_head_dim: Option<usize>,
    /// Every how many layers one does not rotate queries and keys, where the file does not say it; `None` where all layers rotate.
    pub unrotated_every: Option<usize>,
    /// The base of rotary wavelengths where `config.json` does not give it.
    pub default_theta: f64,
    /// Whether the head's weights are the embedding's where `config.json` does not say it.
    pub default_tied: bool,
    /// When the window of attention is in use.
    pub(super) window: WindowUse,
    /// The window that is in use where `config.json` says nothing about it, as in transformers.
    pub(super) default_window: Option<usize>,
}

/// When a family's `sliding_window` is in use, as in transformers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WindowUse {
    /// Where the key is there, unless `use_sliding_window` is false.
    WhereGiven,
    /// Always.
    Always,
    /// Where `use_sliding_window` is true, from the layer `max_window_layers` on.
    WhereSwitchedOn,
    /// Where `use_sliding_window` is true, in layers that do not rotate.
    WhereNotRotated,
}

const LLAMA: ModelFamily = ModelFamily {
    name: "llama",
    class: "Llama",
    gguf: "llama",
    qkv_biases: false,
    head_norms: false,
    default_head_dim: None,
    unrotated_every: None,
    default_theta: 10_000.0,
    default_tied: false,
    window: WindowUse::WhereGiven,
    default_window: None,
};

/// Of Mistral and of Qwen models.
const DEFAULT_WINDOW: Option<usize> = Some(4096);

/// Every family that is supported.
pub static FAMILIES: [ModelFamily; 5] = [
    LLAMA,
    ModelFamily {
        name: "mistral",
        class: "Mistral",
        window: WindowUse::Always,
        default_window: DEFAULT_WINDOW,
        ..LLAMA
    },
    ModelFamily {
        name: "qwen2",
        class: "Qwen2",
        gguf: "qwen2",
        qkv_biases: true,
        window: WindowUse::WhereSwitchedOn,
        default_window: DEFAULT_WINDOW,
        ..LLAMA
    },
    ModelFamily {
        name: "qwen3",
        class: "Qwen3",
        gguf: "qwen3",
        head_norms: true,
        default_head_dim: Some(128),
        window: WindowUse::WhereSwitchedOn,
        default_window: DEFAULT_WINDOW,
        ..LLAMA
    },
    ModelFamily {
        name: "smollm3",
        class: "SmolLM3",
        gguf: "smollm3",
        unrotated_every: Some(4),
        default_theta: 2e6,
        default_tied: true,
        window: WindowUse::WhereNotRotated,
        ..LLAMA
    },
];

impl ModelFamily {
    /// The family of this `model_type`.
    pub fn by_name(name: &str) -> Option<&'static Self> {
        FAMILIES.iter().find(|family| family.name == name)
    }

    /// The family of this architecture of GGUF files: the first, where several have it.
    pub fn by_gguf(architecture: &str) -> Option<&'static Self> {
        FAMILIES.iter().find(|family| family.gguf == architecture)
    }

    /// The layers that do not rotate, if every `every`-th does not.
    pub(crate) fn unrotated_layers(every: Option<usize>, layers: usize) -> Vec<usize> {
        let every = every.unwrap_or(usize::MAX);
        // More layers are refused, but only when everything is read.
        (0..layers.min(MAX_LAYERS)).filter(|layer| (layer + 1).is_multiple_of(every)).collect()
    }

    /// The names of all families, for errors.
    pub(super) fn names() -> String {
        one_of(FAMILIES.iter().map(|family| family.name))
    }

    /// The architectures of all families in GGUF files, for errors.
    pub(super) fn gguf_names() -> String {
        one_of(FAMILIES.iter().filter(|family| family.gguf == family.name).map(|family| family.gguf))
    }
}

/// `a, b or c`.
fn one_of(names: impl Iterator<Item = &'static str>) -> String {
    let names: Vec<_> = names.collect();
    match names.split_last() {
        Some((last, [])) => (*last).to_owned(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_are_found_by_both_names() {
        for family in &FAMILIES {
            assert_eq!(ModelFamily::by_name(family.name), Some(family));
            assert_eq!(ModelFamily::by_gguf(family.gguf).unwrap().gguf, family.gguf);
        }
        assert_eq!(ModelFamily::by_gguf("llama").unwrap().name, "llama");
        assert_eq!((ModelFamily::by_name("gpt2"), ModelFamily::by_gguf("mistral")), (None, None));
        assert_eq!(ModelFamily::names(), "llama, mistral, qwen2, qwen3 or smollm3");
        assert_eq!(ModelFamily::gguf_names(), "llama, qwen2, qwen3 or smollm3");
    }
}
