//! `arbitrage cross-validate`: what probes say of problems that they have not seen.

use std::path::PathBuf;

use arbitrage_router::labels::{Example, Folds, Rescored, rescored};
use arbitrage_router::learned::ProbeFeatures;
use arbitrage_router::metrics::spearman;

use crate::Failure;
use crate::cli::CrossValidateOptions;
use crate::compare::asked;
use crate::training_data::{Loaded, load};
use crate::disagreements::Disputes;
use crate::method_table::{Method, gates, report};

/// Trains the probes, and holds all methods against the labels.
pub fn run(options: &CrossValidateOptions) -> Result<(), Failure> {
    let folds = Folds::new(options.folds)?.with_seed(options.learning.seed);
    let mut loaded = load(&options.traces)?;
    // Before hidden states, which take minutes, are read.
    let labels = again(&options.labels, "--labels", &loaded.examples)?;
    let read = again(&options.rsd, "--rsd", &loaded.examples)?;
    options.shape.attach(&mut loaded.examples)?;
    let mut probes = vec![(options.shape.inputs, "probe")];
    if options.shape.inputs != ProbeFeatures::Scalars {
        probes.push((ProbeFeatures::Scalars, "scalars"));
    }
    let mut methods = cross_fitted(options, &folds, &loaded, &probes)?;
    methods.push(Method { name: "RSD".to_owned(), estimates: rsd(&loaded.examples), tau: None });
    methods.extend(gates(&loaded.examples));
    report(&loaded.examples, &methods, &options.table)?;
    let read = read.map(|read| of_another(read, loaded.examples.len()));
    let disputes = disputes(&loaded.examples, &methods, read.as_ref())?;
    if let Some(path) = &options.disputed {
        disputes.write(path, &loaded.examples)?;
    }
    let Some(mut held) = labels else { return Ok(()) };
    let mut known = vec![None; loaded.examples.len()];
    held.places.iter().zip(&held.examples).for_each(|(place, example)| known[*place] = Some(example.advantage()));
    println!("\nHeld against --labels:");
    if let Some((method, places)) = read {
        held = kept(held, |place| places.binary_search(&place).is_ok())?;
        methods.push(method);
    }
    let Rescored { examples, places, .. } = held;
    for method in &mut methods {
        method.estimates = places.iter().map(|&at| method.estimates[at]).collect();
    }
    report(&examples, &methods, &options.table)?;
    disputes.print(&loaded.examples, &known, &methods[0].name, options.table.resamples)
}

/// RSD by the scores of another scorer than the traces', and the steps that it has scored.
fn of_another(read: Rescored, steps: usize) -> (Method, Vec<usize>) {
    let mut estimates = vec![0.0; steps];
    read.places.iter().zip(&read.examples).for_each(|(place, example)| estimates[*place] = -example.draft_score);
    (Method { name: "RSD of --rsd".to_owned(), estimates, tau: None }, read.places)
}

/// Where the probe parts from RSD, of another scorer if there is one, and from the gate by log-probability.
fn disputes(
    examples: &[Example],
    methods: &[Method],
    read: Option<&(Method, Vec<usize>)>,
) -> Result<Disputes, Failure> {
    let named = |name: &str| methods.iter().find(|method| method.name == name);
    let rsd = read.map(|(method, _)| method).or(named("RSD"));
    let rivals: Vec<&Method> = rsd.into_iter().chain(named("mean log-probability")).collect();
    let places = read.map_or_else(|| (0..examples.len()).collect(), |(_, places)| places.clone());
    Disputes::new(examples, places, &methods[0], &rivals)
}

/// The steps that another scorer has judged, too; `None` where no trace of it was named.
fn again(traces: &[PathBuf], name: &str, examples: &[Example]) -> Result<Option<Rescored>, Failure> {
    if traces.is_empty() {
        return Ok(None);
    }
    let found = rescored(examples, &load(traces)?.examples);
    let (common, left_out) = (found.examples.len(), found.unknown + found.otherwise + found.surplus);
    let told = format!(
        "{common} steps are in both, {left_out} left out: {} in --traces only, {} in {name} only, {} whose texts differ",
        found.unknown, found.surplus, found.otherwise
    );
    if common == 0 {
        return Err(format!("{name}: expected steps of --traces, scored by another: {told}").into());
    }
    anstream::eprintln!("{told}");
    Ok(Some(found))
}

/// The labelled steps whose place is as asked for.
fn kept(labels: Rescored, is_kept: impl Fn(usize) -> bool) -> Result<Rescored, Failure> {
    let mut found = Rescored::default();
    for (place, example) in labels.places.into_iter().zip(labels.examples).filter(|(place, _)| is_kept(*place)) {
        found.places.push(place);
        found.examples.push(example);
    }
    if found.places.is_empty() {
        return Err("--rsd: expected steps that --labels has, found none".into());
    }
    Ok(found)
}

/// What the scorer of the traces reads in the drafts.
fn rsd(examples: &[Example]) -> Vec<f32> {
    examples.iter().map(|example| -example.draft_score).collect()
}

/// For each of `probes`, every example's estimate by the probe that did not learn from its problem.
fn cross_fitted(
    options: &CrossValidateOptions,
    folds: &Folds,
    loaded: &Loaded,
    probes: &[(ProbeFeatures, &str)],
) -> Result<Vec<Method>, Failure> {
    let method =
        |(_, name): &(ProbeFeatures, &str)| Method { name: (*name).to_owned(), estimates: Vec::new(), tau: Some(0.5) };
    let mut methods: Vec<Method> = probes.iter().map(method).collect();
    methods.iter_mut().for_each(|method| method.estimates = vec![0.0; loaded.examples.len()]);
    for fold in 0..folds.count() {
        let is_held = |at: &usize| folds.fold(&loaded.examples[*at].problem) == fold;
        let places: Vec<usize> = (0..loaded.examples.len()).filter(is_held).collect();
        let (others, held) = folds.split(loaded.examples.clone(), fold);
        for ((inputs, name), method) in probes.iter().zip(&mut methods) {
            let told = format!("fold {} of {}, {name}", fold + 1, folds.count());
            let estimates = fold_out(options, *inputs, (others.clone(), &held), loaded, &told)?;
            places.iter().zip(estimates).for_each(|(at, estimate)| method.estimates[*at] = estimate);
        }
    }
    Ok(methods)
}

/// Estimates of the steps that are held out, by a probe that was trained on the others.
fn fold_out(
    options: &CrossValidateOptions,
    inputs: ProbeFeatures,
    (others, held): (Vec<Example>, &[Example]),
    loaded: &Loaded,
    told: &str,
) -> Result<Vec<f32>, Failure> {
    if held.is_empty() {
        return Ok(Vec::new());
    }
    let (parts, data) = (options.learning.split(others)?, (loaded.pair.clone(), loaded.data.clone()));
    let mut probe = options.shape.train(inputs, parts, options.learning.fit(), data, told)?;
    let estimates = asked(&mut probe, held)?;
    let advantages: Vec<f32> = held.iter().map(Example::advantage).collect();
    let rho = spearman(&estimates, &advantages)?.map_or_else(|| "–".to_owned(), |rho| format!("{rho:.3}"));
    anstream::eprintln!("{told}: ρ {rho} on {} steps held out", held.len());
    Ok(estimates)
}
