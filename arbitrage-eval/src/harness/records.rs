//! A file of records that a run which was cut off goes on with.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use arbitrage_core::Problem;
use arbitrage_core::trace::{JsonlReader, JsonlSink, Record, RunRecord};

use super::HarnessError;

/// What a file of records holds already.
#[derive(Debug)]
pub struct Records {
    path: PathBuf,
    runs: Vec<RunRecord>,
    ended: HashSet<String>,
    steps: usize,
}

impl Records {
    /// Locks, mends and reads the file, and gives the sink that adds to it. The lock comes first, so that nothing is written
    /// between reading and going on.
    ///
    /// # Errors
    /// [`HarnessError::Jsonl`].
    pub fn open(path: &Path) -> Result<(JsonlSink, Self), HarnessError> {
        let sink = JsonlSink::append(path)?;
        let mut records = Self { path: path.to_owned(), runs: Vec::new(), ended: HashSet::new(), steps: 0 };
        if path.is_file() {
            records.read()?; // a device or a pipe holds nothing, and may never end
        }
        Ok((sink, records))
    }

    fn read(&mut self) -> Result<(), HarnessError> {
        for record in JsonlReader::open(&self.path)? {
            match record? {
                Record::Run(run) => self.runs.push(run),
                Record::Solution(solution) => drop(self.ended.insert(solution.problem)),
                _ => self.steps += 1,
            }
        }
        Ok(())
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The problems of which it has no end, in their order.
    pub fn open_problems(&self, problems: &[Problem]) -> Vec<Problem> {
        problems.iter().filter(|problem| !self.has(&problem.id)).cloned().collect()
    }

    /// Whether it has the problem's end.
    pub fn has(&self, problem: &str) -> bool {
        self.ended.contains(problem)
    }

    /// Refuses to go on with another pair, policy, scorer or set of problems: nobody could tell such records apart.
    ///
    /// # Errors
    /// [`HarnessError::AnotherRun`], naming what differs; [`HarnessError::Nameless`].
    pub fn check(&self, run: &RunRecord) -> Result<(), HarnessError> {
        let path = || self.path.clone();
        if self.runs.is_empty() && self.steps + self.ended.len() > 0 {
            return Err(HarnessError::Nameless { path: path() });
        }
        match self.runs.iter().map(|before| before.differences(run)).find(|differences| !differences.is_empty()) {
            Some(differences) => Err(HarnessError::AnotherRun { path: path(), differences: differences.join("; ") }),
            None => Ok(()),
        }
    }
}
