//! What the engine itself costs a step: its loop, a router that draws a number, records that are dropped. The models are
//! scripted, so that they cost next to nothing. The times that criterion prints are those of one step.

use std::time::Instant;

use arbitrage_core::router::Random;
use arbitrage_core::testing::Scripted;
use arbitrage_core::{Engine, Limits, Overlap, Problem};
use criterion::{Criterion, criterion_group, criterion_main};

const STEPS: usize = 50;

fn engine(criterion: &mut Criterion) {
    let steps = |name: &str| -> Vec<String> {
        let step = |i| {
            format!("{name} step {i}: some forty tokens of reasoning, as a real model would write them, go here.\n\n")
        };
        (1..STEPS).map(step).chain(["The answer is 42.".to_owned()]).collect()
    };
    let mut group = criterion.benchmark_group("glue per step");
    for (id, in_flight, overlap) in [
        ("1 in flight", 1, Overlap::Off),
        ("8 in flight", 8, Overlap::Off),
        ("1 in flight, overlap", 1, Overlap::On),
        ("8 in flight, overlap", 8, Overlap::On),
    ] {
        let draft = Scripted::new("draft", steps("draft").iter().map(String::as_str));
        let target = Scripted::new("target", steps("target").iter().map(String::as_str));
        let Ok(router) = Random::new(0.3) else { return };
        let mut engine = Engine::new(draft, target, router)
            .with_limits(Limits::default().with_in_flight(in_flight))
            .with_overlap(overlap);
        let problems = vec![Problem::new("What is six times seven?"); in_flight];
        group.bench_function(id, |bencher| {
            bencher.iter_custom(|rounds| {
                let start = Instant::now();
                (0..rounds).for_each(|_| drop(engine.solve_all(&problems)));
                start.elapsed() / (STEPS * in_flight) as u32
            });
        });
    }
    group.finish();
}

criterion_group!(benches, engine);
criterion_main!(benches);
