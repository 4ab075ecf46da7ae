//! Opening the scorer that `--scorer` names, and its note in a trace.

use arbitrage_core::scorer::Judge;
use arbitrage_core::trace::{ScorerNote, Trace};
use arbitrage_core::{Shared, StepScorer};
use arbitrage_eval::problems::ProblemRow;
use arbitrage_eval::reference_solution::ReferenceSolutionScorer;
use arbitrage_mini::Checker;
use arbitrage_models::source::file_digest;
use arbitrage_models::{LoadOptions, LocalTarget, ProcessReward};
use arbitrage_router::learned::ValueHead;
use serde_json::{Value, json};

use crate::Failure;
use crate::cli::RolloutOptions;
use crate::run_notes::weights_digest;
use crate::scorer_choice::Scorer;

impl Scorer {
    /// Opens the scorer. `target` provides the target for a scorer that reads with it, so that both share caches; `rollouts` provides
    /// the scorer by a number of completions; `rows` are the problems with their reference solutions.
    pub(crate) fn open(
        &self,
        target: impl FnOnce(&str) -> Result<Shared<LocalTarget>, Failure>,
        rows: &[ProblemRow],
        rollouts: impl FnOnce(usize) -> Result<Box<dyn StepScorer>, Failure>,
        load: &LoadOptions,
    ) -> Result<Box<dyn StepScorer>, Failure> {
        Ok(match self {
            Self::Checker => Box::new(Checker),
            Self::Judge => Box::new(Judge::new(target("the target as judge")?)),
            Self::ReferenceSolution => Box::new(ReferenceSolutionScorer::new(rows)?),
            Self::ReferenceRun(file) => Box::new(ReferenceSolutionScorer::from_runs(rows, &Trace::read(file)?)),
            Self::Rollouts(count) => rollouts(*count)?,
            Self::Head(folder) => Box::new(ValueHead::open(folder)?.with_reader(target("a head")?)?),
            Self::Prm(folder) => Box::new(ProcessReward::open(folder, load)?),
            Self::Remote(format, address) => Box::new(address.scorer(format.layout())?),
        })
    }

    /// The scorer's note in a trace. Trained scorers are identified by their weights, since the folder may change.
    pub(crate) fn note(&self, rollouts: Option<&RolloutOptions>) -> Result<ScorerNote, Failure> {
        Ok(match self {
            Self::Checker | Self::Judge | Self::Remote(..) => ScorerNote::Named(self.to_string()),
            Self::ReferenceSolution => ScorerNote::Named(Self::REFERENCE_SOLUTION_NOTE.to_owned()),
            Self::ReferenceRun(file) => settings([("reference run", file_digest(file)?.into())]),
            Self::Rollouts(count) => settings([
                ("rollouts", json!(count)),
                ("temperature", json!(rollouts.map(|options| options.rollouts_temperature))),
                ("tokens", json!(rollouts.map(|options| options.rollouts_tokens))),
            ]),
            Self::Head(folder) => settings([("head", weights_digest(folder)?.into())]),
            Self::Prm(folder) => settings([("prm", weights_digest(folder)?.into())]),
        })
    }
}

fn settings<const N: usize>(settings: [(&str, Value); N]) -> ScorerNote {
    ScorerNote::Settings(settings.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}
