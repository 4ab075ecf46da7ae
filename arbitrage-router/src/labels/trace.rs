//! From a trace to examples.

use std::collections::BTreeMap;

use arbitrage_core::Accepted;
use arbitrage_core::trace::{Record, SolutionRecord, StepRecord};

use super::{Example, LabelError, Skipped};

/// What a trace teaches, and what in it teaches nothing.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Examples {
    /// The examples, by problem id and step.
    pub examples: Vec<Example>,
    /// The steps that became none.
    pub skipped: Skipped,
}

impl Examples {
    /// Names each example's data set, which traces do not tell, by its problem's id.
    pub fn with_sources(mut self, source: impl Fn(&str) -> Option<String>) -> Self {
        for example in &mut self.examples {
            example.source = source(&example.problem);
        }
        self
    }

    /// The advantages `Δ`, in order.
    pub fn advantages(&self) -> Vec<f32> {
        self.examples.iter().map(Example::advantage).collect()
    }

    /// The steps of an ended problem.
    fn add(&mut self, question: &str, steps: BTreeMap<usize, StepRecord>) -> Result<(), LabelError> {
        let mut history = Vec::new();
        for (index, record) in steps {
            // Where a step is missing, the history stays short, and no later index meets it.
            if index != history.len() {
                self.skipped.without_history += 1;
                continue;
            }
            let (author, committed) = (record.author, record.step().cloned());
            self.examples.extend(example(question, &history, record, &mut self.skipped)?);
            history.extend(committed.map(|step| Accepted { step, author }));
        }
        Ok(())
    }
}

/// The record's example, or `None` with its reason counted.
fn example(
    question: &str,
    history: &[Accepted],
    record: StepRecord,
    skipped: &mut Skipped,
) -> Result<Option<Example>, LabelError> {
    let scores = record.decision.draft_score.zip(record.decision.target_score);
    let reason = match (record.draft, record.target, scores) {
        (Some(draft), Some(target), Some((draft_score, target_score))) => {
            let (problem, source, index) = (record.problem, None, record.index);
            let (question, history) = (question.to_owned(), history.to_vec());
            let found = Example { problem, source, index, question, history, draft, target, draft_score, target_score };
            return found.checked().map(Some);
        }
        (None, ..) => &mut skipped.without_draft,
        (_, None, _) => &mut skipped.without_target,
        (.., None) => &mut skipped.without_scores,
    };
    *reason += 1;
    Ok(None)
}

/// What a trace tells of one problem.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Trajectory {
    /// How it ended; `None` where the run was killed before.
    pub end: Option<SolutionRecord>,
    /// Its steps, by their indices.
    pub steps: BTreeMap<usize, StepRecord>,
}

impl Trajectory {
    /// Takes a step, and says how many records it makes void. A second record for a place is of a run that was begun
    /// again: what followed the first continues a text that is no longer there.
    fn step(&mut self, record: StepRecord) -> usize {
        if self.steps.get(&record.index) == Some(&record) {
            return 1;
        }
        let is_known = self.steps.contains_key(&record.index);
        let void = if is_known { self.steps.split_off(&record.index).len() } else { 0 };
        self.steps.insert(record.index, record);
        void
    }

    fn end(&mut self, record: SolutionRecord) -> Result<(), LabelError> {
        if self.end.as_ref().is_some_and(|end| end.question != record.question) {
            return Err(LabelError::Question { problem: record.problem });
        }
        self.end = Some(record);
        Ok(())
    }
}

/// What a trace tells of each problem, by its id, and how many records others made void: where a run was killed and resumed, the
/// last record of a step counts, and what followed an earlier one is void.
///
/// # Errors
/// [`LabelError::Question`] where an id stands for two questions.
pub fn trajectories(
    records: impl IntoIterator<Item = Record>,
) -> Result<(BTreeMap<String, Trajectory>, usize), LabelError> {
    let (mut problems, mut superseded) = (BTreeMap::<String, Trajectory>::new(), 0);
    for record in records {
        match record {
            Record::Step(step) => superseded += problems.entry(step.problem.clone()).or_default().step(step),
            Record::Solution(end) => problems.entry(end.problem.clone()).or_default().end(end)?,
            _ => {}
        }
    }
    Ok((problems, superseded))
}

/// The examples in a trace of an [`Oracle`](arbitrage_core::router::Oracle)'s run, one for each step with both models'
/// steps and both scores, with the committed steps before it as history.
///
/// The records of one problem come in the order of its steps; those of several may be mixed in any way, as they are
/// when many are in flight, without a difference to the result. Where a run was killed and resumed, the last record of
/// a step counts, and what followed an earlier one is void. A problem without its [`SolutionRecord`] is left out, since
/// its question is unknown; one that failed keeps the steps that it got. Ids name problems: give every problem its own.
///
/// # Errors
/// [`LabelError::Score`] for scores that are not finite, naming problem and step; [`LabelError::Question`] where an id
/// stands for two questions.
pub fn examples(records: impl IntoIterator<Item = Record>) -> Result<Examples, LabelError> {
    let mut found = Examples::default();
    let (problems, superseded) = trajectories(records)?;
    found.skipped.superseded = superseded;
    for Trajectory { end, steps } in problems.into_values() {
        if let Some(end) = end {
            found.add(&end.question, steps)?;
        } else {
            found.skipped.unended_problems += 1;
            found.skipped.unended_steps += steps.len();
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests;
