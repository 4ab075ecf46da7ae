//! Steps by problem and index, in files of JSON lines.

use std::collections::BTreeSet;
use std::path::Path;

use arbitrage_core::trace::StepRecord;
use serde::{Deserialize, Serialize};

use crate::Failure;

/// One step of a trace.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// The problem's id.
    pub problem: String,
    /// The step's index, from 0.
    pub index: usize,
}

/// Steps that are asked for.
pub struct Places(BTreeSet<Place>);

impl Places {
    /// Each once.
    pub fn new(places: impl Iterator<Item = Place>) -> Self {
        Self(places.collect())
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether this step is one of them.
    pub fn has(&self, record: &StepRecord) -> bool {
        self.0.contains(&Place { problem: record.problem.clone(), index: record.index })
    }

    /// Those that [`write`](Self::write) has written.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let place = |(at, line): (usize, &str)| {
            let wrong = |error| format!("{}:{}: expected a problem and an index: {error}", path.display(), at + 1);
            serde_json::from_str(line).map_err(wrong)
        };
        let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        let places = lines.map(place).collect::<Result<BTreeSet<_>, String>>()?;
        if places.is_empty() {
            return Err(format!("{}: expected steps, found none", path.display()).into());
        }
        Ok(Self(places))
    }

    /// A line each.
    pub fn write(&self, path: &Path) -> Result<(), Failure> {
        let lines: Result<Vec<_>, _> = self.0.iter().map(serde_json::to_string).collect();
        let text: String = lines?.iter().flat_map(|line| [line, "\n"]).collect();
        std::fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(())
    }
}
