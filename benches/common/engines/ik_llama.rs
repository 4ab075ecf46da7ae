//! ik_llama.cpp, through its own benchmark programs. They are older relatives of llama.cpp's, with other options and output.

use std::path::Path;

use serde_json::Value;

use super::llama_programs::{BATCHED, BENCH, LlamaPrograms};
use super::{DEPTH, Engine, Figure, PROMPTS, SEQUENCES, Sample, TOKENS, messages_of, output_of};
use crate::Failure;

/// Builds of ik_llama.cpp's programs, to be run on one model. Weights are repacked when they are loaded (`-rtr`), which is this
/// engine's fastest way on processors; flash attention is tried on and off.
#[derive(Debug)]
pub struct IkLlama(LlamaPrograms);

impl IkLlama {
    /// The programs in `folder`, for `model`.
    ///
    /// # Errors
    /// Tells how to build what is missing.
    pub fn new(folder: &Path, model: &Path, threads: usize) -> Result<Self, Failure> {
        let remedy = "run `benches/ik_llama_cpp.sh CHECKOUT DIR`, and give --ik the folder that it prints";
        Ok(Self(LlamaPrograms::new(folder, model, threads, remedy)?))
    }

    /// Prefill and decoding of one sequence after a prompt (`-gp`), which warms up by itself.
    fn single(&self) -> Result<Vec<Sample>, Failure> {
        let prompts = PROMPTS.map(|length| length.to_string()).join(",");
        let after = format!("{DEPTH},{TOKENS}");
        let arguments = ["-p", &prompts, "-n", "0", "-gp", &after, "-r", "1", "-fa", "0,1", "-rtr", "1", "-o", "json"];
        single(&output_of(&mut self.0.command(BENCH, &arguments))?)
    }

    /// Decoding of several sequences, in a context just as large as they need.
    fn batched(&self) -> Result<Vec<Sample>, Failure> {
        let context = (SEQUENCES * (DEPTH + TOKENS)).to_string();
        let (depth, tokens, sequences) = (DEPTH.to_string(), TOKENS.to_string(), SEQUENCES.to_string());
        let arguments = ["-c", &context, "-npp", &depth, "-ntg", &tokens, "-npl", &sequences, "-rtr"];
        let mut samples = Vec::new();
        for (flash, variant) in [("off", "-fa 0"), ("on", "-fa 1")] {
            let mut command = self.0.command(BATCHED, &[&arguments[..], &["-fa", flash]].concat());
            samples.push(batched(&messages_of(&mut command)?, variant)?);
        }
        Ok(samples)
    }
}

impl Engine for IkLlama {
    fn name(&self) -> &'static str {
        "ik_llama.cpp"
    }

    fn measure(&mut self) -> Result<Vec<Sample>, Failure> {
        Ok([self.single()?, self.batched()?].concat())
    }
}

/// Reads llama-bench's array of measurements, whatever is written before it.
fn single(text: &str) -> Result<Vec<Sample>, Failure> {
    let unknown = || format!("ik_llama.cpp's output is not what this program reads: {text}");
    let array = text.find("[\n").map(|at| &text[at..]).ok_or_else(unknown)?;
    let lines: Vec<Value> = serde_json::from_str(array)?;
    let read = |line: &Value| {
        let (prompt, generated) = (line["n_prompt"].as_u64()?, line["n_gen"].as_u64()?);
        let figure = if generated > 0 { Figure::Decode(1) } else { Figure::Prefill(prompt as usize) };
        let variant = format!("-fa {}", u8::from(line["flash_attn"].as_bool()?));
        Some(Sample { figure, variant, rate: line["avg_ts"].as_f64()? })
    };
    lines.iter().map(|line| read(line).ok_or_else(|| unknown().into())).collect()
}

/// Reads the last row of llama-batched-bench's table, whose columns are: prompt, tokens, sequences, positions, seconds and rate of
/// the prompts, seconds and rate of decoding, and the same of both.
fn batched(text: &str, variant: &str) -> Result<Sample, Failure> {
    let row = text.lines().rfind(|line| line.starts_with('|')).unwrap_or_default();
    let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
    let read = || Some((cells.get(2)?.parse().ok()?, cells.get(7)?.parse().ok()?));
    let (sequences, rate) =
        read().ok_or_else(|| format!("ik_llama.cpp's output is not what this program reads: {text}"))?;
    Ok(Sample { figure: Figure::Decode(sequences), variant: variant.to_owned(), rate })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(figure: Figure, variant: &str, rate: f64) -> Sample {
        Sample { figure, variant: variant.to_owned(), rate }
    }

    #[test]
    fn reads_what_the_programs_write() {
        let text = r#"========= repacked
[
  { "flash_attn": false, "n_prompt": 512, "n_gen": 0, "avg_ts": 90.5, "samples_ns": [ 1 ] },
  { "flash_attn": true, "n_prompt": 32, "n_gen": 32, "avg_ts": 14.25, "samples_ns": [ 1 ] }
]
"#;
        let expected = [sample(Figure::Prefill(512), "-fa 0", 90.5), sample(Figure::Decode(1), "-fa 1", 14.25)];
        assert_eq!(single(text).unwrap(), expected);
        let text = "
|    PP |     TG |    B |   N_KV |   T_PP s | S_PP t/s |   T_TG s | S_TG t/s |      T s |    S t/s |
|-------|--------|------|--------|----------|----------|----------|----------|----------|----------|
|    32 |     32 |    8 |    512 |    2.000 |   128.00 |    4.000 |    64.50 |    6.000 |    85.33 |

llama_print_timings: load time = 1 ms
";
        assert_eq!(batched(text, "-fa 1").unwrap(), sample(Figure::Decode(8), "-fa 1", 64.5));
    }

    #[test]
    fn another_format_is_refused() {
        for text in ["", "[\n]x", "[\n{ \"n_prompt\": 1 }\n]"] {
            assert!(single(text).is_err(), "{text}");
        }
        assert!(batched("| a | b |", "-fa 0").is_err());
    }

    #[test]
    fn a_missing_program_is_named_with_what_builds_it() {
        let error = IkLlama::new(Path::new("nowhere"), Path::new("model.gguf"), 2).unwrap_err().to_string();
        assert!(error.contains("nowhere/llama-bench") && error.contains("benches/ik_llama_cpp.sh"), "{error}");
    }
}
