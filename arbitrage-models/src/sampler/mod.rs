//! Sampling the next token from logits.
//!
//! [`Sampling`] has the parameters, and a [`Sampler`] samples the tokens of one sequence. The filters are applied in the order of
//! transformers: temperature, then the `top_k` likeliest tokens, then the smallest set that has `top_p` of the remaining
//! probability, then the tokens at least `min_p` times as likely as the likeliest; the rest is renormalised. Ties go to the lowest
//! id everywhere.
//!
//! Log-probabilities and entropies are those of the unfiltered softmax of all logits at temperature 1, so that a router's
//! threshold means the same at any temperature.

#[cfg(feature = "burn")]
pub(crate) mod argmax;
mod filter;
mod softmax;

use arbitrage_core::Draw;

use crate::error::{Error, Result};
use softmax::SoftmaxSummary;

/// The lowest temperature other than 0. Below it only the likeliest token has any probability, and a logit divided by the
/// temperature may leave the range of `f32`.
const MIN_TEMPERATURE: f32 = 1e-3;

/// How tokens are sampled.
///
/// ```
/// use arbitrage_models::sampler::Sampling;
///
/// let sampling = Sampling::at_temperature(0.7)?.with_top_p(0.95)?.with_seed(1);
/// assert!(!sampling.is_greedy());
/// assert!(Sampling::at_temperature(f32::NAN).is_err());
/// # Ok::<(), arbitrage_models::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sampling {
    /// 0 for greedy, else 0.001 to 100.
    pub temperature: f32,
    /// How many of the likeliest tokens are kept; 0 for all.
    pub top_k: usize,
    /// The share of probability that is kept, above 0 and up to 1; 1 for all.
    pub top_p: f32,
    /// The lowest probability that is kept, relative to the likeliest token's, from 0 to below 1; 0 for all.
    pub min_p: f32,
    /// Seed of the random numbers, which is mixed with each [`Sampler`]'s stream.
    pub seed: u64,
}

impl Default for Sampling {
    fn default() -> Self {
        Self::greedy()
    }
}

impl Sampling {
    /// Takes the likeliest token every time.
    pub fn greedy() -> Self {
        Self { temperature: 0.0, top_k: 0, top_p: 1.0, min_p: 0.0, seed: 0 }
    }

    /// Samples from the whole distribution at `temperature`.
    ///
    /// # Errors
    /// [`Error::Parameter`] unless it is 0 or within 0.001..=100.
    pub fn at_temperature(temperature: f32) -> Result<Self> {
        Self { temperature, ..Self::greedy() }.checked()
    }

    /// Keeps the `top_k` likeliest tokens, or all for 0.
    pub fn with_top_k(self, top_k: usize) -> Self {
        Self { top_k, ..self }
    }

    /// Keeps the smallest set of likeliest tokens that has `top_p` of the probability.
    ///
    /// # Errors
    /// [`Error::Parameter`] unless it is above 0 and at most 1.
    pub fn with_top_p(self, top_p: f32) -> Result<Self> {
        Self { top_p, ..self }.checked()
    }

    /// Keeps the tokens at least `min_p` times as likely as the likeliest.
    ///
    /// # Errors
    /// [`Error::Parameter`] unless it is at least 0 and below 1.
    pub fn with_min_p(self, min_p: f32) -> Result<Self> {
        Self { min_p, ..self }.checked()
    }

    /// Sets the seed of the random numbers.
    pub fn with_seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// Whether the likeliest token is taken every time.
    pub fn is_greedy(&self) -> bool {
        self.temperature == 0.0 || self.top_k == 1
    }

