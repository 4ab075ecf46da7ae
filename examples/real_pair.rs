//! Two real models solve a word problem: the small one drafts, and the large one rewrites the steps about which the
//! small one is uncertain.
//!
//! The first run downloads 1.6 GB of weights.
//!
//! ```text
//! cargo run --release -p arbitrage-examples --example real_pair
//! ```

use arbitrage_core::router::MeanLogprob;
use arbitrage_core::{Engine, Problem};
use arbitrage_models::source::{ModelSource, NoProgress};
use arbitrage_models::{LoadOptions, LocalModel, LocalTarget, device};

fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let options = LoadOptions::new(device("flex")?);
    let open = |name: &str| LocalModel::open(ModelSource::parse(name)?.resolve(&mut NoProgress)?, &options);
    let draft = open("qwen2.5-coder-0.5b-instruct")?;
    let target = LocalTarget::new(open("qwen2.5-coder-1.5b-instruct")?);

    let mut engine = Engine::new(draft, target, MeanLogprob::new(-0.15)?);
    let problem =
        Problem::new("A baker sells 24 rolls at 3 for $2 and 10 loaves at $4 each. How much does she take in?");
    let solution = engine.solve(&problem)?;
    for accepted in &solution.steps {
        println!("[{:?}] {}", accepted.author, accepted.step.text.trim());
    }
    println!("The draft wrote {:.0}% of the steps.", 100.0 * solution.usage.acceptance_by_steps().unwrap_or(0.0));
    Ok(())
}
