use std::fs;
use std::path::{Path, PathBuf};

use arbitrage_core::trace::{JsonlSink, Record, RunNotes, TraceSink};
use arbitrage_core::{
    AdvantageRouter, BoxError, Drafter, Draw, Engine, EngineError, Finish, Problem, Solution, Step, StepCost, Target,
    Verifier, drafter_fn,
};
use arbitrage_router::Policy;
use arbitrage_router::calibrate::{LossTest, LossVerdict};

use super::*;
use crate::gold::Gold;

/// Steps of a solution.
const STEPS: usize = 3;

fn number(problem: &Problem, step: usize, salt: u64) -> f64 {
    Draw::new(problem.seed * 1000 + step as u64 * 10 + salt).uniform()
}

/// A model that doubts each of its steps more or less, and writes bad ones the more often the more it doubts them. A solution with a bad step
/// ends in a wrong answer. Problems whose question ends in `?` make it fail.
fn writer(salt: u64, badness: f64) -> impl Drafter {
    drafter_fn(format!("writer {salt}"), move |prefix, _| {
        let (problem, at) = (prefix.problem, prefix.steps.len());
        if problem.question.ends_with('?') && salt == 1 {
            return Err("no step for this question".into());
        }
        let doubt = number(problem, at, salt);
        let is_bad = number(problem, at, salt + 1) < doubt * badness;
        let is_spoiled = is_bad || prefix.steps.iter().any(|accepted| accepted.step.text.contains("bad"));
        let answer =
            if is_spoiled { "-1" } else { problem.question.trim_start_matches("Repeat ").trim_end_matches('?') };
        let (text, finish) = match at + 1 == STEPS {
            true => (format!(r"\boxed{{{answer}}}"), Finish::EndOfText),
            false => (format!("{} step {at}\n\n", if is_bad { "bad" } else { "good" }), Finish::Boundary),
        };
        Ok(Step::new(text, finish).with_logprobs(vec![-doubt as f32]).with_cost(StepCost::new(0, 0, 1, 0.0)))
    })
}

fn problems(count: usize) -> Vec<Problem> {
    let problem = |at: usize| Problem::new(format!("Repeat {at}")).with_id(format!("p{at:05}")).with_seed(at as u64);
    (0..count).map(problem).collect()
}

fn gold() -> Gold {
    Gold::default()
        .with_fallback(|problem| Some(problem.question.strip_prefix("Repeat ")?.trim_end_matches('?').to_owned()))
}

type BoxedRouter = Box<dyn AdvantageRouter>;

fn engine(
    policy: Policy,
    _: &[Problem],
) -> Result<Engine<impl Drafter + use<>, impl Verifier + use<>, BoxedRouter>, BoxError> {
    let (draft, target) = (writer(1, 0.5), Target(writer(5, 0.1)));
    let notes = RunNotes::default().with_policy(policy.name(), policy.threshold());
    Ok(Engine::new(draft, target, policy.router(None)?).with_notes(notes))
}

/// Counts problems that are solved, and stops after so many records.
#[derive(Default)]
struct Watcher {
    solved: usize,
    records_left: Option<usize>,
}

struct Limited(JsonlSink, Option<usize>);

impl TraceSink for Limited {
    fn write(&mut self, record: &Record) -> Result<(), BoxError> {
        if let Some(left) = &mut self.1 {
            *left = left.checked_sub(1).ok_or("stopped")?;
        }
        self.0.write(record)
    }
}

impl LossWatcher for Watcher {
    type Sink = Limited;

    fn sink(&mut self, file: JsonlSink) -> Limited {
        Limited(file, self.records_left)
    }

    fn begin(&mut self, _run: &LossRun<'_>) {}

    fn solved(&mut self, _problem: &Problem, _solution: Result<&Solution, &EngineError>) {
        self.solved += 1;
    }

    fn end(&mut self, _tested: Option<(&LossPoint, bool)>) {}
}

fn test(loss: f64) -> LossTest {
    LossTest::new(loss, 0.95).unwrap()
}

/// Id, outcome and number of escalated steps.
type SolvedProblem = (String, crate::results::Outcome, usize);

/// What is the same however often a calibration is interrupted.
fn content(runs: &PairedRuns) -> Vec<(Option<f32>, Vec<SolvedProblem>)> {
    let of = |run: &SolvedRun| {
        let problems = run.results.problems().iter();
        (run.tau(), problems.map(|one| (one.id.clone(), one.outcome, one.usage.escalated_steps)).collect())
    };
    std::iter::once(runs.target()).chain(runs.pairs()).map(of).collect()
}

fn harness<'a>(folder: &'a Path, problems: &'a [Problem], gold: &'a Gold) -> LossHarness<'a> {
    let (policy, taus) = (Policy::MeanLogprob(0.0), TauGrid::Quantiles(24));
    LossHarness { folder, problems, gold, policy, taus, is_repeatable: true }
}

