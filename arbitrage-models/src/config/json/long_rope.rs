//! Rotation of a part of each head, and LongRoPE, in `config.json`.

use serde_json::Value as Json;

use super::super::LongRope;
use super::JsonReader;
use crate::error::Result;

/// What a description of LongRoPE consists of.
pub(super) const LONG_ROPE_KEYS: [&str; 4] = ["factor", "short_factor", "long_factor", "attention_factor"];

/// The part of a head that rotates, on its own and in the description of the rotary encoding.
const PARTIAL: &str = "/partial_rotary_factor";
const CONTEXT: &str = "/max_position_embeddings";
const ORIGINAL: &str = "/original_max_position_embeddings";
/// The original context where the file does not give it, as in transformers.
const DEFAULT_ORIGINAL: usize = 4096;

impl JsonReader<'_> {
    /// How many numbers of a head of `head_dim` rotate, where `nested` describes the rotary encoding.
    pub(super) fn rotary_width(&self, head_dim: usize, nested: Option<&str>) -> Result<usize> {
        if !self.family.long_rope {
            return Ok(head_dim); // other values than 1 are refused
        }
        let pointer = self.partial_pointer(nested);
        let part = self.positive(&pointer, Some(1.0))?;
        if part > 1.0 {
            return self.wrong(&pointer, "a number above 0 and at most 1", self.get(&pointer));
        }
        if self.positive(PARTIAL, Some(part))? != part {
            return self.wrong(&pointer, &format!("the value of {PARTIAL}"), self.get(&pointer));
        }
        Ok((head_dim as f64 * part) as usize) // as in transformers
    }

    /// Where the part of a head that rotates is given.
    pub(super) fn partial_pointer(&self, nested: Option<&str>) -> String {
        let inner = nested.map(|at| format!("{at}{PARTIAL}")).filter(|pointer| self.get(pointer).is_some());
        inner.unwrap_or_else(|| PARTIAL.to_owned())
    }

    /// LongRoPE, described by the object at `at`.
    pub(super) fn long_rope(&self, at: &str) -> Result<LongRope> {
        let key = |name: &str| format!("{at}/{name}");
        let original_context = self.long_rope_original(at)?;
        let stretch = self.size(CONTEXT)? as f64 / original_context as f64;
        // Versions of transformers differ in whether they take this factor or the ratio.
        if self.positive(&key("factor"), Some(stretch))? != stretch {
            let expected = format!("{stretch}, which is {CONTEXT} divided by the original context {original_context}");
            return self.wrong(&key("factor"), &expected, self.get(&key("factor")));
        }
        let magnitude = LongRope::magnitude_of(stretch, original_context);
        Ok(LongRope {
            short: self.rope_factors(&key("short_factor"))?,
            long: self.rope_factors(&key("long_factor"))?,
            original_context,
            magnitude: match self.get(&key("attention_factor")) {
                Some(_) => self.positive(&key("attention_factor"), None)?,
                None => magnitude,
            },
        })
    }

    /// The context before stretching, which is beside the description; one that is in it as well may not differ.
    fn long_rope_original(&self, at: &str) -> Result<usize> {
        let inner = format!("{at}{ORIGINAL}");
        let original = self.size_or(ORIGINAL, DEFAULT_ORIGINAL)?;
        if self.size_or(&inner, original)? != original {
            let expected = format!("{original}, the value of {ORIGINAL}");
            return self.wrong(&inner, &expected, self.get(&inner));
        }
        Ok(original)
    }

    /// A list of divisors, whose number and signs are checked with those of the whole configuration.
    fn rope_factors(&self, pointer: &str) -> Result<Vec<f32>> {
        let value = self.get(pointer);
        let factors = value.and_then(Json::as_array);
        let factors = factors.and_then(|all| all.iter().map(|factor| Some(factor.as_f64()? as f32)).collect());
        factors.map_or_else(|| self.wrong(pointer, "a list of numbers", value), Ok)
    }
}
