//! Several drafts of one step.

use serde::{Deserialize, Serialize};

use super::{Drafter, StepResult};
use crate::{BoxError, ConfigError, Prefix, Problem, SequenceId, Step, StepRule};

/// The drafts of one step in the order of their numbers, or the error that ends the sequence.
pub type StepsResult = Result<Vec<Step>, BoxError>;

/// How many drafts of a step are written, and how those after the first are sampled.
///
/// ```
/// use arbitrage_core::SeveralDrafts;
/// assert_eq!(SeveralDrafts::new(4, 0.8)?.count(), 4);
/// assert!(SeveralDrafts::new(0, 0.8).is_err() && SeveralDrafts::new(2, 0.0).is_err());
/// # Ok::<(), arbitrage_core::ConfigError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct SeveralDrafts {
    count: usize,
    temperature: f32,
}

impl SeveralDrafts {
    /// `count` drafts, at least 1, of which all but the first are sampled at `temperature`, above 0: at temperature 0 they would
    /// be equal.
    ///
    /// # Errors
    /// [`ConfigError`] for a number out of its range.
    pub fn new(count: usize, temperature: f32) -> Result<Self, ConfigError> {
        if count == 0 {
            return Err(ConfigError::Limit { name: "drafts", least: 1, found: count });
        }
        if temperature > 0.0 && temperature.is_finite() {
            return Ok(Self { count, temperature });
        }
        let (what, expected) = ("temperature of drafts".to_owned(), "a number above 0".to_owned());
        Err(ConfigError::Parameter { what, expected, found: temperature.to_string() })
    }

    /// Number of drafts, at least 1.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Temperature of the drafts after the first.
    pub fn temperature(&self) -> f32 {
        self.temperature
    }
}

/// Several drafts as requests for one draft each, for a model that answers each request on its own.
///
/// The first request of a prefix is the prefix itself. Each further one has an id and a [seed](Prefix::draft_seed) of its own.
///
/// ```
/// use arbitrage_core::{DraftCopies, Prefix, Problem, SequenceId};
/// let problem = Problem::new("6 × 7?");
/// let prefixes = [Prefix::new(SequenceId::fresh(), &problem, &[])];
/// let copies = DraftCopies::new(&prefixes, 3);
/// let requests = copies.requests();
/// assert_eq!((requests.len(), requests[0].id), (3, prefixes[0].id));
/// assert_ne!(requests[1].problem.seed, requests[2].problem.seed);
/// ```
#[derive(Debug)]
pub struct DraftCopies<'a> {
    prefixes: &'a [Prefix<'a>],
    count: usize,
    /// Of each draft after the first, draft by draft and in each in the order of the prefixes: an id and a problem.
    copies: Vec<(SequenceId, Problem)>,
}

impl<'a> DraftCopies<'a> {
    /// Requests for `count` drafts after each prefix.
    pub fn new(prefixes: &'a [Prefix<'a>], count: usize) -> Self {
        let copy = |number| {
            move |prefix: &Prefix<'_>| {
                (SequenceId::fresh(), prefix.problem.clone().with_seed(prefix.draft_seed(number)))
            }
        };
        let copies = (1..count).flat_map(|number| prefixes.iter().map(copy(number))).collect();
        Self { prefixes, count, copies }
    }

    /// The requests: the prefixes, then their copies for the second draft, then for the third, and so on.
    pub fn requests(&self) -> Vec<Prefix<'_>> {
        let copies = self.copies.iter().zip(self.prefixes.iter().cycle());
        let copies = copies.map(|((id, problem), prefix)| Prefix::new(*id, problem, prefix.steps));
        self.prefixes.iter().copied().chain(copies).collect()
    }

    /// The ids of the copies, which nothing may be kept for.
    pub fn ids(&self) -> impl Iterator<Item = SequenceId> {
        self.copies.iter().map(|(id, _)| *id)
    }

    /// The answers to the [requests](Self::requests), collected by prefix; the first error of a prefix is its answer. There are
    /// none if there are more or fewer answers than requests.
    pub fn collect(&self, answers: Vec<StepResult>) -> Vec<StepsResult> {
        let prefixes = self.prefixes.len();
        if answers.len() != prefixes * self.count {
            return Vec::new();
        }
        let mut drafts: Vec<StepsResult> = self.prefixes.iter().map(|_| Ok(Vec::with_capacity(self.count))).collect();
        for (at, answer) in answers.into_iter().enumerate() {
            let of_prefix = &mut drafts[at % prefixes];
            match (of_prefix.as_mut(), answer) {
                (Ok(steps), Ok(step)) => steps.push(step),
                (Ok(_), Err(error)) => *of_prefix = Err(error),
                (Err(_), _) => {}
            }
        }
        drafts
    }
}

/// Has `drafter` write each draft as the step of a sequence of its own, all in one call, with the sampling that it has.
pub(super) fn draft_copies<D: Drafter + ?Sized>(
    drafter: &mut D,
    prefixes: &[Prefix<'_>],
    count: usize,
    rule: &StepRule<'_>,
) -> Vec<StepsResult> {
    let copies = DraftCopies::new(prefixes, count);
    let answers = drafter.draft(&copies.requests(), rule);
    copies.ids().for_each(|id| drafter.release(id));
    copies.collect(answers)
}
