//! Steps of a trace by problem and index, as files of JSON lines.

use std::collections::BTreeSet;
use std::path::Path;

use arbitrage_core::trace::StepRecord;
use serde::{Deserialize, Serialize};

use crate::Failure;
use crate::files;

/// One step of a trace.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StepId {
    /// The problem's id.
    pub problem: String,
    /// The step's index, from 0.
    pub index: usize,
}

/// A set of steps.
pub(crate) struct StepIds(BTreeSet<StepId>);

impl StepIds {
    /// The set of the given steps.
    pub(crate) fn new(ids: impl Iterator<Item = StepId>) -> Self {
        Self(ids.collect())
    }

    /// The number of steps.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether the step of a record is in the set.
    pub(crate) fn contains(&self, record: &StepRecord) -> bool {
        self.0.contains(&StepId { problem: record.problem.clone(), index: record.index })
    }

    /// Reads a file of [`write`](Self::write).
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let text = files::read_text(path)?;
        let id = |(at, line): (usize, &str)| {
            let wrong = |error| format!("{}:{}: expected `problem` and `index`: {error}", path.display(), at + 1);
            serde_json::from_str(line).map_err(wrong)
        };
        let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        let ids = lines.map(id).collect::<Result<BTreeSet<_>, String>>()?;
        if ids.is_empty() {
            return Err(format!("{}: expected steps, found none", path.display()).into());
        }
        Ok(Self(ids))
    }

    /// Writes a line for each step.
    pub(crate) fn write(&self, path: &Path) -> Result<(), Failure> {
        let lines: Result<Vec<_>, _> = self.0.iter().map(serde_json::to_string).collect();
        let text: String = lines?.iter().flat_map(|line| [line, "\n"]).collect();
        files::write(path, text)
    }
}
