//! The whole method without model weights: two scripted models, a step scorer that checks arithmetic, and a comparison
//! of six policies.
//!
//! ```text
//! cargo run -p arbitrage-examples --example quickstart
//! ```

use arbitrage_core::router::{AlwaysDraft, AlwaysTarget, Budget, Oracle, Random, Rsd};
use arbitrage_core::scorer::{ScorerFn, scorer_fn};
use arbitrage_core::testing::Scripted;
use arbitrage_core::{AdvantageRouter, Author, BoxError, Engine, Prefix, Problem, Solution, Step};

/// The small model: 10 ms per word, and arithmetic errors in two of its steps.
fn draft() -> Scripted {
    let steps = [
        "24 rolls at 3 for $2: 24 / 3 = 8 groups.\n\n",
        "8 * 2 = 18 dollars for the rolls.\n\n",
        "10 * 4 = 40 dollars for the loaves.\n\n",
        "16 + 40 = 66 dollars in all.",
    ];
    Scripted::new("draft", steps).with_seconds_per_token(0.01)
}

/// The large model: correct, and six times slower.
fn target() -> Scripted {
    let steps = [
        "First the rolls: 24 / 3 = 8 groups.\n\n",
        "Each group is $2, so 8 * 2 = 16 dollars.\n\n",
        "The loaves bring 10 * 4 = 40 dollars.\n\n",
        "Together 16 + 40 = 56 dollars.",
    ];
    Scripted::new("target", steps).with_seconds_per_token(0.06)
}

/// A stand-in for a process reward model: scores a step 1 if every equation `a op b = c` in it holds, and 0 otherwise.
fn arithmetic_scorer() -> ScorerFn<impl FnMut(&Prefix<'_>, &Step) -> f32 + Clone> {
    let score = |_prefix: &Prefix<'_>, step: &Step| {
        let words: Vec<&str> = step.text.split_whitespace().collect();
        let is_correct = words.windows(5).all(|window| {
            let [a, op, b, "=", c] = *window else { return true };
            let (Ok(a), Ok(b), Ok(c)) = (a.parse::<f64>(), b.parse::<f64>(), c.parse::<f64>()) else { return true };
            c == if op == "+" {
                a + b
            } else if op == "*" {
                a * b
            } else {
                a / b
            }
        });
        f32::from(u8::from(is_correct))
    };
    scorer_fn(score).with_name("arithmetic")
}

fn solve(router: impl AdvantageRouter) -> Result<Solution, BoxError> {
    let question = "A baker sells 24 rolls at 3 for $2 and 10 loaves at $4 each. How much does she take in?";
    Ok(Engine::new(draft(), target(), router).solve(&Problem::new(question).with_seed(1))?)
}

fn main() -> Result<(), BoxError> {
    println!("Reward-guided (RSD): a drafted step is accepted if its arithmetic is correct.\n");
    for record in &solve(Rsd::new(arithmetic_scorer(), 0.5)?)?.records {
        if let (Author::Target, Some(rejected)) = (record.author, &record.draft) {
            println!("       ✗ {}", rejected.text.trim());
        }
        println!("{:>6} │ {}", record.author, record.step().map_or("", |step| step.text.trim()));
    }

    let policies: [Box<dyn AdvantageRouter>; 6] = [
        Box::new(AlwaysDraft),
        Box::new(AlwaysTarget),
        Box::new(Random::new(0.5)?),
        Box::new(Rsd::new(arithmetic_scorer(), 0.5)?),
        Box::new(Budget::new(Rsd::new(arithmetic_scorer(), 0.5)?, 1)),
        Box::new(Oracle::new(arithmetic_scorer(), 0.0)?),
    ];
    println!("\n{:<38} {:>8} {:>7} {:>8}  last step", "policy", "accepted", "draft s", "target s");
    for policy in policies {
        let name = policy.name();
        let solution = solve(policy)?;
        let usage = solution.usage;
        let accepted = 100.0 * usage.acceptance_by_steps().unwrap_or(0.0);
        let end = solution.steps.last().map_or("", |last| last.step.text.as_str());
        println!("{name:<38} {accepted:>7.0}% {:>7.2} {:>8.2}  {end}", usage.draft.seconds, usage.target.seconds);
    }
    println!("\nThe oracle lets both models write every step. It bounds what routing can gain; it is not a speed-up.");
    Ok(())
}
