//! Labelled steps for the training, and what scores them.

use std::path::Path;

use arbitrage_core::trace::Trace;
use arbitrage_eval::reference_solution::ReferenceSolutionScorer;
use arbitrage_eval::replay::PairedTrace;
use arbitrage_eval::results::{Grades, PolicyResults, problem_results};
use arbitrage_router::Policy;

use super::parts::part_options;
use crate::Failure;
use crate::cli::{BatchOptions, CollectOptions, FitOptions, RolloutModel};
use crate::collect;
use crate::pair::{MINI, is_remote};
use crate::problem_set::ProblemSet;
use crate::scorer_choice::Scorer;

/// Completions of a step for a target behind a server, which cannot be a judge.
const ROLLOUTS: usize = 4;

/// The scorer of the options, or the best that needs no other model: exact where there is one, then by the reference solutions, then by the
/// target.
pub(super) fn scorer(options: &FitOptions, set: &ProblemSet) -> Result<Scorer, Failure> {
    if let Some(scorer) = &options.scorer {
        return Ok(scorer.clone());
    }
    let is_mini = set.rows.is_empty() || options.models.pair.as_deref() == Some(MINI);
    if is_mini {
        return Ok(Scorer::Checker);
    }
    if ReferenceSolutionScorer::new(&set.rows).is_ok() {
        return Ok(Scorer::ReferenceSolution);
    }
    Ok(if is_remote(&options.models)?.target { Scorer::Rollouts(ROLLOUTS) } else { Scorer::Judge })
}

/// Collects the steps of both models on the problems in a file, along the oracle's decisions. An interrupted collection is resumed.
pub(super) fn collect(options: &FitOptions, scorer: &Scorer, problems: &Path, out: &Path) -> Result<(), Failure> {
    collect::run(&CollectOptions {
        batch: BatchOptions {
            models: options.models.clone(),
            limits: options.limits.clone(),
            problems: part_options(problems, &options.problems),
            out: out.to_owned(),
        },
        scorer: scorer.clone(),
        rollouts: options.rollouts.clone(),
        rollouts_by: RolloutModel::Target,
        samples: 1,
        policy: Policy::Oracle(0.0),
    })
}

/// A collection with the outcomes of its solutions.
pub(super) struct Collected {
    /// Its steps.
    pub steps: PairedTrace,
    /// Mean seconds per problem, with the scorer's.
    pub seconds: f64,
}

impl Collected {
    /// Reads the collection of the problems in `set`.
    pub(super) fn read(path: &Path, set: &ProblemSet) -> Result<Self, Failure> {
        let trace = Trace::read(path)?;
        let grades = Grades::new(arbitrage_eval::harness::grade(&trace, &set.gold));
        let results = PolicyResults::new("", "oracle", None, problem_results(&trace, &grades, 0)?.problems)?;
        let steps = PairedTrace::new(&trace)?.with_outcomes(&results)?;
        Ok(Self { steps, seconds: super::plan::mean_seconds(&results) })
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, Command};

    /// The scorer for a file of problems with these answers, or for generated ones.
    fn chosen(further: &[&str], answers: &[&str]) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("problems.jsonl");
        let row = |(at, answer): (usize, &&str)| format!("{{\"question\": \"q{at}\", \"answer\": \"{answer}\"}}\n");
        std::fs::write(&path, answers.iter().enumerate().map(row).collect::<String>()).unwrap();
        let problems = ["--problems", path.to_str().unwrap()];
        let problems: &[&str] = if answers.is_empty() { &["--mini", "train:0..3"] } else { &problems };
        let arguments = [&["arbitrage", "fit", "--out", "fit"][..], problems, further].concat();
        let Command::Fit(options) = Cli::parse_from(arguments).command else { panic!("another command") };
        scorer(&options, &ProblemSet::load(&options.problems).unwrap()).unwrap().to_string()
    }

    #[test]
    fn the_best_scorer_is_chosen_that_needs_no_other_model() {
        let remote = ["--target", "vllm:http://localhost:1#large"];
        assert_eq!(chosen(&[], &[]), "checker");
        assert_eq!(chosen(&["--pair", "mini"], &["4"]), "checker");
        assert_eq!(chosen(&[], &["<<1+1=2>>2 #### 2", "3 #### 3"]), "reference-solution");
        assert_eq!(chosen(&[], &["<<1+1=2>>2 #### 2", "3"]), "judge");
        assert_eq!(chosen(&remote, &["3"]), "rollouts:4");
        assert_eq!(chosen(&remote, &["3 #### 3"]), "reference-solution");
        assert_eq!(chosen(&["--scorer", "rollouts:2"], &["3 #### 3"]), "rollouts:2");
    }
}
