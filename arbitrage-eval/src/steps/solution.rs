//! Solutions with labelled steps.

use arbitrage_core::{Accepted, Author, Finish, Prefix, Problem, SequenceId, Step};

use crate::problems::normalised;

/// A step with its label.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct LabelledStep {
    /// Number of the solution's steps before it.
    pub position: usize,
    /// The step.
    pub step: Step,
    /// How right the step is, from 0 to 1.
    pub label: f32,
}

/// A question, the steps of a solution, and labels of these steps or of alternatives to them.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct LabelledSolution {
    /// Id, for messages.
    pub id: String,
    /// Name of the data set.
    pub source: String,
    /// The question.
    pub question: String,
    /// The original question, without differences in case and white space. Solutions of one group are not independent: they belong to the same
    /// part of every split, and the bootstrap resamples them together.
    pub group: String,
    /// The committed steps. Files do not say who wrote them; the draft is then given as the author.
    pub steps: Vec<Accepted>,
    /// The labelled steps, by ascending position, at most the number of committed steps.
    pub labelled: Vec<LabelledStep>,
}

impl LabelledSolution {
    /// A solution with a label for each of its steps, from texts and labels of at least one step.
    ///
    /// Texts are trimmed and end in a blank line, as the models' steps do. Only a last step that gives an answer (`\boxed{…}`, or PRM800K's
    /// `# Answer`) ends the text: annotators of PRM800K stopped after the first wrong step, so that an end of text there would reveal the
    /// label.
    pub fn of_texts(id: String, source: String, question: String, steps: &[(String, f32)]) -> Self {
        let step = |(at, (text, _)): (usize, &(String, f32))| step(text, at + 1 == steps.len());
        let steps_of_texts: Vec<Step> = steps.iter().enumerate().map(step).collect();
        let committed = steps_of_texts.len().saturating_sub(1);
        let accepted = |step: &Step| Accepted { step: step.clone(), author: Author::Draft };
        let labelled = |(position, (step, (_, label))): (usize, (Step, &(String, f32)))| LabelledStep {
            position,
            step,
            label: *label,
        };
        Self {
            id,
            source,
            group: normalised(&question),
            question,
            steps: steps_of_texts[..committed].iter().map(accepted).collect(),
            labelled: steps_of_texts.into_iter().zip(steps).enumerate().map(labelled).collect(),
        }
    }

    /// The problem, for [`requests`](Self::requests).
    pub fn problem(&self) -> Problem {
        Problem::new(&self.question).with_id(&self.id)
    }

    /// The labelled steps, each with its prefix, in the form that scorers take.
    pub fn requests<'a>(
        &'a self,
        id: SequenceId,
        problem: &'a Problem,
    ) -> impl Iterator<Item = (Prefix<'a>, &'a Step)> {
        let prefix = move |position: usize| Prefix::new(id, problem, &self.steps[..position.min(self.steps.len())]);
        self.labelled.iter().map(move |labelled| (prefix(labelled.position), &labelled.step))
    }

    /// Index of the first labelled step that is wrong: whose label is at most ½.
    pub fn first_error(&self) -> Option<usize> {
        self.labelled.iter().position(|labelled| labelled.label <= 0.5)
    }
}

fn step(text: &str, is_last: bool) -> Step {
    let text = text.trim();
    if is_last && [r"\boxed{", "# Answer"].iter().any(|mark| text.contains(mark)) {
        Step::new(text, Finish::EndOfText)
    } else {
        Step::new(format!("{text}\n\n"), Finish::Boundary)
    }
}
