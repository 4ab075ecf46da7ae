//! A trace file that an interrupted run resumes.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use arbitrage_core::Problem;
use arbitrage_core::trace::{JsonlReader, JsonlSink, Record, RunRecord};

use super::HarnessError;

/// What a trace file already holds.
#[derive(Debug)]
pub struct Records {
    path: PathBuf,
    runs: Vec<RunRecord>,
    ended: HashSet<String>,
    steps: usize,
}

impl Records {
    /// Locks, repairs and reads the file, and returns the sink that appends to it. The lock is taken first, so that no other process writes
    /// between reading and appending.
    ///
    /// # Errors
    /// [`HarnessError::Jsonl`].
    pub fn open(path: &Path) -> Result<(JsonlSink, Self), HarnessError> {
        let sink = JsonlSink::append(path)?;
        let mut records = Self { path: path.to_owned(), runs: Vec::new(), ended: HashSet::new(), steps: 0 };
        if path.is_file() {
            // Devices and pipes hold no records, and reading them may never end.
            records.read()?;
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

    /// The file's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The problems without an end in the file, in the order given.
    pub fn open_problems(&self, problems: &[Problem]) -> Vec<Problem> {
        problems.iter().filter(|problem| !self.has(&problem.id)).cloned().collect()
    }

    /// Whether the file holds the problem's end.
    pub fn has(&self, problem: &str) -> bool {
        self.ended.contains(problem)
    }

    /// Refuses to resume with another pair, policy, scorer or set of problems, since the records could not be told apart afterwards.
    ///
    /// # Errors
    /// [`HarnessError::AnotherRun`], naming what differs, and [`HarnessError::NoRunRecord`].
    pub fn check(&self, run: &RunRecord) -> Result<(), HarnessError> {
        let path = || self.path.clone();
        if self.runs.is_empty() && self.steps + self.ended.len() > 0 {
            return Err(HarnessError::NoRunRecord { path: path() });
        }
        match self.runs.iter().map(|before| before.differences(run)).find(|differences| !differences.is_empty()) {
            Some(differences) => Err(HarnessError::AnotherRun { path: path(), differences: differences.join("; ") }),
            None => Ok(()),
        }
    }
}
