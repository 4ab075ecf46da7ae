//! Problems that arrive while others are being solved, and problems that are cancelled.

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use arbitrage_core::testing::{CallLog, Flaky};
use arbitrage_core::trace::StepRecord;
use arbitrage_core::{
    ConfigError, Drafter, Engine, EngineError, Limits, Problem, ProblemSource, Role, SequenceId, Solution, Stop,
    Verifier, WhenEmpty, router::AlwaysDraft, testing::Scripted,
};
use proptest::prelude::*;
use support::{expected_stop, setup, timeless};

/// In which iteration a problem arrives, and after how many steps it is cancelled.
#[derive(Clone, Debug)]
struct Schedule {
    arrives: usize,
    cancelled_after: Option<usize>,
}

fn schedules() -> impl Strategy<Value = Vec<Schedule>> {
    let cancelled_after = prop_oneof![2 => Just(None), 1 => (1..6usize).prop_map(Some)];
    let schedule = (0..12usize, cancelled_after);
    prop::collection::vec(schedule.prop_map(|(arrives, cancelled_after)| Schedule { arrives, cancelled_after }), 1..9)
}

/// Supplies problems by their schedules, in the order of arrival.
struct ScheduledSource<'p> {
    waiting: Vec<(&'p Problem, Schedule)>,
    iteration: usize,
    active: BTreeMap<SequenceId, (String, Option<usize>)>,
    steps: BTreeMap<String, Vec<StepRecord>>,
    answers: BTreeMap<String, Solution>,
    max_active: usize,
}

impl<'p> ScheduledSource<'p> {
    fn new(problems: &'p [Problem], schedules: &[Schedule]) -> Self {
        let mut waiting: Vec<_> = problems.iter().zip(schedules.iter().cloned()).collect();
        waiting.sort_by_key(|(_, schedule)| std::cmp::Reverse(schedule.arrives));
        let (active, steps, answers) = Default::default();
        Self { waiting, iteration: 0, active, steps, answers, max_active: 0 }
    }
}

impl ProblemSource for ScheduledSource<'_> {
    fn next(&mut self, when_empty: WhenEmpty) -> Option<(SequenceId, Problem)> {
        let idle = when_empty == WhenEmpty::Wait;
        assert_eq!(idle, self.active.is_empty());
        if let Some((_, schedule)) = self.waiting.last().filter(|_| idle) {
            self.iteration = self.iteration.max(schedule.arrives);
        }
        let (problem, schedule) = self.waiting.pop_if(|(_, schedule)| schedule.arrives <= self.iteration)?;
        let id = SequenceId::fresh();
        self.active.insert(id, (problem.id.clone(), schedule.cancelled_after));
        self.max_active = self.max_active.max(self.active.len());
        Some((id, problem.clone()))
    }

    fn is_cancelled(&mut self, id: SequenceId) -> bool {
        let (problem, cancelled_after) = &self.active[&id];
        let is_due = cancelled_after.is_some_and(|steps| self.steps.get(problem).map_or(0, Vec::len) >= steps);
        is_due && self.active.remove(&id).is_some()
    }

    fn committed(&mut self, id: SequenceId, record: &StepRecord) {
        self.iteration += usize::from(self.active.keys().next() == Some(&id));
        let (problem, _) = &self.active[&id];
        assert_eq!(&record.problem, problem);
        self.steps.entry(problem.clone()).or_default().push(record.clone());
    }

    fn finished(&mut self, id: SequenceId, answer: Result<Solution, EngineError>) -> ControlFlow<()> {
        let (problem, _) = self.active.remove(&id).unwrap();
        assert!(self.answers.insert(problem, answer.unwrap()).is_none());
        ControlFlow::Continue(())
    }
}

