//! The values of `--scorer`.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use arbitrage_models::Layout;

use crate::remote_address::Address;

/// A scorer, as the value of `--scorer`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Scorer {
    /// `checker`: the exact checker of the mini family's problems.
    Checker,
    /// `judge`: the target as judge, 0 to 9.
    Judge,
    /// `reference-solution`: the numbers in the solutions that come with the problems, as in GSM8K.
    ReferenceSolution,
    /// `reference-run:FILE`: the numbers in the right solutions of an earlier run, for problems that come with final answers only.
    ReferenceRun(PathBuf),
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
pub(crate) enum RewardFormat {
    /// Skywork's: a value at each separator.
    Skywork,
    /// TRL's: two classes at each separator.
    Trl,
}

impl RewardFormat {
    const ALL: [(Self, &str); 2] = [(Self::Skywork, "skywork"), (Self::Trl, "trl")];

    /// The input format as data.
    pub(crate) fn layout(self) -> Layout {
        match self {
            Self::Skywork => Layout::skywork(),
            Self::Trl => Layout::trl(),
        }
    }
}

impl Scorer {
    /// The values of `--scorer`.
    const NAMES: &str = "checker, judge, reference-solution, reference-run:FILE, rollouts:K, head:FOLDER, prm:FOLDER, skywork@ADDRESS or trl@ADDRESS";

    /// The name of [`Self::ReferenceSolution`] in traces, where it stays as it was, and formerly on the command line.
    pub(crate) const REFERENCE_SOLUTION_NOTE: &str = "worked";

    /// The folder of a trained scorer, or the file of an earlier run.
    pub(crate) fn path(&mut self) -> Option<&mut PathBuf> {
        match self {
            Self::Head(path) | Self::Prm(path) | Self::ReferenceRun(path) => Some(path),
            _ => None,
        }
    }
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
            ("reference-run", file) if !file.is_empty() => Ok(Self::ReferenceRun(file.into())),
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
            Self::ReferenceRun(file) => write!(f, "reference-run:{}", file.display()),
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
        for text in [
            "checker",
            "judge",
            "reference-solution",
            "reference-run:runs/target.jsonl",
            "rollouts:8",
            "head:a folder",
            "prm:C:\\models\\prm",
            "prm:../a",
        ] {
            assert_eq!(text.parse::<Scorer>().unwrap().to_string(), text);
        }
        assert_eq!("worked".parse(), Ok(Scorer::ReferenceSolution), "its former name");
        for text in ["rollouts:0", "rollouts:", "rollouts:-1"] {
            assert!(text.parse::<Scorer>().unwrap_err().contains("rollouts:8"), "{text}");
        }
        for text in ["", "head", "head:", "prm:", "reference-run:", "judge:9", "chequer", "HEAD:x"] {
            let error = text.parse::<Scorer>().unwrap_err();
            assert!(error.contains(&format!("`{text}`")) && error.contains("prm:FOLDER"), "{error}");
        }
    }
}
