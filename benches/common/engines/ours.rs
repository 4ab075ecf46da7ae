//! This project's engine, in this process.

use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use arbitrage_models::config::ModelConfig;
use arbitrage_models::weights::{Gguf, WeightSource};
use arbitrage_models::{Cache, Decoder, LocalModel, Outputs, Span};

use super::{DEPTH, Engine, Figure, PROMPTS, SEQUENCES, Sample, TOKENS};
use crate::Failure;
use crate::lean::{Lean, open};

/// A loaded model. Its idle threads sleep after two milliseconds, so that it disturbs nobody.
#[derive(Debug)]
pub struct Ours(LocalModel);

impl Ours {
    /// Loads a model and runs a first prompt, in which every value is checked.
    ///
    /// # Errors
    /// Those of loading.
    pub fn open(path: &Path) -> Result<Self, Failure> {
        Self::new(open(path, &Lean::default())?)
    }

    /// Takes a model and runs a first prompt, in which every value is checked.
    ///
    /// # Errors
    /// Those of the first pass.
    pub fn new(model: LocalModel) -> Result<Self, Failure> {
        prefill(model.decoder(), 16)?;
        Ok(Self(model))
    }

    /// The decoder to measure.
    pub fn decoder(&self) -> &Decoder {
        self.0.decoder()
    }

    /// Bytes of the file that a decoded token multiplies: all tensors but the embedding, of which one row is looked up;
    /// where it is the head too, it counts. Of experts, those count that a token goes through.
    ///
    /// # Errors
    /// Those of opening the file.
    pub fn bytes_per_token(&self, path: &Path) -> Result<usize, Failure> {
        let file = Gguf::open(path)?;
        let ModelConfig { tied, experts, .. } = ModelConfig::from_gguf(&file)?;
        let used = |name: &String| (tied || name != "model.embed_tokens.weight") && name != "rope_freqs.weight";
        let mut bytes = 0;
        for name in file.names().iter().filter(|name| used(name)) {
            let all = file.get(name)?.map_or(0, |tensor| tensor.bytes.len());
            bytes += match experts {
                Some(experts) if name.contains(".mlp.experts.") => all / experts.count * experts.chosen,
                _ => all,
            };
        }
        Ok(bytes)
    }
}

impl Engine for Ours {
    fn name(&self) -> &'static str {
        "ours"
    }

    fn measure(&mut self) -> Result<Vec<Sample>, Failure> {
        let decoder = self.decoder();
        let mut samples = Vec::new();
        let mut add = |figure, rate| samples.push(Sample { figure, variant: String::new(), rate });
        for length in PROMPTS {
            add(Figure::Prefill(length), prefill(decoder, length)?.1);
        }
        for sequences in [1, SEQUENCES] {
            add(Figure::Decode(sequences), decode(decoder, sequences, DEPTH, TOKENS)?);
        }
        Ok(samples)
    }

    fn decode(&mut self) -> Result<Vec<Sample>, Failure> {
        let rate = decode(self.decoder(), 1, DEPTH, TOKENS)?;
        Ok(vec![Sample { figure: Figure::Decode(1), variant: String::new(), rate }])
    }
}

/// Runs `length` tokens through an empty cache; returns it and tokens a second.
///
/// # Errors
/// Those of [`Decoder::forward`].
pub fn prefill(decoder: &Decoder, length: usize) -> Result<(Cache, f64), Failure> {
    prefill_of(decoder, length, 0)
}

/// [`prefill`] with the tokens of sequence `number`.
fn prefill_of(decoder: &Decoder, length: usize, number: usize) -> Result<(Cache, f64), Failure> {
    let tokens: Vec<u32> = (0..length).map(|i| token(decoder, i * 7919 + number * 101)).collect();
    let start = Instant::now();
    let mut cache = decoder.cache();
    let output = decoder.forward(&mut [Span { cache: &mut cache, tokens: &tokens, outputs: Outputs::Last }])?;
    black_box(output.map(|output| output.logits.into_data_as::<f32>()));
    Ok((cache, length as f64 / start.elapsed().as_secs_f64()))
}

/// Tokens a second of all `sequences` together, `tokens` each, after `depth` tokens.
///
/// # Errors
/// Those of [`Decoder::forward`].
pub fn decode(decoder: &Decoder, sequences: usize, depth: usize, tokens: usize) -> Result<f64, Failure> {
    let prompts = (0..sequences).map(|number| prefill_of(decoder, depth, number));
    let prompts = prompts.collect::<Result<Vec<_>, _>>()?;
    let mut caches: Vec<Cache> = prompts.into_iter().map(|(cache, _)| cache).collect();
    let start = Instant::now();
    for index in 0..tokens {
        step(decoder, &mut caches, index)?;
    }
    Ok((sequences * tokens) as f64 / start.elapsed().as_secs_f64())
}

/// Decodes one token a cache, all together, and reads the logits. Every sequence has tokens of its own: equal ones would go through the same
/// experts.
///
/// # Errors
/// Those of [`Decoder::forward`].
pub fn step(decoder: &Decoder, caches: &mut [Cache], index: usize) -> Result<(), Failure> {
    let tokens: Vec<u32> = (0..caches.len()).map(|number| token(decoder, index * 31 + number * 101)).collect();
    let tokens = tokens.chunks(1);
    let mut spans: Vec<_> =
        caches.iter_mut().zip(tokens).map(|(cache, tokens)| Span { cache, tokens, outputs: Outputs::Last }).collect();
    let output = decoder.forward(&mut spans)?;
    black_box(output.map(|output| output.logits.into_data_as::<f32>()));
    Ok(())
}

/// Some token of the vocabulary, not a special one in any known file.
fn token(decoder: &Decoder, number: usize) -> u32 {
    (number % 1000 + 100) as u32 % decoder.config().vocabulary as u32
}
