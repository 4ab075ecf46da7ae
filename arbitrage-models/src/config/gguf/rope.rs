//! Rotary encoding of GGUF files.

use arbitrage_core::text::excerpt;

use super::super::{Rope, RopeScaling, Yarn, is_positive};
use super::GgufReader;
use crate::error::Result;
use crate::weights::WeightSource;
use crate::weights::gguf::Metadata;

/// The tensor of factors that hold for all contexts.
pub(super) const FACTORS_TENSOR: &str = "rope_freqs.weight";
pub(super) const SCALING_KIND: &str = "rope.scaling.type";
pub(super) const SCALING_FACTOR: &str = "rope.scaling.factor";
/// The factor in old files.
pub(super) const OLD_FACTOR: &str = "rope.scale_linear";
pub(super) const ORIGINAL_CONTEXT: &str = "rope.scaling.original_context_length";
pub(super) const LOCAL_THETA: &str = "rope.freq_base_swa";
/// How many numbers of a head rotate.
pub(super) const ROTARY_WIDTH: &str = "rope.dimension_count";
const YARN_BETAS: [&str; 2] = ["rope.scaling.yarn_beta_fast", "rope.scaling.yarn_beta_slow"];

impl GgufReader<'_> {
    /// Rotary encoding of heads of `head_dim` in all layers, or in those that attend to all positions.
    pub(super) fn rope(&self, head_dim: usize) -> Result<Rope> {
        let theta = self.optional_float("rope.freq_base")?.unwrap_or(10_000.0);
        let width = self.optional_size(ROTARY_WIDTH)?.unwrap_or(head_dim);
        if width != head_dim && !self.family.long_rope {
            let expected = "the width of a head, since partial rotary encoding is not supported yet in this family";
            return self.wrong(ROTARY_WIDTH, format!("{head_dim}, {expected}"), width);
        }
        Ok(Rope { theta, width, scaling: self.scaling()? })
    }

    /// Rotary encoding of the layers with a window.
    pub(super) fn local_rope(&self, width: usize) -> Result<Option<Rope>> {
        let Some(other) = self.family.default_local_theta else { return Ok(None) };
        let theta = self.optional_float(LOCAL_THETA)?.unwrap_or(other);
        Ok(Some(Rope { theta, width, scaling: RopeScaling::None }))
    }

    /// The kind of scaling that the file names.
    pub(super) fn scaling_kind(&self) -> Result<Option<&str>> {
        self.metadata.optional(&self.key(SCALING_KIND), Metadata::str_of)
    }

    /// Refuses keys of YaRN in a file with another kind of scaling.
    pub(super) fn check_no_betas(&self) -> Result<()> {
        let beta = YARN_BETAS.into_iter().find(|name| self.metadata.get(&self.key(name)).is_some());
        let expected = format!("no such key, since {} is not yarn", self.key(SCALING_KIND));
        beta.map_or(Ok(()), |beta| self.wrong(beta, expected, "one"))
    }

    /// YaRN as llama.cpp reads it; `None` for another kind of scaling.
    fn yarn(&self) -> Result<Option<Yarn>> {
        if self.scaling_kind()? != Some("yarn") {
            return self.check_no_betas().map(|()| None);
        }
        let original = self.optional_size(ORIGINAL_CONTEXT)?;
        let original = original.map_or_else(|| self.size("context_length"), Ok)?;
        let factor = self.metadata.f32_of(&self.key(SCALING_FACTOR))?;
        let plain = Yarn::new(f64::from(factor), original as f64);
        let [beta_fast, beta_slow] = YARN_BETAS.map(|name| self.optional_float(name));
        Ok(Some(Yarn {
            beta_fast: beta_fast?.unwrap_or(plain.beta_fast),
            beta_slow: beta_slow?.unwrap_or(plain.beta_slow),
            ..plain
        }))
    }

    /// As llama.cpp reads it: without a type a factor is that of linear scaling, the key of old files stands in for a missing factor,
    /// and the factors of the tensor apply as well.
    fn scaling(&self) -> Result<RopeScaling> {
        if let Some(rope) = self.long_rope()? {
            return Ok(RopeScaling::LongRope(rope));
        }
        if let Some(yarn) = self.yarn()? {
            return match self.gguf.get(FACTORS_TENSOR)? {
                None => Ok(RopeScaling::Yarn(yarn)),
                Some(_) => {
                    self.wrong(SCALING_KIND, format!("none or linear beside a tensor `{FACTORS_TENSOR}`"), "yarn")
                }
            };
        }
        let linear = self.linear_factor()?;
        let Some(factors) = self.gguf.get(FACTORS_TENSOR)? else {
            return Ok(linear.map_or(RopeScaling::None, |factor| RopeScaling::Linear { factor }));
        };
        let by = linear.unwrap_or(1.0);
        if !is_positive(by) {
            return self.wrong(SCALING_FACTOR, "a number above 0", by);
        }
        Ok(RopeScaling::Factors(factors.to_f32()?.into_iter().map(|factor| (f64::from(factor) * by) as f32).collect()))
    }

    fn linear_factor(&self) -> Result<Option<f64>> {
        let factor = self.optional_float(SCALING_FACTOR)?;
        let factor = factor.map_or_else(|| self.optional_float(OLD_FACTOR), |factor| Ok(Some(factor)))?;
        match self.scaling_kind()? {
            Some("none") => Ok(None),
            Some("linear") => {
                factor.map_or_else(|| self.metadata.f32_of(&self.key(SCALING_FACTOR)).map(f64::from), Ok).map(Some)
            }
            // llama.cpp writes 0 where there is no scaling.
            None => Ok(factor.filter(|factor| *factor != 0.0)),
            Some(other) => self.wrong(
                SCALING_KIND,
                "none, linear or yarn, since other scaling is not supported yet",
                excerpt(other),
            ),
        }
    }
}
