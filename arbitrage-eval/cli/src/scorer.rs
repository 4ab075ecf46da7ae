//! The scorers that `--scorer` names.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use arbitrage_core::scorer::Judge;
use arbitrage_core::trace::ScorerNote;
use arbitrage_core::{Shared, StepScorer};
use arbitrage_eval::problems::ProblemRow;
use arbitrage_eval::reference_solution::ReferenceSolutionScorer;
use arbitrage_mini::Checker;
use arbitrage_models::{Layout, LoadOptions, LocalTarget, ProcessReward};
use arbitrage_router::learned::ValueHead;
use serde_json::{Value, json};

use crate::Failure;
use crate::cli::RolloutOptions;
use crate::remote_address::Address;
use crate::run_notes::weights_digest;

/// A scorer, as the value of `--scorer`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scorer {
    /// `checker`: the exact checker of the mini family's problems.
    Checker,
    /// `judge`: the target as judge, 0 to 9.
    Judge,
    /// `reference-solution`: the numbers in the solutions that come with the problems, as in GSM8K.
    ReferenceSolution,
    /// `rollouts:K`: the share of K completions that reach the gold answer.
    Rollouts(usize),
    /// `head:FOLDER`: a head on the target's hidden states.
    Head(PathBuf),
    /// `prm:FOLDER`: a process reward model.
    Prm(PathBuf),
    /// `skywork@ADDRESS` or `trl@ADDRESS`: a reward model behind a server, by its input format.
    Remote(RewardFormat, Address),
}

/// The input format that a reward model was trained on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RewardFormat {
    /// Skywork's: a value at each separator.
    Skywork,
    /// TRL's: two classes at each separator.
    Trl,
}

impl RewardFormat {
    const ALL: [(Self, &str); 2] = [(Self::Skywork, "skywork"), (Self::Trl, "trl")];

    fn layout(self) -> Layout {
        match self {
            Self::Skywork => Layout::skywork(),
            Self::Trl => Layout::trl(),
        }
    }
}

impl Scorer {
    /// The values of `--scorer`.
    const NAMES: &str =
        "checker, judge, reference-solution, rollouts:K, head:FOLDER, prm:FOLDER, skywork@ADDRESS or trl@ADDRESS";

    /// The name of [`Self::ReferenceSolution`] in traces, where it stays as it was, and formerly on the command line.
    const REFERENCE_SOLUTION_NOTE: &str = "worked";

    /// Opens the scorer. `target` provides the target for a scorer that reads with it, so that both share caches; `rollouts` provides
    /// the scorer by a number of completions; `rows` are the problems with their reference solutions.
    pub fn open(
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
            Self::Rollouts(count) => rollouts(*count)?,
            Self::Head(folder) => Box::new(ValueHead::open(folder)?.with_reader(target("a head")?)?),
            Self::Prm(folder) => Box::new(ProcessReward::open(folder, load)?),
            Self::Remote(format, address) => Box::new(address.scorer(format.layout())?),
        })
    }

    /// The folder of a trained scorer.
    pub fn folder(&mut self) -> Option<&mut PathBuf> {
        match self {
            Self::Head(folder) | Self::Prm(folder) => Some(folder),
            _ => None,
        }
    }

    /// The scorer's note in a trace. Trained scorers are identified by their weights, since the folder may change.
    pub fn note(&self, rollouts: Option<&RolloutOptions>) -> Result<ScorerNote, Failure> {
        Ok(match self {
            Self::Checker | Self::Judge | Self::Remote(..) => ScorerNote::Named(self.to_string()),
            Self::ReferenceSolution => ScorerNote::Named(Self::REFERENCE_SOLUTION_NOTE.to_owned()),
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

/// An input format and the address after it.
fn remote(text: &str) -> Option<(RewardFormat, &str)> {
    let (name, address) = text.split_once('@')?;
    RewardFormat::ALL.iter().find(|(_, known)| *known == name).map(|(format, _)| (*format, address))
}

impl FromStr for Scorer {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':').map_or((text, ""), |(name, folder)| (name, folder)) {
            ("checker", "") => Ok(Self::Checker),
            ("judge", "") => Ok(Self::Judge),
            ("reference-solution" | Self::REFERENCE_SOLUTION_NOTE, "") => Ok(Self::ReferenceSolution),
            ("rollouts", count) => match count.parse() {
                Ok(count) if count > 0 => Ok(Self::Rollouts(count)),
                _ => Err(format!("expected a number of completions such as rollouts:8, found `{text}`")),
            },
            ("head", folder) if !folder.is_empty() => Ok(Self::Head(folder.into())),
            ("prm", folder) if !folder.is_empty() => Ok(Self::Prm(folder.into())),
            _ if let Some((format, address)) = remote(text) => Ok(Self::Remote(format, address.parse()?)),
            _ => Err(format!("expected {}, found `{text}`", Self::NAMES)),
        }
    }
}

impl fmt::Display for Scorer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Checker => f.write_str("checker"),
            Self::Judge => f.write_str("judge"),
            Self::ReferenceSolution => f.write_str("reference-solution"),
            Self::Rollouts(count) => write!(f, "rollouts:{count}"),
            Self::Head(folder) => write!(f, "head:{}", folder.display()),
            Self::Prm(folder) => write!(f, "prm:{}", folder.display()),
            Self::Remote(format, address) => {
                let name = RewardFormat::ALL.iter().find(|(known, _)| known == format).map_or("", |(_, name)| name);
                write!(f, "{name}@{address}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_back() {
        for text in ["skywork@vllm:http://localhost:8000#Skywork/PRM", "trl@sglang:https://a/v1#m"] {
            assert_eq!(text.parse::<Scorer>().unwrap().to_string(), text);
        }
        for text in
            ["checker", "judge", "reference-solution", "rollouts:8", "head:a folder", "prm:C:\\models\\prm", "prm:../a"]
        {
            assert_eq!(text.parse::<Scorer>().unwrap().to_string(), text);
        }
        assert_eq!("worked".parse(), Ok(Scorer::ReferenceSolution), "its former name");
        for text in ["rollouts:0", "rollouts:", "rollouts:-1"] {
            assert!(text.parse::<Scorer>().unwrap_err().contains("rollouts:8"), "{text}");
        }
        for text in ["", "head", "head:", "prm:", "judge:9", "chequer", "HEAD:x"] {
            let error = text.parse::<Scorer>().unwrap_err();
            assert!(error.contains(&format!("`{text}`")) && error.contains("prm:FOLDER"), "{error}");
        }
    }
}
