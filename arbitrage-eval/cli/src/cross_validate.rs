//! `arbitrage cross-validate`: probes, judged on problems that they were not trained on.

use std::path::PathBuf;

use arbitrage_router::labels::{Example, Folds, Rescored, rescored};
use arbitrage_router::learned::ProbeFeatures;
use arbitrage_router::metrics::spearman;

use crate::Failure;
use crate::cli::CrossValidateOptions;
use crate::compare::router_estimates;
use crate::disagreements::Disagreements;
use crate::figures::or_dash;
use crate::method_table::{LOGPROB_METHOD, Method, report, threshold_methods};
use crate::training_data::{LabelledTraces, load};

/// Trains the probes, and evaluates all methods on the scores of the traces and then on those of `--labels`.
pub(crate) fn run(options: &CrossValidateOptions) -> Result<(), Failure> {
    let folds = Folds::new(options.folds)?.with_seed(options.learning.seed);
    let mut traces = load(&options.traces)?;
    // Other traces are read first, since computing hidden states takes minutes.
    let labels = load_rescored(&options.labels, "--labels", &traces.examples)?;
    let rsd_scores = load_rescored(&options.rsd, "--rsd", &traces.examples)?;
    options.probe.attach_hidden(&mut traces.examples)?;
    let mut probes = vec![(options.probe.inputs, "probe")];
    if options.probe.inputs != ProbeFeatures::Scalars {
        probes.push((ProbeFeatures::Scalars, "scalars"));
    }
    let mut methods = probes
        .into_iter()
        .map(|(features, name)| cross_fitted(options, &folds, &traces, features, name))
        .collect::<Result<Vec<_>, _>>()?;
    let examples = &traces.examples;
    let rsd = examples.iter().map(|example| -example.draft_score).collect();
    methods.push(Method { name: "RSD".to_owned(), estimates: rsd, tau: None });
    methods.extend(threshold_methods(examples));
    report(examples, &methods, &options.table)?;
    let other_rsd = rsd_scores.map(|scores| OtherRsd::new(scores, examples.len()));
    let disagreements = disagreements(examples, &methods, other_rsd.as_ref())?;
    if let Some(path) = &options.disagreements {
        disagreements.write(path, examples)?;
    }
    let Some(labels) = labels else { return Ok(()) };
    let mut advantages = vec![None; examples.len()];
    labels.indices.iter().zip(&labels.examples).for_each(|(at, example)| advantages[*at] = Some(example.advantage()));
    println!("\nWith the scores of --labels:");
    report_on_labels(labels, other_rsd, &mut methods, options)?;
    disagreements.print(examples, &advantages, &methods[0].name, options.table.resamples)
}

/// Evaluates the methods on the steps that `--labels` has, and that `--rsd` has too if it is given.
fn report_on_labels(
    labels: Rescored,
    other_rsd: Option<OtherRsd>,
    methods: &mut Vec<Method>,
    options: &CrossValidateOptions,
) -> Result<(), Failure> {
    let mut labelled: Vec<(usize, Example)> = labels.indices.into_iter().zip(labels.examples).collect();
    if let Some(OtherRsd { method, indices }) = other_rsd {
        labelled.retain(|(at, _)| indices.binary_search(at).is_ok());
        methods.push(method);
    }
    if labelled.is_empty() {
        return Err("--rsd: expected steps that --labels has, found none".into());
    }
    for method in &mut *methods {
        method.estimates = labelled.iter().map(|(at, _)| method.estimates[*at]).collect();
    }
    let examples: Vec<Example> = labelled.into_iter().map(|(_, example)| example).collect();
    report(&examples, methods, &options.table)
}

/// RSD by the scores of `--rsd`.
struct OtherRsd {
    /// The method, with estimates for the steps that `--rsd` has.
    method: Method,
    /// The indices of these steps among the examples.
    indices: Vec<usize>,
}

impl OtherRsd {
    fn new(scores: Rescored, steps: usize) -> Self {
        let mut estimates = vec![0.0; steps];
        scores.indices.iter().zip(&scores.examples).for_each(|(at, example)| estimates[*at] = -example.draft_score);
        Self { method: Method { name: "RSD of --rsd".to_owned(), estimates, tau: None }, indices: scores.indices }
    }
}

/// Where the probe disagrees with RSD, by the scores of `--rsd` if they are given, and with the log-probability threshold.
fn disagreements(
    examples: &[Example],
    methods: &[Method],
    other_rsd: Option<&OtherRsd>,
) -> Result<Disagreements, Failure> {
    let named = |name: &str| methods.iter().find(|method| method.name == name);
    let rsd = other_rsd.map(|rsd| &rsd.method).or(named("RSD"));
    let baselines: Vec<&Method> = rsd.into_iter().chain(named(LOGPROB_METHOD)).collect();
    let indices = other_rsd.map_or_else(|| (0..examples.len()).collect(), |rsd| rsd.indices.clone());
    Disagreements::new(examples, indices, &methods[0], &baselines)
}

/// The steps of `examples` that traces of another scorer have too, with the scores of that scorer. `None` where there are no traces.
fn load_rescored(traces: &[PathBuf], option: &str, examples: &[Example]) -> Result<Option<Rescored>, Failure> {
    if traces.is_empty() {
        return Ok(None);
    }
    let found = rescored(examples, &load(traces)?.examples);
    let (common, skipped) = (found.examples.len(), found.missing + found.changed + found.extra);
    let counts = format!(
        "{common} steps are in both, {skipped} skipped: {} in --traces only, {} in {option} only, {} whose texts differ",
        found.missing, found.extra, found.changed
    );
    if common == 0 {
        return Err(format!("{option}: expected steps of --traces with other scores: {counts}").into());
    }
    anstream::eprintln!("{counts}");
    Ok(Some(found))
}

/// Estimates for every example, each by the probe that was not trained on the example's problem.
fn cross_fitted(
    options: &CrossValidateOptions,
    folds: &Folds,
    traces: &LabelledTraces,
    features: ProbeFeatures,
    name: &str,
) -> Result<Method, Failure> {
    let mut method = Method { name: name.to_owned(), estimates: vec![0.0; traces.examples.len()], tau: Some(0.5) };
    for fold in 0..folds.count() {
        let is_in_fold = |at: &usize| folds.fold(&traces.examples[*at].problem) == fold;
        let indices: Vec<usize> = (0..traces.examples.len()).filter(is_in_fold).collect();
        let (others, held_out) = folds.split(traces.examples.clone(), fold);
        if held_out.is_empty() {
            continue;
        }
        let title = format!("fold {} of {}, {name}", fold + 1, folds.count());
        let examples = options.learning.split(others)?;
        let mut probe = options.probe.train(features, &examples, traces, options.learning.trainer(), &title)?;
        let estimates = router_estimates(&mut probe, &held_out)?;
        let advantages: Vec<f32> = held_out.iter().map(Example::advantage).collect();
        let rho = or_dash(spearman(&estimates, &advantages)?, |rho| format!("{rho:.3}"));
        anstream::eprintln!("{title}: ρ {rho} on {} held-out steps", held_out.len());
        indices.iter().zip(estimates).for_each(|(at, estimate)| method.estimates[*at] = estimate);
    }
    Ok(method)
}
