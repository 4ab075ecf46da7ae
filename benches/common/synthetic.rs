//! Models of a given shape with random weights, made in memory: benchmarks that need no file.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use arbitrage_models::config::ModelConfig;
use arbitrage_models::weights::{DType, TensorView, WeightSource, quantize_row};
use arbitrage_models::{Decoder, LoadOptions, Result, device};

/// Rows of a matrix that are drawn.
const DRAWN: usize = 64;

/// A model's sizes, as in [`ModelConfig`].
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "the configuration documents them")]
pub struct Shape {
    pub hidden: usize,
    pub feed_forward: usize,
    pub layers: usize,
    pub heads: usize,
    pub kv_heads: usize,
    pub head_dim: usize,
    pub vocabulary: usize,
}

/// Tensors of a model of the Qwen2 family.
#[derive(Debug)]
pub struct Synthetic {
    shape: Shape,
    tensors: HashMap<String, Stored>,
}

#[derive(Debug)]
struct Stored {
    dtype: DType,
    dims: Vec<usize>,
    bytes: Arc<[u8]>,
}

impl Synthetic {
    /// A model whose matrix `name` (`mlp.down_proj`, `lm_head`, …) is stored as `dtype(name)`.
    ///
    /// # Errors
    /// [`arbitrage_models::Error::Parameter`] where a row does not fill whole blocks.
    pub fn new(shape: Shape, dtype: impl Fn(&str) -> DType) -> Result<Self> {
        // Layers share their bytes here; the decoder packs a copy for each.
        let mut made = HashMap::new();
        let mut tensors = HashMap::new();
        for (layer, name, dims) in shapes(&shape) {
            let is_matrix = dims.len() == 2;
            let dtype = if is_matrix { dtype(name) } else { DType::F32 };
            let bytes: Arc<[u8]> = match made.get(&(dtype, dims.clone())) {
                Some(bytes) => Arc::clone(bytes),
                None => weights(dtype, &dims)?.into(),
            };
            made.insert((dtype, dims.clone()), bytes.clone());
            let kind = if name.ends_with("bias") { "" } else { ".weight" };
            let name = layer.map_or(format!("{name}{kind}"), |layer| format!("model.layers.{layer}.{name}{kind}"));
            tensors.insert(name, Stored { dtype, dims, bytes });
        }
        Ok(Self { shape, tensors })
    }

    /// Bytes of all matrices whose name contains `part`.
    pub fn bytes(&self, part: &str) -> usize {
        let named = self.tensors.iter().filter(|(name, stored)| stored.dims.len() == 2 && name.contains(part));
        named.map(|(_, stored)| stored.bytes.len()).sum()
    }

    /// The decoder, with packed weights.
    ///
    /// # Errors
    /// Those of [`Decoder::load`].
    pub fn load(self) -> Result<Decoder> {
        let Shape { hidden, feed_forward, layers, heads, kv_heads, head_dim, vocabulary } = self.shape;
        let json = serde_json::json!({
            "model_type": "qwen2",
            "vocab_size": vocabulary,
            "hidden_size": hidden,
            "intermediate_size": feed_forward,
            "num_hidden_layers": layers,
            "num_attention_heads": heads,
            "num_key_value_heads": kv_heads,
            "head_dim": head_dim,
            "max_position_embeddings": 4096,
        });
        let config = ModelConfig::from_json(self.path(), &json.to_string())?;
        Decoder::load(Arc::new(self), config, &LoadOptions::new(device("flex")?))
    }
}

impl WeightSource for Synthetic {
    fn path(&self) -> &Path {
        Path::new("synthetic")
    }

    fn names(&self) -> Vec<String> {
        self.tensors.keys().cloned().collect()
    }

    fn get(&self, name: &str) -> Result<Option<TensorView<'_>>> {
        let Some((name, Stored { dtype, dims, bytes })) = self.tensors.get_key_value(name) else { return Ok(None) };
        Ok(Some(TensorView { name, dtype: *dtype, shape: dims, bytes }))
    }
}

/// Layer, name and shape of every tensor.
fn shapes(shape: &Shape) -> Vec<(Option<usize>, &'static str, Vec<usize>)> {
    let (hidden, inner) = (shape.hidden, shape.feed_forward);
    let (q, kv) = (shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim);
    let mut all = vec![
        (None, "model.embed_tokens", vec![shape.vocabulary, hidden]),
        (None, "model.norm", vec![hidden]),
        (None, "lm_head", vec![shape.vocabulary, hidden]),
    ];
    for layer in 0..shape.layers {
        let tensors = [
            ("input_layernorm", vec![hidden]),
            ("post_attention_layernorm", vec![hidden]),
            ("self_attn.q_proj", vec![q, hidden]),
            ("self_attn.q_proj.bias", vec![q]),
            ("self_attn.k_proj", vec![kv, hidden]),
            ("self_attn.k_proj.bias", vec![kv]),
            ("self_attn.v_proj", vec![kv, hidden]),
            ("self_attn.v_proj.bias", vec![kv]),
            ("self_attn.o_proj", vec![hidden, q]),
            ("mlp.gate_proj", vec![inner, hidden]),
            ("mlp.up_proj", vec![inner, hidden]),
            ("mlp.down_proj", vec![hidden, inner]),
        ];
        all.extend(tensors.map(|(name, dims)| (Some(layer), name, dims)));
    }
    all
}

/// Ones for vectors; for matrices, numbers that keep a row's product about as large as its input.
fn weights(dtype: DType, dims: &[usize]) -> Result<Vec<u8>> {
    if dims.len() == 1 {
        return Ok(1f32.to_le_bytes().repeat(dims[0]));
    }
    let mut state = 0x9E37_79B9_7F4A_7C15u64;
    matrix(dtype, dims, DRAWN, || {
        // Marsaglia's xorshift64.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1u32 << 23) as f32 - 1.0
    })
}

/// Rows of which the first `most` are drawn with numbers from −1 to 1, scaled so that a row's product is about as large as its input; the
/// others repeat them. What is multiplied does not change how long it takes.
///
/// # Errors
/// [`arbitrage_models::Error::Parameter`] where a row does not fill whole blocks.
pub fn matrix(dtype: DType, dims: &[usize], most: usize, mut draw: impl FnMut() -> f32) -> Result<Vec<u8>> {
    let cols = dims[dims.len() - 1];
    let rows: usize = dims[..dims.len() - 1].iter().product();
    let (drawn, reach) = (most.min(rows), (3.0 / cols as f32).sqrt());
    let values: Vec<f32> = (0..drawn * cols).map(|_| reach * draw()).collect();
    let mut bytes = vec![0; dtype.tensor_bytes(&[drawn, cols]).unwrap_or(0)];
    quantize_row(dtype, &values, &mut bytes)?;
    let all = bytes.len() / drawn * rows;
    Ok(bytes.into_iter().cycle().take(all).collect())
}