#[test]
fn copied_problems_are_what_solving_them_again_gives() {
    let (folder, problems, gold) = (tempfile::tempdir().unwrap(), problems(600), gold());
    let run = |name: &str, is_repeatable| {
        let (path, mut watcher) = (folder.path().join(name), Watcher::default());
        let harness = LossHarness { is_repeatable, ..harness(&path, &problems, &gold) };
        (harness.run(test(0.2), engine, &mut watcher).unwrap(), watcher.solved)
    };
    let ((copied, few), (solved, all)) = (run("copied", true), run("solved", false));
    assert_eq!(content(&copied), content(&solved));
    let runs = solved.pairs().len();
    assert!(runs > 3, "{runs} thresholds");
    assert_eq!(all, 60 + (runs + 1) * 540, "a pilot of a tenth, then the target and every threshold");
    assert!(few < all * 3 / 4, "{few} and {all}");
    let found = copied.calibrate(test(0.2));
    assert_eq!(found, solved.calibrate(test(0.2)));
    let chosen = found.chosen().unwrap();
    assert_eq!(found.points[0].tested.tau, 0.0, "the safest comes first");
    assert!(chosen.tested.tau < 0.0 && chosen.tested.upper_bound <= 0.2);
    assert_eq!((found.tested(), found.solved_by_target + found.unsolved_by_target), (found.points.len(), 540));
    assert!(chosen.target_share.steps.unwrap() < found.points[0].target_share.steps.unwrap());
}

#[test]
fn an_interrupted_calibration_goes_on() {
    let (folder, problems, gold) = (tempfile::tempdir().unwrap(), problems(300), gold());
    let [whole, pieces] = ["whole", "pieces"].map(|name| folder.path().join(name));
    let whole = harness(&whole, &problems, &gold).run(test(0.2), engine, &mut ()).unwrap();
    let mut interrupted = 0;
    let resumed = loop {
        let mut watcher = Watcher { records_left: Some(150 + interrupted * 17), ..Watcher::default() };
        match harness(&pieces, &problems, &gold).run(test(0.2), engine, &mut watcher) {
            Ok(runs) => break runs,
            Err(error) => assert!(error.to_string().contains("stopped"), "{error}"),
        }
        interrupted += 1;
    };
    assert!(interrupted > 5, "{interrupted} interruptions");
    assert_eq!(content(&resumed), content(&whole));
}

#[test]
fn failed_problems_are_left_out_and_counted() {
    let (folder, gold) = (tempfile::tempdir().unwrap(), gold());
    let mut problems = problems(200);
    for problem in problems.iter_mut().step_by(4) {
        problem.question.push('?');
    }
    let harness =
        LossHarness { taus: TauGrid::Given(vec![-0.5, 0.0, -0.5]), ..harness(folder.path(), &problems, &gold) };
    let found = harness.run(test(0.5), engine, &mut ()).unwrap().calibrate(test(0.5));
    assert_eq!(found.points.iter().map(|point| point.tested.tau).collect::<Vec<_>>(), [0.0, -0.5]);
    for point in &found.points {
        let counted = point.tested.counts.problems;
        assert_eq!(counted + point.left_out, found.solved_by_target, "the target fails on no problem");
        assert!(point.left_out > 30 && counted > 80, "{point:?}");
    }
}

#[test]
fn too_few_problems_are_an_answer() {
    let (folder, problems, gold) = (tempfile::tempdir().unwrap(), problems(60), gold());
    let harness = LossHarness { taus: TauGrid::Given(vec![0.0]), ..harness(folder.path(), &problems, &gold) };
    let found = harness.run(test(0.02), engine, &mut ()).unwrap().calibrate(test(0.02));
    let LossVerdict::TooFew { problems, needed: 149 } = found.verdict else { panic!("{found:?}") };
    let text = found.why_not().unwrap();
    let in_all = (149.0 * 60.0 / problems as f64).ceil();
    for part in
        [format!("{problems} that the target solves"), "at least 149".to_owned(), format!("about {in_all} problems")]
    {
        assert!(text.contains(&part), "{part}: {text}");
    }
    assert_eq!(found.chosen(), None);
}

/// The paths of a whole calibration's runs.
fn made(folder: &Path) -> Vec<PathBuf> {
    let (problems, gold) = (problems(400), gold());
    let runs = harness(folder, &problems, &gold).run(test(0.3), engine, &mut ()).unwrap();
    std::iter::once(runs.target()).chain(runs.pairs()).map(|run| run.path.clone()).collect()
}

