//! Shapes of published models, and the pairs that they make.

use std::path::Path;

use arbitrage_benches::Failure;
use arbitrage_models::config::ModelConfig;

/// A model's sizes, as in its `config.json`. Rotary wavelengths change no cost, and are left at their default.
#[derive(Debug)]
pub(crate) struct Shape {
    /// Its name on the command line and in the report.
    pub name: &'static str,
    family: &'static str,
    vocabulary: usize,
    hidden: usize,
    feed_forward: usize,
    layers: usize,
    heads: [usize; 2],
    tied: bool,
    context: usize,
}

/// A draft and a target. The router has the draft's shape; the scorer is the smaller of Skywork's process reward models, so that
/// policies which need one are not made dearer than they have to be.
#[derive(Debug)]
pub(crate) struct Pair {
    /// Its name in the report and in the names of cost models.
    pub name: &'static str,
    /// What cost models call it.
    pub title: &'static str,
    /// The draft's shape, and the router's.
    pub draft: &'static Shape,
    /// The target's.
    pub target: &'static Shape,
    /// The process reward model's.
    pub scorer: &'static Shape,
}

/// By size within a family; the tiny one is for tests.
pub(crate) static SHAPES: [Shape; 5] = [
    Shape {
        name: "tiny",
        family: "qwen2",
        vocabulary: 512,
        hidden: 128,
        feed_forward: 256,
        layers: 2,
        heads: [4, 2],
        tied: true,
        context: 4096,
    },
    Shape {
        name: "llama-3.2-1b",
        family: "llama",
        vocabulary: 128_256,
        hidden: 2048,
        feed_forward: 8192,
        layers: 16,
        heads: [32, 8],
        tied: true,
        context: 131_072,
    },
    Shape {
        name: "llama-3.1-8b",
        family: "llama",
        vocabulary: 128_256,
        hidden: 4096,
        feed_forward: 14_336,
        layers: 32,
        heads: [32, 8],
        tied: false,
        context: 131_072,
    },
    Shape {
        name: "qwen2.5-math-1.5b",
        family: "qwen2",
        vocabulary: 151_936,
        hidden: 1536,
        feed_forward: 8960,
        layers: 28,
        heads: [12, 2],
        tied: true,
        context: 4096,
    },
    Shape {
        name: "qwen2.5-math-7b",
        family: "qwen2",
        vocabulary: 152_064,
        hidden: 3584,
        feed_forward: 18_944,
        layers: 28,
        heads: [28, 4],
        tied: false,
        context: 4096,
    },
];

/// The paper's Llama pair, the unquantised pair of Qwen2.5-Math, and one for tests.
pub(crate) static PAIRS: [Pair; 3] = {
    let [tiny, llama_1b, llama_8b, qwen_1b, qwen_7b] = &SHAPES;
    [
        Pair { name: "tiny-pair", title: "tiny shapes", draft: tiny, target: tiny, scorer: tiny },
        Pair { name: "llama", title: "Llama 1B/8B", draft: llama_1b, target: llama_8b, scorer: qwen_1b },
        Pair { name: "qwen2.5-math", title: "Qwen2.5-Math 1.5B/7B", draft: qwen_1b, target: qwen_7b, scorer: qwen_1b },
    ]
};

impl Shape {
    /// The shape of that name.
    ///
    /// # Errors
    /// The names that there are.
    pub(crate) fn named(name: &str) -> Result<&'static Self, String> {
        let names = || SHAPES.iter().map(|shape| shape.name).collect::<Vec<_>>().join(", ");
        SHAPES.iter().find(|shape| shape.name == name).ok_or_else(|| format!("expected one of {}", names()))
    }

    /// The decoder's shape.
    ///
    /// # Errors
    /// Sizes that do not fit each other.
    pub(crate) fn config(&self) -> Result<ModelConfig, Failure> {
        let json = serde_json::json!({
            "model_type": self.family,
            "vocab_size": self.vocabulary,
            "hidden_size": self.hidden,
            "intermediate_size": self.feed_forward,
            "num_hidden_layers": self.layers,
            "num_attention_heads": self.heads[0],
            "num_key_value_heads": self.heads[1],
            "max_position_embeddings": self.context,
            "tie_word_embeddings": self.tied,
        });
        Ok(ModelConfig::from_json(Path::new(self.name), &json.to_string())?)
    }

    /// Number of weights.
    pub(crate) fn weights(&self) -> usize {
        let [heads, kv_heads] = self.heads;
        let kv = self.hidden / heads * kv_heads;
        let biases = if self.family == "qwen2" { self.hidden + 2 * kv } else { 0 };
        let layer = self.hidden * (2 * self.hidden + 2 * kv + 3 * self.feed_forward + 2) + biases;
        let tables = if self.tied { 1 } else { 2 };
        tables * self.vocabulary * self.hidden + self.layers * layer + self.hidden
    }
}

impl Pair {
    /// Shapes that have to be measured for its costs.
    pub(crate) fn shapes(&self) -> [&'static Shape; 3] {
        [self.draft, self.target, self.scorer]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_have_as_many_weights_as_the_published_models() {
        let published = [
            ("llama-3.2-1b", 1_235_814_400),
            ("llama-3.1-8b", 8_030_261_248),
            ("qwen2.5-math-1.5b", 1_543_714_304),
            ("qwen2.5-math-7b", 7_615_616_512),
        ];
        for (name, weights) in published {
            assert_eq!(Shape::named(name).unwrap().weights(), weights, "{name}");
        }
        SHAPES.iter().for_each(|shape| drop(shape.config().unwrap()));
    }
}
