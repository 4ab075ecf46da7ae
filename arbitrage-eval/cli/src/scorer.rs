//! What scores steps.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use arbitrage_core::scorer::Judge;
use arbitrage_core::{Shared, StepScorer};
use arbitrage_eval::problems::ProblemRow;
use arbitrage_eval::reference_solution::ReferenceSolutionScorer;
use arbitrage_mini::Checker;
use arbitrage_models::source::file_digest;
use arbitrage_models::{Layout, LoadOptions, LocalTarget, ProcessReward};
use arbitrage_router::learned::ValueHead;
use serde_json::{Value, json};

use crate::Failure;
use crate::cli::RolloutOptions;
use crate::remote_address::Address;

/// A scorer by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scorer {
    /// `checker`: the exact checker of the mini family's problems.
    Checker,
    /// `judge`: the target as judge, 0 to 9.
    Judge,
    /// `worked`: the numbers of the worked solutions that come with the problems, as GSM8K's.
    ReferenceSolution,
    /// `rollouts:K`: the share of K completions that reach the right answer.
    Rollouts(usize),
    /// `head:DIR`: a head on the target's hidden states.
    Head(PathBuf),
    /// `prm:DIR`: a process reward model.
    Prm(PathBuf),
    /// `skywork@ADDRESS` or `trl@ADDRESS`: a reward model behind a server, with the layout that it was trained on.
    Served(Trained, Address),
}

/// How a reward model was trained to see a solution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trained {
    /// As Skywork's: a value at each separator.
    Skywork,
    /// As TRL trains them: two classes at each separator.
    Trl,
}

impl Trained {
    const ALL: [(Self, &str); 2] = [(Self::Skywork, "skywork"), (Self::Trl, "trl")];

    fn layout(self) -> Layout {
        match self {
            Self::Skywork => Layout::skywork(),
            Self::Trl => Layout::trl(),
        }
    }
}

impl Scorer {
    /// What can be asked for.
    const NAMES: &str = "checker, judge, worked, rollouts:K, head:DIR, prm:DIR, skywork@ADDRESS or trl@ADDRESS";

    /// The scorer. `target` is asked for by those which read with it: its caches then serve both; `rollouts` for completions of
    /// each step; `rows` are the problems that come with answers.
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
            Self::Head(folder) => Box::new(ValueHead::open(folder)?.over(target("a head")?)?),
            Self::Prm(folder) => Box::new(ProcessReward::open(folder, load)?),
            Self::Served(trained, address) => Box::new(address.scorer(trained.layout())?),
        })
    }

    /// The folder of a trained one.
    pub fn folder(&mut self) -> Option<&mut PathBuf> {
        match self {
            Self::Head(folder) | Self::Prm(folder) => Some(folder),
            _ => None,
        }
    }

    /// What a trace says of it: trained ones are known by their weights, wherever they lie.
    pub fn note(&self, rollouts: Option<&RolloutOptions>) -> Result<Value, Failure> {
        Ok(match self {
            Self::Checker | Self::Judge | Self::ReferenceSolution | Self::Served(..) => json!(self.to_string()),
            Self::Rollouts(count) => json!({
                "rollouts": count,
                "temperature": rollouts.map(|options| options.rollouts_temperature),
                "tokens": rollouts.map(|options| options.rollouts_tokens),
            }),
            Self::Head(folder) => json!({ "head": file_digest(folder.join("model.safetensors"))? }),
            Self::Prm(folder) => json!({ "prm": file_digest(folder.join("model.safetensors"))? }),
        })
    }
}

/// A layout's name before an address.
fn served(text: &str) -> Option<(Trained, &str)> {
    let (name, address) = text.split_once('@')?;
    Trained::ALL.iter().find(|(_, known)| *known == name).map(|(trained, _)| (*trained, address))
}

impl FromStr for Scorer {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':').map_or((text, ""), |(name, folder)| (name, folder)) {
            ("checker", "") => Ok(Self::Checker),
            ("judge", "") => Ok(Self::Judge),
            ("worked", "") => Ok(Self::ReferenceSolution),
            ("rollouts", count) => match count.parse() {
                Ok(count) if count > 0 => Ok(Self::Rollouts(count)),
                _ => Err(format!("expected a number of completions such as rollouts:8, found `{text}`")),
            },
            ("head", folder) if !folder.is_empty() => Ok(Self::Head(folder.into())),
            ("prm", folder) if !folder.is_empty() => Ok(Self::Prm(folder.into())),
            _ if let Some((trained, address)) = served(text) => Ok(Self::Served(trained, address.parse()?)),
            _ => Err(format!("expected {}, found `{text}`", Self::NAMES)),
        }
    }
}

impl fmt::Display for Scorer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Checker => f.write_str("checker"),
            Self::Judge => f.write_str("judge"),
            Self::ReferenceSolution => f.write_str("worked"),
            Self::Rollouts(count) => write!(f, "rollouts:{count}"),
            Self::Head(folder) => write!(f, "head:{}", folder.display()),
            Self::Prm(folder) => write!(f, "prm:{}", folder.display()),
            Self::Served(trained, address) => {
                let name = Trained::ALL.iter().find(|(known, _)| known == trained).map_or("", |(_, name)| name);
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
        for text in ["checker", "judge", "worked", "rollouts:8", "head:a folder", "prm:C:\\models\\prm", "prm:../a"] {
            assert_eq!(text.parse::<Scorer>().unwrap().to_string(), text);
        }
        for text in ["rollouts:0", "rollouts:", "rollouts:-1"] {
            assert!(text.parse::<Scorer>().unwrap_err().contains("rollouts:8"), "{text}");
        }
        for text in ["", "head", "head:", "prm:", "judge:9", "chequer", "HEAD:x"] {
            let error = text.parse::<Scorer>().unwrap_err();
            assert!(error.contains(&format!("`{text}`")) && error.contains("prm:DIR"), "{error}");
        }
    }
}
