//! A trace as a whole: its records, sorted by problem.

use std::collections::BTreeMap;
use std::path::Path;

use super::{JsonlError, JsonlReader, Record, RunRecord, SolutionRecord, StepRecord, TraceSink};
use crate::{Accepted, BoxError};

/// The records of a run, sorted by problem. Labels, replays, results and reports are made from it.
///
/// A run that was killed and resumed leaves several attempts at a problem in one file. The last record of a step counts, and
/// what followed an earlier record of that step is dropped, since it continues a text that is no longer there. So records of
/// several problems may be interleaved in any way, but those of one problem have to be in the order of its steps.
///
/// ```
/// use std::sync::{Arc, Mutex};
/// use arbitrage_core::{Engine, Problem, router::AlwaysDraft, testing::Scripted, trace::Trace};
///
/// let trace = Arc::new(Mutex::new(Trace::default()));
/// let (draft, target) = (Scripted::new("draft", ["6 × 7 = 42.\n\n", "42"]), Scripted::new("target", []));
/// let mut engine = Engine::new(draft, target, AlwaysDraft).with_sink(trace.clone());
/// engine.solve(&Problem::new("What is 6 times 7?").with_id("p1"))?;
///
/// let trace = trace.lock().unwrap();
/// assert_eq!(trace.run.as_ref().unwrap().router, "always-draft");
/// assert_eq!(trace.trajectories["p1"].steps.len(), 2);
/// assert_eq!(trace.solutions()[0].text, "6 × 7 = 42.\n\n42");
/// # Ok::<(), arbitrage_core::EngineError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Trace {
    /// The first run's record: models, router, limits and notes. `None` where the trace has none.
    pub run: Option<RunRecord>,
    /// The records of further processes that wrote to the trace, oldest first: of the same run, resumed, unless
    /// [`differences`](Self::differences) says otherwise.
    pub resumed: Vec<RunRecord>,
    /// What became of each problem, by the problem's id.
    pub trajectories: BTreeMap<String, Trajectory>,
    /// Step records that were dropped, since a later attempt replaced them.
    pub superseded: usize,
    /// Bytes of an unfinished last line in the last file that was read, as a killed run leaves one.
    pub torn: Option<usize>,
    /// Problems that the process which wrote the last records has begun, each with the number of problems before it.
    begun: BTreeMap<String, usize>,
    /// Records so far.
    records: usize,
}

/// What a trace has of one problem.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Trajectory {
    /// How the problem ended; `None` where the run was killed before.
    pub end: Option<SolutionRecord>,
    /// Its steps, by their indices.
    pub steps: BTreeMap<usize, StepRecord>,
    /// Problems that the process which wrote the last record of this one had begun before it. The first problems of a process
    /// run with cold caches, so that their times are left out.
    pub order_in_process: usize,
    /// Whether the end is the last of the problem's records.
    ends_last: bool,
    /// Position of the end among all records of the trace.
    end_position: usize,
}

/// Two questions have the same problem id, so that their steps cannot be told apart.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("problem `{problem}`: two different questions have this id, expected one; give every problem its own id")]
pub struct QuestionConflict {
    /// The id.
    pub problem: String,
}

