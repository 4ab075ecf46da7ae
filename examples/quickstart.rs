//! The whole method without weights: two scripted models, a scorer that checks sums, and six policies side by side.
//!
//! ```text
//! cargo run -p arbitrage-examples --example quickstart
//! ```

use arbitrage_core::router::{AlwaysDraft, AlwaysTarget, Budget, Oracle, Random, Rsd};
use arbitrage_core::scorer::{ScorerFn, scorer_fn};
use arbitrage_core::testing::Scripted;
use arbitrage_core::{AdvantageRouter, Author, BoxError, Engine, Prefix, Problem, Solution, Step};

/// The small model: ten milliseconds a word, and two sums wrong.
fn draft() -> Scripted {
    let steps = [
        "24 rolls at 3 for $2: 24 / 3 = 8 groups.\n\n",
        "8 * 2 = 18 dollars for the rolls.\n\n",
        "10 * 4 = 40 dollars for the loaves.\n\n",
        "16 + 40 = 66 dollars in all.",
    ];
    Scripted::new("draft", steps).with_seconds_per_token(0.01)
}

/// The large model: right, and six times as slow.
fn target() -> Scripted {
    let steps = [
        "First the rolls: 24 / 3 = 8 groups.\n\n",
        "Each group is $2, so 8 * 2 = 16 dollars.\n\n",
        "The loaves bring 10 * 4 = 40 dollars.\n\n",
        "Together 16 + 40 = 56 dollars.",
    ];
    Scripted::new("target", steps).with_seconds_per_token(0.06)
}

/// A process reward model in ten lines: 1 when every `a op b = c` in the step holds, else 0.
fn sums() -> ScorerFn<impl FnMut(&Prefix<'_>, &Step) -> f32 + Clone> {
    let check = |_prefix: &Prefix<'_>, step: &Step| {
        let words: Vec<&str> = step.text.split_whitespace().collect();
        let holds = words.windows(5).all(|window| {
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
        f32::from(u8::from(holds))
    };
    scorer_fn(check).with_name("sums")
}

fn solve(router: impl AdvantageRouter) -> Result<Solution, BoxError> {
    let question = "A baker sells 24 rolls at 3 for $2 and 10 loaves at $4 each. How much does she take in?";
    Ok(Engine::new(draft(), target(), router).solve(&Problem::new(question).with_seed(1))?)
}

fn main() -> Result<(), BoxError> {
    println!("Reward-guided: a drafted step is kept if its sums hold.\n");
    for record in &solve(Rsd::new(sums(), 0.5)?)?.records {
        if let (Author::Target, Some(rejected)) = (record.author, &record.draft) {
            println!("       ✗ {}", rejected.text.trim());
        }
        println!("{:>6} │ {}", record.author, record.step().map_or("", |step| step.text.trim()));
    }

    let policies: [Box<dyn AdvantageRouter>; 6] = [
        Box::new(AlwaysDraft),
        Box::new(AlwaysTarget),
        Box::new(Random::new(0.5)?),
        Box::new(Rsd::new(sums(), 0.5)?),
        Box::new(Budget::new(Rsd::new(sums(), 0.5)?, 1)),
        Box::new(Oracle::new(sums(), 0.0)?),
    ];
    println!("\n{:<38} {:>6} {:>7} {:>8}  ends with", "policy", "kept", "draft s", "target s");
    for policy in policies {
        let name = policy.name();
        let solution = solve(policy)?;
        let usage = solution.usage;
        let kept = 100.0 * usage.acceptance_by_steps().unwrap_or(0.0);
        let end = solution.steps.last().map_or("", |last| last.step.text.as_str());
        println!("{name:<38} {kept:>5.0}% {:>7.2} {:>8.2}  {end}", usage.draft.seconds, usage.target.seconds);
    }
    println!("\nThe oracle has both models write every step: it shows what routing could gain, not a speed-up.");
    Ok(())
}
