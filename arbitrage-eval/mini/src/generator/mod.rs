//! Problems by the number: [`Generator`].

mod moves;
mod tale;

use std::ops::Range;

use arbitrage_core::{Draw, Problem};

use super::language::{Cast, below};
use super::{Family, MiniError, Plan, Stream};
use tale::{Shape, Tale};

/// A drawn problem and what it calls for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MiniProblem {
    /// Id, question and seed.
    pub problem: Problem,
    /// The steps to the answer.
    pub plan: Plan,
}

/// Draws a family's problems. The same stream and index give the same problem, in any order, on every machine.
///
/// ```
/// use arbitrage_mini::{Generator, Stream};
/// let generator = Generator::default();
/// let mini = generator.problem(Stream::Test, 0);
/// assert_eq!(mini.problem.id, "mini-test-000000");
/// assert_eq!(mini, generator.problem(Stream::Test, 0));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Generator {
    family: Family,
}

/// Attempts within which a sound family gives a problem of every shape. The rarest of the default family takes some hundreds.
const TRIALS: usize = 20_000;

impl Generator {
    /// A generator for `family`.
    ///
    /// # Errors
    /// [`MiniError::Family`] when a field is out of range, or when the family does not allow a problem of each number of
    /// steps, with and without a hard step.
    pub fn new(family: Family) -> Result<Self, MiniError> {
        family.validate()?;
        let generator = Self { family };
        generator.shapes().try_for_each(|shape| generator.try_shape(shape))?;
        Ok(generator)
    }

    /// The family.
    pub fn family(&self) -> &Family {
        &self.family
    }

    /// The problem at `index` of `stream`.
    pub fn problem(&self, stream: Stream, index: u64) -> MiniProblem {
        let seed = stream.seed(index);
        let mut draw = Draw::new(Draw::new(seed).next_u64());
        // Shape first, tale after: what is rejected below must not change how many problems are hard or long.
        let shape = self.shape(&mut draw);
        let (question, plan) = self.draw_until(shape, &mut draw, |plan| Stream::of(plan) == stream);
        MiniProblem { problem: Problem::new(question).with_id(stream.id(index)).with_seed(seed), plan }
    }

    /// The problems at the indices `range` of `stream`, as the engine takes them.
    pub fn problems(&self, stream: Stream, range: Range<u64>) -> Vec<Problem> {
        range.map(|index| self.problem(stream, index).problem).collect()
    }

    fn shape(&self, draw: &mut Draw) -> Shape {
        let Family { steps, hard_share, .. } = self.family;
        let steps = steps.least as usize + below(draw, (steps.most - steps.least) as usize + 1);
        Shape { steps, hard: draw.uniform() < hard_share }
    }

    /// Every shape that [`shape`](Self::shape) can draw.
    fn shapes(&self) -> impl Iterator<Item = Shape> + use<> {
        let Family { steps, hard_share, .. } = self.family;
        let all = (steps.least..=steps.most)
            .flat_map(|steps| [true, false].map(|hard| Shape { steps: steps as usize, hard }));
        all.filter(move |shape| if shape.hard { hard_share > 0.0 } else { hard_share < 1.0 })
    }

    fn try_shape(&self, shape: Shape) -> Result<(), MiniError> {
        let mut draw = Draw::new(shape.steps as u64);
        let mut streams: Vec<Stream> = Vec::new();
        for _ in 0..TRIALS {
            let found = self.attempt(shape, &mut draw).map(|(_, plan)| Stream::of(&plan));
            streams.extend(found.filter(|stream| !streams.contains(stream)));
            if streams.len() == Stream::ALL.len() {
                return Ok(());
            }
        }
        let expected =
            format!("moves that make a problem of {} steps for each stream, {}", shape.steps, shape.hardness());
        Err(MiniError::family("moves", expected, format!("{} in {TRIALS} attempts", streams.len())))
    }

    /// Ends for every family that [`new`](Self::new) lets pass, and for the default one.
    fn draw_until(&self, shape: Shape, draw: &mut Draw, wanted: impl Fn(&Plan) -> bool) -> (String, Plan) {
        loop {
            if let Some(found) = self.attempt(shape, draw).filter(|(_, plan)| wanted(plan)) {
                return found;
            }
        }
    }

    /// A question and its plan, `None` when the numbers do not work out.
    fn attempt(&self, shape: Shape, draw: &mut Draw) -> Option<(String, Plan)> {
        let mut tale = Tale::begin(&self.family, shape, Cast::draw(draw), draw)?;
        while tale.is_open() {
            tale.go_on(draw)?;
        }
        tale.end(draw)
    }
}

#[cfg(test)]
mod tests;
