//! Predicts policies from a collection, and compares the predictions with real runs:
//!
//! `cargo run --release -p arbitrage-eval --example replay -- COLLECTION.jsonl [POLICY=RUN.jsonl …]`
//!
//! The collection is a trace in which both models' steps were scored; each run is a trace of a policy, such as `rsd:0.5`, on the same
//! problems. Problems are of the mini family, whose answers are computed from their questions. The estimates of a trained router are taken
//! from its run, at the steps that it reached by the same history; problems with other steps are excluded.

use std::collections::HashMap;

use arbitrage_core::trace::{SolutionRecord, Trace};
use arbitrage_core::{BoxError, Problem, Usage};
use arbitrage_eval::cost::{DecisionWork, Reuse, measured};
use arbitrage_eval::gold::Gold;
use arbitrage_eval::metrics::{PolicySummary, compare};
use arbitrage_eval::replay::{PairedTrace, StepPair, check, replay};
use arbitrage_eval::results::{GradeRow, Grades, Outcome, PolicyResults, problem_results};
use arbitrage_router::Policy;
use arbitrage_router::metrics::Bootstrap;

/// Problems of each process that are not timed.
const WARM_UP: usize = 48;

fn main() -> Result<(), BoxError> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("expected a collection and pairs POLICY=RUN")?;
    let collection = Trace::read(&path)?;
    let collected = results(&collection, Policy::Oracle(0.0))?;
    let trace = PairedTrace::new(&collection)?.with_outcomes(&collected)?;
    println!("{} problems, {} excluded, {} steps", trace.problems.len(), trace.excluded, trace.step_pairs().count());
    let usage: Usage = collected.problems().iter().map(|problem| problem.usage).sum();
    let hardware = measured(path, &usage, DecisionWork::ScoreBoth)?;
    println!("{}\n", serde_json::to_string(&hardware)?);
    let mut first: Option<PolicyResults> = None;
    for argument in arguments {
        let (policy, path) = argument.split_once('=').ok_or("expected POLICY=RUN")?;
        let (policy, run) = (policy.parse::<Policy>()?, Trace::read(path)?);
        let results = results(&run, policy)?;
        let trace = match policy {
            Policy::Learned(_) => with_estimates(trace.clone(), &collection, &run),
            _ => trace.clone(),
        };
        println!("{}", check(&replay(&trace, &policy)?, &results, &hardware, Reuse::On)?);
        println!("{}\n", serde_json::to_string(&PolicySummary::of(&results))?);
        match &first {
            Some(first) => println!("{:?}\n", compare(&results, first, &Bootstrap::default())?),
            None => first = Some(results),
        }
    }
    Ok(())
}

/// The results of a trace, graded by the mini family's answers.
fn results(trace: &Trace, policy: Policy) -> Result<PolicyResults, BoxError> {
    let gold = Gold::default().with_fallback(arbitrage_mini::answer);
    let grade = |end: &&SolutionRecord| {
        let problem = Problem::new(&end.question).with_id(&end.problem);
        let right = gold.is_solved(&problem, &end.text)?;
        Ok(GradeRow::new(&end.problem, if right { Outcome::Right } else { Outcome::Wrong }))
    };
    let grades = Grades::new(trace.solutions().iter().map(grade).collect::<Result<Vec<_>, BoxError>>()?);
    let found = problem_results(trace, &grades, WARM_UP)?;
    Ok(PolicyResults::new("mini", policy.name(), policy.threshold(), found.problems)?)
}

/// The collection with the estimates of a run, as far as both have the same history.
fn with_estimates(trace: PairedTrace, collection: &Trace, run: &Trace) -> PairedTrace {
    let [collected, routed] = [steps(collection), steps(run)];
    let estimate = |id: &str, pair: &StepPair| {
        let key = (id.to_owned(), pair.index);
        let step = routed.get(&key)?;
        step.estimate.filter(|_| collected.get(&key).is_some_and(|other| other.prefix == step.prefix))
    };
    let mut trace = trace.with_estimates(estimate);
    trace.problems.retain(|problem| problem.pairs.iter().all(|pair| pair.estimate.is_some()));
    trace
}

/// The text before a step, and the router's estimate of the step.
struct RoutedStep {
    prefix: String,
    estimate: Option<f32>,
}

/// The steps of a trace, by problem and index.
fn steps(trace: &Trace) -> HashMap<(String, usize), RoutedStep> {
    let mut steps = HashMap::new();
    for (id, trajectory) in &trace.trajectories {
        let mut prefix = String::new();
        for (index, record) in &trajectory.steps {
            let estimate = record.decision.estimate;
            steps.insert((id.clone(), *index), RoutedStep { prefix: prefix.clone(), estimate });
            prefix.push_str(record.step().map_or("", |step| step.text.as_str()));
        }
    }
    steps
}
