//! Rotary encoding of `config.json`.

use arbitrage_core::text::excerpt;
use serde_json::{Map, Value as Json};

use super::super::{Rope, RopeScaling, Yarn, keys};
use super::JsonReader;
use super::long_rope::LONG_ROPE_KEYS;
use crate::error::{Error, Result};

/// Rotary encoding by the kind of layers.
const GLOBAL_ROPE: &str = "/rope_parameters/full_attention";
const LOCAL_ROPE: &str = "/rope_parameters/sliding_attention";

/// What a description of YaRN consists of.
const YARN_KEYS: [&str; 8] = [
    "factor",
    "original_max_position_embeddings",
    "attention_factor",
    "beta_fast",
    "beta_slow",
    "mscale",
    "mscale_all_dim",
    "truncate",
];

impl<'a> JsonReader<'a> {
    /// Rotary encoding of all layers, or of those that attend to all positions.
    pub(super) fn rope(&self, head_dim: usize) -> Result<Rope> {
        if self.family.default_local_theta.is_some() {
            self.check_rope_kinds()?;
        }
        let nested = self.nested_rope();
        if let (Some(old), Some(new)) = (self.object("/rope_scaling"), nested.and_then(|at| self.object(at)))
            && old != new
        {
            let expected = "no other values than in /rope_parameters: keep one of the two";
            return self.wrong("/rope_scaling", expected, Some(old));
        }
        let theta = self.theta(nested, "/rope_theta", self.family.default_theta)?;
        let scaling = nested.map_or(Ok(RopeScaling::None), |at| self.scaling(at))?;
        Ok(Rope { theta, width: self.rotary_width(head_dim, nested)?, scaling })
    }

    /// Rotary encoding of the layers with a window, in families in which it differs.
    pub(super) fn local_rope(&self, width: usize) -> Result<Option<Rope>> {
        let Some(other) = self.family.default_local_theta else { return Ok(None) };
        let nested = Some(LOCAL_ROPE).filter(|at| self.object(at).is_some());
        let theta = self.theta(nested, "/rope_local_base_freq", other)?;
        let scaling = nested.map_or(Ok(RopeScaling::None), |at| self.scaling(at))?;
        Ok(Some(Rope { theta, width, scaling }))
    }

    /// The base in the object at `nested` or else at `outer`, which may not contradict each other.
    fn theta(&self, nested: Option<&str>, outer: &str, other: f64) -> Result<f64> {
        let inner = nested.map(|at| format!("{at}/rope_theta")).filter(|pointer| self.get(pointer).is_some());
        let Some(pointer) = inner else { return self.positive(outer, Some(other)) };
        let theta = self.positive(&pointer, None)?;
        if self.positive(outer, Some(theta))? != theta {
            return self.wrong(&pointer, &format!("the value of {outer}"), self.get(&pointer));
        }
        Ok(theta)
    }

    /// Refuses rotary encoding of other kinds of layers than there are, and of only some of them.
    fn check_rope_kinds(&self) -> Result<()> {
        const POINTER: &str = "/rope_parameters";
        let Some(object) = self.object(POINTER).and_then(Json::as_object) else { return Ok(()) };
        let is_kind = |key: &String| key == "full_attention" || key == "sliding_attention";
        if object.keys().any(is_kind) && !object.keys().all(is_kind) {
            let expected = "`full_attention` and `sliding_attention` and no other keys";
            return self.wrong(POINTER, expected, self.get(POINTER));
        }
        Ok(())
    }