    /// Checks all ranges, for values that were set as fields.
    ///
    /// # Errors
    /// [`Error::Parameter`] naming the first value outside its range.
    pub fn validate(&self) -> Result<()> {
        let is_in_range = (MIN_TEMPERATURE..=100.0).contains(&self.temperature);
        let refuse = |name, expected: &str, found: f32| {
            Err(Error::Parameter { name, expected: expected.to_owned(), found: found.to_string() })
        };
        if self.temperature != 0.0 && !is_in_range {
            return refuse("temperature", "0 (greedy) or 0.001 to 100", self.temperature);
        }
        if !(self.top_p > 0.0 && self.top_p <= 1.0) {
            return refuse("top_p", "above 0 and at most 1", self.top_p);
        }
        if !(0.0..1.0).contains(&self.min_p) {
            return refuse("min_p", "at least 0 and below 1", self.min_p);
        }
        Ok(())
    }

    fn checked(self) -> Result<Self> {
        self.validate().map(|()| self)
    }
}

/// A sampled token.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SampledToken {
    /// The token.
    pub id: u32,
    /// Its log-probability in nats, under the softmax of all logits at temperature 1; at most 0.
    pub logprob: f32,
    /// Entropy of that distribution in nats; `None` unless enabled by [`Sampler::with_entropy`].
    pub entropy: Option<f32>,
}

/// Samples the tokens of one sequence.
#[derive(Debug, Clone)]
pub struct Sampler {
    sampling: Sampling,
    draw: Draw,
    entropy: bool,
    model: String,
    draws: usize,
}

impl Sampler {
    /// A sampler whose random numbers depend on the sampling's seed and on `stream` alone. Each sequence, step and author needs a
    /// stream of its own.
    ///
    /// # Errors
    /// [`Error::Parameter`] as [`Sampling::validate`].
    pub fn new(sampling: &Sampling, stream: u64) -> Result<Self> {
        sampling.validate()?;
        // The seed is mixed before the stream is added, so that neighbouring seeds and streams have unrelated numbers.
        let draw = Draw::new(Draw::new(sampling.seed).next_u64() ^ stream);
        Ok(Self { sampling: *sampling, draw, entropy: false, model: "model".to_owned(), draws: 0 })
    }

    /// Sets the model's name for errors.
    pub fn with_model(self, model: impl Into<String>) -> Self {
        Self { model: model.into(), ..self }
    }

    /// Whether to compute the entropy of every distribution, which costs a little more than finding the likeliest token.
    pub fn with_entropy(self, entropy: bool) -> Self {
        Self { entropy, ..self }
    }

    /// Samples a token.
    ///
    /// # Shapes
    /// - `logits`: `[vocabulary]`, any finite numbers.
    ///
    /// # Errors
    /// [`Error::NotFinite`] with the index of the first NaN or infinity; [`Error::Parameter`] when there are no logits.
    pub fn sample(&mut self, logits: &[f32]) -> Result<SampledToken> {
        let summary = self.summary(logits)?;
        self.draws += 1;
        let id = if self.sampling.is_greedy() {
            summary.best
        } else {
            let kept = filter::weights(logits, summary.max, &self.sampling);
            self.pick(&kept).unwrap_or(summary.best)
        };
        let logprob = summary.logprob(logits[id as usize]);
        let entropy = self.entropy.then(|| softmax::entropy(logits, &summary));
        Ok(SampledToken { id, logprob, entropy })
    }

    /// The distribution that [`Sampler::sample`] samples from: the tokens that the filters keep, by ascending id, with
    /// probabilities that sum to 1. Greedy sampling keeps one.
    ///
    /// # Errors
    /// As [`Sampler::sample`].
    pub fn distribution(&self, logits: &[f32]) -> Result<Vec<(u32, f32)>> {
        let summary = self.summary(logits)?;
        if self.sampling.is_greedy() {
            return Ok(vec![(summary.best, 1.0)]);
        }
        let mut kept = filter::weights(logits, summary.max, &self.sampling);
        let total: f64 = kept.iter().map(|(_, weight)| f64::from(*weight)).sum();
        kept.iter_mut().for_each(|(_, weight)| *weight = (f64::from(*weight) / total) as f32);
        Ok(kept)
    }