/// Why a trace could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TraceError {
    /// The file could not be read, or a line of it is not a record.
    #[error(transparent)]
    Jsonl(#[from] JsonlError),
    /// Two questions have the same id.
    #[error(transparent)]
    Question(#[from] QuestionConflict),
}

impl Trace {
    /// Reads a JSONL file.
    ///
    /// # Errors
    /// [`TraceError`].
    pub fn read(path: impl AsRef<Path>) -> Result<Self, TraceError> {
        Self::read_all([path])
    }

    /// Reads several JSONL files as one trace, in their order.
    ///
    /// # Errors
    /// [`TraceError`].
    pub fn read_all(paths: impl IntoIterator<Item = impl AsRef<Path>>) -> Result<Self, TraceError> {
        let mut trace = Self::default();
        for path in paths {
            let mut reader = JsonlReader::open(path)?;
            reader.by_ref().try_for_each(|record| Ok::<_, TraceError>(trace.push(record?)?))?;
            trace.torn = reader.torn();
        }
        Ok(trace)
    }

    /// Sorts records by problem.
    ///
    /// # Errors
    /// [`QuestionConflict`].
    pub fn from_records(records: impl IntoIterator<Item = Record>) -> Result<Self, QuestionConflict> {
        let mut trace = Self::default();
        records.into_iter().try_for_each(|record| trace.push(record))?;
        Ok(trace)
    }

    /// Adds the next record.
    ///
    /// # Errors
    /// [`QuestionConflict`].
    pub fn push(&mut self, record: Record) -> Result<(), QuestionConflict> {
        self.records += 1;
        match record {
            Record::Run(run) => {
                self.begun.clear();
                if self.run.is_none() {
                    self.run = Some(run);
                } else {
                    self.resumed.push(run);
                }
            }
            Record::Step(step) => {
                let superseded = self.trajectory_mut(&step.problem).add_step(step);
                self.superseded += superseded;
            }
            Record::Solution(end) => {
                let position = self.records;
                self.trajectory_mut(&end.problem).add_end(end, position)?;
            }
        }
        Ok(())
    }

    fn trajectory_mut(&mut self, problem: &str) -> &mut Trajectory {
        let before = self.begun.len();
        let order = *self.begun.entry(problem.to_owned()).or_insert(before);
        let trajectory = self.trajectories.entry(problem.to_owned()).or_default();
        trajectory.order_in_process = order;
        trajectory
    }

    /// The records of all processes that wrote to the trace.
    pub fn runs(&self) -> impl Iterator<Item = &RunRecord> {
        self.run.iter().chain(&self.resumed)
    }

    /// The [differences](RunRecord::differences) between the first run and the first process that did not continue it. Empty where
    /// all processes wrote to the same run.
    pub fn differences(&self) -> Vec<String> {
        let Some(run) = &self.run else { return Vec::new() };
        let mut differences = self.resumed.iter().map(|other| run.differences(other));
        differences.find(|lines| !lines.is_empty()).unwrap_or_default()
    }

    /// The ends of all problems, in the order in which they were written.
    pub fn solutions(&self) -> Vec<&SolutionRecord> {
        let ended = self.trajectories.values().filter_map(|one| Some((one.end_position, one.end.as_ref()?)));
        let mut ended: Vec<_> = ended.collect();
        ended.sort_by_key(|(position, _)| *position);
        ended.into_iter().map(|(_, end)| end).collect()
    }
}

/// Keeps the records of a run in memory, sorted.
impl TraceSink for Trace {
    fn write(&mut self, record: &Record) -> Result<(), BoxError> {
        Ok(self.push(record.clone())?)
    }
}

impl Trajectory {
    /// The end, unless records of another attempt follow it: then the problem was begun again and did not end.
    pub fn final_end(&self) -> Option<&SolutionRecord> {
        self.end.as_ref().filter(|_| self.ends_last)
    }

    /// The committed steps from the first to the last that is recorded without a gap.
    pub fn history(&self) -> Vec<Accepted> {
        let in_order = self.steps.iter().zip(0..).take_while(|((index, _), expected)| *index == expected);
        let committed = in_order.map_while(|((_, record), _)| Some((record.step()?, record.author)));
        committed.map(|(step, author)| Accepted { step: step.clone(), author }).collect()
    }

    /// Adds a step and returns how many records it supersedes.
    fn add_step(&mut self, record: StepRecord) -> usize {
        self.ends_last = false;
        if self.steps.get(&record.index) == Some(&record) {
            return 1;
        }
        let is_retry = self.steps.contains_key(&record.index);
        let superseded = if is_retry { self.steps.split_off(&record.index).len() } else { 0 };
        self.steps.insert(record.index, record);
        superseded
    }

    fn add_end(&mut self, record: SolutionRecord, position: usize) -> Result<(), QuestionConflict> {
        if self.end.as_ref().is_some_and(|end| end.question != record.question) {
            return Err(QuestionConflict { problem: record.problem });
        }
        (self.end, self.ends_last, self.end_position) = (Some(record), true, position);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
