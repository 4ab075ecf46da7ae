//! A table that compares methods of choosing which steps to escalate.

use std::collections::HashSet;

use arbitrage_core::Step;
use arbitrage_router::labels::Example;
use arbitrage_router::metrics::{
    Auc, Bootstrap, CallBudget, CapturedAdvantage, Clusters, Interval, Spearman, confusion, expected_calibration_error,
};
use serde::Serialize;

use crate::Failure;
use crate::cli::TableOptions;
use crate::figures::{or_dash, with_interval};
use crate::files::write_json;

/// Budgets of target calls, as shares of the oracle's calls.
pub(crate) const BUDGETS: [f64; 3] = [0.25, 0.5, 1.0];

/// One way to choose which steps to escalate, applied to a list of steps.
pub(crate) struct Method {
    /// The name in tables.
    pub name: String,
    /// A number for each step; steps with the highest numbers are escalated first.
    pub estimates: Vec<f32>,
    /// The threshold of a learned router.
    pub tau: Option<f32>,
}

/// Name of the threshold on the mean log-probability of a step's tokens.
pub(crate) const LOGPROB_METHOD: &str = "mean log-probability";

/// The thresholds on the draft's probabilities, which need no training.
pub(crate) fn threshold_methods(examples: &[Example]) -> [Method; 2] {
    let method = |name: &str, estimate: fn(&Step) -> f32| Method {
        name: name.to_owned(),
        estimates: examples.iter().map(|example| estimate(&example.draft)).collect(),
        tau: None,
    };
    [
        method(LOGPROB_METHOD, |step| -step.mean_logprob().unwrap_or_default()),
        method("first-token entropy", |step| step.first_entropy.unwrap_or_default()),
    ]
}

/// Prints the table, and writes it as JSON if the options name a file. Every method has an estimate for each example.
pub(crate) fn report(examples: &[Example], methods: &[Method], options: &TableOptions) -> Result<(), Failure> {
    let table = MethodMetrics::new(examples, methods, options)?.rows(methods)?;
    let problems: HashSet<&str> = examples.iter().map(|example| example.problem.as_str()).collect();
    let positive = examples.iter().filter(|example| example.label()).count() as f64 / examples.len().max(1) as f64;
    println!("{} problems, {} steps, {:.1}% with a gain", problems.len(), examples.len(), 100.0 * positive);
    print(&table);
    print_differences(&table);
    write_json(options.json.as_deref(), &table)
}

/// A row of the table.
#[derive(Serialize)]
struct MethodRow {
    method: String,
    rho: Option<Interval>,
    auc: Option<Interval>,
    /// AUC of predicting that the draft's step is wrong: the method's quality as a scorer.
    auc_wrong: Option<Interval>,
    acc0: Option<f64>,
    acc1: Option<f64>,
    calibration_error: Option<f64>,
    captured: [Option<Interval>; 3],
    /// Captured advantage minus that of the first RSD method, on the same resamples.
    over_rsd: [Option<Interval>; 3],
    /// The first method's figures minus this method's; `None` for the first method.
    lead_of_first: Option<MethodDifference>,
}

/// One method's figures minus another's, on the same resamples.
#[derive(Serialize)]
struct MethodDifference {
    rho: Option<Interval>,
    auc: Option<Interval>,
    captured: [Option<Interval>; 3],
}

/// One method's estimates, sorted once for all resamples.
struct SortedEstimates {
    rho: Spearman,
    auc: Auc,
    auc_wrong: Auc,
    captured: CapturedAdvantage,
}

/// The metrics of all methods, with their intervals.
struct MethodMetrics {
    problems: Clusters,
    bootstrap: Bootstrap,
    labels: Vec<bool>,
    sorted: Vec<SortedEstimates>,
}

