//! `arbitrage compare`: routers and gates, offline, on labelled steps.

use std::path::Path;

use arbitrage_core::{Prefix, Step, StepScorer};
use arbitrage_models::classifier::ProcessReward;
use arbitrage_models::{LoadOptions, device};
use arbitrage_router::labels::Example;
use arbitrage_router::learned::{self, Card, Inputs, Reads};
use arbitrage_router::metrics::{
    Auc, Bootstrap, Budget, CapturedAdvantage, Clusters, Interval, Spearman, confusion, expected_calibration_error,
};
use serde::Serialize;

use crate::Failure;
use crate::cli::CompareOptions;
use crate::data::{attach_hidden, in_batches, load};

/// Budgets, as shares of the oracle's own calls.
const BUDGETS: [f64; 3] = [0.25, 0.5, 1.0];

/// One way to choose which steps to escalate.
struct Method {
    name: String,
    /// The higher, the rather escalated.
    estimates: Vec<f32>,
    /// The threshold of a learned router.
    tau: Option<f32>,
}

/// Prints a table, and writes it as JSON where that is asked.
pub fn run(options: &CompareOptions) -> Result<(), Failure> {
    let loaded = load(&options.traces)?;
    let mut examples = loaded.examples;
    let cards = options.router.iter().map(|folder| Card::open(folder)).collect::<Result<Vec<_>, _>>()?;
    cards.iter().try_for_each(|card| card.check_pair(&loaded.pair.draft, &loaded.pair.target))?;
    if let Some(draft) = options.draft.as_deref().filter(|_| cards.iter().any(|card| card.reads.needs_hidden())) {
        attach_hidden(draft, &mut [&mut examples])?;
    }
    let mut methods = Vec::new();
    for (folder, card) in options.router.iter().zip(&cards) {
        methods.push(trained(folder, card, &examples)?);
    }
    for folder in &options.prm {
        methods.push(rsd(folder, &examples)?);
    }
    methods.extend(gates(&examples));
    let table = measure(&examples, &methods, options)?;
    println!(
        "{} problems, {} steps, {:.1}% with a gain",
        loaded.data.problems,
        examples.len(),
        100.0 * loaded.data.positive
    );
    print(&table);
    if let Some(path) = &options.json {
        std::fs::write(path, serde_json::to_vec_pretty(&table)?)?;
    }
    Ok(())
}

/// The estimates of a router's weights under a card.
pub fn estimates(card: &Card, folder: &Path, examples: &[Example]) -> Result<Vec<f32>, Failure> {
    let mut router = learned::open(card.clone(), folder, &LoadOptions::new(device("flex")?))?;
    in_batches(examples, |candidates| {
        let decisions = router.route_batch(candidates).into_iter();
        decisions.map(|decision| Ok(decision?.estimate.unwrap_or_default())).collect()
    })
}

fn trained(folder: &Path, card: &Card, examples: &[Example]) -> Result<Method, Failure> {
    let estimates = estimates(card, folder, examples)?;
    let kind = match card.reads {
        Reads::Probe { inputs: Inputs::Scalars } => "scalars",
        Reads::Probe { .. } => "probe",
        Reads::Text { .. } => "text",
    };
    let name = folder.file_name().unwrap_or(folder.as_os_str()).to_string_lossy();
    Ok(Method { name: format!("{name} ({kind})"), estimates, tau: Some(card.tau) })
}

