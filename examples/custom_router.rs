//! A custom router in under 20 lines: escalates steps that contain hedging words or no number.
//!
//! ```text
//! cargo run -p arbitrage-examples --example custom_router
//! ```

use arbitrage_core::testing::Scripted;
use arbitrage_core::{AdvantageRouter, BoxError, Candidate, Decision, Engine, Problem, Route};

/// Escalates steps with more than `max_hedges` hedging words, or without a number.
struct HedgeRouter {
    max_hedges: usize,
}

impl AdvantageRouter for HedgeRouter {
    fn name(&self) -> String {
        format!("hedges(max={})", self.max_hedges)
    }

    fn route(&mut self, candidate: &Candidate<'_>) -> Result<Decision, BoxError> {
        let text = candidate.draft.text.to_lowercase();
        let hedges = ["maybe", "probably", "i think", "about"].iter().filter(|hedge| text.contains(*hedge)).count();
        let has_number = text.contains(|c: char| c.is_ascii_digit());
        Ok(Decision::new(Route::escalate_if(hedges > self.max_hedges || !has_number)).with_estimate(hedges as f32))
    }
}

fn main() -> Result<(), BoxError> {
    let draft = Scripted::new(
        "draft",
        [
            "A day has 24 hours.\n\n",
            "I think a week is probably about 160 hours.\n\n",
            "A fortnight is 2 weeks.\n\n",
            "So the answer should be clear.",
        ],
    );
    let target = Scripted::new(
        "target",
        [
            "One day is 24 hours.\n\n",
            "A week has 7 days, so 7 × 24 = 168 hours.\n\n",
            "Two weeks make a fortnight.\n\n",
            "2 × 168 = 336 hours.",
        ],
    );
    let mut engine = Engine::new(draft, target, HedgeRouter { max_hedges: 0 });
    let solution = engine.solve(&Problem::new("How many hours are there in a fortnight?"))?;

    for record in &solution.records {
        let estimate = record.decision.estimate.unwrap_or_default();
        let text = record.step().map_or("", |step| step.text.trim());
        println!("{:>6} wrote step {} ({estimate} hedges in the draft): {text}", record.author, record.index);
    }
    let usage = solution.usage;
    println!("The target wrote {} of {} steps.", usage.target.calls, solution.steps.len());
    Ok(())
}
