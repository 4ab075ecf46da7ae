//! The decoder with layers in the shape of Qwen2.5-0.5B and in the formats of its Q4_K_M file, but six of them instead of 24,
//! and a small head: what a layer costs, without weights to download.

use std::time::Duration;

use arbitrage_benches::engines::{DEPTH, prefill, step};
use arbitrage_benches::synthetic::{Shape, Synthetic};
use arbitrage_models::Cache;
use arbitrage_models::weights::DType;
use criterion::{BenchmarkId, Criterion, SamplingMode, Throughput, criterion_group, criterion_main};

const SHAPE: Shape =
    Shape { hidden: 896, feed_forward: 4864, layers: 6, heads: 14, kv_heads: 2, head_dim: 64, vocabulary: 8192 };

fn decoder(criterion: &mut Criterion) {
    // Rows of 896 do not fill blocks of 256.
    let dtype = |name: &str| match name {
        "mlp.down_proj" => DType::Q4K,
        "self_attn.v_proj" | "lm_head" | "model.embed_tokens" => DType::Q8_0,
        _ => DType::Q5_0,
    };
    let model = Synthetic::new(SHAPE, dtype).and_then(Synthetic::load).expect("formats that fit the shape");
    let mut group = criterion.benchmark_group("decoder 6×896");
    group.sampling_mode(SamplingMode::Flat).sample_size(20);
    group.measurement_time(Duration::from_secs(4)).warm_up_time(Duration::from_secs(1));
    for length in [32, 128] {
        group.throughput(Throughput::Elements(length as u64));
        group.bench_function(BenchmarkId::new("prefill", length), |bencher| {
            bencher.iter(|| prefill(&model, length).map(drop).expect("a prompt that fits"));
        });
    }
    for sequences in [1, 8] {
        group.throughput(Throughput::Elements(sequences as u64));
        let cache = |_| prefill(&model, DEPTH).expect("a prompt that fits").0;
        let mut caches: Vec<Cache> = (0..sequences).map(cache).collect();
        group.bench_function(BenchmarkId::new("decode", sequences), |bencher| {
            bencher.iter(|| {
                caches.iter_mut().for_each(|cache| cache.truncate(DEPTH));
                step(&model, &mut caches, 1).expect("room for a token");
            });
        });
    }
    group.finish();
}

criterion_group!(benches, decoder);
criterion_main!(benches);
