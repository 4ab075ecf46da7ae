//! What scores steps.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use arbitrage_core::scorer::Judge;
use arbitrage_core::{Shared, StepScorer};
use arbitrage_eval::mini::Checker;
use arbitrage_models::source::file_digest;
use arbitrage_models::{LoadOptions, LocalTarget, ProcessReward};
use arbitrage_router::learned::ValueHead;
use serde_json::{Value, json};

use crate::Failure;

/// A scorer by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scorer {
    /// `checker`: the exact checker of the mini family's problems.
    Checker,
    /// `judge`: the target as judge, 0 to 9.
    Judge,
    /// `head:DIR`: a head on the target's hidden states.
    Head(PathBuf),
    /// `prm:DIR`: a process reward model.
    Prm(PathBuf),
}

impl Scorer {
    /// What can be asked for.
    const NAMES: &str = "checker, judge, head:DIR or prm:DIR";

    /// The scorer. `target` is asked for by those which read with it: its caches then serve both.
    pub fn open(
        &self,
        target: impl FnOnce() -> Result<Shared<LocalTarget>, Failure>,
        load: &LoadOptions,
    ) -> Result<Box<dyn StepScorer>, Failure> {
        Ok(match self {
            Self::Checker => Box::new(Checker),
            Self::Judge => Box::new(Judge::new(target()?)),
            Self::Head(folder) => Box::new(ValueHead::open(folder)?.over(target()?)?),
            Self::Prm(folder) => Box::new(ProcessReward::open(folder, load)?),
        })
    }

    /// What a trace says of it: trained ones are known by their weights, wherever they lie.
    pub fn note(&self) -> Result<Value, Failure> {
        Ok(match self {
            Self::Checker | Self::Judge => json!(self.to_string()),
            Self::Head(folder) => json!({ "head": file_digest(folder.join("model.safetensors"))? }),
            Self::Prm(folder) => json!({ "prm": file_digest(folder.join("model.safetensors"))? }),
        })
    }
}

impl FromStr for Scorer {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':').map_or((text, ""), |(name, folder)| (name, folder)) {
            ("checker", "") => Ok(Self::Checker),
            ("judge", "") => Ok(Self::Judge),
            ("head", folder) if !folder.is_empty() => Ok(Self::Head(folder.into())),
            ("prm", folder) if !folder.is_empty() => Ok(Self::Prm(folder.into())),
            _ => Err(format!("expected {}, found `{text}`", Self::NAMES)),
        }
    }
}

impl fmt::Display for Scorer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Checker => f.write_str("checker"),
            Self::Judge => f.write_str("judge"),
            Self::Head(folder) => write!(f, "head:{}", folder.display()),
            Self::Prm(folder) => write!(f, "prm:{}", folder.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_back() {
        for text in ["checker", "judge", "head:a folder", "prm:C:\\models\\prm", "prm:../a"] {
            assert_eq!(text.parse::<Scorer>().unwrap().to_string(), text);
        }
        for text in ["", "head", "head:", "prm:", "judge:9", "chequer", "HEAD:x"] {
            let error = text.parse::<Scorer>().unwrap_err();
            assert!(error.contains(&format!("`{text}`")) && error.contains("prm:DIR"), "{error}");
        }
    }
}
