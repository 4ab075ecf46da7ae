//! What a collection says of policies, and how far it is from their runs:
//!
//! `cargo run --example replay -- COLLECTION.jsonl [POLICY=RUN.jsonl …]`
//!
//! The collection is a trace with both steps scored; each run is a trace of a policy, such as `rsd:0.5`, on its problems. Problems are
//! of the mini family, whose answers need no file. A trained router's estimates are taken from its run, where that came by the same
//! steps; problems where it did not are left out.

use std::collections::HashMap;

use arbitrage_core::trace::{Record, SolutionRecord, read_jsonl};
use arbitrage_core::{BoxError, Problem, Usage};
use arbitrage_eval::cost::{Judge, Reuse, measured};
use arbitrage_eval::gold::Gold;
use arbitrage_eval::metrics::{Summary, compare};
use arbitrage_eval::replay::{Dump, Place, check, replay};
use arbitrage_eval::results::{Grade, Grades, Outcome, PolicyResults, problem_results};
use arbitrage_router::Policy;
use arbitrage_router::labels::trajectories;
use arbitrage_router::metrics::Bootstrap;

fn main() -> Result<(), BoxError> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("expected a collection and pairs POLICY=RUN")?;
    let records = read_jsonl(&path)?;
    let collected = results(&records, Policy::Oracle(0.0))?;
    let dump = Dump::new(&records)?.with_outcomes(&collected)?;
    println!("{} problems, {} left out, {} places", dump.problems.len(), dump.left_out, dump.places().count());
    let usage: Usage = collected.problems().iter().map(|problem| problem.usage).sum();
    let hardware = measured(path, &usage, Judge::Both)?;
    println!("{}\n", serde_json::to_string(&hardware)?);
    let mut first: Option<PolicyResults> = None;
    for argument in arguments {
        let (policy, path) = argument.split_once('=').ok_or("expected POLICY=RUN")?;
        let (policy, run) = (policy.parse::<Policy>()?, read_jsonl(path)?);
        let results = results(&run, policy)?;
        let dump =
            if matches!(policy, Policy::Learned(_)) { estimated(dump.clone(), &records, &run)? } else { dump.clone() };
        println!("{}", check(&replay(&dump, &policy)?, &results, (&hardware, Reuse::On))?);
        println!("{}\n", serde_json::to_string(&Summary::of(&results))?);
        match &first {
            Some(first) => println!("{:?}\n", compare(&results, first, &Bootstrap::default())?),
            None => first = Some(results),
        }
    }
    Ok(())
}

/// The results of a trace, with the mini family's own verdicts.
fn results(records: &[Record], policy: Policy) -> Result<PolicyResults, BoxError> {
    let ends = records.iter().filter_map(|record| if let Record::Solution(end) = record { Some(end) } else { None });
    let grade = |end: &SolutionRecord| {
        let problem = Problem::new(&end.question).with_id(&end.problem);
        let right = Gold::default().with_fallback(arbitrage_mini::answer).is_solved(&problem, &end.text)?;
        Ok(Grade::new(&end.problem, if right { Outcome::Right } else { Outcome::Wrong }))
    };
    let grades = Grades::new(ends.map(grade).collect::<Result<Vec<_>, BoxError>>()?);
    let found = problem_results(records, &grades, 48)?;
    let text = policy.to_string();
    let (name, tau) = text.split_once(':').map_or((&*text, None), |(name, tau)| (name, tau.parse().ok()));
    Ok(PolicyResults::new("mini", name, tau, found.problems)?)
}

/// The collection with the estimates of a run, as far as both have the same steps before them.
fn estimated(dump: Dump, collection: &[Record], run: &[Record]) -> Result<Dump, BoxError> {
    let [ours, theirs] = [steps(collection)?, steps(run)?];
    let estimate = |id: &str, place: &Place| {
        let key = (id.to_owned(), place.index);
        theirs.get(&key).filter(|known| ours.get(&key).is_some_and(|own| own.0 == known.0))?.1
    };
    let mut dump = dump.with_estimates(estimate);
    dump.problems.retain(|problem| problem.places.iter().all(|place| place.estimate.is_some()));
    Ok(dump)
}

/// By problem and index: the text before the step, and the estimate of it.
type Steps = HashMap<(String, usize), (String, Option<f32>)>;

fn steps(records: &[Record]) -> Result<Steps, BoxError> {
    let mut steps = Steps::new();
    for (id, trajectory) in trajectories(records.iter().cloned())?.0 {
        let mut text = String::new();
        for (index, record) in trajectory.steps {
            steps.insert((id.clone(), index), (text.clone(), record.decision.estimate));
            text.push_str(record.step().map_or("", |step| step.text.as_str()));
        }
    }
    Ok(steps)
}
