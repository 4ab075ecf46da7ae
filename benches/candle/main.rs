//! Candle's speed on a GGUF file, as one line of JSON for `benches/compare.rs`: tokens a second of prefill by length, and of
//! decoding one sequence.
//!
//! Threads come from `CANDLE_NUM_THREADS` and `RAYON_NUM_THREADS`. Candle keeps F16, BF16 and F32 weights as f32, so that such
//! files cost it more memory and bandwidth than their size tells; that is candle's own doing and measured as it is.

use std::fs::File;
use std::hint::black_box;
use std::io::BufReader;
use std::process::ExitCode;
use std::time::Instant;

use candle_core::quantized::gguf_file::Content;
use candle_core::{Device, Tensor, bail};
use candle_transformers::models::{quantized_llama, quantized_qwen2};

const USAGE: &str = "usage: candle MODEL.gguf PROMPTS DEPTH TOKENS, such as: candle model.gguf 32,512 32 32";

type Failure = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [path, prompts, depth, tokens] = arguments.as_slice() else { return Err(USAGE.into()) };
    let number = |text: &str| text.parse::<usize>().map_err(|_| format!("`{text}` is no number; {USAGE}"));
    let prompts = prompts.split(',').map(number).collect::<Result<Vec<_>, _>>()?;
    let (depth, tokens) = (number(depth)?, number(tokens)?);

    let mut model = Model::open(path)?;
    // Weights are repacked, and threads started, when they are first used.
    model.prefill(32)?;
    model.decode(32, 2)?;
    let prefill = prompts.iter().map(|&length| model.prefill(length)).collect::<Result<Vec<_>, _>>()?;
    model.prefill(depth)?;
    let decode = model.decode(depth, tokens)?;
    println!("{}", serde_json::json!({ "prefill": prefill, "decode": decode }));
    Ok(())
}

enum Model {
    Llama(quantized_llama::ModelWeights),
    Qwen2(quantized_qwen2::ModelWeights),
}

impl Model {
    fn open(path: &str) -> Result<Self, Failure> {
        let mut file = BufReader::new(File::open(path).map_err(|error| format!("{path}: {error}"))?);
        let content = Content::read(&mut file)?;
        let architecture = content.metadata.get("general.architecture").map(|value| value.to_string().cloned());
        Ok(match architecture.transpose()?.as_deref() {
            Some("llama") => Self::Llama(quantized_llama::ModelWeights::from_gguf(content, &mut file, &Device::Cpu)?),
            Some("qwen2") => Self::Qwen2(quantized_qwen2::ModelWeights::from_gguf(content, &mut file, &Device::Cpu)?),
            other => return Err(format!("{path}: llama and qwen2 are measured here, not {other:?}").into()),
        })
    }

    /// Runs `tokens` at `position`; a position of 0 starts anew.
    fn forward(&mut self, tokens: &[u32], position: usize) -> candle_core::Result<()> {
        let input = Tensor::new(tokens, &Device::Cpu)?.unsqueeze(0)?;
        let logits = match self {
            Self::Llama(model) => model.forward(&input, position)?,
            Self::Qwen2(model) => model.forward(&input, position)?,
        };
        match logits.dim(0)? {
            1 => Ok(drop(black_box(logits.squeeze(0)?.to_vec1::<f32>()?))),
            rows => bail!("one row of logits expected, {rows} found"),
        }
    }

    /// Tokens a second of `length` tokens through an empty cache, which holds them afterwards.
    fn prefill(&mut self, length: usize) -> candle_core::Result<f64> {
        let tokens: Vec<u32> = (0..length).map(|i| (i * 7919 % 1000 + 100) as u32).collect();
        let start = Instant::now();
        self.forward(&tokens, 0)?;
        Ok(length as f64 / start.elapsed().as_secs_f64())
    }

    /// Tokens a second of `tokens` steps after `depth` tokens.
    fn decode(&mut self, depth: usize, tokens: usize) -> candle_core::Result<f64> {
        let start = Instant::now();
        for token in 0..tokens {
            self.forward(&[(token * 31 + 200) as u32], depth + token)?;
        }
        Ok(tokens as f64 / start.elapsed().as_secs_f64())
    }
}
