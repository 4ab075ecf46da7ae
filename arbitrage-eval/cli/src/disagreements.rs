//! Where a probe and its rivals part: which steps need labels, and who is right about them.

use std::path::Path;

use arbitrage_router::labels::Example;
use arbitrage_router::metrics::{Bootstrap, Clusters, PolicyDisagreement};

use crate::Failure;
use crate::step_ids::{Place, Places};
use crate::method_table::{BUDGETS, Method, Range, shown};

/// The first of the methods against its rivals, at each budget.
pub struct Disputes {
    /// The steps of which all methods have an estimate, as places among the examples.
    places: Vec<usize>,
    partings: Vec<Parting>,
}

struct Parting {
    rival: String,
    /// The budget as a share of the oracle's calls.
    budget: f64,
    calls: f64,
    dispute: PolicyDisagreement,
}

impl Disputes {
    /// Between `first` and `rivals`, over the steps at `places`. Budgets are those of the oracle by the examples' own scores: none,
    /// and nothing to dispute, where it sees no gain.
    pub fn new(examples: &[Example], places: Vec<usize>, first: &Method, rivals: &[&Method]) -> Result<Self, Failure> {
        let oracle = places.iter().filter(|at| examples[**at].label()).count() as f64;
        if oracle == 0.0 {
            return Ok(Self { places, partings: Vec::new() });
        }
        let of = |method: &Method| places.iter().map(|at| method.estimates[*at]).collect::<Vec<_>>();
        let estimates = of(first);
        let mut partings = Vec::new();
        for rival in rivals {
            let others = of(rival);
            for budget in BUDGETS {
                let calls = budget * oracle;
                let dispute = PolicyDisagreement::new(&estimates, &others, calls)?;
                partings.push(Parting { rival: rival.name.clone(), budget, calls, dispute });
            }
        }
        Ok(Self { places, partings })
    }

    /// Writes which steps are disputed at any budget, for `score --places`.
    pub fn write(&self, path: &Path, examples: &[Example]) -> Result<(), Failure> {
        if self.partings.is_empty() {
            return Err("expected steps with a gain, by which budgets are set, found none".into());
        }
        let disputed = self.partings.iter().flat_map(|parting| parting.dispute.places());
        let place = |at: usize| {
            let example = &examples[self.places[at]];
            Place { problem: example.problem.clone(), index: example.index }
        };
        let places = Places::new(disputed.map(place));
        places.write(path)?;
        println!("{} of {} steps are disputed: {}", places.len(), self.places.len(), path.display());
        Ok(())
    }

    /// Prints by how much the first method's calls are better than each rival's. `known` are the advantages of the examples that were
    /// labelled.
    pub fn print(
        &self,
        examples: &[Example],
        known: &[Option<f32>],
        first: &str,
        resamples: usize,
    ) -> Result<(), Failure> {
        if self.partings.is_empty() {
            return Ok(());
        }
        let advantages: Vec<Option<f32>> = self.places.iter().map(|at| known[*at]).collect();
        let problems = Clusters::new(self.places.iter().map(|at| examples[*at].problem.as_str()));
        let bootstrap = Bootstrap::new(resamples, 0.95)?;
        println!(
            "\n| {first} against | of the oracle's calls | calls | disputed | steps with labels | Δ a call more |"
        );
        println!("|---|---|---|---|---|---|");
        for Parting { rival, budget, calls, dispute } in &self.partings {
            let (steps, labelled) = dispute
                .places()
                .fold((0, 0), |(all, known), at| (all + 1, known + usize::from(advantages[at].is_some())));
            let lead = bootstrap.interval(&problems, |weights| dispute.lead(&advantages, weights)).map(Range::from);
            println!(
                "| {rival} | {budget} | {calls:.1} | {:.0}% | {labelled} of {steps} | {} |",
                100.0 * dispute.share(),
                shown(&lead)
            );
        }
        Ok(())
    }
}
