//! Bad configuration, bad parts, bad text: each gets a typed error or the declared fallback, and nothing hangs.

use std::sync::{Arc, Mutex};

use std::ops::ControlFlow;

use arbitrage_core::router::{AlwaysDraft, AlwaysTarget, FirstTokenEntropy, MeanLogprob, Oracle, Random, Rsd};
use arbitrage_core::scorer::scorer_fn;
use arbitrage_core::testing::{Babbler, CallLog, Flaky, Scripted, TableScorer};
use arbitrage_core::trace::Record;
use arbitrage_core::{
    AdvantageRouter, Author, BoxError, Candidate, ConfigError, Decision, Drafter, Engine, EngineError, Finish, Limits,
    Prefix, Problem, Role, Route, ScoreError, SequenceId, Step, StepResult, StepRule, StepScorer, Stop, router_fn,
};

const NAN: f32 = f32::NAN;
const INF: f32 = f32::INFINITY;

#[test]
fn thresholds_outside_of_their_range_are_refused() {
    type New = fn(f32) -> Result<(), ConfigError>;
    let policies: [(&str, New, &[f32], &[f32]); 7] = [
        ("random", |r| Random::new(r).map(drop), &[0.0, 0.5, 1.0], &[NAN, -0.01, 1.01, INF, -INF]),
        ("rsd", |t| Rsd::new(TableScorer::new([]), t).map(drop), &[0.0, 0.7, 1.0], &[NAN, -0.01, 1.01, INF, -INF]),
        ("rsd", |t| Rsd::new(TableScorer::new([]).with_range(0.0, 9.0), t).map(drop), &[0.0, 9.0], &[NAN, -1.0, 9.5]),
        (
            "oracle",
            |t| Oracle::new(TableScorer::new([]), t).map(drop),
            &[-1.0, 0.0, 1.0],
            &[NAN, -1.01, 1.01, INF, -INF],
        ),
        (
            "oracle",
            |t| Oracle::new(TableScorer::new([]).with_range(0.0, 9.0), t).map(drop),
            &[-9.0, 9.0],
            &[NAN, -9.5, 9.5],
        ),
        ("logprob", |t| MeanLogprob::new(t).map(drop), &[-INF, -0.4, 0.0], &[NAN, 0.01, INF]),
        ("entropy", |t| FirstTokenEntropy::new(t).map(drop), &[0.0, 1.5, INF], &[NAN, -0.01, -INF]),
    ];
    for (name, new, good, bad) in policies {
        for &tau in good {
            assert_eq!(new(tau), Ok(()), "{name} at {tau}");
        }
        for &tau in bad {
            match new(tau) {
                Err(ConfigError::Threshold { policy, found, .. }) => {
                    assert_eq!(policy, name);
                    assert_eq!(found.to_bits(), tau.to_bits());
                }
                other => panic!("{name} at {tau}: {other:?}"),
            }
        }
    }
}

fn scripted(name: &str) -> Scripted {
    let lines = |author: &str| [format!("{author}0\n\n"), format!("{author}1\n\n"), format!("{author}2")];
    let script = lines(name);
    Scripted::new(name, script.iter().map(String::as_str))
}

fn problems(count: usize) -> Vec<Problem> {
    (0..count).map(|n| Problem::new("?").with_id(format!("p{n}"))).collect()
}

#[test]
fn limits_under_which_nothing_can_be_written_are_refused() {
    let limits = Limits::default();
    for (limits, name) in [
        (limits.with_steps(0), "steps"),
        (limits.with_step_tokens(0), "step_tokens"),
        (limits.with_tokens(0), "tokens"),
        (limits.with_blank_steps(0), "blank_steps"),
        (limits.with_repeats(1), "repeats"),
        (limits.with_in_flight(0), "in_flight"),
    ] {
        let log = CallLog::new();
        let trace = Arc::new(Mutex::new(Vec::<Record>::new()));
        let mut engine = Engine::new(log.record(scripted("d")), scripted("t"), AlwaysDraft)
            .with_limits(limits)
            .with_sink(trace.clone());
        for answer in engine.solve_all(&problems(3)) {
            let error = answer.unwrap_err();
            assert!(
                matches!(&error, EngineError::Config(ConfigError::Limit { name: found, .. }) if *found == name),
                "{error}"
            );
        }
        assert_eq!(log.calls(), []);
        assert_eq!(*trace.lock().unwrap(), []);
    }
    assert_eq!(limits.with_steps(1).with_step_tokens(1).with_tokens(1).with_in_flight(1).validate(), Ok(()));
}

