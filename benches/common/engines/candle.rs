//! Candle, through the program in `benches/candle`. It runs one sequence at a time.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::{DEPTH, Engine, Figure, PROMPTS, Sample, TOKENS, output_of};
use crate::Failure;

/// The program, to be run on one model.
#[derive(Debug)]
pub struct Candle {
    program: PathBuf,
    model: PathBuf,
    threads: String,
}

impl Candle {
    /// The program `program`, for `model`.
    ///
    /// # Errors
    /// Tells how to build it if it is missing.
    pub fn new(program: &Path, model: &Path, threads: usize) -> Result<Self, Failure> {
        if !program.is_file() {
            return Err(format!(
                "{} is not there: run `RUSTFLAGS=-Ctarget-cpu=native cargo build --release --manifest-path \
                 benches/candle/Cargo.toml`, which makes benches/candle/target/release/candle",
                program.display()
            )
            .into());
        }
        Ok(Self { program: program.to_owned(), model: model.to_owned(), threads: threads.to_string() })
    }
}

impl Engine for Candle {
    fn name(&self) -> &'static str {
        "candle"
    }

    fn measure(&mut self) -> Result<Vec<Sample>, Failure> {
        let mut command = Command::new(&self.program);
        command.arg(&self.model).arg(PROMPTS.map(|length| length.to_string()).join(","));
        command.args([DEPTH.to_string(), TOKENS.to_string()]);
        // Candle's own kernels count threads by the one, those of its tensors by the other.
        command.env("CANDLE_NUM_THREADS", &self.threads).env("RAYON_NUM_THREADS", &self.threads);
        samples(&output_of(&mut command)?)
    }
}

/// Reads the program's line of JSON.
fn samples(text: &str) -> Result<Vec<Sample>, Failure> {
    let line: Value = serde_json::from_str(text.trim())?;
    let rate = |figure, value: &Value| {
        let rate = value.as_f64().ok_or_else(|| format!("build benches/candle anew; it does not fit: {text}"))?;
        Ok(Sample { figure, variant: String::new(), rate })
    };
    let prompts = PROMPTS.iter().enumerate();
    let prefill = prompts.map(|(index, &length)| rate(Figure::Prefill(length), &line["prefill"][index]));
    prefill.chain([rate(Figure::Decode(1), &line["decode"])]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_program_writes() {
        let samples = samples("{\"decode\":7.5,\"prefill\":[9.0,8.0]}\n").unwrap();
        let figures: Vec<_> = samples.iter().map(|sample| (sample.figure, sample.rate)).collect();
        let [short, long] = PROMPTS.map(Figure::Prefill);
        assert_eq!(figures, [(short, 9.0), (long, 8.0), (Figure::Decode(1), 7.5)]);
    }
}
