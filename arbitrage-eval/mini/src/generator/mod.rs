//! Draws problems by stream and index: [`Generator`].

mod moves;
mod story_builder;

use std::ops::Range;

use arbitrage_core::{Draw, Problem};

use super::language::{Names, uniform_below};
use super::{Family, MiniError, SolutionPlan, Stream};
use story_builder::{ProblemShape, StoryBuilder};

/// A drawn problem and the steps that solve it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MiniProblem {
    /// The problem with its id, question and seed.
    pub problem: Problem,
    /// The steps to the answer.
    pub plan: SolutionPlan,
}

/// Draws the problems of a family. The same stream and index give the same problem, in any order and on every machine.
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

/// Attempts within which a valid family gives a problem of every shape for every stream. The rarest shape of the default family takes a
/// few hundred.
const MAX_ATTEMPTS: usize = 20_000;

impl Generator {
    /// A generator for `family`.
    ///
    /// # Errors
    /// [`MiniError::Family`] where a field is out of range, or where no problem can be drawn for some number of steps, with or without a
    /// hard move.
    pub fn new(family: Family) -> Result<Self, MiniError> {
        family.validate()?;
        let generator = Self { family };
        generator.shapes().try_for_each(|shape| generator.check_shape(shape))?;
        Ok(generator)
    }

    /// The family that problems are drawn from.
    pub fn family(&self) -> &Family {
        &self.family
    }

    /// The problem at `index` of `stream`.
    pub fn problem(&self, stream: Stream, index: u64) -> MiniProblem {
        let seed = stream.seed(index);
        let mut draw = Draw::new(Draw::new(seed).next_u64());
        // The shape is drawn once, before the attempts at a story, so that rejected attempts do not change the share of hard or long
        // problems.
        let shape = self.shape(&mut draw);
        let (question, plan) = self.draw_until(shape, &mut draw, |plan| Stream::of(plan) == stream);
        MiniProblem { problem: Problem::new(question).with_id(stream.id(index)).with_seed(seed), plan }
    }

    /// The problems at the indices `range` of `stream`.
    pub fn problems(&self, stream: Stream, range: Range<u64>) -> Vec<Problem> {
        range.map(|index| self.problem(stream, index).problem).collect()
    }

    fn shape(&self, draw: &mut Draw) -> ProblemShape {
        let Family { steps, hard_share, .. } = self.family;
        let steps = steps.least as usize + uniform_below(draw, (steps.most - steps.least) as usize + 1);
        ProblemShape { steps, hard: draw.uniform() < hard_share }
    }

    /// All shapes that [`shape`](Self::shape) can draw.
    fn shapes(&self) -> impl Iterator<Item = ProblemShape> + use<> {
        let Family { steps, hard_share, .. } = self.family;
        let all = (steps.least..=steps.most)
            .flat_map(|steps| [true, false].map(|hard| ProblemShape { steps: steps as usize, hard }));
        all.filter(move |shape| if shape.hard { hard_share > 0.0 } else { hard_share < 1.0 })
    }

    fn check_shape(&self, shape: ProblemShape) -> Result<(), MiniError> {
        let mut draw = Draw::new(shape.steps as u64);
        let mut streams: Vec<Stream> = Vec::new();
        for _ in 0..MAX_ATTEMPTS {
            let found = self.attempt(shape, &mut draw).map(|(_, plan)| Stream::of(&plan));
            streams.extend(found.filter(|stream| !streams.contains(stream)));
            if streams.len() == Stream::ALL.len() {
                return Ok(());
            }
        }
        let expected =
            format!("moves that make a problem of {} steps for each stream, {}", shape.steps, shape.hardness());
        Err(MiniError::family("moves", expected, format!("{} in {MAX_ATTEMPTS} attempts", streams.len())))
    }

    /// It ends for every family that [`new`](Self::new) accepts, and for the default family.
    fn draw_until(
        &self,
        shape: ProblemShape,
        draw: &mut Draw,
        wanted: impl Fn(&SolutionPlan) -> bool,
    ) -> (String, SolutionPlan) {
        loop {
            if let Some(found) = self.attempt(shape, draw).filter(|(_, plan)| wanted(plan)) {
                return found;
            }
        }
    }

    /// A question and its plan. `None` where the drawn numbers do not fit.
    fn attempt(&self, shape: ProblemShape, draw: &mut Draw) -> Option<(String, SolutionPlan)> {
        let mut story = StoryBuilder::new(&self.family, shape, Names::draw(draw), draw)?;
        while story.needs_steps() {
            story.add_move(draw)?;
        }
        story.finish(draw)
    }
}

#[cfg(test)]
mod tests;
