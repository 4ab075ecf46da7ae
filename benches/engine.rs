//! What the engine itself costs a step, with scripted models.

use arbitrage_core::router::Random;
use arbitrage_core::testing::Scripted;
use arbitrage_core::{Engine, Limits, Problem};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

const STEPS: usize = 50;

fn engine(criterion: &mut Criterion) {
    let steps = |name: &str| -> Vec<String> {
        let step = |i| {
            format!("{name} step {i}: some forty tokens of reasoning, as a real model would write them, go here.\n\n")
        };
        (0..STEPS).map(step).chain(["The answer is 42.".to_owned()]).collect()
    };
    let mut group = criterion.benchmark_group("engine");
    group.throughput(Throughput::Elements(STEPS as u64 + 1));
    group.bench_function("solve, a step", |bencher| {
        let draft = Scripted::new("draft", steps("draft").iter().map(String::as_str));
        let target = Scripted::new("target", steps("target").iter().map(String::as_str));
        let Ok(router) = Random::new(0.3) else { return };
        let mut engine = Engine::new(draft, target, router).with_limits(Limits::default().with_steps(STEPS + 1));
        let problem = Problem::new("What is six times seven?");
        bencher.iter(|| engine.solve(&problem));
    });
    group.finish();
}

criterion_group!(benches, engine);
criterion_main!(benches);
