//! Measures a router of your own against RSD and the trained probe on the mini pair, which travels inside the program, and writes the
//! report: `cargo run --release -p arbitrage-examples --example evaluate_router [FOLDER]`.
//!
//! Change the rule of `largest-number` below and run it again with another folder: its row in the report changes.

use std::path::PathBuf;

use arbitrage_core::{Decision, Engine, Limits, Route, router_fn};
use arbitrage_eval::gold::Gold;
use arbitrage_eval::harness::BenchmarkHarness;
use arbitrage_eval::report::{self, ReportSettings};
use arbitrage_mini::{Stream, shipped};
use arbitrage_models::{LoadOptions, LocalModel, LocalTarget, ProcessReward, device};
use arbitrage_router::learned::{self, Card};
use arbitrage_router::{CustomPolicy, Policy};

fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    // The router: escalate a step that states a number greater than τ.
    let largest_number = |tau: Option<f32>| {
        router_fn(move |candidate| {
            let numbers = candidate.draft.text.split(|c: char| !c.is_ascii_digit());
            let largest = numbers.filter_map(|number| number.parse().ok()).fold(0.0, f32::max);
            Decision::new(Route::escalate_if(tau.is_some_and(|tau| largest > tau))).with_estimate(largest)
        })
    };
    CustomPolicy::new("largest-number", largest_number).with_default_threshold(100.0).register()?;

    let mini = shipped::unpack()?.join("mini");
    let options = LoadOptions::new(device("flex")?);
    let draft = LocalModel::open(mini.join("draft.gguf"), &options)?;
    let target = LocalModel::open(mini.join("target.gguf"), &options)?;
    let problems = arbitrage_mini::problems(Stream::Test, 0..300);
    let gold = Gold::default().with_fallback(arbitrage_mini::answer);
    let folder = std::env::args().nth(1).map_or_else(|| PathBuf::from("evaluation"), PathBuf::from);
    let runs = BenchmarkHarness { evaluation: &folder, benchmark: "mini", problems: &problems, gold: &gold };

    let policies = ["target", "draft", "rsd:0.8", "rsd:0.95", "learned:0.05", "learned:0.2"];
    for policy in policies.into_iter().chain(["largest-number:50", "largest-number:100", "largest-number:200"]) {
        let policy: Policy = policy.parse()?;
        let (router, draft) = match policy {
            Policy::Learned(tau) => {
                let card = Card::open(&mini.join("probe"))?.with_threshold(tau.unwrap_or(0.1))?;
                // The probe reads the draft's hidden states.
                (learned::open(card, mini.join("probe"), &options)?, draft.share().with_hidden(true))
            }
            _ => (policy.router(Some(Box::new(ProcessReward::open(mini.join("prm"), &options)?)))?, draft.share()),
        };
        let engine = Engine::new(draft, LocalTarget::new(target.share()), router);
        runs.run(policy, engine.with_limits(Limits::default().with_in_flight(1)), |_, _| ())?;
        eprintln!("{policy}: done");
    }
    let files = report::write(&folder, &ReportSettings::default().with_title("A router of my own"))?;
    println!("{}\n{}", std::fs::read_to_string(files.markdown)?, files.html.display());
    Ok(())
}
