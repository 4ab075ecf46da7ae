//! A threshold that is chosen by how many problems are lost, and the promise that goes with it.

use std::path::{Path, PathBuf};

use arbitrage_eval::gold::Gold;
use arbitrage_eval::loss::{LossCalibration, LossHarness, PairedRuns, SplitPlan, TauGrid};
use arbitrage_router::Policy;
use arbitrage_router::calibrate::{CalibrationProblems, LossTest, Promise};
use arbitrage_router::learned::Card;
use serde_json::json;

use super::engines::PairEngines;
use super::watcher::CalibrationProgress;
use super::{table, writable_router};
use crate::Failure;
use crate::cli::CalibrateOptions;
use crate::files::{in_file, write_json};
use crate::interrupt;
use crate::pair::{EngineSettings, router_folder};
use crate::problem_set::{ProblemSet, gold_answers, problem_rows};
use crate::run_notes::{calibrator_digest, weights_digest};

/// Tests thresholds by paired runs, prints what they show, and writes the cheapest threshold of which the goal is shown to the router's card.
pub(super) fn run(options: &CalibrateOptions, loss: f64) -> Result<(), Failure> {
    let test = LossTest::new(loss, options.confidence)?;
    if !options.traces.is_empty() {
        return Err(format!(
            "--traces: goal `{}` is about problems and not steps; give --runs, or problems and --out to make the runs",
            options.goal
        )
        .into());
    }
    let router = options.router.as_deref().map(writable_router).transpose()?;
    let runs = match options.runs.is_empty() {
        true => made_runs(options, router.as_deref(), test)?,
        false => PairedRuns::read(&options.runs, &gold(options)?)?,
    };
    if let Some(splits) = options.splits {
        let plan = SplitPlan { splits, calibration_share: options.split_share, seed: options.problems.seed };
        let check = runs.check_splits(test, &plan)?;
        table::print_splits(&check, test, &plan);
        return write_json(options.json.as_deref(), &check);
    }
    if let Some(router) = &router {
        check_router(router, &runs)?;
    }
    let calibration = runs.calibrate(test);
    table::print(&calibration);
    let promise = promise(options, &runs, &calibration);
    write_json(options.json.as_deref(), &json!({ "calibration": calibration, "promise": promise }))?;
    let Some(promise) = promise else {
        return Err(calibration.why_not().unwrap_or_else(|| "nothing is shown".to_owned()).into());
    };
    println!("τ = {} for {}: {promise}", promise.tau, options.goal);
    router.map_or(Ok(()), |router| write_card(&router, promise))
}

/// A calibration by runs of its own.
pub(crate) struct LossSetup<'a> {
    /// The engine. The policy's own threshold is ignored.
    pub engine: EngineSettings<'a>,
    /// The thresholds to be tested.
    pub taus: TauGrid,
    /// The folder of the traces.
    pub out: &'a Path,
}

/// Makes the runs that `test` needs, with progress on the terminal. A calibration that was interrupted is resumed.
pub(crate) fn paired_runs(setup: &LossSetup<'_>, set: &ProblemSet, test: LossTest) -> Result<PairedRuns, Failure> {
    set.problems.iter().try_for_each(|problem| set.gold.answer(problem).map(drop))?;
    let engines = PairEngines::load(setup.engine)?;
    let harness = LossHarness {
        folder: setup.out,
        problems: &set.problems,
        gold: &set.gold,
        policy: setup.engine.policy,
        taus: setup.taus.clone(),
        is_repeatable: engines.are_local(),
    };
    interrupt::listen()?;
    let mut progress = CalibrationProgress::new(&set.gold);
    let runs = harness.run(test, |policy, problems| engines.engine(policy, problems), &mut progress);
    progress.finish();
    Ok(runs?)
}

/// Runs that the options describe.
fn made_runs(options: &CalibrateOptions, router: Option<&Path>, test: LossTest) -> Result<PairedRuns, Failure> {
    let out = options.out.as_deref().ok_or("--out: expected a folder for the runs, or --runs with runs that exist")?;
    let set = ProblemSet::load(&options.problems)?;
    let policy = options.policy.unwrap_or(Policy::Learned(None));
    let folder = match policy {
        Policy::Learned(_) => router_folder(&options.models, router)?,
        _ => None,
    };
    let taus = match options.taus.is_empty() {
        true => TauGrid::Quantiles(usize::from(options.thresholds)),
        false => TauGrid::Given(options.taus.clone()),
    };
    let engine = EngineSettings {
        models: &options.models,
        limits: &options.limits,
        in_flight: options.problems.in_flight,
        policy,
        router: folder.as_deref(),
        speculation: options.models.speculation,
    };
    paired_runs(&LossSetup { engine, taus, out }, &set, test)
}

/// The answers in the files of problems, and those of generated problems.
fn gold(options: &CalibrateOptions) -> Result<Gold, Failure> {
    Ok(gold_answers(&problem_rows(&options.problems.problems)?))
}

/// Refuses runs of another pair or another router than the one whose card is to be written.
fn check_router(router: &Path, runs: &PairedRuns) -> Result<(), Failure> {
    let card = Card::open(router)?;
    let (weights, calibrator) = (weights_digest(router)?, calibrator_digest(&card));
    for run in runs.pairs() {
        card.check_pair(&run.record.drafter, &run.record.verifier).map_err(in_file(&run.path))?;
        let notes = &run.record.notes;
        let expected =
            [("notes.router", &weights, &notes.router), ("notes.calibrator", &calibrator, &notes.calibrator)];
        for (field, expected, found) in expected {
            if found.as_ref() != Some(expected) {
                let found = found.as_deref().unwrap_or("none");
                let of = router.display();
                return Err(in_file(&run.path)(format!(
                    "{field}: expected {expected}, that of the router in {of}, found {found}"
                )));
            }
        }
    }
    Ok(())
}

/// The promise of the threshold that the calibration chose.
fn promise(options: &CalibrateOptions, runs: &PairedRuns, calibration: &LossCalibration) -> Option<Promise> {
    let target = runs.target();
    let note = target.record.notes.problems.clone();
    calibration.promise(CalibrationProblems { name: problems_name(options), note }, target.conditions())
}

/// What the problems are called: their files and range, or else the target's run.
fn problems_name(options: &CalibrateOptions) -> String {
    let name = |path: &PathBuf| path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    let files = options.problems.problems.iter().map(name);
    let range =
        options.problems.mini.as_ref().map(|range| format!("mini {}:{}..{}", range.stream, range.from, range.to));
    let names: Vec<String> = files.chain(range).collect();
    if names.is_empty() { options.runs.first().map(name).unwrap_or_default() } else { names.join(", ") }
}

/// Writes threshold, goal and promise to the router's card.
fn write_card(router: &Path, promise: Promise) -> Result<(), Failure> {
    let mut card = Card::open(router)?;
    (card.tau, card.goal) = (promise.tau, Some(promise.goal()));
    card.shown = Some(promise);
    Ok(card.save(router)?)
}
