//! Engines that are measured on the same file, and what is measured.

mod candle;
mod ik_llama;
mod llama;
mod llama_programs;
mod ours;

pub use candle::Candle;
pub use ik_llama::IkLlama;
pub use llama::Llama;
pub use ours::{Ours, decode, prefill, step};

use std::fmt;
use std::process::{Command, Output};

use crate::Failure;

/// Tokens of the prompt that decoding continues.
pub const DEPTH: usize = 32;
/// Tokens decoded a sequence.
pub const TOKENS: usize = 32;
/// Sequences that are decoded together, where there are several.
pub const SEQUENCES: usize = 8;
/// Prompts of these lengths are run through an empty cache.
pub const PROMPTS: [usize; 2] = [32, 512];

/// What a rate, in tokens a second, is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Figure {
    /// Decoding of so many sequences together; their tokens count alike.
    Decode(usize),
    /// A prompt of so many tokens, with the logits of its last.
    Prefill(usize),
}

impl Figure {
    /// All that is measured, in the order of the report.
    pub const ALL: [Self; 4] =
        [Self::Decode(1), Self::Decode(SEQUENCES), Self::Prefill(PROMPTS[0]), Self::Prefill(PROMPTS[1])];
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&match self {
            Self::Decode(1) => "decode, one sequence".to_owned(),
            Self::Decode(sequences) => format!("decode, {sequences} sequences, in all"),
            Self::Prefill(tokens) => format!("prefill, {tokens} tokens"),
        })
    }
}

/// One measurement.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// What was measured.
    pub figure: Figure,
    /// The engine's flags, where it was tried with several.
    pub variant: String,
    /// Tokens a second.
    pub rate: f64,
}

/// Something that runs one model file.
pub trait Engine {
    /// As the report calls it.
    fn name(&self) -> &'static str;

    /// Measures what it can of [`Figure::ALL`], once in each variant. Nothing of it may keep running afterwards.
    ///
    /// # Errors
    /// What the engine complained of.
    fn measure(&mut self) -> Result<Vec<Sample>, Failure>;

    /// Measures the decoding of one sequence.
    ///
    /// # Errors
    /// As [`measure`](Self::measure).
    fn decode(&mut self) -> Result<Vec<Sample>, Failure> {
        let samples = self.measure()?;
        Ok(samples.into_iter().filter(|sample| sample.figure == Figure::Decode(1)).collect())
    }
}

/// What `command` writes to standard output.
fn output_of(command: &mut Command) -> Result<String, Failure> {
    Ok(String::from_utf8(finished(command)?.stdout)?)
}

/// What `command` writes to standard error, for programs that report there.
fn messages_of(command: &mut Command) -> Result<String, Failure> {
    Ok(String::from_utf8_lossy(&finished(command)?.stderr).into_owned())
}

/// Runs `command` to its end; an error has the end of what it wrote to standard error.
fn finished(command: &mut Command) -> Result<Output, Failure> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| format!("{program}: {error}"))?;
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        let lines: Vec<&str> = errors.lines().collect();
        let end = lines[lines.len().saturating_sub(10)..].join("\n");
        return Err(format!("{program} failed ({}); it said at last:\n{end}", output.status).into());
    }
    Ok(output)
}
