//! Labelled steps for the training, and what scores them.

use std::path::Path;

use arbitrage_core::trace::{ScorerNote, Trace};
use arbitrage_eval::reference_solution::ReferenceSolutionScorer;
use arbitrage_eval::replay::PairedTrace;
use arbitrage_eval::results::{Grades, PolicyResults, problem_results};
use arbitrage_router::Policy;

use super::Fit;
use super::parts::part_options;
use super::runs::{PairRunner, RunFolder, RunPlan};
use crate::Failure;
use crate::cli::{BatchOptions, CollectOptions, FitOptions, RolloutModel};
use crate::collect;
use crate::pair::MINI;
use crate::problem_set::ProblemSet;
use crate::scorer_choice::Scorer;

/// Folder of the target's runs by which steps are labelled, but for those of the sample.
pub(super) const REFERENCE: &str = "reference";

/// What scores the steps of a collection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum StepLabelling {
    /// A scorer that needs nothing but the problems and models.
    Scorer(Scorer),
    /// The numbers in the target's own right solutions of the problems, which are written first.
    TargetRun,
}

impl StepLabelling {
    /// That of the options, or the best that needs no other model: exact where there is one, then by the reference solutions, then by the
    /// target's own.
    pub(super) fn new(options: &FitOptions, set: &ProblemSet) -> Self {
        if let Some(scorer) = &options.scorer {
            return Self::Scorer(scorer.clone());
        }
        let is_mini = set.rows.is_empty() || options.models.pair.as_deref() == Some(MINI);
        if is_mini {
            return Self::Scorer(Scorer::Checker);
        }
        match ReferenceSolutionScorer::new(&set.rows) {
            Ok(_) => Self::Scorer(Scorer::ReferenceSolution),
            Err(_) => Self::TargetRun,
        }
    }

    /// Its note in the record of what a fit depends on.
    pub(super) fn note(&self, options: &FitOptions) -> Result<ScorerNote, Failure> {
        match self {
            Self::Scorer(scorer) => scorer.note(Some(&options.rollouts)),
            Self::TargetRun => Ok(ScorerNote::Named("the target's run".to_owned())),
        }
    }

    /// The scorer, if the target's run of the same problems is in the file `target_run`.
    fn scorer(&self, target_run: &Path) -> Scorer {
        match self {
            Self::Scorer(scorer) => scorer.clone(),
            Self::TargetRun => Scorer::ReferenceRun(target_run.to_owned()),
        }
    }
}

impl Fit<'_> {
    /// Lets the target solve the problems of a part first if the labels need it, then collects their steps. Interrupted work is resumed.
    pub(super) fn collect_part(&self, part: &str, problems: &Path, out: &Path) -> Result<(), Failure> {
        let reference = self.folder.join(REFERENCE);
        let folder = RunFolder { evaluation: &reference, benchmark: part };
        if self.labelling == StepLabelling::TargetRun {
            let set = ProblemSet::load(&part_options(problems, &self.options.problems))?;
            PairRunner::load(self.options)?.run_in_turns(&set, &[RunPlan::TARGET], &folder)?;
        }
        self.collect(problems, &folder.trace(RunPlan::TARGET.label), out)
    }

    /// Collects the steps of both models on the problems in a file, along the oracle's decisions. The target's run of them, if the labels
    /// need it, is in the file `target_run`. An interrupted collection is resumed.
    pub(super) fn collect(&self, problems: &Path, target_run: &Path, out: &Path) -> Result<(), Failure> {
        let options = self.options;
        let problems = part_options(problems, &options.problems);
        let batch = BatchOptions {
            models: options.models.clone(),
            limits: options.limits.clone(),
            problems,
            out: out.to_owned(),
        };
        collect::run(&CollectOptions {
            batch,
            scorer: self.labelling.scorer(target_run),
            rollouts: options.rollouts.clone(),
            rollouts_by: RolloutModel::Target,
            samples: 1,
            policy: Policy::Oracle(0.0),
        })
    }
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

    /// What labels steps of a file of problems with these answers, or of generated ones.
    fn chosen(further: &[&str], answers: &[&str]) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("problems.jsonl");
        let row = |(at, answer): (usize, &&str)| format!("{{\"question\": \"q{at}\", \"answer\": \"{answer}\"}}\n");
        std::fs::write(&path, answers.iter().enumerate().map(row).collect::<String>()).unwrap();
        let problems = ["--problems", path.to_str().unwrap()];
        let problems: &[&str] = if answers.is_empty() { &["--mini", "train:0..3"] } else { &problems };
        let arguments = [&["arbitrage", "fit", "--out", "fit"][..], problems, further].concat();
        let Command::Fit(options) = Cli::parse_from(arguments).command else { panic!("another command") };
        match StepLabelling::new(&options, &ProblemSet::load(&options.problems).unwrap()) {
            StepLabelling::Scorer(scorer) => scorer.to_string(),
            StepLabelling::TargetRun => "target".to_owned(),
        }
    }

    #[test]
    fn the_best_labels_are_chosen_that_need_no_other_model() {
        let remote = ["--target", "vllm:http://localhost:1#large"];
        assert_eq!(chosen(&[], &[]), "checker");
        assert_eq!(chosen(&["--pair", "mini"], &["4"]), "checker");
        assert_eq!(chosen(&[], &["<<1+1=2>>2 #### 2", "3 #### 3"]), "reference-solution");
        assert_eq!(chosen(&[], &["<<1+1=2>>2 #### 2", "3"]), "target");
        assert_eq!(chosen(&remote, &["3"]), "target");
        assert_eq!(chosen(&remote, &["3 #### 3"]), "reference-solution");
        assert_eq!(chosen(&["--scorer", "rollouts:2"], &["3 #### 3"]), "rollouts:2");
    }
}