#[test]
fn an_empty_question_is_refused_and_the_others_go_on() {
    let problems = [
        Problem::new("?"),
        Problem::new(" \n\t").with_id("blank"),
        Problem::new("").with_id("none"),
        Problem::new("?"),
    ];
    for router in [false, true] {
        let router: Box<dyn AdvantageRouter> = if router { Box::new(AlwaysTarget) } else { Box::new(AlwaysDraft) };
        let answers = Engine::new(scripted("d"), scripted("t"), router).solve_all(&problems);
        let ids: Vec<_> = answers
            .iter()
            .map(|answer| match answer {
                Ok(solution) => solution.steps.len().to_string(),
                Err(EngineError::EmptyQuestion { id }) => id.clone(),
                Err(error) => panic!("{error}"),
            })
            .collect();
        assert_eq!(ids, ["3", "blank", "none", "3"]);
    }
    assert!(Engine::new(scripted("d"), scripted("t"), AlwaysDraft).solve_all(&[]).is_empty());
}

/// Scores that a scorer should not give.
fn bad_scores() -> Vec<f32> {
    vec![NAN, INF, -INF, -0.001, 1.001, 7.0]
}

#[test]
fn bad_scores_end_the_problem_or_go_to_the_target() {
    for bad in bad_scores() {
        let router = || Rsd::new(TableScorer::new([("d1", bad)]).with_default(1.0), 0.5).unwrap();
        let error = Engine::new(scripted("d"), scripted("t"), router()).solve(&Problem::new("?")).unwrap_err();
        let EngineError::Part { role: Role::Router, step: 1, name, source } = &error else { panic!("{error}") };
        assert_eq!(name, "rsd(table, τ=0.5)");
        let Some(ScoreError::Range { low: 0.0, high: 1.0, found }) = source.downcast_ref() else { panic!("{source}") };
        assert_eq!(found.to_bits(), bad.to_bits());

        let mut lenient = Engine::new(scripted("d"), scripted("t"), router()).with_fallback_to_target();
        let solution = lenient.solve(&Problem::new("?")).unwrap();
        assert_eq!(solution.text(), "d0\n\nt1\n\nd2");
        assert_eq!((solution.usage.fallback_steps, solution.usage.escalated_steps), (1, 1));
        assert!(
            solution.records[1].router_error.as_deref().is_some_and(|error| error.contains("score expected in 0..=1"))
        );
    }
}

#[test]
fn bad_scores_of_one_sequence_do_not_touch_the_others() {
    for bad in bad_scores() {
        // The scorer answers for the whole batch at once; one of its answers is bad.
        let scorer = scorer_fn(move |prefix, _| if prefix.problem.id == "p1" { bad } else { 1.0 });
        let answers = Engine::new(scripted("d"), scripted("t"), Rsd::new(scorer, 0.5).unwrap()).solve_all(&problems(3));
        assert_eq!(answers.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, true]);
    }
}

/// A scorer that cannot score one problem, fails whole calls for it, or loses scores.
struct Fussy {
    loses: bool,
    asked: Arc<Mutex<Vec<usize>>>,
}

