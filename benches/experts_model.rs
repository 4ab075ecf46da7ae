//! Makes a file in the shape of Qwen3-30B-A3B with random weights and a few of its 48 layers, to measure experts on.
//!
//! ```text
//! cargo run --release -p arbitrage-benches --bin experts-model -- QWEN2.gguf OUT.gguf --layers 4
//! ```
//!
//! The vocabulary comes from any file of Qwen2.5, which has as many rows. Formats are those of Q4_K_M files: Q4_K, and Q6_K for values, for
//! the head and for `down` in half of the layers. A layer takes 350 MB.

use std::path::PathBuf;
use std::process::ExitCode;

use arbitrage_benches::{Failure, finish, synthetic};
use arbitrage_core::Draw;
use arbitrage_models::weights::writer::GgufWriter;
use arbitrage_models::weights::{DType, Gguf, TensorView};
use clap::Parser;

/// Makes a model of experts with random weights.
#[derive(Parser)]
struct Options {
    /// A file with Qwen's vocabulary.
    vocabulary: PathBuf,
    /// The file to write.
    out: PathBuf,
    /// Layers.
    #[arg(long, default_value_t = 4)]
    layers: usize,
}

const HIDDEN: usize = 2048;
const HEADS: usize = 32;
const KV_HEADS: usize = 4;
const HEAD_DIM: usize = 128;
const EXPERTS: usize = 128;
const CHOSEN: usize = 8;
const EXPERT_WIDTH: usize = 768;
/// Of the feed-forward part that layers without experts would have.
const FEED_FORWARD: usize = 6144;
const VOCABULARY: usize = 151_936;
/// Rows of a matrix that are drawn: more than there are experts, so that no two of a router's rows are the same.
const DRAWN: usize = 1024;

/// A tensor before it is written.
struct Tensor {
    name: String,
    dtype: DType,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

fn main() -> ExitCode {
    finish(run(&Options::parse()))
}

fn run(options: &Options) -> Result<(), Failure> {
    let mut draw = Draw::new(1);
    let mut tensors = vec![
        matrix("token_embd", DType::Q4K, &[VOCABULARY, HIDDEN], &mut draw)?,
        ones("output_norm", HIDDEN),
        matrix("output", DType::Q6K, &[VOCABULARY, HIDDEN], &mut draw)?,
    ];
    for layer in 0..options.layers {
        tensors.extend(layer_tensors(layer, &mut draw)?);
    }
    let file = Gguf::open(&options.vocabulary)?;
    let mut writer = GgufWriter::new().metadata("general.architecture", "qwen3moe");
    for (key, value) in file.all_metadata().iter().filter(|(key, _)| key.starts_with("tokenizer.")) {
        writer = writer.metadata(key, value.clone());
    }
    for (key, value) in sizes(options.layers) {
        writer = writer.metadata(format!("qwen3moe.{key}"), u32::try_from(value)?);
    }
    writer = writer.metadata("qwen3moe.rope.freq_base", 1e6f32);
    writer = writer.metadata("qwen3moe.attention.layer_norm_rms_epsilon", 1e-6f32);
    for Tensor { name, dtype, shape, bytes } in &tensors {
        writer = writer.tensor(TensorView { name, dtype: *dtype, shape, bytes });
    }
    writer.write(&options.out)?;
    println!("{} with {} layers", options.out.display(), options.layers);
    Ok(())
}

fn sizes(layers: usize) -> [(&'static str, usize); 11] {
    [
        ("block_count", layers),
        ("context_length", 40_960),
        ("embedding_length", HIDDEN),
        ("feed_forward_length", FEED_FORWARD),
        ("attention.head_count", HEADS),
        ("attention.head_count_kv", KV_HEADS),
        ("attention.key_length", HEAD_DIM),
        ("attention.value_length", HEAD_DIM),
        ("expert_count", EXPERTS),
        ("expert_used_count", CHOSEN),
        ("expert_feed_forward_length", EXPERT_WIDTH),
    ]
}

fn layer_tensors(layer: usize, draw: &mut Draw) -> Result<Vec<Tensor>, Failure> {
    let name = |part: &str| format!("blk.{layer}.{part}");
    let (query, kv) = (HEADS * HEAD_DIM, KV_HEADS * HEAD_DIM);
    let down = if layer.is_multiple_of(2) { DType::Q6K } else { DType::Q4K };
    let mut all = vec![
        ones(&name("attn_norm"), HIDDEN),
        ones(&name("ffn_norm"), HIDDEN),
        ones(&name("attn_q_norm"), HEAD_DIM),
        ones(&name("attn_k_norm"), HEAD_DIM),
    ];
    let matrices: [(&str, DType, &[usize]); 8] = [
        ("attn_q", DType::Q4K, &[query, HIDDEN]),
        ("attn_k", DType::Q4K, &[kv, HIDDEN]),
        ("attn_v", DType::Q6K, &[kv, HIDDEN]),
        ("attn_output", DType::Q4K, &[HIDDEN, query]),
        ("ffn_gate_inp", DType::F32, &[EXPERTS, HIDDEN]),
        ("ffn_gate_exps", DType::Q4K, &[EXPERTS, EXPERT_WIDTH, HIDDEN]),
        ("ffn_up_exps", DType::Q4K, &[EXPERTS, EXPERT_WIDTH, HIDDEN]),
        ("ffn_down_exps", down, &[EXPERTS, HIDDEN, EXPERT_WIDTH]),
    ];
    for (part, dtype, shape) in matrices {
        all.push(matrix(&name(part), dtype, shape, draw)?);
    }
    Ok(all)
}

fn ones(name: &str, width: usize) -> Tensor {
    let bytes = 1f32.to_le_bytes().repeat(width);
    Tensor { name: format!("{name}.weight"), dtype: DType::F32, shape: vec![width], bytes }
}

fn matrix(name: &str, dtype: DType, shape: &[usize], draw: &mut Draw) -> Result<Tensor, Failure> {
    let bytes = synthetic::matrix(dtype, shape, DRAWN, || (2.0 * draw.uniform() - 1.0) as f32)?;
    Ok(Tensor { name: format!("{name}.weight"), dtype, shape: shape.to_vec(), bytes })
}
