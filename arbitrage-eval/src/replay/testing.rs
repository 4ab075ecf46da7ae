//! Collections for tests.

use std::sync::{Arc, Mutex};

use arbitrage_core::router::Labelling;
use arbitrage_core::scorer::{StepScorer, scorer_fn};
use arbitrage_core::testing::Babbler;
use arbitrage_core::text::fnv1a;
use arbitrage_core::trace::{Record, Trace};
use arbitrage_core::{AdvantageRouter, Author, Engine, Limits, Problem, Step};
use arbitrage_router::Policy;

use super::PairedTrace;
use crate::results::{GradeRow, Grades, Outcome, PolicyResults, problem_results};

/// A scorer with nine different scores, which depend on the step's text alone.
pub(crate) fn scorer() -> Box<dyn StepScorer> {
    Box::new(scorer_fn(|_, step: &Step| (fnv1a(step.text.bytes()) % 9) as f32 / 8.0))
}

/// The records, sorted by problem.
pub(crate) fn sorted(records: &[Record]) -> Trace {
    Trace::from_records(records.to_vec()).unwrap()
}

/// The trace of a run over so many problems.
pub(crate) fn trace(router: impl AdvantageRouter + 'static, problems: usize) -> Vec<Record> {
    let problem = |at: usize| Problem::new(format!("Question {at}?")).with_id(format!("{at:03}")).with_seed(at as u64);
    let model = |author, seed| Babbler::new("babbler", author, seed).with_rollback();
    let sink = Arc::new(Mutex::new(Vec::new()));
    Engine::new(model(Author::Draft, 1), model(Author::Target, 2), router)
        .with_limits(Limits::default().with_steps(8))
        .with_sink(sink.clone())
        .solve_all(&(0..problems).map(problem).collect::<Vec<_>>());
    std::mem::take(&mut *sink.lock().unwrap())
}

/// The trace of a policy under labelling: both steps are written and scored.
pub(crate) fn collection(policy: &str, problems: usize) -> Vec<Record> {
    let policy: Policy = policy.parse().unwrap();
    trace(Labelling::new(scorer(), policy.router(Some(scorer())).unwrap()), problems)
}

/// Results of a trace, of which two in three are right.
pub(crate) fn graded(policy: &str, records: &[Record]) -> PolicyResults {
    let grade = |record: &Record| match record {
        Record::Solution(end) => {
            let right = fnv1a(end.text.bytes()) % 3 > 0;
            Some(GradeRow::new(&end.problem, if right { Outcome::Right } else { Outcome::Wrong }))
        }
        _ => None,
    };
    let grades = Grades::new(records.iter().filter_map(grade));
    let (name, tau) = Policy::split(policy);
    let found = problem_results(&sorted(records), &grades, 0).unwrap();
    PolicyResults::new("babble", name, tau, found.problems).unwrap()
}

/// The graded collection of a policy.
pub(crate) fn paired_trace(policy: &str, problems: usize) -> PairedTrace {
    let records = collection(policy, problems);
    PairedTrace::new(&sorted(&records)).unwrap().with_outcomes(&graded(policy, &records)).unwrap()
}
