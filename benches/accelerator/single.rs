//! What one shape costs.

use arbitrage_benches::{Failure, median};
use arbitrage_models::{Decoder, LoadOptions};
use burn::tensor::Device;
use serde::{Deserialize, Serialize};

use crate::bandwidth::Bandwidth;
use crate::clock::rounds;
use crate::options::Sizes;
use crate::sequence::{Sequence, some_tokens, write_all};
use crate::shapes::Shape;

/// What was measured of a shape. Seconds are those of each round; none where it did not come to that.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Single {
    /// The shape.
    pub shape: String,
    /// What the driver calls the device.
    pub card: Option<String>,
    /// How the weights were kept.
    pub precision: String,
    /// Of the device, measured before there was a model on it.
    pub bandwidth: Option<Bandwidth>,
    /// Bytes of weights that a decoding pass reads.
    pub weight_bytes: usize,
    /// Reading a step behind the prompt for its last token's state: what a router or a process reward model of this shape takes.
    pub judge: Vec<f64>,
    /// Reading a step of the other model behind the prompt, and writing one token.
    pub switch: Vec<f64>,
    /// Reading the prompt into an empty cache, and writing one token.
    pub prefill: Vec<f64>,
    /// Writing behind the prompt.
    pub decode: Vec<Decode>,
}

/// Decoding of several sequences together.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Decode {
    /// How many sequences.
    pub sequences: usize,
    /// Seconds of as many passes as each sequence gets tokens.
    pub seconds: Vec<f64>,
}

impl Single {
    /// Measures `shape`, telling `each` what there is after every figure, those that need the most memory last.
    ///
    /// # Errors
    /// Those of the device.
    pub(crate) fn measure(
        shape: &Shape,
        sizes: &Sizes,
        options: &LoadOptions,
        each: impl FnMut(&Self) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let device = &options.device;
        let bandwidth = measure_bandwidth(device, sizes);
        device.memory_cleanup();
        let decoder = Decoder::random(shape.config()?, options, 0)?;
        device.sync()?;
        let mut found = Self {
            shape: shape.name.to_owned(),
            card: card(device),
            precision: format!("{:?}", options.precision).to_lowercase(),
            bandwidth,
            weight_bytes: decoder.bytes_per_token(),
            ..Self::default()
        };
        Bench { decoder: &decoder, sizes }.fill(&mut found, each)
    }

    /// Median seconds of a decoding pass over so many sequences.
    pub(crate) fn pass(&self, sequences: usize, sizes: &Sizes) -> Option<f64> {
        let decode = self.decode.iter().find(|decode| decode.sequences == sequences)?;
        Some(median(decode.seconds.clone()) / sizes.tokens as f64)
    }
}

/// A device whose bandwidth cannot be measured may run models all the same.
fn measure_bandwidth(device: &Device, sizes: &Sizes) -> Option<Bandwidth> {
    let found = Bandwidth::measure(device, sizes.buffer << 20, sizes.rounds);
    found.inspect_err(|failure| eprintln!("no bandwidth with {} MiB: {failure}", sizes.buffer)).ok()
}

#[cfg(any(feature = "wgpu", feature = "cuda"))]
fn card(device: &Device) -> Option<String> {
    device.identity().map(|identity| identity.name)
}

#[cfg(not(any(feature = "wgpu", feature = "cuda")))]
fn card(_device: &Device) -> Option<String> {
    None
}

struct Bench<'a> {
    decoder: &'a Decoder,
    sizes: &'a Sizes,
}

impl Bench<'_> {
    /// Figure by figure.
    fn fill(&self, found: &mut Single, mut each: impl FnMut(&Single) -> Result<(), Failure>) -> Result<(), Failure> {
        let behind = Sequence::behind(self.decoder, self.sizes.prompt)?;
        found.judge = self.step(&behind, Sequence::judge)?;
        each(found)?;
        found.switch = self.step(&behind, |sequence, decoder| sequence.write(decoder, 1))?;
        each(found)?;
        found.prefill = self.prefill()?;
        each(found)?;
        for &sequences in &self.sizes.batches {
            let seconds = self.decode(&behind, sequences)?;
            found.decode.push(Decode { sequences, seconds });
            each(found)?;
        }
        Ok(())
    }

    fn rounds(&self, work: impl FnMut() -> Result<(), Failure>) -> Result<Vec<f64>, Failure> {
        rounds(self.decoder.device(), self.sizes.rounds, work)
    }

    /// A step that someone else wrote arrives behind the prompt, and `react` follows.
    fn step(
        &self,
        behind: &Sequence,
        mut react: impl FnMut(&mut Sequence, &Decoder) -> Result<(), Failure>,
    ) -> Result<Vec<f64>, Failure> {
        let (mut sequence, step) = (behind.fork(), some_tokens(self.decoder, self.sizes.step));
        self.rounds(|| {
            sequence.keep(self.sizes.prompt);
            sequence.hear(&step);
            react(&mut sequence, self.decoder)
        })
    }

    fn prefill(&self) -> Result<Vec<f64>, Failure> {
        let prompt = some_tokens(self.decoder, self.sizes.prompt);
        self.rounds(|| {
            let mut sequence = Sequence::new(self.decoder);
            sequence.hear(&prompt);
            sequence.write(self.decoder, 1)
        })
    }

    fn decode(&self, behind: &Sequence, sequences: usize) -> Result<Vec<f64>, Failure> {
        let mut batch: Vec<Sequence> = (0..sequences).map(|_| behind.fork()).collect();
        self.rounds(|| {
            for sequence in &mut batch {
                sequence.keep(self.sizes.prompt);
                sequence.hear(&[7]);
            }
            write_all(self.decoder, &mut batch, self.sizes.tokens)
        })
    }
}
