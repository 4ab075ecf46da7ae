//! Steps of a draft, a router and a target on one device, one problem at a time, as the engine runs them.

use arbitrage_benches::Failure;
use arbitrage_models::{Decoder, LoadOptions};
use serde::{Deserialize, Serialize};

use crate::clock::rounds;
use crate::options::Sizes;
use crate::sequence::Sequence;
use crate::shapes::Pair;

/// What was measured of a pair.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Simulated {
    /// The pair.
    pub pair: String,
    /// Seconds that all steps of a solution took, a number each round.
    pub seconds: Vec<f64>,
}

impl Simulated {
    /// Runs solutions of as many steps as `sizes` says, behind a prompt that all three have read.
    ///
    /// # Errors
    /// Those of the device.
    pub(crate) fn measure(pair: &Pair, sizes: &Sizes, options: &LoadOptions) -> Result<Self, Failure> {
        let draft = Decoder::random(pair.draft.config()?, options, 0)?;
        let target = Decoder::random(pair.target.config()?, options, 1)?;
        let mut solution = Solution::new(&draft, &target, sizes)?;
        let seconds = rounds(&options.device, sizes.rounds, || solution.run())?;
        Ok(Self { pair: pair.name.to_owned(), seconds })
    }
}

/// The router is the draft's decoder with a cache of its own: of equal shape, it costs what another's weights would.
struct Solution<'a> {
    draft: &'a Decoder,
    target: &'a Decoder,
    drafting: Sequence,
    judging: Sequence,
    writing: Sequence,
    sizes: &'a Sizes,
}

impl<'a> Solution<'a> {
    fn new(draft: &'a Decoder, target: &'a Decoder, sizes: &'a Sizes) -> Result<Self, Failure> {
        let drafting = Sequence::behind(draft, sizes.prompt)?;
        let (judging, writing) = (drafting.fork(), Sequence::behind(target, sizes.prompt)?);
        Ok(Self { draft, target, drafting, judging, writing, sizes })
    }

    fn run(&mut self) -> Result<(), Failure> {
        for sequence in [&mut self.drafting, &mut self.judging, &mut self.writing] {
            // All but the last token of the prompt, behind which everyone begins to write.
            let last = sequence.text()[self.sizes.prompt - 1];
            sequence.keep(self.sizes.prompt - 1);
            sequence.hear(&[last]);
        }
        (0..self.sizes.steps).try_for_each(|index| self.step(self.sizes.is_escalated(index)))
    }

    /// The draft writes, the router reads, and where it escalates the target catches up with what it has not read, and writes.
    fn step(&mut self, escalated: bool) -> Result<(), Failure> {
        let before = self.drafting.text().len();
        self.drafting.write(self.draft, self.sizes.step)?;
        let step = &self.drafting.text()[before..];
        self.judging.hear(step);
        if !escalated {
            self.writing.hear(step);
        }
        self.judging.judge(self.draft)?;
        if escalated {
            self.writing.write(self.target, self.sizes.step)?;
            let step = &self.writing.text()[before..];
            for sequence in [&mut self.drafting, &mut self.judging] {
                sequence.keep(before);
                sequence.hear(step);
            }
        }
        Ok(())
    }
}