impl StepScorer for Fussy {
    fn score(&mut self, steps: &[(Prefix<'_>, &Step)]) -> Result<Vec<f32>, BoxError> {
        self.asked.lock().unwrap().push(steps.len());
        match steps.iter().any(|(prefix, _)| prefix.problem.id == "p1") {
            true if self.loses => Ok(vec![1.0; steps.len() - 1]),
            true => Err("p1 is too long".into()),
            false => Ok(vec![1.0; steps.len()]),
        }
    }
}

#[test]
fn a_scorers_failure_is_confined_to_the_step_that_causes_it() {
    for loses in [false, true] {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let router = Rsd::new(Fussy { loses, asked: asked.clone() }, 0.5).unwrap();
        let answers = Engine::new(scripted("d"), scripted("t"), router).solve_all(&problems(3));
        assert_eq!(answers.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, true]);
        // One call for all, then one for each; later turns need one call.
        assert_eq!(*asked.lock().unwrap(), [3, 1, 1, 1, 2, 2]);
    }
}

#[test]
fn an_estimate_that_is_no_number_is_a_routers_failure() {
    for bad in [NAN, INF, -INF] {
        let decisions: [fn(f32) -> Decision; 3] = [
            |x| Decision::new(Route::Accept).with_estimate(x),
            |x| Decision::new(Route::Accept).with_draft_score(x),
            |x| Decision::new(Route::Accept).with_target_score(x),
        ];
        for decide in decisions {
            let router = || router_fn(move |_| decide(bad));
            let error = Engine::new(scripted("d"), scripted("t"), router()).solve(&Problem::new("?")).unwrap_err();
            assert!(matches!(error, EngineError::Part { role: Role::Router, step: 0, .. }), "{error}");
            let mut lenient = Engine::new(scripted("d"), scripted("t"), router()).with_fallback_to_target();
            assert_eq!(lenient.solve(&Problem::new("?")).unwrap().usage.fallback_steps, 3);
        }
    }
}

#[test]
fn a_failing_router_ends_one_problem_or_goes_to_the_target() {
    let router = || Flaky::new(router_fn(|_| Route::Accept), 1);
    let answers = Engine::new(scripted("d"), scripted("t"), router()).solve_all(&problems(3));
    assert_eq!(answers.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, true]);
    let answers = Engine::new(scripted("d"), scripted("t"), router()).with_fallback_to_target().solve_all(&problems(3));
    let texts: Vec<_> = answers.into_iter().map(|answer| answer.unwrap().text()).collect();
    assert_eq!(texts, ["d0\n\nd1\n\nd2", "t0\n\nd1\n\nd2", "d0\n\nd1\n\nd2"]);
}

/// Answers with more or fewer items than it was asked for, from the second step on.
struct Miscounting(isize);

impl Miscounting {
    fn skew<A>(&self, mut answers: Vec<A>, extra: impl Fn() -> A) -> Vec<A> {
        let wanted = answers.len().saturating_add_signed(self.0);
        answers.truncate(wanted);
        answers.resize_with(wanted, extra);
        answers
    }
}

impl Drafter for Miscounting {
    fn name(&self) -> &str {
        "miscounting"
    }
    fn draft(&mut self, prefixes: &[Prefix<'_>], rule: &StepRule<'_>) -> Vec<StepResult> {
        let steps = Drafter::draft(&mut scripted("d"), prefixes, rule);
        let second = prefixes.iter().any(|prefix| !prefix.steps.is_empty());
        if second { self.skew(steps, || Ok(Step::new("surplus", Finish::Boundary))) } else { steps }
    }
}

impl AdvantageRouter for Miscounting {
    fn route(&mut self, _: &Candidate<'_>) -> Result<Decision, BoxError> {
        Ok(Route::Accept.into())
    }
    fn route_batch(&mut self, candidates: &[Candidate<'_>]) -> Vec<Result<Decision, BoxError>> {
        self.skew(candidates.iter().map(|_| Ok(Route::Accept.into())).collect(), || Ok(Route::Accept.into()))
    }
}

#[test]
fn a_wrong_number_of_answers_fails_every_sequence_of_the_call() {
    for skew in [-2, -1, 1] {
        let found = 2usize.saturating_add_signed(skew);
        let count = |role, name: &str| format!("{role} `{name}` gave {found} answers to 2 requests");
        let text = |answers: Vec<Result<arbitrage_core::Solution, _>>| -> Vec<String> {
            answers.into_iter().map(|answer| answer.map_or_else(|e: EngineError| e.to_string(), |s| s.text())).collect()
        };
        let drafter = Engine::new(Miscounting(skew), scripted("t"), AlwaysDraft).solve_all(&problems(2));
        assert_eq!(text(drafter), [count(Role::Drafter, "miscounting"), count(Role::Drafter, "miscounting")]);

        let target = arbitrage_core::Target(Miscounting(skew));
        let verifier = Engine::new(scripted("d"), target, AlwaysTarget).solve_all(&problems(2));
        assert_eq!(text(verifier), [count(Role::Verifier, "miscounting"), count(Role::Verifier, "miscounting")]);

        let router = Engine::new(scripted("d"), scripted("t"), Miscounting(skew)).solve_all(&problems(2));
        assert_eq!(text(router), [count(Role::Router, "custom"), count(Role::Router, "custom")]);
        let lenient = Engine::new(scripted("d"), scripted("t"), Miscounting(skew)).with_fallback_to_target();
        let lenient = { lenient }.solve_all(&problems(2));
        assert_eq!(text(lenient), ["t0\n\nt1\n\nt2", "t0\n\nt1\n\nt2"]);
    }
}

#[test]
fn a_failing_model_ends_one_problem() {
    let draft = Flaky::new(scripted("d"), 4);
    let answers = Engine::new(draft, scripted("t"), AlwaysDraft).solve_all(&problems(3));
    assert_eq!(answers.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, true]);
    assert_eq!(answers[1].as_ref().unwrap_err().to_string(), "drafter `d` failed at step 1: failure 4, as told");

