//! `arbitrage train sequential`: a router trained on what the decisions of finished runs led to.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

use arbitrage_core::Usage;
use arbitrage_core::trace::Trace;
use arbitrage_eval::cost::{DecisionWork, Hardware, measured};
use arbitrage_eval::gold::Gold;
use arbitrage_eval::harness::grade;
use arbitrage_eval::results::Outcome;
use arbitrage_eval::steps::drafts_of_outcomes;
use arbitrage_router::labels::{SolutionOutcome, Subset, outcomes};
use arbitrage_router::learned::{
    Probe, ProbeFeatures, Sequential, SequentialRecipe, SequentialTraining, TokenPrices, TrainingData, TrainingSplit,
};

use crate::Failure;
use crate::cli::SequentialOptions;
use crate::files::{create_folder, in_file, read_text};
use crate::pair::resolve_router;
use crate::problem_set::{gold_answers, problem_rows};
use crate::progress::TrainingProgress;
use crate::training_data::{identity, joined_digests, read_draft_states};

/// Trains the router, and returns how well it tells solutions with a right answer from others, on held-out problems.
pub(crate) fn train(options: &SequentialOptions) -> Result<f64, Failure> {
    let SequentialOptions { out, learning, .. } = options;
    create_folder(out)?;
    let traces = options.runs.iter().map(Trace::read).collect::<Result<Vec<_>, _>>()?;
    let (pair, policy) = identity(traces.iter().flat_map(Trace::runs), "--runs")?;
    let gold = gold_answers(&problem_rows(&options.problems)?);
    let mut solutions: Vec<SolutionOutcome> = traces.iter().flat_map(|trace| graded(trace, &gold)).collect();
    if solutions.is_empty() {
        return Err(
            "--runs: expected finished solutions with a gold answer, found none; name the files with --problems".into(),
        );
    }
    let seconds = prices(options, &traces)?;
    let probe = options.probe.as_ref().map(|name| Ok::<_, Failure>(Probe::open(resolve_router(name)?)?)).transpose()?;
    if let Some(probe) = &probe {
        probe.card().check_pair(&pair.draft, &pair.target)?;
    }
    let features = probe.as_ref().map_or(options.inputs, Probe::features);
    attach_hidden(options, features, &mut solutions)?;
    let data = training_data(&options.runs, policy, &solutions)?;
    let (training, validation) = split(options, solutions)?;
    let fit = learning.trainer().with_checkpoint(out.join("checkpoint"));
    let recipe = SequentialRecipe::new(features, fit).with_hidden_width(options.width);
    let outcomes = TrainingSplit { training: &training[..], validation: &validation[..] };
    let training = SequentialTraining { outcomes, recipe: &recipe, probe: probe.as_ref(), seconds, pair, data };
    let mut bar = TrainingProgress::new(&out.display().to_string());
    let router = Sequential::train(&training, &options.states.device.device()?, &mut bar)?;
    bar.finish();
    router.save(out)?;
    Ok(router.card().metrics.get("validation AUC").copied().unwrap_or(f64::NAN))
}

/// The finished solutions that have a gold answer.
fn graded(trace: &Trace, gold: &Gold) -> Vec<SolutionOutcome> {
    let grades = grade(trace, gold).into_iter().map(|row| (row.id, row.verdict));
    let verdicts: HashMap<String, Outcome> = grades.collect();
    outcomes(trace, |end| match verdicts.get(&end.problem)? {
        Outcome::Right => Some(true),
        Outcome::Wrong => Some(false),
        Outcome::Errored => None,
    })
}

/// The seconds of a token of each kind: of the file that the options name, or those that the runs took.
fn prices(options: &SequentialOptions, traces: &[Trace]) -> Result<TokenPrices, Failure> {
    let hardware = match &options.hardware {
        Some(path) => serde_json::from_str::<Hardware>(&read_text(path)?).map_err(in_file(path))?,
        None => {
            let usage: Usage = traces.iter().flat_map(Trace::solutions).map(|solution| solution.usage).sum();
            measured("the runs", &usage, DecisionWork::Router)
                .map_err(|error| format!("--runs: {error}; run with --explore, or name prices with --hardware"))?
        }
    };
    Ok(TokenPrices {
        draft_decoded: hardware.draft.decoded,
        draft_read: hardware.draft.prefilled,
        target_decoded: hardware.target.decoded,
        target_read: hardware.target.prefilled,
    })
}

/// Adds the draft's hidden states to every drafted step, if the router reads them.
fn attach_hidden(
    options: &SequentialOptions,
    features: ProbeFeatures,
    solutions: &mut [SolutionOutcome],
) -> Result<(), Failure> {
    if features == ProbeFeatures::Scalars {
        return Ok(());
    }
    let draft = options.states.draft.as_deref();
    let draft =
        draft.ok_or("--draft: expected the draft model, whose hidden states the router reads, or --inputs scalars")?;
    let states = read_draft_states(draft, &options.states, &drafts_of_outcomes(solutions))?;
    let drafts = solutions.iter_mut().flat_map(|solution| solution.drafts.iter_mut().flatten());
    drafts.zip(states).for_each(|(draft, hidden)| draft.hidden = Some(hidden));
    Ok(())
}

fn training_data(runs: &[PathBuf], policy: String, solutions: &[SolutionOutcome]) -> Result<TrainingData, Failure> {
    let ids: HashSet<&str> = solutions.iter().map(|solution| solution.problem.as_str()).collect();
    let count = |solution: &SolutionOutcome| solution.decisions().count();
    let steps: usize = solutions.iter().map(count).sum();
    let right: usize = solutions.iter().filter(|solution| solution.is_solved).map(count).sum();
    let positive = right as f64 / steps.max(1) as f64;
    Ok(TrainingData { digest: joined_digests(runs)?, problems: ids.len(), steps, positive, scorer: policy })
}

/// Solutions to learn from, and solutions to choose the best weights by, of different problems.
fn split(
    options: &SequentialOptions,
    solutions: Vec<SolutionOutcome>,
) -> Result<(Vec<SolutionOutcome>, Vec<SolutionOutcome>), Failure> {
    let split = options.learning.problem_split()?;
    Ok(solutions.into_iter().partition(|solution| split.subset(&solution.problem) == Subset::Train))
}
