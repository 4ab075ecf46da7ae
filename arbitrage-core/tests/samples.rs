//! Several samples of the target's step: their mean, and that one sample changes nothing.

use std::sync::{Arc, Mutex};

use arbitrage_core::router::{AlwaysDraft, Labelling, Oracle, ScoreBoth, TargetSamples};
use arbitrage_core::scorer::scorer_fn;
use arbitrage_core::segmenter::Newline;
use arbitrage_core::testing::{Babbler, CallLog, Flaky, Scripted, TableScorer};
use arbitrage_core::trace::Record;
use arbitrage_core::{
    AdvantageRouter, Author, Candidate, ConfigError, Decision, Drafter, Engine, Finish, Limits, Prefix, Problem, Role,
    Route, SequenceId, Solution, Step, StepResult, StepRule, StepScorer,
};

/// Writes the next text of a list at each request, and records the problems' seeds.
#[derive(Clone)]
struct CyclingTexts(Vec<&'static str>, Arc<Mutex<Vec<u64>>>);

impl CyclingTexts {
    fn new(texts: impl Into<Vec<&'static str>>) -> Self {
        Self(texts.into(), Arc::default())
    }
}

impl Drafter for CyclingTexts {
    fn name(&self) -> &str {
        "cycling"
    }
    fn draft(&mut self, prefixes: &[Prefix<'_>], _: &StepRule<'_>) -> Vec<StepResult> {
        let write = |prefix: &Prefix<'_>| {
            let mut seen = self.1.lock().unwrap();
            seen.push(prefix.problem.seed);
            Ok(Step::new(self.0[(seen.len() - 1) % self.0.len()], Finish::Boundary))
        };
        prefixes.iter().map(write).collect()
    }
}

fn table() -> TableScorer {
    TableScorer::new([("d", 0.25), ("t0", 0.5), ("t1", 1.0), ("t2", 0.0), ("t3", 0.5)])
}

fn step(text: &str) -> Step {
    Step::new(text, Finish::Boundary)
}

fn route(router: &mut impl AdvantageRouter, problem: &Problem) -> Decision {
    let (draft, target) = (step("d"), step("t0"));
    let prefix = Prefix::new(SequenceId(4), problem, &[]);
    router.route(&Candidate { prefix, draft: &draft, target: Some(&target) }).unwrap()
}

#[test]
fn the_score_is_the_mean_over_all_samples() {
    let target = CyclingTexts::new(["t1", "t2", "t3"]);
    let problem = Problem::new("?").with_seed(9);
    let mut router = Oracle::new(TargetSamples::new(table(), target.clone(), 4).unwrap(), 0.0).unwrap();
    let decision = route(&mut router, &problem);
    assert_eq!((decision.draft_score, decision.target_score, decision.estimate), (Some(0.25), Some(0.5), Some(0.25)));
    // Deviations 0, ½, −½, 0: their squares sum to ½.
    let spread = (0.5f64 / 3.0).sqrt() as f32;
    assert_eq!((decision.target_spread, decision.route), (Some(spread), Route::Escalate));
    let mut seeds = target.1.lock().unwrap().clone();
    assert!(!seeds.contains(&9), "the first sample is the engine's");
    seeds.sort_unstable();
    seeds.dedup();
    assert_eq!(seeds.len(), 3);
    assert_eq!(router.name(), "oracle(table, 4 target samples, τ=0)");

    let mut labelling = Labelling::new(TargetSamples::new(table(), CyclingTexts::new(["t2"]), 2).unwrap(), AlwaysDraft);
    let decision = route(&mut labelling, &problem);
    assert_eq!((decision.target_score, decision.route), (Some(0.25), Route::Accept));
    assert_eq!(decision.wasted(), Some(true));
}

fn babblers() -> [Babbler; 2] {
    [("d", Author::Draft, 1), ("t", Author::Target, 2)].map(|(name, author, seed)| Babbler::new(name, author, seed))
}

fn length() -> impl StepScorer {
    scorer_fn(|_, step| 1.0 / (1.0 + step.text.len() as f32))
}

fn solve(scorer: impl ScoreBoth, in_flight: usize) -> Vec<Solution> {
    let [draft, target] = babblers();
    let problem = |n: u64| Problem::new(format!("{n}?")).with_id(format!("p{n}")).with_seed(n);
    let problems: Vec<_> = (0..12).map(problem).collect();
    let limits = Limits::default().with_steps(6).with_step_tokens(16).with_in_flight(in_flight);
    let mut engine = Engine::new(draft, target, Oracle::new(scorer, 0.0).unwrap())
        .with_limits(limits)
        .with_segmenter(Newline::new());
    engine.solve_all(&problems).into_iter().map(Result::unwrap).collect()
}

fn sampled(samples: usize) -> TargetSamples<impl StepScorer, Babbler> {
    let [_, target] = babblers();
    TargetSamples::new(length(), target.with_rollback(), samples)
        .unwrap()
        .with_segmenter(Newline::new())
        .with_step_tokens(16)
}

fn decisions(solutions: &[Solution]) -> Vec<(String, Vec<Decision>)> {
    let all = |solution: &Solution| solution.records.iter().map(|record| record.decision).collect();
    solutions.iter().map(|solution| (solution.text(), all(solution))).collect()
}

#[test]
fn one_sample_gives_the_plain_oracle() {
    let plain = decisions(&solve(length(), 4));
    let one = decisions(&solve(sampled(1), 4));
    assert_eq!(plain, one);
    assert!(one.iter().flat_map(|(_, all)| all).all(|decision| decision.target_spread.is_none()));
}

#[test]
fn a_batch_equals_its_items() {
    let alone = decisions(&solve(sampled(4), 1));
    assert_eq!(alone, decisions(&solve(sampled(4), 7)));
    assert_ne!(alone, decisions(&solve(sampled(3), 1)));
    let spread = |(_, all): &(String, Vec<Decision>)| all.iter().any(|decision| decision.target_spread > Some(0.0));
    assert!(alone.iter().any(spread), "the samples differ");
}

/// Further samples change the scores, not the step that is committed.
#[test]
fn the_committed_step_is_the_verifiers() {
    for solution in solve(sampled(3), 3) {
        for record in &solution.records {
            if record.author == Author::Target {
                assert_eq!(record.step(), record.target.as_ref());
            }
        }
    }
}

#[test]
fn a_sample_that_fails_fails_its_candidate() {
    let (problem, other) = (Problem::new("?").with_seed(1), Problem::new("!").with_seed(2));
    let target = Flaky::new(CyclingTexts::new(["t1"]), 1);
    let mut router = Oracle::new(TargetSamples::new(table(), target, 3).unwrap(), 0.0).unwrap();
    let (draft, written) = (step("d"), step("t0"));
    let candidate =
        |id, problem, target| Candidate { prefix: Prefix::new(SequenceId(id), problem, &[]), draft: &draft, target };
    let all =
        [candidate(0, &problem, Some(&written)), candidate(1, &problem, None), candidate(2, &other, Some(&written))];
    let answers = router.route_batch(&all);
    let mean = (0.5 + 1.0 + 1.0f64) / 3.0;
    assert_eq!(answers[0].as_ref().unwrap().target_score, Some(mean as f32));
    assert!(answers[1].as_ref().unwrap_err().to_string().contains("no target step"));
    assert!(answers[2].as_ref().unwrap_err().to_string().contains("failure 1"));
}

#[test]
fn samples_are_written_together_and_released() {
    let log = CallLog::new();
    let (draft, target) = (Scripted::new("d", ["a\n\n", "b"]), Scripted::new("t", ["c\n\n", "d"]));
    let scorer = TargetSamples::new(scorer_fn(|_, _| 0.5), log.record(target.clone()), 3).unwrap();
    let mut engine = Engine::new(draft, target, Oracle::new(scorer, 0.0).unwrap());
    let problems: Vec<_> = (0..4).map(|n| Problem::new("?").with_id(format!("p{n}"))).collect();
    engine.solve_all(&problems);
    let calls = log.of(Role::Drafter);
    assert_eq!(calls.len(), 4 * 2 * 2, "two further samples of each of two steps");
    assert!(calls.iter().all(|call| call.batch == 4));
    assert_eq!(log.released().len(), 4);
}

#[test]
fn zero_samples_are_refused() {
    let none = TargetSamples::new(table(), CyclingTexts::new(["t1"]), 0).err();
    assert_eq!(none, Some(ConfigError::Limit { name: "samples", least: 1, found: 0 }));
}

/// Older traces, and those of runs without samples, have no spread.
#[test]
fn traces_without_a_spread_are_read_and_written_as_before() {
    let old = r#"{"route":"escalate","draft_score":0.25,"target_score":0.5}"#;
    let decision: Decision = serde_json::from_str(old).unwrap();
    assert_eq!(decision, Decision::new(Route::Escalate).with_draft_score(0.25).with_target_score(0.5));
    assert_eq!(serde_json::to_string(&decision).unwrap(), old);
    let spread = decision.with_target_spread(0.125);
    assert_eq!(serde_json::from_str::<Decision>(&serde_json::to_string(&spread).unwrap()).unwrap(), spread);

    let trace = Arc::new(Mutex::new(Vec::<Record>::new()));
    let target = CyclingTexts::new(["t1"]);
    let scorer = TargetSamples::new(table(), target, 2).unwrap();
    let mut engine =
        Engine::new(Scripted::new("d", ["d"]), Scripted::new("t", ["t0"]), Oracle::new(scorer, 0.0).unwrap())
            .with_sink(trace.clone());
    engine.solve(&Problem::new("?")).unwrap();
    let found = trace.lock().unwrap().iter().find_map(|record| match record {
        Record::Step(step) => step.decision.target_spread,
        _ => None,
    });
    assert_eq!(found, Some(0.125f32.sqrt()));
}
