//! `arbitrage compare`: two runs, or routers on labelled steps.

use std::path::Path;

use arbitrage_core::{AdvantageRouter, Candidate, Evidence, Prefix, SequenceId, Step, StepScorer};
use arbitrage_models::LoadOptions;
use arbitrage_models::classifier::ProcessReward;
use arbitrage_router::labels::Example;
use arbitrage_router::learned::{self, Card, ProbeFeatures, RouterInput};

use crate::Failure;
use crate::cli::CompareOptions;
use crate::compare_runs;
use crate::method_table::{Method, report, threshold_methods};
use crate::pair::resolve_router;
use crate::training_data::{attach_hidden, in_batches, load};

/// Prints the comparison, and writes it as JSON if there is a path.
pub(crate) fn run(options: &CompareOptions) -> Result<(), Failure> {
    if let [a, b] = options.runs.as_slice() {
        return compare_runs::run([a, b], options);
    }
    let traces = load(&options.traces)?;
    let mut examples = traces.examples;
    let folders = options.router.iter().map(|name| resolve_router(name)).collect::<Result<Vec<_>, _>>()?;
    let cards = folders.iter().map(|folder| Card::open(folder)).collect::<Result<Vec<_>, _>>()?;
    cards.iter().try_for_each(|card| card.check_pair(&traces.pair.draft, &traces.pair.target))?;
    if cards.iter().any(|card| card.input.needs_hidden()) {
        attach_hidden(&options.states, &mut examples)?;
    }
    let load = options.states.device.load()?;
    let mut methods = Vec::new();
    for (folder, card) in folders.iter().zip(&cards) {
        methods.push(trained(folder, card, &load, &examples)?);
    }
    for folder in &options.prm {
        methods.push(rsd(folder, &load, &examples)?);
    }
    methods.extend(threshold_methods(&examples));
    report(&examples, &methods, &options.table)
}

/// The estimates of the router in `folder`, with the calibration and the threshold of `card`.
pub(crate) fn estimates(
    card: &Card,
    folder: &Path,
    load: &LoadOptions,
    examples: &[Example],
) -> Result<Vec<f32>, Failure> {
    let mut router = learned::open(card.clone(), folder, load)?;
    if card.input.depends_on_path() {
        path_estimates(&mut *router, examples)
    } else {
        router_estimates(&mut *router, examples)
    }
}

/// The estimates of a router that remembers what was drafted and decided before. Examples of one problem are in the order of their
/// steps, and the router follows the path on which they were collected.
fn path_estimates(router: &mut dyn AdvantageRouter, examples: &[Example]) -> Result<Vec<f32>, Failure> {
    let mut estimates = Vec::with_capacity(examples.len());
    for (problem, id) in examples.chunk_by(|one, next| one.problem == next.problem).zip((0..).map(SequenceId)) {
        for example in problem {
            let as_problem = example.as_problem();
            let candidate: Candidate<'_> = example.candidate(&as_problem, Evidence::DraftOnly);
            let candidate = Candidate { prefix: Prefix { id, ..candidate.prefix }, ..candidate };
            estimates.push(router.route(&candidate)?.estimate.unwrap_or_default());
        }
        router.release(id);
    }
    Ok(estimates)
}

/// The estimates of a router.
pub(crate) fn router_estimates(router: &mut dyn AdvantageRouter, examples: &[Example]) -> Result<Vec<f32>, Failure> {
    in_batches(examples, |candidates| {
        let decisions = router.route_batch(candidates).into_iter();
        decisions.map(|decision| Ok(decision?.estimate.unwrap_or_default())).collect()
    })
}

fn trained(folder: &Path, card: &Card, load: &LoadOptions, examples: &[Example]) -> Result<Method, Failure> {
    let estimates = estimates(card, folder, load, examples)?;
    let input = match card.input {
        RouterInput::Probe { features: ProbeFeatures::Scalars } => "scalars",
        other => other.kind(),
    };
    Ok(Method { name: format!("{} ({input})", name(folder)), estimates, tau: Some(card.tau) })
}

fn rsd(folder: &Path, load: &LoadOptions, examples: &[Example]) -> Result<Method, Failure> {
    let mut scorer = ProcessReward::open(folder, load)?;
    let estimates = in_batches(examples, |candidates| {
        let steps: Vec<(Prefix<'_>, &Step)> = candidates.iter().map(|c| (c.prefix, c.draft)).collect();
        Ok(scorer.score(&steps)?.into_iter().map(|score| -score).collect())
    })?;
    Ok(Method { name: format!("RSD ({})", name(folder)), estimates, tau: None })
}

/// The last part of a folder's path.
fn name(folder: &Path) -> String {
    folder.file_name().unwrap_or(folder.as_os_str()).to_string_lossy().into_owned()
}