impl MethodMetrics {
    fn new(examples: &[Example], methods: &[Method], options: &TableOptions) -> Result<Self, Failure> {
        let advantages: Vec<f32> = examples.iter().map(Example::advantage).collect();
        let labels: Vec<bool> = examples.iter().map(Example::label).collect();
        let wrong: Vec<bool> = examples.iter().map(|example| example.draft_score <= 0.5).collect();
        let sorted = |method: &Method| -> Result<SortedEstimates, Failure> {
            let estimates = &method.estimates;
            Ok(SortedEstimates {
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

    fn rows(&self, methods: &[Method]) -> Result<Vec<MethodRow>, Failure> {
        let rsd = methods.iter().position(|method| method.name.starts_with("RSD")).map(|at| &self.sorted[at]);
        methods.iter().enumerate().map(|(at, method)| self.row(at, method, rsd)).collect()
    }

    fn row(&self, at: usize, method: &Method, rsd: Option<&SortedEstimates>) -> Result<MethodRow, Failure> {
        let of_method = &self.sorted[at];
        let confusion = method.tau.map(|tau| confusion(&method.estimates, &self.labels, tau)).transpose()?;
        let error = method.tau.map(|_| expected_calibration_error(&method.estimates, &self.labels, 10)).transpose()?;
        Ok(MethodRow {
            method: method.name.clone(),
            rho: self.interval(|weights| of_method.rho.weighted(weights)),
            auc: self.interval(|weights| of_method.auc.weighted(weights)),
            auc_wrong: self.interval(|weights| of_method.auc_wrong.weighted(weights)),
            acc0: confusion.and_then(|c| c.acc0()),
            acc1: confusion.and_then(|c| c.acc1()),
            calibration_error: error.flatten(),
            captured: BUDGETS.map(|share| self.interval(captured(of_method, share))),
            over_rsd: BUDGETS
                .map(|share| rsd.and_then(|rsd| self.difference(captured(of_method, share), captured(rsd, share)))),
            lead_of_first: self.sorted.first().filter(|_| at > 0).map(|first| self.method_difference(first, of_method)),
        })
    }

    fn method_difference(&self, one: &SortedEstimates, other: &SortedEstimates) -> MethodDifference {
        MethodDifference {
            rho: self.difference(|weights| one.rho.weighted(weights), |weights| other.rho.weighted(weights)),
            auc: self.difference(|weights| one.auc.weighted(weights), |weights| other.auc.weighted(weights)),
            captured: BUDGETS.map(|share| self.difference(captured(one, share), captured(other, share))),
        }
    }

    fn interval(&self, statistic: impl Fn(&[u32]) -> Option<f64>) -> Option<Interval> {
        self.bootstrap.interval(&self.problems, statistic)
    }

    fn difference(
        &self,
        one: impl Fn(&[u32]) -> Option<f64>,
        other: impl Fn(&[u32]) -> Option<f64>,
    ) -> Option<Interval> {
        self.bootstrap.difference(&self.problems, one, other)
    }
}

fn captured(of: &SortedEstimates, share: f64) -> impl Fn(&[u32]) -> Option<f64> {
    move |weights| of.captured.weighted(weights, CallBudget::OfOracle(share))
}

fn print(rows: &[MethodRow]) {
    let share = |share| or_dash(share, |share: f64| format!("{:.1}", 100.0 * share));
    println!(
        "| method | ρ | AUC gain | AUC wrong | Acc0 | Acc1 | calibration error | captured at ¼ | at ½ | at 1 | over RSD at ¼ | at ½ | at 1 |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|---|---|");
    for row in rows {
        let cells: Vec<String> = row.captured.into_iter().chain(row.over_rsd).map(with_interval).collect();
        println!(
            "| {} | {} | {} | {} | {} | {} | {} | {} |",
            row.method,
            with_interval(row.rho),
            with_interval(row.auc),
            with_interval(row.auc_wrong),
            share(row.acc0),
            share(row.acc1),
            or_dash(row.calibration_error, |error| format!("{error:.3}")),
            cells.join(" | "),
        );
    }
}

/// The first method's figures minus those of each other method.
fn print_differences(rows: &[MethodRow]) {
    let Some(first) = rows.first() else { return };
    println!("\n| {} minus | ρ | AUC gain | captured at ¼ | at ½ | at 1 |\n|---|---|---|---|---|---|", first.method);
    for row in rows {
        let Some(MethodDifference { rho, auc, captured }) = &row.lead_of_first else { continue };
        let cells: Vec<String> =
            [rho, auc].into_iter().chain(captured).map(|interval| with_interval(*interval)).collect();
        println!("| {} | {} |", row.method, cells.join(" | "));
    }
}
