//! Problems that come while others are being solved, and problems that are given up.

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use arbitrage_core::testing::{CallLog, Flaky};
use arbitrage_core::trace::StepRecord;
use arbitrage_core::{
    ConfigError, Drafter, Engine, EngineError, Intake, Limits, Problem, Role, SequenceId, Solution, Stop, Verifier,
    router::AlwaysDraft, testing::Scripted,
};
use proptest::prelude::*;
use support::{expected_stop, setup, timeless};

/// A problem's visit: in which turn it comes, and after how many steps it is given up.
#[derive(Clone, Debug)]
struct Visit {
    comes: usize,
    leaves: Option<usize>,
}

fn visits() -> impl Strategy<Value = Vec<Visit>> {
    let leaves = prop_oneof![2 => Just(None), 1 => (1..6usize).prop_map(Some)];
    let visit = (0..12usize, leaves).prop_map(|(comes, leaves)| Visit { comes, leaves });
    prop::collection::vec(visit, 1..9)
}

/// Brings problems as their visits say, in the order in which they come.
struct Door<'p> {
    coming: Vec<(&'p Problem, Visit)>,
    turn: usize,
    inside: BTreeMap<SequenceId, (String, Option<usize>)>,
    steps: BTreeMap<String, Vec<StepRecord>>,
    answers: BTreeMap<String, Solution>,
    most_inside: usize,
}

impl<'p> Door<'p> {
    fn new(problems: &'p [Problem], visits: &[Visit]) -> Self {
        let mut coming: Vec<_> = problems.iter().zip(visits.iter().cloned()).collect();
        coming.sort_by_key(|(_, visit)| std::cmp::Reverse(visit.comes));
        let (inside, steps, answers) = Default::default();
        Self { coming, turn: 0, inside, steps, answers, most_inside: 0 }
    }
}

impl Intake for Door<'_> {
    fn next(&mut self, idle: bool) -> Option<(SequenceId, Problem)> {
        assert_eq!(idle, self.inside.is_empty());
        self.turn = self.coming.last().filter(|_| idle).map_or(self.turn, |(_, visit)| visit.comes.max(self.turn));
        let (problem, visit) = self.coming.pop_if(|(_, visit)| visit.comes <= self.turn)?;
        let id = SequenceId::fresh();
        self.inside.insert(id, (problem.id.clone(), visit.leaves));
        self.most_inside = self.most_inside.max(self.inside.len());
        Some((id, problem.clone()))
    }

    fn is_cancelled(&mut self, id: SequenceId) -> bool {
        let (problem, leaves) = &self.inside[&id];
        let leaves = leaves.is_some_and(|steps| self.steps.get(problem).map_or(0, Vec::len) >= steps);
        leaves && self.inside.remove(&id).is_some()
    }

    fn committed(&mut self, id: SequenceId, record: &StepRecord) {
        self.turn += usize::from(self.inside.keys().next() == Some(&id));
        let (problem, _) = &self.inside[&id];
        assert_eq!(&record.problem, problem);
        self.steps.entry(problem.clone()).or_default().push(record.clone());
    }

    fn finished(&mut self, id: SequenceId, answer: Result<Solution, EngineError>) -> ControlFlow<()> {
        let (problem, _) = self.inside.remove(&id).unwrap();
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
    fn answers_do_not_depend_on_when_problems_come_and_go(setup in setup(), visits in visits()) {
        let problems = setup.problems(visits.len());
        let expected: BTreeMap<String, Solution> = problems.iter().map(|problem| problem.id.clone())
            .zip(setup.engine().0.solve_all(&problems).into_iter().map(Result::unwrap)).collect();
        let (mut engine, log) = setup.engine();
        let mut door = Door::new(&problems, &visits);
        engine.serve(&mut door).unwrap();

        prop_assert!(door.inside.is_empty() && door.coming.is_empty());
        prop_assert!(door.most_inside <= setup.limits.in_flight);
        for (problem, visit) in problems.iter().zip(&visits) {
            let whole = &expected[&problem.id];
            let steps = door.steps.remove(&problem.id).unwrap_or_default();
            match door.answers.remove(&problem.id) {
                Some(answer) => {
                    prop_assert_eq!(&steps, &answer.records, "every step is told once, before the end");
                    prop_assert_eq!(timeless(answer), timeless(whole.clone()));
                }
                None => {
                    prop_assert_eq!(Some(steps.len()), visit.leaves, "given up when it was to be");
                    let texts = |records: &[StepRecord]| -> String {
                        records.iter().map(|record| record.step().unwrap().text.as_str()).collect()
                    };
                    prop_assert!(whole.text().starts_with(&texts(&steps)));
                }
            }
        }
        for role in [Role::Drafter, Role::Verifier] {
            let ids = released(&log, role);
            prop_assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), visits.len(), "all caches are released");
            prop_assert_eq!(ids.len(), visits.len(), "once");
        }
    }

    #[test]
    fn a_problem_may_ask_for_fewer_tokens(setup in setup(), most in 0..60usize) {
        let plain = setup.problems(2);
        let problems = [plain[0].clone().with_most_tokens(most), plain[1].clone()];
        let mut solutions: Vec<_> = setup.engine().0.solve_all(&problems).into_iter().map(Result::unwrap).collect();
        let narrow = setup.limits.with_tokens(most.min(setup.limits.tokens));
        let steps = &solutions[0].steps;
        prop_assert_eq!(expected_stop(steps, &narrow), Some(solutions[0].stop));
        for end in 1..steps.len() {
            prop_assert_eq!(expected_stop(&steps[..end], &narrow), None);
        }
        let other = setup.engine().0.solve(&plain[1]).unwrap();
        prop_assert_eq!(timeless(solutions.remove(1)), timeless(other), "the other has all it may have");
    }
}

