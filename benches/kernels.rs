//! Linear layers by format and by number of rows, in a true shape: the feed-forward layers of Qwen2.5-1.5B.
//!
//! The kernels are private, so a decoder drives them whose attention is next to nothing. It has three layers: one alone
//! would stay in a processor's cache, from which no model decodes. Rates are bytes of weights; they count once a pass,
//! however many rows they serve.

use std::time::Duration;

use arbitrage_benches::synthetic::{Shape, Synthetic};
use arbitrage_models::weights::DType;
use arbitrage_models::{Outputs, Span};
use criterion::{BenchmarkId, Criterion, SamplingMode, Throughput, criterion_group, criterion_main};

const SHAPE: Shape =
    Shape { hidden: 1536, feed_forward: 8960, layers: 3, heads: 1, kv_heads: 1, head_dim: 64, vocabulary: 256 };
const FORMATS: [DType; 6] = [DType::F16, DType::Q8_0, DType::Q4_0, DType::Q4K, DType::Q5_0, DType::Q6K];

fn linear(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("linear 1536×8960");
    group.sampling_mode(SamplingMode::Flat).sample_size(10);
    group.warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_millis(1500));
    for format in FORMATS {
        let dtype = |name: &str| if name.starts_with("mlp") { format } else { DType::F16 };
        let model = Synthetic::new(SHAPE, dtype).expect("every format's blocks divide the shape");
        group.throughput(Throughput::BytesDecimal(model.bytes("mlp") as u64));
        let decoder = model.load().expect("a whole model");
        let mut cache = decoder.cache();
        for rows in [1, 2, 4, 8, 16, 32] {
            let tokens: Vec<u32> = (0..rows).collect();
            group.bench_function(BenchmarkId::new(format.name(), rows), |bencher| {
                bencher.iter(|| {
                    cache.truncate(0);
                    decoder.forward(&mut [Span { cache: &mut cache, tokens: &tokens, outputs: Outputs::None }])
                });
            });
        }
    }
    group.finish();
}

criterion_group!(benches, linear);
criterion_main!(benches);
