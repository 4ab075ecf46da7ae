//! A file of records that a run which was cut off goes on with.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use arbitrage_core::Problem;
use arbitrage_core::trace::{JsonlReader, JsonlSink, Record, RunRecord};
use arbitrage_eval::problems::digest;
use clap::ValueEnum;
use serde_json::{Value, json};

use crate::Failure;
use crate::cli::{LimitOptions, PairOptions};

/// What the output holds already.
pub struct Output {
    path: PathBuf,
    runs: Vec<RunRecord>,
    ended: HashSet<String>,
    steps: usize,
}

impl Output {
    /// Locks, mends and reads the output. The lock comes first, so that nothing is written between reading and going on.
    pub fn open(path: &Path) -> Result<(JsonlSink, Self), Failure> {
        let sink = JsonlSink::append(path)?;
        let mut output = Self { path: path.to_owned(), runs: Vec::new(), ended: HashSet::new(), steps: 0 };
        if path.is_file() {
            output.read()?; // a device or a pipe holds nothing, and may never end
        }
        Ok((sink, output))
    }

    fn read(&mut self) -> Result<(), Failure> {
        for record in JsonlReader::open(&self.path)? {
            match record? {
                Record::Run(run) => self.runs.push(run),
                Record::Solution(solution) => drop(self.ended.insert(solution.problem)),
                _ => self.steps += 1,
            }
        }
        Ok(())
    }

    /// The problems of which it has no end.
    pub fn open_problems(&self, problems: &[Problem]) -> Vec<Problem> {
        problems.iter().filter(|problem| !self.has(&problem.id)).cloned().collect()
    }

    /// Whether it has the problem's end.
    pub fn has(&self, problem: &str) -> bool {
        self.ended.contains(problem)
    }

    /// Refuses to go on with another pair, policy, scorer or set of problems: nobody could tell such records apart.
    pub fn check(&self, run: &RunRecord) -> Result<(), Failure> {
        let path = self.path.display();
        if self.runs.is_empty() && self.steps + self.ended.len() > 0 {
            return Err(format!("{path}: does not say which models wrote it, so that nothing is added").into());
        }
        match self.runs.iter().map(|before| before.differences(run)).find(|differences| !differences.is_empty()) {
            Some(differences) => Err(format!("{path}: holds another run: {}", differences.join("; ")).into()),
            None => Ok(()),
        }
    }
}

/// What texts depend on beside models, router and limits.
pub fn notes(models: &PairOptions, limits: &LimitOptions, target: &str, problems: &[Problem]) -> Value {
    let PairOptions { temperature, top_p, top_k, min_p, system, .. } = models;
    json!({
        "target": target,
        "problems": { "count": problems.len(), "digest": format!("{:016x}", digest(problems)) },
        "segmenter": name(limits.segmenter),
        "sampling": { "temperature": temperature, "top_p": top_p, "top_k": top_k, "min_p": min_p },
        "system": system,
    })
}

/// What an option's value is called on the command line.
pub fn name(value: impl ValueEnum) -> Option<String> {
    value.to_possible_value().map(|value| value.get_name().to_owned())
}
