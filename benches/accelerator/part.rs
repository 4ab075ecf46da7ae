//! Shapes and pairs, each measured in a process of its own.
//!
//! A device that ran out of memory may be of no use to its process afterwards, and what a process is killed for it cannot report. So the
//! command starts itself anew for each part, with its own options; a part that fails is left out, with what it lacks told, and the next
//! finds all memory free.

use std::fmt;
use std::io::Write;
use std::process::{Command, Stdio};

use arbitrage_benches::{Failure, machine};
use arbitrage_models::{LoadOptions, Precision};
use burn::tensor::Device;
use serde::{Deserialize, Serialize};

use crate::options::Options;
use crate::shapes::{PAIRS, Pair, SHAPES, Shape};
use crate::simulation::Simulated;
use crate::single::Single;

/// What is measured at once.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Part {
    /// A shape alone.
    Shape(&'static Shape),
    /// Simulated steps of a pair.
    Pair(&'static Pair),
}

/// Figures of a part, as far as they were come by.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Figures {
    /// Of a shape.
    Single(Single),
    /// Of a pair.
    Simulated(Simulated),
}

/// How a part went.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    /// What it told last.
    pub figures: Option<Figures>,
    /// Why there is no more, if it did not end well.
    pub failure: Option<String>,
}

impl Part {
    /// The shape or the pair of that name.
    ///
    /// # Errors
    /// Where there is none.
    pub(crate) fn named(name: &str) -> Result<Self, String> {
        let shape = SHAPES.iter().find(|shape| shape.name == name).map(Self::Shape);
        let pair = || PAIRS.iter().find(|pair| pair.name == name).map(Self::Pair);
        shape.or_else(pair).ok_or_else(|| "no shape and no pair".to_owned())
    }

    /// Measures in a process of its own.
    ///
    /// # Errors
    /// Where none could be started.
    pub(crate) fn measure_apart(self) -> Result<Outcome, Failure> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(std::env::args_os().skip(1)).args(["--part", &self.to_string()]);
        let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output()?;
        let text = String::from_utf8_lossy(&output.stdout);
        let figures = text.lines().rev().find_map(|line| serde_json::from_str(line).ok());
        let needed = self.bytes(4) as f64 / 1e9;
        let failure = (!output.status.success()).then(|| {
            format!("its process ended with {} (in f32, its weights alone take {needed:.1} GB, in half precision half of that)", output.status)
        });
        Ok(Outcome { figures, failure })
    }

    /// Measures in this process, and prints what there is after every figure.
    ///
    /// # Errors
    /// Those of the device, and weights that the host has no room for, where it is the host that needs it.
    pub(crate) fn measure(self, options: &Options) -> Result<(), Failure> {
        let load = options.load()?;
        self.admit(&load)?;
        match self {
            Self::Shape(shape) => {
                Single::measure(shape, &options.sizes, &load, |single| tell(&Figures::Single(single.clone())))
            }
            Self::Pair(pair) => tell(&Figures::Simulated(Simulated::measure(pair, &options.sizes, &load)?)),
        }
    }

    /// Refuses what would have the system end this process, or others, for want of memory.
    fn admit(self, load: &LoadOptions) -> Result<(), Failure> {
        let needed = self.bytes(if load.precision == Precision::Plain { size_of::<f32>() } else { size_of::<u16>() });
        match machine::available_memory().filter(|_| load.device == Device::flex()) {
            Some(available) if available < needed => {
                let [needed, available] = [needed, available].map(|bytes| bytes as f64 / 1e9);
                Err(format!("{self} needs {needed:.1} GB for its weights, and {available:.1} GB are free").into())
            }
            _ => Ok(()),
        }
    }

    /// Bytes of its weights, at so many each.
    fn bytes(self, each: usize) -> usize {
        each * match self {
            Self::Shape(shape) => shape.weights(),
            Self::Pair(pair) => pair.draft.weights() + pair.target.weights(),
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Shape(shape) => shape.name,
            Self::Pair(pair) => pair.name,
        })
    }
}

fn tell(figures: &Figures) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", serde_json::to_string(figures)?)?;
    Ok(out.flush()?)
}