fn released(log: &CallLog, role: Role) -> Vec<SequenceId> {
    log.released().into_iter().filter(|(of, _)| *of == role).map(|(_, id)| id).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn answers_do_not_depend_on_when_problems_arrive_and_are_cancelled(setup in setup(), schedules in schedules()) {
        let problems = setup.problems(schedules.len());
        let expected: BTreeMap<String, Solution> = problems.iter().map(|problem| problem.id.clone())
            .zip(setup.engine().0.solve_all(&problems).into_iter().map(Result::unwrap)).collect();
        let (mut engine, log) = setup.engine();
        let mut source = ScheduledSource::new(&problems, &schedules);
        engine.serve(&mut source).unwrap();

        prop_assert!(source.active.is_empty() && source.waiting.is_empty());
        prop_assert!(source.max_active <= setup.limits.in_flight);
        for (problem, schedule) in problems.iter().zip(&schedules) {
            let whole = &expected[&problem.id];
            let steps = source.steps.remove(&problem.id).unwrap_or_default();
            match source.answers.remove(&problem.id) {
                Some(answer) => {
                    prop_assert_eq!(&steps, &answer.records, "every step is reported once, before the end");
                    prop_assert_eq!(timeless(answer), timeless(whole.clone()));
                }
                None => {
                    prop_assert_eq!(Some(steps.len()), schedule.cancelled_after, "cancelled when it was due");
                    let texts = |records: &[StepRecord]| -> String {
                        records.iter().map(|record| record.step().unwrap().text.as_str()).collect()
                    };
                    prop_assert!(whole.text().starts_with(&texts(&steps)));
                }
            }
        }
        for role in [Role::Drafter, Role::Verifier] {
            let ids = released(&log, role);
            prop_assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), schedules.len(), "all caches are released");
            prop_assert_eq!(ids.len(), schedules.len(), "once");
        }
    }

    #[test]
    fn a_problem_may_set_a_lower_limit_on_tokens(setup in setup(), max_tokens in 0..60usize) {
        let plain = setup.problems(2);
        let problems = [plain[0].clone().with_max_tokens(max_tokens), plain[1].clone()];
        let mut solutions: Vec<_> = setup.engine().0.solve_all(&problems).into_iter().map(Result::unwrap).collect();
        let narrow = setup.limits.with_tokens(max_tokens.min(setup.limits.tokens));
        let steps = &solutions[0].steps;
        prop_assert_eq!(expected_stop(steps, &narrow), Some(solutions[0].stop));
        for end in 1..steps.len() {
            prop_assert_eq!(expected_stop(&steps[..end], &narrow), None);
        }
        let other = setup.engine().0.solve(&plain[1]).unwrap();
        prop_assert_eq!(timeless(solutions.remove(1)), timeless(other), "the other has the full limit");
    }
}

/// Supplies all problems at once, keeps the results, and breaks off after `max_results` of them.
struct Batch {
    problems: Vec<Problem>,
    results: Vec<Result<Solution, EngineError>>,
    max_results: usize,
}

impl Batch {
    fn new(problems: Vec<Problem>, max_results: usize) -> Self {
        Self { problems, results: Vec::new(), max_results }
    }
}

impl ProblemSource for Batch {
    fn next(&mut self, _when_empty: WhenEmpty) -> Option<(SequenceId, Problem)> {
        self.problems.pop().map(|problem| (SequenceId::fresh(), problem))
    }

    fn finished(&mut self, _id: SequenceId, answer: Result<Solution, EngineError>) -> ControlFlow<()> {
        self.results.push(answer);
        if self.results.len() < self.max_results { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }
}

fn scripted() -> (impl Drafter, impl Verifier) {
    (Scripted::new("draft", ["one\n\n", "two"]), Scripted::new("target", []))
}

#[test]
fn no_problem_is_taken_under_invalid_limits() {
    let (draft, target) = scripted();
    let mut engine = Engine::new(draft, target, AlwaysDraft).with_limits(Limits::default().with_in_flight(0));
    let mut batch = Batch::new(vec![Problem::new("?")], 9);
    assert!(matches!(engine.serve(&mut batch), Err(ConfigError::Limit { name: "in_flight", .. })));
    assert_eq!(batch.problems.len(), 1);
}

#[test]
fn breaking_off_drops_the_others() {
    let log = CallLog::new();
    let (draft, target) = scripted();
    let mut engine = Engine::new(log.record(draft), target, AlwaysDraft);
    let mut batch = Batch::new(vec![Problem::new("?"); 3], 1);
    engine.serve(&mut batch).unwrap();
    assert_eq!((batch.results.len(), released(&log, Role::Drafter).len()), (1, 3));
    let mut next = Batch::new(vec![Problem::new("?"); 3], 9);
    engine.serve(&mut next).unwrap();
    assert!(
        next.results.iter().all(|answer| answer.as_ref().unwrap().text() == "one\n\ntwo"),
        "the engine can serve again"
    );
}

#[test]
fn a_failure_ends_its_own_problem_only() {
    let (draft, target) = scripted();
    let mut engine = Engine::new(Flaky::new(draft, 1), target, AlwaysDraft);
    let problems = vec![Problem::new("a"), Problem::new(" "), Problem::new("b")];
    let mut batch = Batch::new(problems, 9);
    engine.serve(&mut batch).unwrap();
    let failed = batch.results.iter().filter(|answer| answer.is_err()).count();
    assert_eq!((batch.results.len(), failed), (3, 2), "an empty question, and a step that failed");
}

#[test]
fn the_limit_of_a_problem_is_kept_in_its_json() {
    let problem = Problem::new("?").with_max_tokens(7);
    let text = serde_json::to_string(&problem).unwrap();
    assert!(text.contains(r#""most_tokens":7"#), "{text}");
    assert_eq!(serde_json::from_str::<Problem>(&text).unwrap(), problem);
    assert!(!serde_json::to_string(&Problem::new("?")).unwrap().contains("most_tokens"));
    let (draft, target) = scripted();
    let solution = Engine::new(draft, target, AlwaysDraft).solve(&problem.with_max_tokens(1)).unwrap();
    assert_eq!((solution.text().as_str(), solution.stop), ("one\n\n", Stop::Tokens));
}
