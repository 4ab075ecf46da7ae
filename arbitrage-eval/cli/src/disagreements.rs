//! Steps on which a probe and other methods decide differently, and who is right about them.

use std::path::Path;

use arbitrage_router::labels::Example;
use arbitrage_router::metrics::{Bootstrap, Clusters, PolicyDisagreement};

use crate::Failure;
use crate::figures::with_interval;
use crate::method_table::{BUDGETS, Method};
use crate::step_ids::{StepId, StepIds};

/// One method against several baselines, each at several budgets of target calls.
pub(crate) struct Disagreements {
    /// Indices, among the examples, of the steps that all methods have an estimate of.
    indices: Vec<usize>,
    comparisons: Vec<BudgetComparison>,
}

/// A method against one baseline, both with the same number of target calls.
struct BudgetComparison {
    baseline: String,
    /// Budget as a share of the oracle's calls.
    budget: f64,
    calls: f64,
    disagreement: PolicyDisagreement,
}

impl Disagreements {
    /// Compares `method` with `baselines` on the steps at `indices`. Budgets are shares of the calls that the oracle makes by the scores of
    /// the examples: if it makes none, there is nothing to compare.
    pub(crate) fn new(
        examples: &[Example],
        indices: Vec<usize>,
        method: &Method,
        baselines: &[&Method],
    ) -> Result<Self, Failure> {
        let oracle = indices.iter().filter(|at| examples[**at].label()).count() as f64;
        let estimates = |method: &Method| indices.iter().map(|at| method.estimates[*at]).collect::<Vec<_>>();
        let of_method = estimates(method);
        let mut comparisons = Vec::new();
        for baseline in baselines.iter().filter(|_| oracle > 0.0) {
            let of_baseline = estimates(baseline);
            for budget in BUDGETS {
                let calls = budget * oracle;
                let disagreement = PolicyDisagreement::new(&of_method, &of_baseline, calls)?;
                comparisons.push(BudgetComparison { baseline: baseline.name.clone(), budget, calls, disagreement });
            }
        }
        Ok(Self { indices, comparisons })
    }

    /// Writes the steps that are decided differently at any budget, for `score --step-ids`.
    pub(crate) fn write(&self, path: &Path, examples: &[Example]) -> Result<(), Failure> {
        if self.comparisons.is_empty() {
            return Err(
                "--disagreements: expected steps with a gain, which budgets are computed from, found none".into()
            );
        }
        let steps = self.comparisons.iter().flat_map(|comparison| comparison.disagreement.steps());
        let id = |at: usize| {
            let example = &examples[self.indices[at]];
            StepId { problem: example.problem.clone(), index: example.index }
        };
        let ids = StepIds::new(steps.map(id));
        ids.write(path)?;
        println!("{} of {} steps are decided differently: {}", ids.len(), self.indices.len(), path.display());
        Ok(())
    }

    /// Prints by how much the method's calls gain more than those of each baseline. `advantages` are those of all examples, where they are
    /// known.
    pub(crate) fn print(
        &self,
        examples: &[Example],
        advantages: &[Option<f32>],
        method: &str,
        resamples: usize,
    ) -> Result<(), Failure> {
        if self.comparisons.is_empty() {
            return Ok(());
        }
        let advantages: Vec<Option<f32>> = self.indices.iter().map(|at| advantages[*at]).collect();
        let problems = Clusters::new(self.indices.iter().map(|at| examples[*at].problem.as_str()));
        let bootstrap = Bootstrap::new(resamples, 0.95)?;
        println!(
            "\n| {method} against | budget (× oracle's calls) | calls | decided differently | of these with labels | gain per call, difference |"
        );
        println!("|---|---|---|---|---|---|");
        for BudgetComparison { baseline, budget, calls, disagreement } in &self.comparisons {
            let steps = disagreement.steps().count();
            let labelled = disagreement.steps().filter(|at| advantages[*at].is_some()).count();
            let difference = |weights: &[u32]| disagreement.mean_difference(&advantages, weights);
            println!(
                "| {baseline} | {budget} | {calls:.1} | {:.0}% | {labelled} of {steps} | {} |",
                100.0 * disagreement.share(),
                with_interval(bootstrap.interval(&problems, difference))
            );
        }
        Ok(())
    }
}
