//! Which token comes next.
//!
//! [`Sampling`] says how, [`Sampler`] does it. The filters follow the order of the reference implementation: temperature,
//! then the `top_k` likeliest, then the smallest set that holds `top_p` of what is left, then those at least `min_p` times
//! as likely as the likeliest; the rest is renormalised. Ties go to the lowest id everywhere.
//!
//! Log-probabilities and entropies are those of the model itself: the softmax of all logits at temperature 1, whatever
//! the filters are, so that a gate reads the same numbers at any temperature.

#[cfg(feature = "burn")]
pub(crate) mod best;
mod filter;
mod softmax;

use arbitrage_core::Draw;

use crate::error::{Error, Result};
use softmax::Summary;
#[cfg(feature = "flex")]
pub(crate) use softmax::exp;

/// The lowest temperature other than 0. Below it nothing but the likeliest token is left, and a logit divided by it
/// leaves the range of `f32`.
const COLDEST: f32 = 1e-3;

/// How tokens are drawn.
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
    /// How many of the likeliest tokens are kept; 0 keeps all.
    pub top_k: usize,
    /// The share of probability that is kept, above 0 and up to 1; 1 keeps all.
    pub top_p: f32,
    /// The least probability relative to the likeliest token's, from 0 to below 1; 0 keeps all.
    pub min_p: f32,
    /// Seed of all draws; mixed with each [`Sampler`]'s own stream.
    pub seed: u64,
}

impl Default for Sampling {
    fn default() -> Self {
        Self::greedy()
    }
}

impl Sampling {
    /// Always the likeliest token.
    pub fn greedy() -> Self {
        Self { temperature: 0.0, top_k: 0, top_p: 1.0, min_p: 0.0, seed: 0 }
    }

    /// Draws from the whole distribution at `temperature`.
    ///
    /// # Errors
    /// [`Error::Parameter`] unless it is 0 or within 0.001..=100.
    pub fn at_temperature(temperature: f32) -> Result<Self> {
        Self { temperature, ..Self::greedy() }.checked()
    }

    /// Keeps the `top_k` likeliest tokens; 0 keeps all.
    pub fn with_top_k(self, top_k: usize) -> Self {
        Self { top_k, ..self }
    }

    /// Keeps the smallest set of likeliest tokens that holds `top_p` of the probability.
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

    /// Sets the seed of all draws.
    pub fn with_seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// Whether no draw is random.
    pub fn is_greedy(&self) -> bool {
        self.temperature == 0.0 || self.top_k == 1
    }