    /// The value at `pointer` unless it is absent or an empty object, which transformers takes for absent.
    fn object(&self, pointer: &str) -> Option<&'a Json> {
        self.get(pointer).filter(|value| !value.as_object().is_some_and(Map::is_empty))
    }

    /// The object that holds the scaling, and since transformers 5 theta too.
    pub(super) fn nested_rope(&self) -> Option<&'static str> {
        let per_kind = self.get("/rope_parameters").is_some_and(|object| {
            ["full_attention", "sliding_attention"]
                .into_iter()
                .any(|kind| object.get(kind).is_some_and(Json::is_object))
        });
        let per_kind = per_kind && self.family.default_local_theta.is_some();
        let new = if per_kind { GLOBAL_ROPE } else { "/rope_parameters" };
        [new, "/rope_scaling"].into_iter().find(|pointer| self.object(pointer).is_some())
    }

    fn scaling(&self, at: &str) -> Result<RopeScaling> {
        let key = |name: &str| format!("{at}/{name}");
        let kind = self.scaling_kind(at)?;
        let read: &[&str] = match kind {
            "default" => &[],
            "linear" => &["factor"],
            "yarn" => &YARN_KEYS,
            "longrope" => &LONG_ROPE_KEYS,
            _ => &["factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings"],
        };
        self.check_scaling_keys(at, kind, read)?;
        match kind {
            "default" => Ok(RopeScaling::None),
            "linear" => Ok(RopeScaling::Linear { factor: self.positive(&key("factor"), None)? }),
            "yarn" => self.yarn(at).map(RopeScaling::Yarn),
            "longrope" => self.long_rope(at).map(RopeScaling::LongRope),
            _ => Ok(RopeScaling::Llama3 {
                factor: self.positive(&key("factor"), None)?,
                low: self.positive(&key("low_freq_factor"), None)?,
                high: self.positive(&key("high_freq_factor"), None)?,
                original_context: self.original_context(&key("original_max_position_embeddings"))?,
            }),
        }
    }

    fn yarn(&self, at: &str) -> Result<Yarn> {
        const ORIGINAL: &str = "original_max_position_embeddings";
        let key = |name: &str| format!("{at}/{name}");
        let number = |name: &str, other: f64| self.positive(&key(name), Some(other));
        let original = match self.get(&key(ORIGINAL)) {
            Some(_) => self.original_context(&key(ORIGINAL))?,
            // As in transformers.
            None => self.size("/max_position_embeddings")? as f64,
        };
        let plain = Yarn::new(self.positive(&key("factor"), None)?, original);
        let scales = [self.get(&key("mscale")), self.get(&key("mscale_all_dim"))];
        let magnitude = match scales {
            [Some(_), Some(_)] => {
                let of = |name| Ok(Yarn::magnitude_of(plain.factor, number(name, 1.0)?));
                of("mscale")? / of("mscale_all_dim")?
            }
            _ => plain.magnitude,
        };
        Ok(Yarn {
            beta_fast: number("beta_fast", plain.beta_fast)?,
            beta_slow: number("beta_slow", plain.beta_slow)?,
            rounds: self.flag(&key("truncate"))?.unwrap_or(plain.rounds),
            magnitude: number("attention_factor", magnitude)?,
            ..plain
        })
    }

    /// The kind of scaling; without one, an object that holds theta at most is that of no scaling.
    fn scaling_kind(&self, at: &str) -> Result<&'a str> {
        let [new, old] = ["rope_type", "type"].map(|name| format!("{at}/{name}"));
        let only_theta = |object: &Map<String, Json>| object.keys().all(|key| key == "rope_theta");
        let pointer = match (self.get(&new), self.get(&old)) {
            (Some(kind), Some(other)) if kind != other => {
                return self.wrong(&old, "the value of rope_type", Some(other));
            }
            (None, None) if self.get(at).and_then(Json::as_object).is_some_and(only_theta) => return Ok("default"),
            (None, Some(_)) => old,
            _ => new,
        };
        match self.text(&pointer)? {
            "default" => Ok("default"),
            // The first files of Phi-3 call it by the other name.
            "longrope" | "su" if self.family.long_rope => Ok("longrope"),
            kind @ ("linear" | "llama3" | "yarn") if !self.family.long_rope => Ok(kind),
            other => {
                let kinds =
                    if self.family.long_rope { "default or longrope" } else { "default, linear, llama3 or yarn" };
                let expected = format!("{kinds}, since other scaling is not supported yet");
                Err(Error::format(self.path, pointer, expected, excerpt(other)))
            }
        }
    }

    /// Refuses keys that the kind of scaling does not read, unless they are off.
    fn check_scaling_keys(&self, at: &str, kind: &str, read: &[&str]) -> Result<()> {
        // The trained context is only read by kinds that depend on it.
        const ALWAYS: [&str; 4] = ["rope_type", "type", "rope_theta", "original_max_position_embeddings"];
        for (key, value) in self.get(at).and_then(Json::as_object).into_iter().flatten() {
            let fits = match key.as_str() {
                key if ALWAYS.contains(&key) || read.contains(&key) => true,
                "partial_rotary_factor" if self.family.long_rope => true, // read elsewhere
                "factor" | "partial_rotary_factor" => keys::KeyRule::One.admits(value),
                _ => keys::is_off(value),
            };
            if !fits {
                let pointer = format!("{at}/{}", excerpt(key));
                return self.wrong(&pointer, &format!("no such key with the type {kind}"), Some(value));
            }
        }
        Ok(())
    }

    /// The context before stretching. Versions of transformers differ in which of two values they take.
    fn original_context(&self, pointer: &str) -> Result<f64> {
        let inner = self.positive(pointer, None)?;
        if self.positive("/original_max_position_embeddings", Some(inner))? == inner {
            return Ok(inner);
        }
        self.wrong(pointer, "the value of /original_max_position_embeddings", self.get(pointer))
    }
}