#[test]
fn runs_that_exist_show_the_same_in_any_order() {
    let folder = tempfile::tempdir().unwrap();
    let mut paths = made(folder.path());
    let calibrate = |paths: &[PathBuf]| PairedRuns::read(paths, &gold()).unwrap().calibrate(test(0.2));
    let expected = calibrate(&paths);
    paths.reverse();
    assert_eq!(calibrate(&paths), expected);
    // More thresholds than were needed: those after the first that fails are not tested.
    assert!(expected.tested() < expected.points.len() && expected.chosen().is_some());
}

#[test]
fn runs_that_do_not_belong_together_are_refused_by_field() {
    let folder = tempfile::tempdir().unwrap();
    let paths = made(folder.path());
    let [target, safest, cheaper] = &paths[..3] else { panic!("{paths:?}") };
    let edited = |from: &Path, change: (&str, &str)| {
        let path = folder.path().join("edited.jsonl");
        let text = fs::read_to_string(from).unwrap();
        assert!(text.contains(change.0), "{change:?}");
        fs::write(&path, text.replace(change.0, change.1)).unwrap();
        path
    };
    let changes = [
        (("\"writer 1\"", "\"writer 2\""), "drafter.name: expected \"writer 1\""),
        (("\"steps\":100", "\"steps\":99"), "limits.steps: expected 100"),
        (("\"policy\":\"logprob:", "\"policy\":\"entropy:"), "notes.policy: expected \"logprob\""),
        (("\"p00001\"", "\"q00001\""), "`p00001`"),
    ];
    for (change, part) in changes {
        let paths = [target.clone(), safest.clone(), edited(cheaper, change)];
        let error = PairedRuns::read(&paths, &gold()).unwrap_err().to_string();
        assert!(error.contains(part) && error.contains("edited.jsonl"), "{error}");
    }
    let refused = |paths: &[&PathBuf], part: &str| {
        let error = PairedRuns::read(paths, &gold()).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    };
    refused(&[target], "1 of the target and 0 others");
    refused(&[safest, cheaper], "0 of the target and 2 others");
    refused(&[target, safest, &edited(safest, ("writer", "writer"))], "another threshold");
    let end = fs::read_to_string(cheaper).unwrap();
    let torn = folder.path().join("torn.jsonl");
    fs::write(&torn, &end[..end.len() / 2]).unwrap();
    refused(&[target, safest, &torn], "torn.jsonl");
    let error = PairedRuns::read(&paths, &Gold::default()).unwrap_err().to_string();
    assert!(error.contains("no answer is known"), "{error}");
}

#[test]
fn promises_hold_over_random_splits() {
    const SPLITS: usize = 400;
    let (folder, problems, gold) = (tempfile::tempdir().unwrap(), problems(3000), gold());
    let runs = harness(folder.path(), &problems, &gold).run(test(0.4), engine, &mut ()).unwrap();
    let plan = SplitPlan { splits: SPLITS, calibration_share: 0.25, seed: 1 };
    let slack = 3.0 * (0.05f64 * 0.95 / SPLITS as f64).sqrt();
    for loss in [0.1, 0.2, 0.3] {
        let found = runs.check_splits(test(loss), &plan).unwrap();
        assert!(found.promised > SPLITS * 9 / 10, "{found:?}");
        assert!(found.broken_on_all as f64 / SPLITS as f64 <= 0.05 + slack, "{found:?}");
        assert!(found.mean_loss.unwrap() < loss);
        assert!(found.chosen.steps.unwrap() < found.safest.steps.unwrap(), "{found:?}");
        assert_eq!(found, runs.check_splits(test(loss), &plan).unwrap(), "a seed gives one result");
    }
    for wrong in [
        SplitPlan { splits: 0, ..plan },
        SplitPlan { calibration_share: f64::NAN, ..plan },
        SplitPlan { calibration_share: 1.0, ..plan },
    ] {
        assert!(runs.check_splits(test(0.1), &wrong).is_err(), "{wrong:?}");
    }
}

#[test]
fn thresholds_that_cannot_be_found_are_refused() {
    let (folder, problems, gold) = (tempfile::tempdir().unwrap(), problems(40), gold());
    let refused = |policy: &str, taus: TauGrid, part: &str| {
        let policy = policy.parse().unwrap();
        let harness = LossHarness { policy, taus, ..harness(folder.path(), &problems, &gold) };
        let error = harness.run(test(0.1), engine, &mut ()).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    };
    refused("target", TauGrid::Quantiles(3), "target");
    refused("random", TauGrid::Quantiles(3), "no estimates");
    refused("rsd", TauGrid::Quantiles(3), "give the thresholds");
    refused("logprob", TauGrid::Given(vec![]), "at least one");
    refused("logprob", TauGrid::Given(vec![0.5]), "logprob");
}