/// Gives these problems at once and keeps the answers; breaks off after some.
struct Heap(Vec<Problem>, Vec<Result<Solution, EngineError>>, usize);

impl Intake for Heap {
    fn next(&mut self, _idle: bool) -> Option<(SequenceId, Problem)> {
        self.0.pop().map(|problem| (SequenceId::fresh(), problem))
    }

    fn finished(&mut self, _id: SequenceId, answer: Result<Solution, EngineError>) -> ControlFlow<()> {
        self.1.push(answer);
        if self.1.len() < self.2 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }
}

fn scripted() -> (impl Drafter, impl Verifier) {
    (Scripted::new("draft", ["one\n\n", "two"]), Scripted::new("target", []))
}

#[test]
fn nothing_is_asked_for_under_limits_that_make_no_sense() {
    let (draft, target) = scripted();
    let mut engine = Engine::new(draft, target, AlwaysDraft).with_limits(Limits::default().with_in_flight(0));
    let mut heap = Heap(vec![Problem::new("?")], Vec::new(), 9);
    assert!(matches!(engine.serve(&mut heap), Err(ConfigError::Limit { name: "in_flight", .. })));
    assert_eq!(heap.0.len(), 1);
}

#[test]
fn breaking_off_drops_the_others() {
    let log = CallLog::new();
    let (draft, target) = scripted();
    let mut engine = Engine::new(log.record(draft), target, AlwaysDraft);
    let mut heap = Heap(vec![Problem::new("?"); 3], Vec::new(), 1);
    engine.serve(&mut heap).unwrap();
    assert_eq!((heap.1.len(), released(&log, Role::Drafter).len()), (1, 3));
    let mut again = Heap(vec![Problem::new("?"); 3], Vec::new(), 9);
    engine.serve(&mut again).unwrap();
    assert!(again.1.iter().all(|answer| answer.as_ref().unwrap().text() == "one\n\ntwo"), "and the engine serves on");
}

#[test]
fn failures_are_their_own() {
    let (draft, target) = scripted();
    let mut engine = Engine::new(Flaky::new(draft, 1), target, AlwaysDraft);
    let problems = vec![Problem::new("a"), Problem::new(" "), Problem::new("b")];
    let mut heap = Heap(problems, Vec::new(), 9);
    engine.serve(&mut heap).unwrap();
    let failed = heap.1.iter().filter(|answer| answer.is_err()).count();
    assert_eq!((heap.1.len(), failed), (3, 2), "an empty question, and a step that failed");
}

#[test]
fn the_limit_of_a_problem_is_kept_in_its_json() {
    let problem = Problem::new("?").with_most_tokens(7);
    let text = serde_json::to_string(&problem).unwrap();
    assert_eq!(serde_json::from_str::<Problem>(&text).unwrap(), problem);
    assert!(!serde_json::to_string(&Problem::new("?")).unwrap().contains("most_tokens"));
    let (draft, target) = scripted();
    let solution = Engine::new(draft, target, AlwaysDraft).solve(&problem.with_most_tokens(1)).unwrap();
    assert_eq!((solution.text().as_str(), solution.stop), ("one\n\n", Stop::Tokens));
}
