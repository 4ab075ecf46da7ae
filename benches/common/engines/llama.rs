//! llama.cpp, through its own benchmark programs.

use std::path::Path;

use serde_json::Value;

use super::llama_programs::{BATCHED, BENCH, LlamaPrograms};
use super::{DEPTH, Engine, Figure, PROMPTS, SEQUENCES, Sample, TOKENS, output_of};
use crate::Failure;

/// What every run of llama-bench is given.
const COMMON: [&str; 6] = ["-r", "1", "-fa", "0,1", "-o", "jsonl"];

/// Builds of llama.cpp's programs, to be run on one model. Everything is at llama.cpp's defaults (repacked weights among
/// them) but flash attention, which is tried on and off: either may be the faster.
#[derive(Debug)]
pub struct Llama(LlamaPrograms);

impl Llama {
    /// The programs in `folder`, for `model`.
    ///
    /// # Errors
    /// Tells how to build what is missing.
    pub fn new(folder: &Path, model: &Path, threads: usize) -> Result<Self, Failure> {
        let remedy = "run `benches/llama_cpp.sh DIR`, and give --llama the folder that it prints";
        Ok(Self(LlamaPrograms::new(folder, model, threads, remedy)?))
    }

    fn run(&self, program: &str, arguments: &[&str]) -> Result<String, Failure> {
        output_of(&mut self.0.command(program, arguments))
    }

    /// Prefill and decoding of one sequence; llama-bench warms up by itself.
    fn single(&self) -> Result<Vec<Sample>, Failure> {
        let prompts = PROMPTS.map(|length| length.to_string()).join(",");
        let text = self.run(BENCH, &[&["-p", &prompts, "-n", "0"][..], &COMMON].concat())?;
        Ok([samples(&text, single)?, self.decode_one()?].concat())
    }

    fn decode_one(&self) -> Result<Vec<Sample>, Failure> {
        let (depth, tokens) = (DEPTH.to_string(), TOKENS.to_string());
        let text = self.run(BENCH, &[&["-p", "0", "-n", &tokens, "-d", &depth][..], &COMMON].concat())?;
        samples(&text, single)
    }

    /// Decoding of several sequences, in a context just as large as they need.
    fn batched(&self) -> Result<Vec<Sample>, Failure> {
        let context = (SEQUENCES * (DEPTH + TOKENS)).to_string();
        let (depth, tokens, sequences) = (DEPTH.to_string(), TOKENS.to_string(), SEQUENCES.to_string());
        let arguments = ["-c", &context, "-npp", &depth, "-ntg", &tokens, "-npl", &sequences];
        let mut text = String::new();
        for flash in ["off", "on"] {
            text += &self.run(BATCHED, &[&arguments[..], &["-fa", flash, "--output-format", "jsonl"]].concat())?;
        }
        samples(&text, batched)
    }
}

impl Engine for Llama {
    fn name(&self) -> &'static str {
        "llama.cpp"
    }

    fn measure(&mut self) -> Result<Vec<Sample>, Failure> {
        Ok([self.single()?, self.batched()?].concat())
    }

    fn decode(&mut self) -> Result<Vec<Sample>, Failure> {
        self.decode_one()
    }
}

/// What a line of llama-bench tells.
fn single(line: &Value) -> Option<(Figure, i64, f64)> {
    let (prompt, generated) = (line["n_prompt"].as_u64()?, line["n_gen"].as_u64()?);
    let figure = if generated > 0 { Figure::Decode(1) } else { Figure::Prefill(prompt as usize) };
    Some((figure, line["flash_attn"].as_i64()?, line["avg_ts"].as_f64()?))
}

/// What a line of llama-batched-bench tells.
fn batched(line: &Value) -> Option<(Figure, i64, f64)> {
    let sequences = line["pl"].as_u64()? as usize;
    Some((Figure::Decode(sequences), line["flash_attn"].as_i64()?, line["speed_tg"].as_f64()?))
}

/// Reads a sample from every line that is a JSON object: figure, flash attention, tokens a second.
fn samples(text: &str, read: impl Fn(&Value) -> Option<(Figure, i64, f64)>) -> Result<Vec<Sample>, Failure> {
    let mut samples = Vec::new();
    for line in text.lines().filter(|line| line.starts_with('{')) {
        let unknown =
            || format!("llama.cpp's output has changed; benches/llama_cpp.sh names a version that fits: {line}");
        let (figure, flash, rate) = read(&serde_json::from_str(line)?).ok_or_else(unknown)?;
        samples.push(Sample { figure, variant: format!("-fa {flash}"), rate });
    }
    Ok(samples)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(figure: Figure, variant: &str, rate: f64) -> Sample {
        Sample { figure, variant: variant.to_owned(), rate }
    }

    #[test]
    fn reads_what_the_programs_write() {
        let text = r#"{"flash_attn": 0, "n_prompt": 32, "n_gen": 0, "n_depth": 0, "avg_ts": 277.0}
{"flash_attn": 1, "n_prompt": 0, "n_gen": 32, "n_depth": 32, "avg_ts": 162.5}"#;
        let expected = [sample(Figure::Prefill(32), "-fa 0", 277.0), sample(Figure::Decode(1), "-fa 1", 162.5)];
        assert_eq!(samples(text, single).unwrap(), expected);
        let text =
            "\n{\"flash_attn\": 1, \"pp\": 32, \"tg\": 32, \"pl\": 8, \"speed_pp\": 296.0, \"speed_tg\": 227.5}\n\n";
        assert_eq!(samples(text, batched).unwrap(), [sample(Figure::Decode(8), "-fa 1", 227.5)]);
    }

    #[test]
    fn another_format_is_named_with_the_version_that_fits() {
        let error = samples(r#"{"rate": 1}"#, single).unwrap_err().to_string();
        assert!(error.contains("benches/llama_cpp.sh"), "{error}");
    }
}
