//! Draws the map of pairs: where routing pays, and where the measured pairs are on it.
//!
//! ```sh
//! cargo run --release -p arbitrage-examples --example payoff_map -- docs/results/payoff.svg
//! ```

use arbitrage_eval::cost::Payoff;
use arbitrage_eval::report::{PairPoint, payoff_map};

/// Steps of a problem, the cost of a read token in decoded ones, and escalations per step that needs one: about those of the measured
/// pairs on a processor.
const PAYOFF: (f64, f64, f64) = (3.5, 0.15, 1.5);

/// Name, cost ratio, draft's accuracy as a share of the target's, and speed relative to the target alone. The paper gives neither
/// accuracies nor speeds against the target alone: its pairs have the accuracies on MATH of their model cards and the ratio of their
/// parameters.
const PAIRS: [(&str, f64, f64, Option<f64>); 5] = [
    ("mini pair", 12.0, 0.64, Some(2.72)),
    ("Qwen, GSM8K", 2.7, 0.3, None),
    ("Qwen, arithmetic", 2.7, 0.6, None),
    ("paper: Llama 1B, 8B", 6.5, 0.59, None),
    ("paper: Llama 8B, 70B", 8.8, 0.76, None),
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("usage: payoff_map FILE.svg")?;
    let pairs = PAIRS.map(|(name, cost_ratio, accuracy, speed_up)| PairPoint {
        name: name.to_owned(),
        cost_ratio,
        accuracy,
        speed_up,
    });
    let (steps, read, excess) = PAYOFF;
    std::fs::write(&path, payoff_map(&Payoff::new(steps, read, excess)?, &pairs))?;
    Ok(())
}
