//! What ways to choose steps are worth, side by side.

use std::collections::HashSet;

use arbitrage_core::Step;
use arbitrage_router::labels::Example;
use arbitrage_router::metrics::{
    Auc, Bootstrap, Budget, CapturedAdvantage, Clusters, Interval, Spearman, confusion, expected_calibration_error,
};
use serde::Serialize;

use crate::Failure;
use crate::cli::TableOptions;

/// Budgets, as shares of the oracle's own calls.
pub const BUDGETS: [f64; 3] = [0.25, 0.5, 1.0];

/// One way to choose which steps to escalate.
pub struct Method {
    /// What the table calls it.
    pub name: String,
    /// The higher, the rather escalated.
    pub estimates: Vec<f32>,
    /// The threshold of a learned router.
    pub tau: Option<f32>,
}

/// The gates that need no training.
pub fn gates(examples: &[Example]) -> [Method; 2] {
    let gate = |name: &str, estimate: fn(&Step) -> f32| Method {
        name: name.to_owned(),
        estimates: examples.iter().map(|example| estimate(&example.draft)).collect(),
        tau: None,
    };
    [
        gate("mean log-probability", |step| -step.mean_logprob().unwrap_or_default()),
        gate("first entropy", |step| step.first_entropy.unwrap_or_default()),
    ]
}

