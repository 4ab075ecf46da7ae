//! The command line.

use std::path::PathBuf;

use arbitrage_benches::Failure;
use arbitrage_models::{LoadOptions, Precision, device};
use clap::{Args, Parser, ValueEnum};
use serde::Serialize;

use crate::part::Part;
use crate::shapes::{PAIRS, SHAPES, Shape};

/// Measures random weights in published shapes on a device: prefill, decode, judging a step, switching models, and Arbitrage steps
/// of a pair. Each shape and pair is measured in a process of its own; one that fails, as where memory is short, is left out.
#[derive(Parser)]
pub(crate) struct Options {
    /// The device: `flex`, `wgpu[:n]`, `vulkan[:n]`, `metal[:n]` or `cuda[:n]`, as far as they were compiled in.
    #[arg(long, default_value = "flex")]
    pub device: String,
    /// How weights are kept; by default as a model's would be on this device.
    #[arg(long)]
    pub precision: Option<Form>,
    /// Shapes to measure. Pairs are measured whose shapes are all among them.
    #[arg(long, value_delimiter = ',', value_parser = Shape::named,
        default_value = "llama-3.2-1b,llama-3.1-8b,qwen2.5-math-1.5b,qwen2.5-math-7b")]
    pub shapes: Vec<&'static Shape>,
    #[command(flatten)]
    pub sizes: Sizes,
    /// The memory's nominal bandwidth in GB/s, to give shares of it beside those of what was measured.
    #[arg(long, value_name = "GB/S")]
    pub bandwidth: Option<f64>,
    /// The hardware's name in the report and in cost models, in place of what the driver calls it.
    #[arg(long)]
    pub name: Option<String>,
    /// Where to write every measurement.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Where to write the cost model that `arbitrage replay --hardware` reads; of several pairs, one each, named FILE-stem.PAIR.ext.
    #[arg(long, value_name = "FILE")]
    pub cost: Option<PathBuf>,
    /// Measures this part alone, in this process, and prints what it has after every figure, a line of JSON each.
    #[arg(long, hide = true, value_parser = Part::named)]
    pub part: Option<Part>,
}

/// How much is read and written.
#[derive(Args, Clone, Debug, Serialize)]
pub(crate) struct Sizes {
    /// Tokens of the prompt, and behind which everything else happens.
    #[arg(long, default_value_t = 512, value_parser = at_least_one)]
    pub prompt: usize,
    /// Tokens of a step.
    #[arg(long, default_value_t = 40, value_parser = at_least_one)]
    pub step: usize,
    /// Tokens that each sequence decodes a round.
    #[arg(long, default_value_t = 32, value_parser = at_least_one)]
    pub tokens: usize,
    /// How many sequences are decoded together.
    #[arg(long, value_delimiter = ',', default_value = "1,8,32", value_parser = at_least_one)]
    pub batches: Vec<usize>,
    /// Rounds, of which medians are shown, after one that is not counted.
    #[arg(long, default_value_t = 5, value_parser = at_least_one)]
    pub rounds: usize,
    /// Steps of a simulated solution.
    #[arg(long, default_value_t = 10, value_parser = at_least_one)]
    pub steps: usize,
    /// Share of the steps that the target writes again.
    #[arg(long, default_value_t = 0.3)]
    pub share: f64,
    /// Size of the tensor by which bandwidth is measured, in MiB.
    #[arg(long, default_value_t = 512, value_parser = at_least_one)]
    pub buffer: usize,
}

/// A [`Precision`] by name.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Form {
    /// f32 tensors.
    Plain,
    /// bf16 or f16 tensors.
    Half,
    /// f16, multiplied by the processor's kernels.
    Packed,
}

impl Options {
    /// How the weights are made and kept.
    ///
    /// # Errors
    /// A device that is unknown or was not compiled in.
    pub(crate) fn load(&self) -> Result<LoadOptions, Failure> {
        let options = LoadOptions::new(device(&self.device)?);
        let precision = self.precision.map_or(options.precision, |form| match form {
            Form::Plain => Precision::Plain,
            Form::Half => Precision::Half,
            Form::Packed => Precision::Packed,
        });
        Ok(options.with_precision(precision))
    }

    /// Everything to be measured: shapes, then the pairs that they make.
    pub(crate) fn parts(&self) -> Vec<Part> {
        let shapes = SHAPES.iter().filter(|shape| self.asks_for(shape.name));
        let pairs = PAIRS.iter().filter(|pair| pair.shapes().iter().all(|shape| self.asks_for(shape.name)));
        shapes.map(Part::Shape).chain(pairs.map(Part::Pair)).collect()
    }

    fn asks_for(&self, name: &str) -> bool {
        self.shapes.iter().any(|shape| shape.name == name)
    }
}

impl Sizes {
    /// Whether the target writes step `index` of a simulated solution again: spread evenly, and as many of the first `n` steps as
    /// the share's part of `n`, rounded down.
    pub(crate) fn is_escalated(&self, index: usize) -> bool {
        let until = |steps: usize| (steps as f64 * self.share + 1e-9).floor();
        until(index + 1) > until(index)
    }

    /// How many steps of a simulated solution the target writes again.
    pub(crate) fn escalated(&self) -> usize {
        (0..self.steps).filter(|&index| self.is_escalated(index)).count()
    }
}

fn at_least_one(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|&number| number > 0).ok_or_else(|| "expected a whole number of at least 1".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str]) -> Options {
        Options::parse_from(["accelerator"].iter().chain(args))
    }

    #[test]
    fn pairs_follow_from_shapes() {
        let names = |args: &[&str]| parse(args).parts().iter().map(Part::to_string).collect::<Vec<_>>();
        assert_eq!(names(&["--shapes", "tiny"]), ["tiny", "tiny-pair"]);
        assert_eq!(names(&["--shapes", "llama-3.1-8b,llama-3.2-1b"]), ["llama-3.2-1b", "llama-3.1-8b"]);
        assert_eq!(names(&[]).len(), 6);
    }

    #[test]
    fn the_share_is_spread_over_the_steps() {
        for (share, expected) in [("0", ""), ("0.3", "369"), ("0.5", "13579"), ("1", "0123456789")] {
            let sizes = parse(&["--share", share]).sizes;
            let found: String = (0..10).filter(|&index| sizes.is_escalated(index)).map(|i| i.to_string()).collect();
            assert_eq!(found, expected, "{share}");
        }
    }
}
