//! A solution with verdicts on its steps.

use arbitrage_core::{Accepted, Author, Finish, Prefix, Problem, SequenceId, Step};

use crate::problems::normalised;

/// A step with its verdict.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct JudgedStep {
    /// How many of the solution's steps stand before it.
    pub place: usize,
    /// The step.
    pub step: Step,
    /// How right it is, from 0 to 1.
    pub label: f32,
}

/// A question, the steps of an answer to it, and verdicts on them or on others that might stand in their places.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct JudgedSolution {
    /// Name, for messages.
    pub id: String,
    /// The data set that it is from.
    pub source: String,
    /// The question.
    pub question: String,
    /// The question that it goes back to, but for case and white space. Solutions of one group tell of each other: they belong
    /// to one part of every split and are drawn together.
    pub group: String,
    /// The steps. Who wrote them is unknown where they are from a file, and the draft then stands for everyone.
    pub steps: Vec<Accepted>,
    /// The verdicts, places ascending; none of them past the last step's end.
    pub judged: Vec<JudgedStep>,
}

impl JudgedSolution {
    /// A solution each of whose steps was judged, from their texts and labels, at least one.
    ///
    /// Steps end in a blank line as the models' own do, whatever the texts have around them. Only a last step that gives an answer
    /// (`\boxed{…}`, or PRM800K's `# Answer`) ends the text: annotators of PRM800K broke solutions off behind the first wrong step,
    /// so that being the last one would tell a reader that a step is wrong.
    pub fn of_texts(id: String, source: String, question: String, steps: &[(String, f32)]) -> Self {
        let step = |(at, (text, _)): (usize, &(String, f32))| step(text, at + 1 == steps.len());
        let steps_of_texts: Vec<Step> = steps.iter().enumerate().map(step).collect();
        let before = steps_of_texts.len().saturating_sub(1);
        let accepted = |step: &Step| Accepted { step: step.clone(), author: Author::Draft };
        let judged =
            |(place, (step, (_, label))): (usize, (Step, &(String, f32)))| JudgedStep { place, step, label: *label };
        Self {
            id,
            source,
            group: normalised(&question),
            question,
            steps: steps_of_texts[..before].iter().map(accepted).collect(),
            judged: steps_of_texts.into_iter().zip(steps).enumerate().map(judged).collect(),
        }
    }

    /// The problem, for [`requests`](Self::requests).
    pub fn problem(&self) -> Problem {
        Problem::new(&self.question).with_id(&self.id)
    }

    /// The judged steps, each behind its prefix, as scorers and readers take them.
    pub fn requests<'a>(
        &'a self,
        id: SequenceId,
        problem: &'a Problem,
    ) -> impl Iterator<Item = (Prefix<'a>, &'a Step)> {
        let prefix = move |place: usize| Prefix::new(id, problem, &self.steps[..place.min(self.steps.len())]);
        self.judged.iter().map(move |judged| (prefix(judged.place), &judged.step))
    }

    /// Which of the verdicts is the first on a wrong step, one with a label of at most one half.
    pub fn first_error(&self) -> Option<usize> {
        self.judged.iter().position(|judged| judged.label <= 0.5)
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