    let target = Flaky::new(scripted("t"), 0).for_good();
    let error = Engine::new(scripted("d"), target, AlwaysTarget).solve(&Problem::new("?")).unwrap_err();
    assert_eq!(error.to_string(), "verifier `t` failed at step 0: failure 0, as told");
}

#[test]
fn a_model_whose_numbers_are_none_has_failed() {
    let step = || Step::new("a", Finish::EndOfText);
    for bad in [step().with_logprobs(vec![-0.5, NAN]), step().with_logprobs(vec![-INF]), step().with_first_entropy(INF)]
    {
        let draft = Scripted::from_steps("d", [bad.clone()]);
        let error = Engine::new(draft, scripted("t"), AlwaysDraft).solve(&Problem::new("?")).unwrap_err();
        assert!(matches!(error, EngineError::Part { role: Role::Drafter, step: 0, .. }), "{error}");
        let target = Scripted::from_steps("t", [bad]);
        let error = Engine::new(scripted("d"), target, AlwaysTarget).solve(&Problem::new("?")).unwrap_err();
        assert!(matches!(error, EngineError::Part { role: Role::Verifier, step: 0, .. }), "{error}");
    }
}

#[test]
fn a_failing_sink_ends_the_problem_at_the_step_that_is_lost() {
    // Record 0 introduces the run, 1 is the first step, 2 the second, 4 the solution.
    for (record, step) in [(1, 0), (2, 1), (4, 3)] {
        let mut engine =
            Engine::new(scripted("d"), scripted("t"), AlwaysDraft).with_sink(Flaky::new(Vec::new(), record));
        let error = engine.solve(&Problem::new("?")).unwrap_err();
        assert_eq!(error.to_string(), format!("trace sink `trace` failed at step {step}: failure {record}, as told"));
        assert!(engine.solve(&Problem::new("?")).is_ok(), "the next problem goes on");
    }
}

/// A run whose records are lost would be solved for nothing.
#[test]
fn a_run_that_is_broken_off_writes_no_further_step() {
    for (in_flight, written) in [(1, 2), (4, 8)] {
        let log = CallLog::new();
        let (draft, target) = (log.record(scripted("d")), log.record(scripted("t")));
        let mut engine = Engine::new(draft, target, AlwaysDraft)
            .with_limits(Limits::default().with_in_flight(in_flight))
            .with_sink(Flaky::new(Vec::new(), in_flight + 1));
        let mut told = Vec::new();
        engine.solve_until(&problems(9), |index, answer| {
            told.push((index, answer.unwrap_err().to_string()));
            ControlFlow::Break(())
        });
        let [(0, error)] = &told[..] else { panic!("{told:?}") };
        assert!(error.starts_with("trace sink `trace` failed at step 1"), "{error}");
        assert_eq!(log.calls().len(), written);
        let released = |role| log.released().iter().filter(|(of, _)| *of == role).count();
        assert_eq!([released(Role::Drafter), released(Role::Verifier)], [in_flight; 2], "what was open is forgotten");
    }
    // Limits that are none are told until nobody listens.
    let mut engine =
        Engine::new(scripted("d"), scripted("t"), AlwaysDraft).with_limits(Limits::default().with_in_flight(0));
    let mut told = 0;
    engine.solve_until(&problems(9), |_, _| {
        told += 1;
        if told < 3 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    assert_eq!(told, 3);
}

#[test]
fn solutions_that_go_nowhere_are_stopped() {
    let blank = Step::new(" \n\n", Finish::Boundary);
    let same = Step::new("again\n\n", Finish::Boundary);
    let other = Step::new("once\n\n", Finish::Boundary);
    let full = Step::new("all", Finish::Context);
    let endless = |n: usize| Step::new(format!("step {n}\n\n"), Finish::Boundary);
    let repeat = |step: &Step, times: usize| vec![step.clone(); times];
    let limits = Limits::default().with_steps(30).with_tokens(40);
    for (script, stop, steps) in [
        (repeat(&blank, 9), Stop::Blank, 2),
        ([repeat(&blank, 1), repeat(&same, 9)].concat(), Stop::Repetition, 4),
        ([repeat(&same, 2), repeat(&other, 1), repeat(&same, 9)].concat(), Stop::Repetition, 6),
        ((0..99).map(endless).collect(), Stop::Tokens, 14),
        (vec![other.clone(), full], Stop::Context, 2),
        (vec![], Stop::EndOfText, 1),
    ] {
        let draft = Scripted::from_steps("d", script);
        let solution =
            Engine::new(draft, scripted("t"), AlwaysDraft).with_limits(limits).solve(&Problem::new("?")).unwrap();
        assert_eq!((solution.stop, solution.steps.len()), (stop, steps));
    }
    let endless = Babbler::new("d", Author::Draft, 1).with_end_probability(0.0);
    let solution = Engine::new(endless, scripted("t"), AlwaysDraft).solve(&Problem::new("?")).unwrap();
    assert_ne!(solution.stop, Stop::EndOfText);
}

#[test]
fn an_endless_step_is_cut_and_goes_on_as_the_next() {
    let words = "word ".repeat(25);
    let draft = Scripted::from_steps("d", vec![Step::new(words, Finish::Boundary); 2]);
    let limits = Limits::default().with_step_tokens(10);
    let solution =
        Engine::new(draft, scripted("t"), AlwaysDraft).with_limits(limits).solve(&Problem::new("?")).unwrap();
    assert_eq!(solution.steps[0].step.finish, Finish::Length);
    assert_eq!(solution.steps[0].step.token_count(), 10);
}

#[test]
fn steps_of_unknown_length_count_against_the_limit() {
    /// A remote model that tells nothing of its tokens.
    struct Mute;
    impl Drafter for Mute {
        fn name(&self) -> &str {
            "mute"
        }
        fn draft(&mut self, prefixes: &[Prefix<'_>], _: &StepRule<'_>) -> Vec<StepResult> {
            prefixes.iter().map(|p| Ok(Step::new(format!("{}\n\n", p.steps.len()), Finish::Boundary))).collect()
        }
    }
    let limits = Limits::default().with_tokens(5);
    let solution = Engine::new(Mute, scripted("t"), AlwaysDraft).with_limits(limits).solve(&Problem::new("?")).unwrap();
    assert_eq!((solution.stop, solution.steps.len()), (Stop::Tokens, 5));
}

#[test]
fn a_panic_in_one_role_does_not_lock_the_model_out() {
    struct Panics;
    impl Drafter for Panics {
        fn name(&self) -> &str {
            "panics"
        }
        fn draft(&mut self, prefixes: &[Prefix<'_>], _: &StepRule<'_>) -> Vec<StepResult> {
            assert!(!prefixes.is_empty(), "nothing to do");
            prefixes.iter().map(|_| Ok(Step::new("a", Finish::EndOfText))).collect()
        }
    }
    let mut model = arbitrage_core::Shared::new(Panics, "panics");
    let mut other = model.clone();
    let segmenter = arbitrage_core::segmenter::Newline::new();
    let rule = StepRule::new(&segmenter, 9);
    std::thread::scope(|scope| scope.spawn(|| other.draft(&[], &rule).len()).join().unwrap_err());
    let problem = Problem::new("?");
    assert!(model.draft(&[Prefix::new(SequenceId(0), &problem, &[])], &rule)[0].is_ok());
}
