//! Steps to score and to route.

use crate::testing::Babbler;
use crate::{
    Accepted, Author, Candidate, Drafter, Evidence, Finish, Prefix, Problem, SequenceId, Step, StepRule,
    segmenter::BlankLine,
};

/// Both models' steps from one prefix: what routers and scorers get to see.
#[derive(Clone, Debug, PartialEq)]
pub struct StepSample {
    /// The problem.
    pub problem: Problem,
    /// The accepted steps before.
    pub history: Vec<Accepted>,
    /// The drafted step.
    pub draft: Step,
    /// The target's step.
    pub target: Step,
}

impl StepSample {
    /// Some samples by [`Babbler`]s, with log-probabilities and entropies and without hidden states. Use samples of your own
    /// for a part that needs other signals or real text.
    pub fn generated() -> Vec<Self> {
        let mut samples = Vec::new();
        for seed in 0..3 {
            let problem = Problem::new(format!("Question {seed}?")).with_id(format!("p{seed}")).with_seed(seed);
            let mut models = [Author::Draft, Author::Target]
                .map(|author| Babbler::new("babbler", author, author as u64).with_end_probability(0.0));
            let mut history: Vec<Accepted> = Vec::new();
            for index in 0..3 {
                let prefix = Prefix::new(SequenceId(seed), &problem, &history);
                let [draft, target] = models.each_mut().map(|model| write(model, &prefix));
                let author = if index % 2 == 0 { Author::Draft } else { Author::Target };
                let step = if author == Author::Draft { draft.clone() } else { target.clone() };
                samples.push(Self { problem: problem.clone(), history: history.clone(), draft, target });
                history.push(Accepted { step, author });
            }
        }
        samples
    }

    /// The prefix under the sequence id `id`.
    pub(super) fn prefix(&self, id: usize) -> Prefix<'_> {
        Prefix::new(SequenceId(id as u64), &self.problem, &self.history)
    }

    /// What a router with this evidence sees.
    pub(super) fn candidate(&self, id: usize, evidence: Evidence) -> Candidate<'_> {
        let target = (evidence == Evidence::Both).then_some(&self.target);
        Candidate { prefix: self.prefix(id), draft: &self.draft, target }
    }
}

fn write(model: &mut Babbler, prefix: &Prefix<'_>) -> Step {
    let segmenter = BlankLine::new();
    let step = model.draft(&[*prefix], &StepRule::new(&segmenter, 12)).pop();
    step.and_then(Result::ok).unwrap_or_else(|| Step::new("", Finish::EndOfText))
}