/// Prints the table of `methods`, each with an estimate an example, and writes it as JSON where that is asked.
pub fn report(examples: &[Example], methods: &[Method], options: &TableOptions) -> Result<(), Failure> {
    let table = Measures::new(examples, methods, options)?.rows(methods)?;
    let problems: HashSet<&str> = examples.iter().map(|example| example.problem.as_str()).collect();
    let positive = examples.iter().filter(|example| example.label()).count() as f64 / examples.len().max(1) as f64;
    println!("{} problems, {} steps, {:.1}% with a gain", problems.len(), examples.len(), 100.0 * positive);
    print(&table);
    print_leads(&table);
    if let Some(path) = &options.json {
        std::fs::write(path, serde_json::to_vec_pretty(&table)?)
            .map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(())
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
    captured: [Option<Range>; 3],
    /// Captured advantage less that of the first RSD, on the same resamples.
    over_rsd: [Option<Range>; 3],
    /// By how much the table's first method is better; none in its own row.
    lead_of_first: Option<Lead>,
}

/// One method's figures less another's, on the same resamples.
#[derive(Serialize)]
struct Lead {
    rho: Option<Range>,
    auc: Option<Range>,
    captured: [Option<Range>; 3],
}

/// A number with its interval.
#[derive(Clone, Copy, Serialize)]
pub struct Range {
    value: f64,
    low: f64,
    high: f64,
}

impl From<Interval> for Range {
    fn from(interval: Interval) -> Self {
        Self { value: interval.value, low: interval.low, high: interval.high }
    }
}

/// What is measured of one method, sorted once for all resamples.
struct Sorted {
    rho: Spearman,
    auc: Auc,
    auc_wrong: Auc,
    captured: CapturedAdvantage,
}

/// All methods, and how sure their figures are.
struct Measures {
    problems: Clusters,
    bootstrap: Bootstrap,
    labels: Vec<bool>,
    sorted: Vec<Sorted>,
}

impl Measures {
    fn new(examples: &[Example], methods: &[Method], options: &TableOptions) -> Result<Self, Failure> {
        let advantages: Vec<f32> = examples.iter().map(Example::advantage).collect();
        let labels: Vec<bool> = examples.iter().map(Example::label).collect();
        let wrong: Vec<bool> = examples.iter().map(|example| example.draft_score <= 0.5).collect();
        let sorted = |method: &Method| -> Result<Sorted, Failure> {
            let estimates = &method.estimates;
            Ok(Sorted {
                rho: Spearman::new(estimates, &advantages)?,
                auc: Auc::new(estimates, &labels)?,
                auc_wrong: Auc::new(estimates, &wrong)?,
                captured: CapturedAdvantage::new(estimates, &advantages)?,
            })
        };
        let sorted = methods.iter().map(sorted).collect::<Result<_, _>>()?;
        let problems = Clusters::new(examples.iter().map(|example| example.problem.as_str()));
        Ok(Self { problems, bootstrap: Bootstrap::new(options.resamples, 0.95)?, labels, sorted })
    }

    fn rows(&self, methods: &[Method]) -> Result<Vec<Row>, Failure> {
        let rsd = methods.iter().position(|method| method.name.starts_with("RSD")).map(|at| &self.sorted[at]);
        methods.iter().enumerate().map(|(at, method)| self.row(at, method, rsd)).collect()
    }

    fn row(&self, at: usize, method: &Method, rsd: Option<&Sorted>) -> Result<Row, Failure> {
        let own = &self.sorted[at];
        let confusion = method.tau.map(|tau| confusion(&method.estimates, &self.labels, tau)).transpose()?;
        let error = method.tau.map(|_| expected_calibration_error(&method.estimates, &self.labels, 10)).transpose()?;
        Ok(Row {
            method: method.name.clone(),
            rho: self.range(|weights| own.rho.weighted(weights)),
            auc: self.range(|weights| own.auc.weighted(weights)),
            auc_wrong: self.range(|weights| own.auc_wrong.weighted(weights)),
            acc0: confusion.and_then(|c| c.acc0()),
            acc1: confusion.and_then(|c| c.acc1()),
            calibration_error: error.flatten(),
            captured: BUDGETS.map(|share| self.range(captured(own, share))),
            over_rsd: BUDGETS
                .map(|share| rsd.and_then(|rsd| self.difference(captured(own, share), captured(rsd, share)))),
            lead_of_first: self.sorted.first().filter(|_| at > 0).map(|first| self.lead(first, own)),
        })
    }

    fn lead(&self, one: &Sorted, other: &Sorted) -> Lead {
        Lead {
            rho: self.difference(|weights| one.rho.weighted(weights), |weights| other.rho.weighted(weights)),
            auc: self.difference(|weights| one.auc.weighted(weights), |weights| other.auc.weighted(weights)),
            captured: BUDGETS.map(|share| self.difference(captured(one, share), captured(other, share))),
        }
    }

    fn range(&self, statistic: impl Fn(&[u32]) -> Option<f64>) -> Option<Range> {
        self.bootstrap.interval(&self.problems, statistic).map(Range::from)
    }

    fn difference(&self, one: impl Fn(&[u32]) -> Option<f64>, other: impl Fn(&[u32]) -> Option<f64>) -> Option<Range> {
        self.bootstrap.difference(&self.problems, one, other).map(Range::from)
    }
}

fn captured(of: &Sorted, share: f64) -> impl Fn(&[u32]) -> Option<f64> {
    move |weights| of.captured.weighted(weights, Budget::OfOracle(share))
}

fn print(rows: &[Row]) {
    let share = |share: Option<f64>| share.map_or("–".to_owned(), |share| format!("{:.1}", 100.0 * share));
    println!(
        "| method | ρ | AUC gain | AUC wrong | Acc0 | Acc1 | calibration error | captured at ¼ | at ½ | at 1 | over RSD at ¼ | at ½ | at 1 |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|---|---|");
    for row in rows {
        let cells: Vec<String> = row.captured.iter().chain(&row.over_rsd).map(shown).collect();
        println!(
            "| {} | {} | {} | {} | {} | {} | {} | {} |",
            row.method,
            shown(&row.rho),
            shown(&row.auc),
            shown(&row.auc_wrong),
            share(row.acc0),
            share(row.acc1),
            row.calibration_error.map_or("–".to_owned(), |error| format!("{error:.3}")),
            cells.join(" | "),
        );
    }
}

/// The first method less each of the others.
fn print_leads(rows: &[Row]) {
    let Some(first) = rows.first() else { return };
    println!("\n| {} less | ρ | AUC gain | captured at ¼ | at ½ | at 1 |\n|---|---|---|---|---|---|", first.method);
    for row in rows {
        let Some(Lead { rho, auc, captured }) = &row.lead_of_first else { continue };
        let cells: Vec<String> = [rho, auc].into_iter().chain(captured).map(shown).collect();
        println!("| {} | {} |", row.method, cells.join(" | "));
    }
}

/// As a table has it.
pub fn shown(range: &Option<Range>) -> String {
    match range {
        Some(Range { value, low, high }) => format!("{value:.3} [{low:.3}, {high:.3}]"),
        None => "–".to_owned(),
    }
}
