//! LongRoPE in GGUF files.

use arbitrage_core::text::excerpt;

use super::super::LongRope;
use super::GgufReader;
use super::rope::{OLD_FACTOR, ORIGINAL_CONTEXT, SCALING_FACTOR, SCALING_KIND};
use crate::error::{Error, Result};
use crate::weights::{TensorView, WeightSource};

/// The tensors of the factors.
pub(super) const SHORT_FACTORS: &str = LongRope::TENSORS[0];
pub(super) const LONG_FACTORS: &str = LongRope::TENSORS[1];
/// What sines and cosines are multiplied by.
pub(super) const ATTENTION_FACTOR: &str = "rope.scaling.attn_factor";

impl GgufReader<'_> {
    /// LongRoPE as llama.cpp reads it, in files with tensors of its factors.
    pub(super) fn long_rope(&self) -> Result<Option<LongRope>> {
        if !self.family.long_rope {
            return Ok(None); // the tensors, if any, are reported as unused
        }
        let kind = self.scaling_kind()?;
        let magnitude = self.optional_float(ATTENTION_FACTOR)?.unwrap_or(1.0);
        let (short, long) = match (self.gguf.get(SHORT_FACTORS)?, self.gguf.get(LONG_FACTORS)?) {
            (Some(short), Some(long)) => (short, long),
            (None, None) if kind != Some("longrope") => {
                let expected = format!("1 or no such key, since there is no tensor `{LONG_FACTORS}`");
                return match magnitude == 1.0 {
                    true => Ok(None),
                    false => self.wrong(ATTENTION_FACTOR, expected, magnitude),
                };
            }
            (short, _) => {
                let missing = if short.is_none() { SHORT_FACTORS } else { LONG_FACTORS };
                let expected = "a tensor, since the rope scaling is longrope";
                return Err(Error::format(self.gguf.path(), format!("tensor `{missing}`"), expected, "no such tensor"));
            }
        };
        self.check_no_other_scaling(kind)?;
        let original = self.optional_size(ORIGINAL_CONTEXT)?.map_or_else(|| self.size("context_length"), Ok)?;
        let factors = |view: TensorView<'_>| view.to_f32();
        Ok(Some(LongRope { short: factors(short)?, long: factors(long)?, original_context: original, magnitude }))
    }

    /// Refuses other scaling beside LongRoPE.
    fn check_no_other_scaling(&self, kind: Option<&str>) -> Result<()> {
        let beside = format!("beside a tensor `{LONG_FACTORS}`");
        if let Some(other) = kind.filter(|kind| !matches!(*kind, "none" | "longrope")) {
            return self.wrong(SCALING_KIND, format!("none or longrope {beside}"), excerpt(other));
        }
        self.check_no_betas()?;
        for name in [SCALING_FACTOR, OLD_FACTOR] {
            if let Some(factor) = self.optional_float(name)?.filter(|factor| ![0.0, 1.0].contains(factor)) {
                return self.wrong(name, format!("1 or no such key {beside}"), factor);
            }
        }
        Ok(())
    }
}