    /// Checks every range; for values that were set as fields.
    ///
    /// # Errors
    /// [`Error::Parameter`] naming the first that lies outside its range.
    pub fn validate(&self) -> Result<()> {
        let warm = (COLDEST..=100.0).contains(&self.temperature);
        let refuse = |name, expected: &str, found: f32| {
            Err(Error::Parameter { name, expected: expected.to_owned(), found: found.to_string() })
        };
        if self.temperature != 0.0 && !warm {
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

/// A token that was chosen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Choice {
    /// The token.
    pub id: u32,
    /// Its log-probability in nats, of all logits at temperature 1; at most 0.
    pub logprob: f32,
    /// The distribution's entropy in nats, at temperature 1 and before any filter; where [`Sampler::with_entropy`] asked
    /// for it.
    pub entropy: Option<f32>,
}

/// Draws one sequence's tokens.
#[derive(Debug, Clone)]
pub struct Sampler {
    sampling: Sampling,
    draw: Draw,
    entropy: bool,
    model: String,
    draws: usize,
}

impl Sampler {
    /// A sampler whose draws depend on the sampling's seed and on `stream` alone: give each sequence, step and author its
    /// own.
    ///
    /// # Errors
    /// [`Error::Parameter`] as [`Sampling::validate`].
    pub fn new(sampling: &Sampling, stream: u64) -> Result<Self> {
        sampling.validate()?;
        // Mixed before the stream joins, so that neighbouring seeds and streams share nothing.
        let draw = Draw::new(Draw::new(sampling.seed).next_u64() ^ stream);
        Ok(Self { sampling: *sampling, draw, entropy: false, model: "model".to_owned(), draws: 0 })
    }

    /// Names the model in errors.
    pub fn with_model(self, model: impl Into<String>) -> Self {
        Self { model: model.into(), ..self }
    }

    /// Asks for the entropy of every distribution, which costs a little more than its likeliest token.
    pub fn with_entropy(self, entropy: bool) -> Self {
        Self { entropy, ..self }
    }

    /// Chooses a token.
    ///
    /// # Shapes
    /// - `logits`: `[vocabulary]`, any finite numbers.
    ///
    /// # Errors
    /// [`Error::NotFinite`] with the index of the first NaN or infinity; [`Error::Parameter`] when there are no logits.
    pub fn sample(&mut self, logits: &[f32]) -> Result<Choice> {
        self.sample_columns(logits, None)
    }

    /// Chooses among tokens of which column `i` of the logits stands for `ids[i]`, ascending; for `i` itself where there are no
    /// `ids`. A token wins its draw by its id, so that a head which lacks some tokens draws what a whole one draws.
    ///
    /// # Shapes
    /// - `logits`: `[columns]`, any finite numbers; `ids`: at least as many.
    ///
    /// # Errors
    /// As [`Sampler::sample`].
    pub fn sample_columns(&mut self, logits: &[f32], ids: Option<&[u32]>) -> Result<Choice> {
        let summary = self.summary(logits)?;
        self.draws += 1;
        let id_of = |column: u32| ids.map_or(column, |ids| ids[column as usize]);
        let column = if self.sampling.is_greedy() {
            summary.best
        } else {
            let kept = filter::weights(logits, summary.max, &self.sampling);
            self.race(&kept, id_of).unwrap_or(summary.best)
        };
        let logprob = summary.logprob(logits[column as usize]);
        let entropy = self.entropy.then(|| softmax::entropy(logits, &summary));
        Ok(Choice { id: id_of(column), logprob, entropy })
    }

    /// The distribution that [`Sampler::sample`] draws from: the tokens that are kept, by ascending id, with
    /// probabilities that sum to 1. Greedy keeps one.
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

    /// Draws an id in proportion to its weight; `None` when no weight is positive. Weights need not sum to 1.
    ///
    /// The draw is a race: every id waits for an exponential time of its own, divided by its weight, and the first wins. So
    /// two samplers in one state that draw from similar distributions mostly draw the same id: with probability
    /// `(1 − d) / (1 + d)` at least, `d` being the distributions' total variation (Daliri, Musco & Suresh, arXiv
    /// 2408.07978). That is what lets a small model guess what a large one will draw.
    pub fn pick(&mut self, weights: &[(u32, f32)]) -> Option<u32> {
        self.race(weights, |id| id)
    }

    /// The winner among columns, which run under the ids that they stand for.
    fn race(&mut self, weights: &[(u32, f32)], id_of: impl Fn(u32) -> u32) -> Option<u32> {
        let race = self.draw.next_u64();
        let (mut winner, mut least) = (None, f64::INFINITY);
        for &(column, weight) in weights.iter().filter(|(_, weight)| *weight > 0.0) {
            let (u, weight) = (racer(race, id_of(column)), f64::from(weight));
            // −ln(1 − u) is no less than u: most logarithms need not be taken.
            if u < least * weight {
                let time = -(-u).ln_1p() / weight;
                if time < least {
                    (winner, least) = (Some(column), time);
                }
            }
        }
        winner
    }

    fn summary(&self, logits: &[f32]) -> Result<Summary> {
        summary(logits, |index| Error::NotFinite {
            model: self.model.clone(),
            place: format!("logits of draw {}", self.draws),
            index,
        })
    }
}

/// The random number of `id` in a race, in `[0, 1)`.
fn racer(race: u64, id: u32) -> f64 {
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
    let not_finite =
        |index| Error::NotFinite { model: "model".to_owned(), place: "logits of a question".to_owned(), index };
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

fn summary(logits: &[f32], not_finite: impl FnOnce(usize) -> Error) -> Result<Summary> {
    if logits.is_empty() {
        let (expected, found) = ("one a token".to_owned(), "none".to_owned());
        return Err(Error::Parameter { name: "logits", expected, found });
    }
    Summary::of(logits).map_err(not_finite)
}

#[cfg(test)]
mod tests;