    /// Samples an id in proportion to its weight; `None` when no weight is positive. Weights need not sum to 1.
    ///
    /// This is exponential racing: every id gets an exponentially distributed random time, divided by its weight, and the shortest
    /// time wins. So two samplers in the same state that sample from similar distributions mostly give the same id: with a
    /// probability of at least `(1 − d) / (1 + d)`, where `d` is the total variation of the distributions (Daliri, Musco & Suresh,
    /// arXiv 2408.07978). This is what lets a small model predict what a large one will sample.
    pub fn pick(&mut self, weights: &[(u32, f32)]) -> Option<u32> {
        let race = self.draw.next_u64();
        let (mut winner, mut shortest) = (None, f64::INFINITY);
        for &(id, weight) in weights.iter().filter(|(_, weight)| *weight > 0.0) {
            let (u, weight) = (uniform_of(race, id), f64::from(weight));
            // −ln(1 − u) is at least u, so most logarithms need not be computed.
            if u < shortest * weight {
                let time = -(-u).ln_1p() / weight;
                if time < shortest {
                    (winner, shortest) = (Some(id), time);
                }
            }
        }
        winner
    }

    fn summary(&self, logits: &[f32]) -> Result<SoftmaxSummary> {
        summary(logits, |index| Error::NotFinite {
            model: self.model.clone(),
            place: format!("logits of sampled token {}", self.draws),
            index,
        })
    }
}

/// The random number of `id` in one race, in `[0, 1)`.
fn uniform_of(race: u64, id: u32) -> f64 {
    const ODD: u64 = 0xD6E8_FEB8_6659_FD93;
    Draw::new(race.wrapping_add(u64::from(id).wrapping_mul(ODD))).uniform()
}

/// The log-probabilities of `ids` in nats, under the softmax of all `logits` at temperature 1; each at most 0.
///
/// ```
/// let half = arbitrage_models::sampler::log_softmax_at(&[0.0, 0.0], &[1])?[0];
/// assert!((half - 0.5_f32.ln()).abs() < 1e-6);
/// # Ok::<(), arbitrage_models::Error>(())
/// ```
///
/// # Shapes
/// - `logits`: `[vocabulary]`, any finite numbers.
///
/// # Errors
/// [`Error::NotFinite`] with the index of the first NaN or infinity; [`Error::Parameter`] when there are no logits, or for
/// an id that has none.
pub fn log_softmax_at(logits: &[f32], ids: &[u32]) -> Result<Vec<f32>> {
    let not_finite = |index| Error::NotFinite { model: "model".to_owned(), place: "logits".to_owned(), index };
    let summary = summary(logits, not_finite)?;
    let logprob = |&id: &u32| match logits.get(id as usize) {
        Some(&logit) => Ok(summary.logprob(logit)),
        None => {
            let expected = format!("below the {} logits", logits.len());
            Err(Error::Parameter { name: "token id", expected, found: id.to_string() })
        }
    };
    ids.iter().map(logprob).collect()
}

/// The entropy in nats of the softmax of all `logits` at temperature 1.
///
/// ```
/// let bit = arbitrage_models::sampler::entropy(&[3.0, 3.0])?;
/// assert!((bit - 2.0_f32.ln()).abs() < 1e-6);
/// # Ok::<(), arbitrage_models::Error>(())
/// ```
///
/// # Shapes
/// - `logits`: `[vocabulary]`, any finite numbers.
///
/// # Errors
/// As [`log_softmax_at`].
pub fn entropy(logits: &[f32]) -> Result<f32> {
    let not_finite = |index| Error::NotFinite { model: "model".to_owned(), place: "logits".to_owned(), index };
    Ok(softmax::entropy(logits, &summary(logits, not_finite)?))
}

fn summary(logits: &[f32], not_finite: impl FnOnce(usize) -> Error) -> Result<SoftmaxSummary> {
    if logits.is_empty() {
        let (expected, found) = ("one for each token".to_owned(), "none".to_owned());
        return Err(Error::Parameter { name: "logits", expected, found });
    }
    SoftmaxSummary::of(logits).map_err(not_finite)
}

#[cfg(test)]
mod tests;
