//! From a trace to examples.

use std::collections::BTreeMap;

use arbitrage_core::Accepted;
use arbitrage_core::trace::{StepRecord, Trace};

use super::{Example, LabelError, Skipped};

/// The labelled steps of a trace, and the counts of those that have no label.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Examples {
    /// The examples, by problem id and step.
    pub examples: Vec<Example>,
    /// Steps that became no example.
    pub skipped: Skipped,
}

impl Examples {
    /// The advantages `Δ`, in order.
    pub fn advantages(&self) -> Vec<f32> {
        self.examples.iter().map(Example::advantage).collect()
    }

    /// Adds the steps of a problem that ended.
    fn add(&mut self, question: &str, steps: &BTreeMap<usize, StepRecord>) -> Result<(), LabelError> {
        let mut history = Vec::new();
        for (index, record) in steps {
            // After a missing step the history stays short, so that no later step is taken for its continuation.
            if *index != history.len() {
                self.skipped.without_history += 1;
                continue;
            }
            self.examples.extend(example(question, &history, record, &mut self.skipped)?);
            history.extend(record.step().map(|step| Accepted { step: step.clone(), author: record.author }));
        }
        Ok(())
    }
}

/// The record's example, or `None` with its reason counted.
fn example(
    question: &str,
    history: &[Accepted],
    record: &StepRecord,
    skipped: &mut Skipped,
) -> Result<Option<Example>, LabelError> {
    let scores = record.decision.draft_score.zip(record.decision.target_score);
    let reason = match (&record.draft, &record.target, scores) {
        (Some(draft), Some(target), Some((draft_score, target_score))) => {
            let example = Example {
                problem: record.problem.clone(),
                index: record.index,
                question: question.to_owned(),
                history: history.to_vec(),
                draft: draft.clone(),
                target: target.clone(),
                draft_score,
                target_score,
            };
            return example.checked().map(Some);
        }
        (None, ..) => &mut skipped.without_draft,
        (_, None, _) => &mut skipped.without_target,
        (.., None) => &mut skipped.without_scores,
    };
    *reason += 1;
    Ok(None)
}

/// The examples in a trace of an [`Oracle`](arbitrage_core::router::Oracle)'s run, one for each step with both models'
/// steps and both scores, with the committed steps before it as history.
///
/// A problem without its end is left out, since its question is unknown; one that failed keeps the steps that were committed.
/// Ids name problems: give every problem its own.
///
/// # Errors
/// [`LabelError::Score`] for scores that are not finite, with problem and step.
pub fn examples(trace: &Trace) -> Result<Examples, LabelError> {
    let mut found = Examples::default();
    found.skipped.superseded = trace.superseded;
    for trajectory in trace.trajectories.values() {
        if let Some(end) = &trajectory.end {
            found.add(&end.question, &trajectory.steps)?;
        } else {
            found.skipped.unended_problems += 1;
            found.skipped.unended_steps += trajectory.steps.len();
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests;