fn rsd(folder: &Path, examples: &[Example]) -> Result<Method, Failure> {
    let mut scorer = ProcessReward::open(folder, &LoadOptions::new(device("flex")?))?;
    let estimates = in_batches(examples, |candidates| {
        let steps: Vec<(Prefix<'_>, &Step)> = candidates.iter().map(|c| (c.prefix, c.draft)).collect();
        Ok(scorer.score(&steps)?.into_iter().map(|score| -score).collect())
    })?;
    let name = folder.file_name().unwrap_or(folder.as_os_str()).to_string_lossy();
    Ok(Method { name: format!("RSD ({name})"), estimates, tau: None })
}

/// The gates that need no training.
fn gates(examples: &[Example]) -> Vec<Method> {
    let gate = |name: &str, estimate: fn(&Step) -> f32| Method {
        name: name.to_owned(),
        estimates: examples.iter().map(|example| estimate(&example.draft)).collect(),
        tau: None,
    };
    vec![
        gate("mean log-probability", |step| -step.mean_logprob().unwrap_or_default()),
        gate("first entropy", |step| step.first_entropy.unwrap_or_default()),
    ]
}

/// A row of the table.
#[derive(Serialize)]
struct Row {
    method: String,
    rho: Option<Range>,
    auc: Option<Range>,
    /// AUC for the draft's step being wrong: how good a scorer it is.
    auc_wrong: Option<Range>,
    acc0: Option<f64>,
    acc1: Option<f64>,
    calibration_error: Option<f64>,
    captured: Vec<Option<Range>>,
    /// Captured advantage less that of the first RSD, on the same resamples.
    over_rsd: Vec<Option<Range>>,
}

/// A number with its interval.
#[derive(Clone, Copy, Serialize)]
struct Range {
    value: f64,
    low: f64,
    high: f64,
}

impl From<Interval> for Range {
    fn from(interval: Interval) -> Self {
        Self { value: interval.value, low: interval.low, high: interval.high }
    }
}

fn measure(examples: &[Example], methods: &[Method], options: &CompareOptions) -> Result<Vec<Row>, Failure> {
    let problems = Clusters::new(examples.iter().map(|example| example.problem.as_str()));
    let bootstrap = Bootstrap::new(options.resamples, 0.95)?;
    let advantages: Vec<f32> = examples.iter().map(Example::advantage).collect();
    let labels: Vec<bool> = examples.iter().map(Example::label).collect();
    let wrong: Vec<bool> = examples.iter().map(|example| example.draft_score <= 0.5).collect();
    let rsd = methods.iter().find(|method| method.name.starts_with("RSD"));
    let rsd = rsd.map(|method| CapturedAdvantage::new(&method.estimates, &advantages)).transpose()?;
    let range = |statistic: &dyn Fn(&[u32]) -> Option<f64>| bootstrap.interval(&problems, statistic).map(Range::from);
    let row = |method: &Method| -> Result<Row, Failure> {
        let estimates = &method.estimates;
        let (rho, auc) = (Spearman::new(estimates, &advantages)?, Auc::new(estimates, &labels)?);
        let (scorer, captured) = (Auc::new(estimates, &wrong)?, CapturedAdvantage::new(estimates, &advantages)?);
        let at = |share| range(&|weights| captured.weighted(weights, Budget::OfOracle(share)));
        let over = |share| {
            let rsd = rsd.as_ref()?;
            let both = [&captured, rsd].map(|c| move |weights: &[u32]| c.weighted(weights, Budget::OfOracle(share)));
            let [own, other] = both;
            bootstrap.difference(&problems, own, other).map(Range::from)
        };
        let confusion = method.tau.map(|tau| confusion(estimates, &labels, tau)).transpose()?;
        let error = method.tau.map(|_| expected_calibration_error(estimates, &labels, 10)).transpose()?.flatten();
        Ok(Row {
            method: method.name.clone(),
            rho: range(&|weights| rho.weighted(weights)),
            auc: range(&|weights| auc.weighted(weights)),
            auc_wrong: range(&|weights| scorer.weighted(weights)),
            acc0: confusion.and_then(|c| c.acc0()),
            acc1: confusion.and_then(|c| c.acc1()),
            calibration_error: error,
            captured: BUDGETS.map(at).into(),
            over_rsd: BUDGETS.map(over).into(),
        })
    };
    methods.iter().map(row).collect()
}

fn print(rows: &[Row]) {
    let range = |range: &Option<Range>| match range {
        Some(Range { value, low, high }) => format!("{value:.3} [{low:.3}, {high:.3}]"),
        None => "–".to_owned(),
    };
    let share = |share: Option<f64>| share.map_or("–".to_owned(), |share| format!("{:.1}", 100.0 * share));
    println!(
        "| method | ρ | AUC gain | AUC wrong | Acc0 | Acc1 | calibration error | captured at ¼ | at ½ | at 1 | over RSD at ¼ | at ½ | at 1 |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|---|---|");
    for row in rows {
        let cells: Vec<String> = row.captured.iter().chain(&row.over_rsd).map(range).collect();
        println!(
            "| {} | {} | {} | {} | {} | {} | {} | {} |",
            row.method,
            range(&row.rho),
            range(&row.auc),
            range(&row.auc_wrong),
            share(row.acc0),
            share(row.acc1),
            row.calibration_error.map_or("–".to_owned(), |error| format!("{error:.3}")),
            cells.join(" | "),
        );
    }
}
