//! `arbitrage compare`: routers and gates, offline, on labelled steps.

use std::path::Path;

use arbitrage_core::{AdvantageRouter, Prefix, Step, StepScorer};
use arbitrage_models::classifier::ProcessReward;
use arbitrage_router::labels::Example;
use arbitrage_router::learned::{self, Card, ProbeFeatures, RouterInput};

use crate::Failure;
use crate::cli::{CompareOptions, DeviceOptions};
use crate::compare_runs;
use crate::training_data::{attach_hidden, in_batches, load};
use crate::pair::resolve_router;
use crate::method_table::{Method, gates, report};

/// Prints a table, and writes it as JSON where that is asked.
pub fn run(options: &CompareOptions) -> Result<(), Failure> {
    if let [a, b] = options.runs.as_slice() {
        return compare_runs::run([a, b], options);
    }
    let loaded = load(&options.traces)?;
    let mut examples = loaded.examples;
    let folders = options.router.iter().map(|name| resolve_router(name)).collect::<Result<Vec<_>, _>>()?;
    let cards = folders.iter().map(|folder| Card::open(folder)).collect::<Result<Vec<_>, _>>()?;
    cards.iter().try_for_each(|card| card.check_pair(&loaded.pair.draft, &loaded.pair.target))?;
    if cards.iter().any(|card| card.input.needs_hidden()) {
        attach_hidden(&options.states, &mut examples)?;
    }
    let mut methods = Vec::new();
    for (folder, card) in folders.iter().zip(&cards) {
        methods.push(trained((folder, &options.states.device), card, &examples)?);
    }
    for folder in &options.prm {
        methods.push(rsd((folder, &options.states.device), &examples)?);
    }
    methods.extend(gates(&examples));
    report(&examples, &methods, &options.table)
}

/// The estimates of a router's weights under a card.
pub fn estimates(
    card: &Card,
    (folder, device): (&Path, &DeviceOptions),
    examples: &[Example],
) -> Result<Vec<f32>, Failure> {
    asked(&mut *learned::open(card.clone(), folder, &device.load()?)?, examples)
}

/// The estimates of a router.
pub fn asked(router: &mut dyn AdvantageRouter, examples: &[Example]) -> Result<Vec<f32>, Failure> {
    in_batches(examples, |candidates| {
        let decisions = router.route_batch(candidates).into_iter();
        decisions.map(|decision| Ok(decision?.estimate.unwrap_or_default())).collect()
    })
}

fn trained(place: (&Path, &DeviceOptions), card: &Card, examples: &[Example]) -> Result<Method, Failure> {
    let estimates = estimates(card, place, examples)?;
    let kind = match card.input {
        RouterInput::Probe { inputs: ProbeFeatures::Scalars } => "scalars",
        RouterInput::Probe { .. } => "probe",
        RouterInput::Text { .. } => "text",
    };
    Ok(Method { name: format!("{} ({kind})", name(place.0)), estimates, tau: Some(card.tau) })
}

fn rsd((folder, device): (&Path, &DeviceOptions), examples: &[Example]) -> Result<Method, Failure> {
    let mut scorer = ProcessReward::open(folder, &device.load()?)?;
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
